"""Files of specifications as plain values: JSON or YAML, from people that nobody knows.

YAML is read as JSON has it (the core schema, https://yaml.org/spec/1.2.2/#103-core-schema): a date
stays a text. Sizes are bounded before anything is built, so that aliases of aliases can't fill the
memory, and a key that stands twice is an error, as the first of them would be lost.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from apilog.errors import UsageError, install_hint
from apilog.storage import StorageError, is_url

MOST_BYTES = 64 << 20
"""The largest file that is read; the specifications of the largest APIs have 15 MB."""
MOST_VALUES = 4_000_000
"""The most values that a file may hold, each alias counted as what it stands for."""
MOST_DEPTH = 200
"""How deep values may lie in each other."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_UNREAD = (("components", "schemas"), ("components", "examples"))
"""What says nothing of operations, and is most of a large file."""


def pointer_to(place: Sequence[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) to a place, such as `#/paths/~1users/get`."""
    escaped = (str(key).replace("~", "~0").replace("/", "~1") for key in place)
    return "#" + "".join(f"/{key}" for key in escaped)


def specification_error(
    file: str, place: Sequence[str | int] | None, problem: str, hint: str = ""
) -> UsageError:
    """Return the error about a place of a file, which its line names; None for the whole file."""
    where = file if place is None else f"{file} at {_shortened(pointer_to(place))}"
    return UsageError(f"{where}: {problem}", hint)


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:160]}…{text[-30:]}"


def read_document(file: str) -> dict[str, Any]:
    """Return what a file, or an object at a URL of object storage, holds.

    The schemas of its components are left out.
    Raises UsageError for what can't be read, is no JSON or YAML object, or is too large, and
    InputError for a URL that names no object.
    """
    if "://" in file and not is_url(file):
        hint = "save it first, such as with curl -o: only s3://, gs:// and az:// are read"
        raise UsageError(f"{file}: a URL, where a file is expected", hint)
    try:
        data = _read_object(file) if is_url(file) else _read_file(file)
    except OSError as error:
        hint = error.hint if isinstance(error, StorageError) else ""
        raise UsageError(f"{file}: {error.strerror or 'no such object'}", hint) from error
    if len(data) > MOST_BYTES:
        problem = f"has more than {MOST_BYTES >> 20} MB"
        raise specification_error(file, None, problem, "split it, and name the files one by one")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise specification_error(file, None, f"is no UTF-8 text, at byte {error.start}") from error
    document = _read_json(file, text) if text.lstrip()[:1] == "{" else _YamlReader(file).read(text)
    if not isinstance(document, dict):
        raise specification_error(file, None, "is no object", _OPENAPI_HINT)
    return document


def _read_file(file: str) -> bytes:
    with Path(os.path.expanduser(file)).open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def _read_object(file: str) -> bytes:
    from apilog.storage.cloud.bucket import Bucket, ObjectUrl

    url = ObjectUrl.parse(file)
    return Bucket(url.scheme, url.bucket).read(url.key, 0, MOST_BYTES + 1).data


_OPENAPI_HINT = "an OpenAPI document begins with a line such as `openapi: 3.1.0`"


def _read_json(file: str, text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise specification_error(file, None, f"has the key {twice!r} twice in one object")
        return values

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except RecursionError as error:
        raise _too_deep(file) from error
    except ValueError as error:
        return _YamlReader(file).read(text, f"is no JSON: {error}")
    for *above, last in _UNREAD:
        holder = document
        for key in above:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(last, None)
    _check_depth(file, document)
    return document


def _check_depth(file: str, document: Any) -> None:
    level = [document]
    for _ in range(MOST_DEPTH):
        level = [value for holder in level for value in _values_of(holder)]
        if not level:
            return
    raise _too_deep(file)


def _values_of(holder: Any) -> Iterator[Any]:
    values = holder.values() if isinstance(holder, dict) else holder
    if isinstance(holder, dict | list):
        yield from (value for value in values if isinstance(value, dict | list))


def _too_deep(file: str) -> UsageError:
    problem = f"has values more than {MOST_DEPTH} levels deep"
    return specification_error(file, None, problem, "no OpenAPI document is like that")


@dataclass(slots=True)
class _Holder:
    """A list or object that is being read."""

    value: Any
    anchor: str | None
    size_before: int
    key: str | None = None
    has_key: bool = False
    merged: dict[str, Any] | None = None


def parse_yaml(file: str, text: str) -> Any:
    """Return the value of a text that is one document; raises UsageError for one that is none."""
    return _YamlReader(file).read(text)


class _YamlReader:
    """Builds plain values from the events of a parser, so that nothing is built unseen."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._holders: list[_Holder] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: set[str] = set()
        self._size = 0
        self._result: Any = None
        self._skipped = 0

    def read(self, text: str, otherwise: str = "") -> Any:
        """Return the value; `otherwise` is what to say of a text that is no YAML."""
        try:
            import yaml
        except ImportError as error:
            problem = f"{self._file}: reading YAML takes PyYAML, which is not installed"
            raise UsageError(problem, install_hint("openapi")) from error
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            for event in yaml.parse(text, loader):
                self._take(event, type(event).__name__)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" at line {mark.line + 1}" if mark else ""
            what = getattr(error, "problem", None) or str(error).partition("\n")[0]
            problem = otherwise or f"is no YAML{where}: {what}"
            raise specification_error(self._file, None, problem) from error
        return self._result

    @property
    def _place(self) -> list[str | int]:
        return [
            len(h.value) if isinstance(h.value, list) else h.key or ""
            for h in self._holders
            if isinstance(h.value, list) or h.has_key
        ]

    def _take(self, event: Any, kind: str) -> None:
        if self._skipped:
            if kind in ("MappingStartEvent", "SequenceStartEvent"):
                self._skipped += 1
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                self._skipped -= 1
            return
        match kind:
            case "ScalarEvent":
                self._add(self._scalar(event), event.anchor, 1)
            case "MappingStartEvent" | "SequenceStartEvent":
                self._begin({} if kind == "MappingStartEvent" else [], event.anchor)
            case "MappingEndEvent" | "SequenceEndEvent":
                holder = self._holders.pop()
                if holder.anchor:
                    self._open.discard(holder.anchor)
                if holder.merged:
                    holder.value |= {
                        k: v for k, v in holder.merged.items() if k not in holder.value
                    }
                self._add(holder.value, holder.anchor, 1 + self._size - holder.size_before, new=1)
            case "AliasEvent":
                self._add_alias(event.anchor)

    def _begin(self, value: Any, anchor: str | None) -> None:
        if len(self._holders) >= MOST_DEPTH:
            raise _too_deep(self._file)
        if self._holders and isinstance(self._holders[-1].value, dict):
            holder = self._holders[-1]
            if not holder.has_key:
                self._fail("has a list or object as a key")
            if anchor is None and len(self._holders) == 2 and tuple(self._place) in _UNREAD:
                # Anchors in what is left out are unknown afterwards, which is said.
                holder.has_key, self._skipped = False, 1
                return
        if anchor:
            self._open.add(anchor)
        self._holders.append(_Holder(value, anchor, self._size))

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        is_plain = event.implicit[0]
        holder = self._holders[-1] if self._holders else None
        is_key = holder is not None and isinstance(holder.value, dict) and not holder.has_key
        if is_key or not is_plain:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.match(text):
            return int(text)
        return float(text) if _NUMBER.match(text) else text

    def _add_alias(self, name: str) -> None:
        if name in self._open:
            self._fail(f"has an alias *{name} within what it stands for")
        if name not in self._anchors:
            self._fail(f"has an alias *{name} without its anchor where it is read")
        value, size = self._anchors[name]
        self._add(value, None, size)

    def _add(self, value: Any, anchor: str | None, size: int, new: int | None = None) -> None:
        """Add a value to what it stands in; `size` counts it with all that is in it."""
        self._size += size if new is None else new
        if self._size > MOST_VALUES:
            problem = f"holds more than {MOST_VALUES:,} values, its aliases counted"
            raise specification_error(self._file, None, problem, "write out less, or split it")
        if anchor:
            self._anchors[anchor] = (value, size)
        if not self._holders:
            self._result = value
            return
        holder = self._holders[-1]
        if isinstance(holder.value, list):
            holder.value.append(value)
        elif holder.has_key:
            self._set(holder, value)
        elif isinstance(value, str):
            if value in holder.value:
                holder.key, holder.has_key = value, True
                self._fail("stands there twice")
            holder.key, holder.has_key = value, True
        else:
            self._fail("has a key that is no text")

    def _set(self, holder: _Holder, value: Any) -> None:
        key, holder.has_key = holder.key or "", False
        if key == "<<" and isinstance(value, dict):
            # https://yaml.org/type/merge.html: keys that are there win.
            holder.merged = value
        else:
            holder.value[key] = value

    def _fail(self, problem: str) -> NoReturn:
        raise specification_error(self._file, self._place, problem)
