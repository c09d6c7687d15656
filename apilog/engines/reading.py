"""How a file is read, found from its first lines."""

from __future__ import annotations

import polars as pl

from apilog.formats.base import Lines, Stop
from apilog.formats.choice import Choice
from apilog.formats.detect import detect, mismatch
from apilog.formats.envelopes import detect_envelopes, unwrap
from apilog.formats.gateways import REFUSALS
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

    Lines that are skipped whatever the format give a reading without formats, unless the log
    is known to be no access log. Raises `Unrecognised` if the lines are of no known format, or
    not of the chosen kind.
    """
    head = _head(data)
    found = choice.reading(head) if choice else detect(head)
    if found and found.name:
        return found
    refused = _refused(path, head)
    if refused and (later := None if choice else _behind_refused(data, head)):
        return later
    if refused:
        raise refused
    told = head.filter(skip_reasons(head).is_null())
    if found or not len(told):
        return found or Reading(())
    raise _not_of_kind(path, told[0]) if choice else _of_no_format(path, head)


def where_it_stops(choice: Choice, line: str) -> str | None:
    """Where the chosen format that comes furthest stops matching a line.

    None for formats whose fields are found in the file.
    """
    if not choice.formats:
        return None
    stop = max((f.explain(line) for f in choice.formats), key=lambda stop: stop.position)
    return _told(line, "it", stop)


def _head(data: bytes) -> pl.Series:
    """The first whole lines."""
    end = len(data)
    if end > _HEAD_BYTES:
        end = data.rfind(b"\n", 0, _HEAD_BYTES) + 1 or data.find(b"\n", _HEAD_BYTES) + 1
    return Lines(data[:end]).series


def _refused(path: str, lines: pl.Series) -> Unrecognised | None:
    """What to say of a log that is known to be no access log."""
    texts = pl.concat([lines.rename("line"), unwrap(detect_envelopes(lines), lines).rename("line")])
    for pattern, message, hint, _ in REFUSALS:
        if texts.str.contains(pattern).any():
            return Unrecognised(path, message, hint)
    return None


def _behind_refused(data: bytes, head: pl.Series) -> Reading | None:
    """How to read what comes, in these lines, after a head of nothing but another log."""
    lines = Lines(data).series
    envelopes = detect_envelopes(head)
    if envelopes:
        outer = envelopes[0].unwrap(lines)
        told = skip_reasons(outer.texts["text"]).is_null()
        found = detect(lines.gather(outer.texts["row"].filter(told)))
    else:
        found = detect(lines.filter(skip_reasons(lines).is_null()))
    return found if found and found.name else None


def _of_no_format(path: str, head: pl.Series) -> Unrecognised:
    what = mismatch(head)
    return Unrecognised(
        path,
        f"no known format: {_told(what.line, f'`{what.format}`', what.stop)}",
        "give the gateway's own format with --log-format or --nginx-conf; `apilog formats` lists "
        "the known ones",
    )


def _not_of_kind(path: str, line: str) -> Unrecognised:
    return Unrecognised(
        path,
        f"not of the given format: {_shortened(line)!r}",
        "leave out --log-format to have the format detected",
    )


def _told(line: str, log_format: str, stop: Stop) -> str:
    return (
        f"{_shortened(line)!r} stops being {log_format} at character {stop.position + 1}, where "
        f"{stop.expected} should be"
    )


def _shortened(line: str) -> str:
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
