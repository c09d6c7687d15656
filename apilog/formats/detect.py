"""Finding out how a file is to be read, from its head.

Every format is run over the head; the one that reads most lines wins, and of two that read
as many the more specific one. What it leaves is shown to the others again, so that a file
of two formats is read with both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from apilog.formats import gateways
from apilog.formats.contract import Format, MatchFailure
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.delimited import DelimitedFormat
from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.formats.generic.labelled import LogfmtFormat, LtsvFormat
from apilog.formats.nginx import library
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import LogFormat, format_string
from apilog.formats.nginx.library import candidate_formats, iso_variants, untimed_variants
from apilog.formats.nginx.trailing_fields import UNREAD_TAIL, LineTail, infer_trailing_fields
from apilog.formats.parse_plan import ParsePlan, ParseStage
from apilog.formats.skipped_lines import skip_reasons
from apilog.schema import TIMESTAMP
from apilog.transport.envelope_registry import detect_envelopes, unwrap_texts
from apilog.values.event_lines import EventLines

ALL_TEXT_FORMATS = (*library.NGINX_FORMATS, *gateways.TEXT_FORMATS)
"""Every named format of plain text."""

HEAD_LINES = 500
"""How many lines of a file's head are looked at."""

_STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9:.]+(?:Z|[+-][0-9]{2}:?[0-9]{2})?[ \t]"
"""A time as tools that fetch logs write it before each line."""

_FEW = 3

_AT_MOST = 4
"""How many formats one head may have; more are noise that happens to fit."""


class FormatDetector(Protocol):
    """A kind of format whose fields are found in the head of a file."""

    def infer(self, head: pl.Series, /) -> Format | None:
        """Return the format of a file that begins with these lines, if it is of this kind."""


FORMAT_DETECTORS: Mapping[str, FormatDetector] = {
    **gateways.DETECTORS,
    "json": JsonLinesFormat,
    "ltsv": LtsvFormat,
    "logfmt": LogfmtFormat,
}
"""Of two that read as many lines the first is taken, so the particular ones come first."""


@dataclass(frozen=True, slots=True)
class HeadMismatch:
    """The first line that no format reads, and the format that came furthest."""

    line: str
    format: str
    stop: MatchFailure


def detect_plan(head: pl.Series) -> ParsePlan | None:
    """Return how to parse a file that begins with these lines; None if no line can be read.

    A head of nothing but lines that are skipped gives a reading without formats.
    """
    head = head.head(HEAD_LINES)
    begun = candidate_formats(head, ALL_TEXT_FORMATS)
    likely = _starting_with_time(head, begun)
    named = _find_named(head, likely)
    if named and _count_matches(named) == len(head):
        return ParsePlan((ParseStage((), (named[0],)),))
    whole, head = head, _without_skipped(head)
    if not len(head):
        return ParsePlan(())
    # Lines that begin as a named format are in no envelope.
    is_bare = any(
        2 * int(f.strict_expression.matches_beginning(head).sum()) >= len(head) for f in likely
    )
    envelopes = () if is_bare else detect_envelopes(head)
    stages: list[ParseStage] = []
    if envelopes:
        outer = envelopes[0].unwrap(head)
        texts = _without_skipped(unwrap_texts(envelopes[1:], outer.texts["text"]))
        formats = _find_formats(texts, is_timed=any(e.times for e in envelopes))
        if formats or not len(texts):
            stages.append(ParseStage(envelopes, formats))
            head = head.gather(outer.unmatched)
    if formats := _find_formats(head, begun if head is whole else None):
        stages.append(ParseStage((), formats))
    return ParsePlan(tuple(stages)) if stages else None


def _starting_with_time(head: pl.Series, formats: list[NginxFormat]) -> list[NginxFormat]:
    """Return the formats; for lines that begin with an ISO time, those that do so, too.

    That time would be taken for the name of a client, and what follows it for a user.
    """
    if 2 * int(head.str.contains(_STAMP).sum()) <= len(head):
        return formats
    return [f for f in formats if f.log_format.string.startswith(("$time", "$msec"))]


def find_mismatch(head: pl.Series) -> HeadMismatch:
    """Return what to say of a head that `detect_plan` can't make anything of."""
    lines = _without_skipped(head)
    inside = _without_skipped(unwrap_texts(detect_envelopes(lines), lines))
    line = (inside if len(inside) else lines)[0]
    stops = {f.name: f.explain(line) for f in ALL_TEXT_FORMATS}
    furthest = max(stops, key=lambda name: stops[name].position)
    return HeadMismatch(line, furthest, stops[furthest])


_FormatMatches = tuple[Format, pl.Series]
"""A format, and which texts it reads."""


def _find_formats(
    texts: pl.Series, likely: list[NginxFormat] | None = None, *, is_timed: bool = False
) -> tuple[Format, ...]:
    """The formats of the texts, each of what those before it don't read; none is to be skipped.

    `likely` are those of FORMATS that the texts may be of, if that is known. `is_timed` tells
    that times came with the texts, so that they need none of their own.
    """
    found: list[Format] = []
    unread = texts
    while len(unread) and len(found) < _AT_MOST:
        best = _find_best(unread, likely, is_timed=is_timed, is_rest=bool(found))
        if best is None:
            break
        found.append(best[0])
        unread, likely = _unread_texts(unread, best), None
    return tuple(found)


def _without_skipped(texts: pl.Series) -> pl.Series:
    """Those that are not to be skipped."""
    told = skip_reasons(texts).is_null() if len(texts) else None
    return texts if told is None or told.all() else texts.filter(told)


def _unread_texts(texts: pl.Series, found: _FormatMatches) -> pl.Series:
    """What is left to the next format: a named one reads more than it is recognised by, and a
    gateway's knows lines of its other logs."""
    log_format, reads = found
    if reads.all():
        return texts.clear()
    if isinstance(log_format, NginxFormat):
        reads = log_format.expression.matches(texts)
    elif isinstance(log_format, GatewayFormat):
        others = log_format.find_foreign_lines(EventLines.from_series(texts))
        reads = reads if others is None else reads | others
    return texts.filter(~reads)


def _find_best(
    texts: pl.Series, likely: list[NginxFormat] | None, *, is_timed: bool, is_rest: bool
) -> _FormatMatches | None:
    """Return the format that reads most of the texts; `is_rest`: others are read already."""
    found = _find_text_formats(
        texts,
        candidate_formats(texts, ALL_TEXT_FORMATS) if likely is None else likely,
        is_rest=is_rest,
    )
    if not any(2 * _count_matches(f) >= len(texts) for f in found):
        found += _find_detected(texts, is_timed=is_timed)
    for variants in (iso_variants, untimed_variants) if is_timed else (iso_variants,):
        found = found or _find_text_formats(
            texts, candidate_formats(texts, variants()), is_rest=is_rest
        )
    return max(found, key=_count_matches, default=None)


def _count_matches(found: _FormatMatches) -> int:
    return int(found[1].sum())


def _find_text_formats(
    texts: pl.Series, likely: Sequence[NginxFormat], *, is_rest: bool
) -> list[_FormatMatches]:
    """Return the format that reads most of the texts, and one that reads them with a tail."""
    named = _find_named(texts, likely)
    if named and 2 * _count_matches(named) >= len(texts):
        return [named]
    extended = _find_extended(texts, likely, is_read=is_rest or named is not None)
    return [found for found in (named, extended) if found]


def _find_named(texts: pl.Series, formats: Sequence[NginxFormat]) -> _FormatMatches | None:
    """Return the format that reads most of the texts whole; of equals the first."""
    best: _FormatMatches | None = None
    for log_format in formats:
        found = log_format, log_format.strict_expression.matches(texts)
        if _count_matches(found) > (_count_matches(best) if best else 0):
            best = found
        if best and _count_matches(best) == len(texts):
            break
    return best


def _find_extended(
    texts: pl.Series, formats: Sequence[NginxFormat], *, is_read: bool
) -> _FormatMatches | None:
    """Return a format for lines that begin as a known one and go on with fields of their own.

    `is_read` tells that other lines are read whole.
    """
    begun = ((f, texts.filter(f.strict_expression.matches_extended(texts))) for f in formats)
    base, lines = max(begun, key=_match_length, default=(None, texts))
    if base is None:
        return None
    found = [base.strict_expression.split_tail(line) for line in lines]
    tails = [LineTail(rest, values.get("status", "")) for values, rest in found if rest.strip()]
    if not tails:
        return None
    parts = infer_trailing_fields(base.log_format, tails)
    if UNREAD_TAIL in parts and (is_read or len(tails) < _FEW):
        return None  # a few cut lines beside good ones are no format
    extended = NginxFormat(
        name=f"{base.name}{format_string(parts)}",
        log_format=LogFormat((*base.log_format.parts, *parts), base.log_format.escape),
        gateway=base.gateway,
        title=base.title,
    )
    return extended, extended.expression.matches(texts)


def _match_length(begun: tuple[NginxFormat, pl.Series]) -> tuple[int, int]:
    """Return how many texts begin as the format, and how little is left of the first."""
    log_format, lines = begun
    return len(lines), -len(log_format.strict_expression.split_tail(lines[0])[1]) if len(
        lines
    ) else 0


def _find_detected(texts: pl.Series, *, is_timed: bool) -> list[_FormatMatches]:
    """Gateways' objects and tables, those that read some of the texts; or else JSON, LTSV and
    key=value, which know less of the same values."""
    found: list[_FormatMatches] = []
    inferred: Format | None
    for kind in FORMAT_DETECTORS.values():
        if isinstance(kind, gateways.GatewayDetector):
            inferred = kind.infer(texts, is_timed=is_timed)
        elif found and isinstance(found[0][0], GatewayFormat):
            break
        else:
            inferred = kind.infer(texts)
        if inferred is None:
            continue
        reads = _read_texts(inferred, texts, is_timed=is_timed)
        if reads.any() or _is_header_alone(inferred, texts):
            found.append((inferred, reads))
            if reads.all():
                break
    return found


def _is_header_alone(log_format: Format, texts: pl.Series) -> bool:
    """Return whether the texts are only a table's header: an export of no requests."""
    if not isinstance(log_format, DelimitedFormat):
        return False
    others = log_format.find_foreign_lines(EventLines.from_series(texts))
    return others is not None and bool(others.all())


def _read_texts(log_format: Format, texts: pl.Series, *, is_timed: bool) -> pl.Series:
    lines = EventLines.from_series(texts, (lambda: _some_times(len(texts))) if is_timed else None)
    rejected = log_format.parse(lines, ["timestamp"]).rejects["row"]
    every = pl.int_range(len(texts), dtype=pl.UInt32, eager=True)
    return ~every.is_in(rejected.implode())


def _some_times(count: int) -> pl.Series:
    """Some time for each line, where only it matters that there is one."""
    return pl.Series("time", [0], pl.Int64).cast(TIMESTAMP).new_from_index(0, count)
