"""Why lines can't be read: what kind of log they are, and what that kind lacks.

A JSON log is told about its keys and a text log about the nearest format of text: what is said
helps only if it is about the right kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from apilog.formats.contract import Format, MatchFailure
from apilog.formats.detect import detect_plan, unwrap_voters
from apilog.formats.field_map import KEYS
from apilog.formats.key_paths import candidate_paths
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from apilog.values import looks
from apilog.values.convert import blank_to_null
from apilog.values.json_text import (
    KeyPath,
    decode_paths,
    iter_leaves,
    lines_from_texts,
    load_objects,
)
from apilog.values.looks import ValueLook

_SHOWN_CHARACTERS = 160
"""How much of a line an error shows."""
_SHOWN_KEYS = 12
_JUDGED_LINES = 200
_FEWEST_PAIRS = 3
_PAIR = r'([A-Za-z_$@][\w.$@-]*)=("(?:[^"\\]|\\.)*"|\S*)'
_PAIRS_ONLY = rf"^\s*{_PAIR}(?:\s+{_PAIR})*\s*$"

_TEXT_HINT = (
    "give the gateway's own format with --log-format or --nginx-conf; `apilog formats` lists "
    "the known ones"
)
_BINARY_HINT = "name the log itself: text, or text compressed with gzip, bzip2, xz or zstd"
_BINARY_KINDS = {
    "\x7fELF": ("a program, not a log", _BINARY_HINT),
    "MZ": ("a program, not a log", _BINARY_HINT),
    "%PDF-": ("a PDF document, not a log", _BINARY_HINT),
    "\ufffdPNG": ("a PNG image, not a log", _BINARY_HINT),
    "SQLite format 3\0": ("a SQLite database, not a log", _BINARY_HINT),
}
"""How files that are no text begin, each byte that is no UTF-8 as U+FFFD, and what they are."""
_JUDGED_CHARACTERS = 4096
_MOST_CONTROLS = 0.1
"""The largest share of control characters and of bytes that are no UTF-8 in a text."""
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\x{fffd}]"
_DETECTION_HINT = "leave out --log-format to have the format detected"


class Mismatch(NamedTuple):
    """What to say of lines that nothing reads."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _KeyedLog:
    """A log of values under keys, of whatever syntax."""

    syntax: str
    first_line: str
    values: Mapping[KeyPath, pl.Series]
    """The values (String) of each key, null where a line lacks it."""

    def find_column(self, column: str) -> tuple[KeyPath | None, bool]:
        """Return the key that a column is likely to be in, and whether its values look like it."""
        named = [
            (path, entry)
            for entry in KEYS[column]
            for *_, path in candidate_paths(entry.names, self.values.keys())
        ]
        for path, entry in named:
            given = blank_to_null(self.values[path]).drop_nulls()
            if len(given) and 2 * int(entry.look(given).sum()) > len(given):
                return path, True
        return (named[0][0] if named else None), False

    def explain(self) -> Mismatch:
        """Say which keys there are, and which are lacking."""
        lacking, hints, known, unread_time = [], [], set(), ""
        for columns, what in (
            (("timestamp",), "a time"),
            (("path", "status"), "a request, a path or a status"),
        ):
            found = [(column, *self.find_column(column)) for column in columns]
            if any(is_right for _, _, is_right in found):
                continue
            column, path, _ = next((f for f in found if f[1]), found[0])
            if path is None:
                lacking.append(what)
                hints += self._guess_columns() if column != "timestamp" else []
                hints += [] if hints else [f"--column {column}=KEY"]
            else:
                value = next(iter(blank_to_null(self.values[path]).drop_nulls()), "")
                key = ".".join(path)
                known.add(key)
                lacking.append(f"{what} that can be read: {key!r} is {shorten_line(value)!r}")
                if column == "timestamp" and not _is_number(value):
                    unread_time = key
                else:
                    hints.append(f"--column {column}={key}:UNIT")
        keys = [".".join(path) for path in self.values]
        shown = ", ".join(map(repr, keys[:_SHOWN_KEYS]))
        more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
        lack = " and ".join(lacking) or "lines that have a time and a request at once"
        return Mismatch(
            f"no known format: {self.syntax} without {lack}; the keys of "
            f"{shorten_line(self.first_line)!r} are {shown}{more}",
            _describe_hints(hints, unread_time),
        )

    def _guess_columns(self) -> list[str]:
        """Return options that name the keys whose values look like those of requests."""
        given = {path: blank_to_null(s).drop_nulls() for path, s in self.values.items()}
        options: list[str] = []
        taken: set[KeyPath] = set()
        for column, look in _LOOKS.items():
            if self.find_column(column)[1]:
                continue
            fits = (
                path
                for path, texts in given.items()
                if path not in taken and len(texts) and bool(look(texts).all())
            )
            if (path := next(fits, None)) is not None:
                taken.add(path)
                options.append(f"--column {column}={'.'.join(path)}")
        return options


def _starts_with_slash(texts: pl.Series) -> pl.Series:
    return texts.str.starts_with("/")


_LOOKS: Mapping[str, ValueLook] = {
    "method": looks.is_method,
    "path": _starts_with_slash,
    "status": looks.is_status,
}
"""Columns that are told by their values alone, and how these look."""


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _describe_hints(options: Sequence[str], unread_time: str) -> str:
    """Return what to do: options, and how a time is declared that no layout reads."""
    told = f"say which key holds it with {' '.join(options)}" if options else ""
    if not unread_time:
        return told or _TEXT_HINT
    declared = f'timestamp = {{key = "{unread_time}", format = "%d.%m.%Y %H:%M:%S"}}'
    written = f"say in `[formats.NAME.columns]` how it is written, such as `{declared}`"
    return f"{told}; {written}" if told else written


def explain_undetected(lines: pl.Series) -> Mismatch:
    """Say of lines for which no plan was found what they are, and what they lack."""
    if binary := _explain_binary(lines):
        return binary
    texts = unwrap_voters(lines)
    if keyed := _read_keys(texts):
        return keyed.explain()
    line = texts[0]
    failures = {f.name: f.explain(line) for f in ALL_TEXT_FORMATS}
    furthest = max(failures, key=lambda name: failures[name].position)
    failure = _describe_failure(line, f"`{furthest}`", failures[furthest])
    return Mismatch(f"no known format: {failure}", _TEXT_HINT)


def explain_unchosen(lines: pl.Series, formats: Collection[Format]) -> Mismatch:
    """Say of lines that the chosen formats do not read where they stop, and what they look like.

    Formats are none where their fields would have been found in the lines.
    """
    if binary := _explain_binary(lines):
        return binary
    texts = unwrap_voters(lines)
    line = texts[0]
    plan = detect_plan(lines)
    hint = _DETECTION_HINT
    if plan and plan.name:
        hint = f"they look like `{plan.name}`: {_DETECTION_HINT}"
    elif keyed := _read_keys(texts):
        hint = keyed.explain().message.removeprefix("no known format: ")
    if not formats:
        return Mismatch(f"not of the given format: {shorten_line(line)!r}", hint)
    failure = max((f.explain(line) for f in formats), key=lambda failure: failure.position)
    return Mismatch(
        f"no line is in the given format: {_describe_failure(line, 'it', failure)}", hint
    )


def shorten_line(line: str) -> str:
    """Return the beginning of a line, as an error shows it."""
    return line if len(line) <= _SHOWN_CHARACTERS else line[:_SHOWN_CHARACTERS] + "…"


def _explain_binary(lines: pl.Series) -> Mismatch | None:
    """Say what a file is whose lines are no text; None for text.

    Terminal escapes and the zeros of a few torn lines are found in texts, too: a text has few.
    """
    head = lines.head(_JUDGED_LINES).str.join("\n").str.slice(0, _JUDGED_CHARACTERS)
    text = head[0] or ""
    if head.str.count_matches(_CONTROLS)[0] <= _MOST_CONTROLS * len(text):
        return None
    kinds = (kind for start, kind in _BINARY_KINDS.items() if text.startswith(start))
    what, hint = next(kinds, ("no text", _BINARY_HINT))
    return Mismatch(f"this is {what}", hint)


def _read_keys(texts: pl.Series) -> _KeyedLog | None:
    """Return the keys and values of lines that are objects or pairs; None if the first is not."""
    texts = texts.head(_JUDGED_LINES)
    first = texts.head(1)
    if load_objects(first):
        objects = load_objects(texts)
        paths = list(dict.fromkeys(path for value in objects for path, _ in iter_leaves(value)))
        values, _ = decode_paths(lines_from_texts(texts), paths)
        return _KeyedLog("JSON", first[0], values)
    if first.str.contains(_PAIRS_ONLY).all() and first.str.count_matches(_PAIR)[0] >= _FEWEST_PAIRS:
        pairs: list[dict[str, str]] = [
            {key: value.strip('"') for key, _, value in (pair.partition("=") for pair in line)}
            for line in texts.str.extract_all(_PAIR).to_list()
        ]
        keys = dict.fromkeys(key for line in pairs for key in line)
        columns: dict[KeyPath, pl.Series] = {
            (key,): pl.Series([line.get(key) for line in pairs], dtype=pl.String) for key in keys
        }
        return _KeyedLog("key=value pairs", first[0], columns)
    return None


def _describe_failure(line: str, log_format: str, failure: MatchFailure) -> str:
    return (
        f"{shorten_line(line)!r} stops being {log_format} at character {failure.position + 1}, "
        f"where {failure.expected} should be"
    )
