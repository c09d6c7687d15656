"""How a file is read, found from its first lines."""

from __future__ import annotations

import polars as pl

from apilog.formats.base import Lines
from apilog.formats.choice import Choice
from apilog.formats.detect import detect, mismatch
from apilog.formats.reading import Reading
from apilog.formats.skips import skip_reasons
from apilog.sources import SourceError

_HEAD_BYTES = 256 << 10
_SHOWN = 160
"""How much of a line an error shows."""


class Unrecognised(SourceError):
    """A file whose first lines no format reads."""


def reading_of(path: str, data: bytes, choice: Choice | None = None) -> Reading:
    """How to read the file that begins with these lines: as chosen, or as detected.

    Lines that are skipped whatever the format give a reading without formats. Raises
    `Unrecognised` if the lines are of no known format, or not of the chosen kind.
    """
    head = _head(data)
    if found := choice.reading(head) if choice else detect(head):
        return found
    told = head.filter(skip_reasons(head).is_null())
    if not len(told):
        return Reading(())
    raise _not_of_kind(path, told[0]) if choice else _of_no_format(path, head)


def _head(data: bytes) -> pl.Series:
    end = len(data) if len(data) <= _HEAD_BYTES else data.rfind(b"\n", 0, _HEAD_BYTES) + 1
    return Lines(data[: end or _HEAD_BYTES]).series


def _of_no_format(path: str, head: pl.Series) -> Unrecognised:
    what = mismatch(head)
    return Unrecognised(
        path,
        f"no known format: {_shortened(what.line)!r} stops being `{what.format}` at character "
        f"{what.stop.position + 1}, where {what.stop.expected} should be",
        "give the gateway's own format with --log-format or --nginx-conf; `apilog formats` lists "
        "the known ones",
    )


def _not_of_kind(path: str, line: str) -> Unrecognised:
    return Unrecognised(
        path,
        f"not of the given format: {_shortened(line)!r}",
        "leave out --log-format to have the format detected",
    )


def _shortened(line: str) -> str:
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
