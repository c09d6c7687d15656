"""A table of a configuration file, read key by key; a key that nothing reads is an error.

Every error names the file and the path of the key, and the nearest key that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from apilog.errors import UsageError
from apilog.text.spelling import did_you_mean


class ConfigTable:
    """Typed access to one table. Absent keys are None; a value of another type is an error."""

    def __init__(self, values: Mapping[str, object], file: Path, path: str = "") -> None:
        """Read a table; `path` is its place in the file, such as `checks`."""
        self.keys = tuple(values)
        self._values = values
        self._file = file
        self._path = path
        self._asked: dict[str, None] = {}

    def text(self, key: str) -> str | None:
        value = self._get(key)
        if value is None or isinstance(value, str):
            return value
        raise self.error(key, "is not a text", f'write {key} = "…"')

    def texts(self, key: str) -> tuple[str, ...] | None:
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise self.error(key, "is not a list of texts", f'write {key} = ["…", "…"]')

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        value = self.text(key)
        if value is None or value in choices:
            return value
        raise self.error(key, f"is {value!r}", f"it is one of {', '.join(choices)}")

    def integer(self, key: str, *, least: int) -> int | None:
        value = self._get(key)
        if value is None:
            return None
        # True and false are integers in Python, but not in TOML.
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(key, "is not a whole number", f"write a number from {least} on")
        return value

    def number(self, key: str) -> float | None:
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, "is not a number", f"write {key} = 0.5")
        return float(value)

    def file(self, key: str) -> Path | None:
        """Return the path of a file, relative to the folder of the configuration."""
        value = self.text(key)
        return None if value is None else self._file.parent / value

    def table(self, key: str) -> ConfigTable | None:
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return ConfigTable(value, self._file, self.key_path(key))
        raise self.error(key, "is not a table", f"write [{self.key_path(key)}]")

    def tables(self, key: str) -> tuple[ConfigTable, ...] | None:
        """Return a list of tables, as `[[rules]]` makes it."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            path = self.key_path(key)
            return tuple(ConfigTable(v, self._file, f"{path}[{i}]") for i, v in enumerate(value))
        raise self.error(key, "is not a list of tables", f"write [[{self.key_path(key)}]]")

    def finish(self) -> None:
        """Raise UsageError for the first key that nothing has read."""
        for key in self._values:
            if key not in self._asked:
                known = f"the settings here are {', '.join(self._asked)}"
                hint = did_you_mean(key, self._asked, known, at_most=1)
                raise self.error(key, "is no setting", hint)

    def error(self, key: str, problem: str, hint: str = "") -> UsageError:
        return UsageError(f"{self._file}: {self.key_path(key)} {problem}", hint)

    def key_path(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _get(self, key: str) -> object:
        self._asked[key] = None
        return self._values.get(key)
