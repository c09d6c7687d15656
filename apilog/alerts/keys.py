"""The keys of a table in a configuration, each asked for by its type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from apilog.errors import UsageError
from apilog.units import parse_duration

E = TypeVar("E", bound=StrEnum)

_MOST = 1_000_000_000


class Keys:
    """A table whose keys are taken one by one; what is left at the end is unknown."""

    def __init__(self, table: Mapping[str, object], path: str) -> None:
        """`path` is where the table stands, such as `apilog.toml: alerts.rules[0]`."""
        self._table = table
        self._path = path
        self._taken: set[str] = set()

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it has to be there, and not be empty."""
        value = self._take(key)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.error(key, "is missing")
        if not isinstance(value, str) or not (value or default == ""):
            raise self.error(key, "is not a text" if not isinstance(value, str) else "is empty")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts; None where it is missing."""
        value = self._take(key)
        if value is None:
            return None
        if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise self.error(key, "is not a list of texts", f'write {key} = ["…", "…"]')
        return tuple(value)

    def number(self, key: str, default: int, least: int = 1) -> int:
        """A whole number."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            raise self.error(key, f"is not a whole number of {least} or more")
        return value

    def duration(self, key: str) -> timedelta | None:
        """A length of time such as `5m`, more than none; None where it is missing."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error(key, "is not a text such as 5m")
        with self.explained(key):
            length = parse_duration(value)
        if not length:
            raise self.error(key, "is no time at all")
        return length

    def choice(self, key: str, choices: type[E], default: E) -> E:
        """One of some texts."""
        text = self.text(key, default.value)
        known = [choice.value for choice in choices]
        if text not in known:
            raise self.error(key, f"is {text!r}", nearest(text, known))
        return choices(text)

    def tables(self, key: str) -> Iterator[Keys]:
        """The tables of a list; none where it is missing."""
        value = self._take(key)
        if value is None:
            return
        if not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
            raise self.error(key, "is not a list of tables", f"write [[alerts.{key}]]")
        for number, one in enumerate(value):
            yield Keys(one, f"{self._path}.{key}[{number}]")

    def finish(self) -> None:
        """Raise UsageError for a key that nobody asked for."""
        for key in self._table:
            if key not in self._taken:
                raise self.error(key, "is unknown", nearest(key, sorted(self._taken)))

    def error(self, key: str, problem: str, hint: str = "") -> UsageError:
        """The error for what stands at a key."""
        return UsageError(f"{self._path}.{key}: {problem}", hint)

    @contextmanager
    def explained(self, key: str) -> Iterator[None]:
        """Has errors of others say at which key they came up."""
        try:
            yield
        except UsageError as error:
            raise self.error(key, str(error), error.hint) from error

    def _take(self, key: str) -> object:
        self._taken.add(key)
        return self._table.get(key)


def nearest(text: str, known: Sequence[str]) -> str:
    """A hint that names the nearest of the known texts, or all."""
    near = get_close_matches(text, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it is one of {', '.join(known)}"
