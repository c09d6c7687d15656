"""Detection: how a file is to be parsed, found from its head.

Every format is run over the head; the one that reads most lines wins, and of two that read
as many the more specific one. What it leaves is shown to the others again, so that a file
of two formats is read with both.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import NamedTuple, Protocol

import polars as pl

from apilog.formats import gateways
from apilog.formats.contract import ForeignLineFinder, Format
from apilog.formats.gateways.aws.xml_format import XmlDetector
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.delimited import DelimitedFormat
from apilog.formats.gateways.keyed import RecordShape, find_shapes
from apilog.formats.gateways.positional import are_bare
from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.formats.generic.labelled import LogfmtFormat, LtsvFormat
from apilog.formats.generic.named_values import CsvFormat
from apilog.formats.generic.rails import RailsFormat
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText, LogFormat
from apilog.formats.nginx.inference import extend_format, infer_format
from apilog.formats.nginx.library import (
    candidate_formats,
    iso_variants,
    settle_format,
    untimed_variants,
)
from apilog.formats.parse_plan import ParsePlan, ParseStage, rows_of_lines, try_plan
from apilog.formats.skipped_lines import skip_reasons
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from apilog.schema import TIMESTAMP
from apilog.transport.envelope import Envelope
from apilog.transport.envelope_registry import detect_envelopes, unwrap_texts
from apilog.values.event_lines import EventLines

NO_TIME = (
    "the lines have no time, so that `--since`, `--until` and the traffic leave them out; in an "
    "envelope that has one (docker, kubectl, syslog, journald) they have that"
)
HEAD_LINES = 500
"""How many lines of a file's head are looked at."""

# A time as tools that fetch logs write it before each line.
_STAMP = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9:.]+(?:Z|[+-][0-9]{2}:?[0-9]{2})?[ \t]"
)

# How many formats one head may have; more are noise that happens to fit.
_MOST_FORMATS = 4


class FormatDetector(Protocol):
    """A kind of format whose fields are found in the head of a file."""

    def infer(self, head: pl.Series, /, *, is_timed: bool = False) -> Format | None:
        """Return the format of a file that begins with these lines, if it is of this kind.

        `is_timed` says that times come with the lines, so that they need none of their own.
        """


class _TableDetector:
    """Tables with a header of any names."""

    def infer(self, head: pl.Series, *, is_timed: bool = False) -> Format | None:
        """Return the format of a table that begins with these lines, if it is one."""
        return CsvFormat.detect(head, is_timed=is_timed)


FORMAT_DETECTORS: Mapping[str, FormatDetector] = {
    **gateways.DETECTORS,
    "aws-xml": XmlDetector(),
    "rails": RailsFormat,
    "json": JsonLinesFormat,
    "ltsv": LtsvFormat,
    "logfmt": LogfmtFormat,
    "csv": _TableDetector(),
}
"""Of two that read as many lines the first is taken, so the particular ones come first."""


def detect_plan(
    lines: pl.Series, *, is_timed: bool = False, is_rest: bool = False
) -> ParsePlan | None:
    """Return how to parse a file with these lines; None if no line can be read.

    A line that is nothing at all has no vote: the plan is that of the other lines. Lines that are
    all skipped give a plan without formats. `is_timed` says that times came with the lines, so
    that they need none of their own; `is_rest` that other lines are read already: then a few odd
    ones are no format.
    """
    lines = lines.head(HEAD_LINES)
    plan = _detect_whole_plan(lines, is_timed=is_timed, is_rest=is_rest)
    return _with_relatives(plan, lines) if plan else None


def _with_relatives(plan: ParsePlan, lines: pl.Series) -> ParsePlan:
    """Return the plan with the gateways that other lines betray, of those that write alike."""

    def told(log_format: Format) -> Format:
        if not isinstance(log_format, NginxFormat):
            return log_format
        for pattern, gateway in log_format.relatives.items():
            if lines.str.contains(pattern).any():
                return replace(log_format, gateway=gateway)
        return log_format

    stages = (replace(stage, formats=tuple(map(told, stage.formats))) for stage in plan.stages)
    return replace(plan, stages=tuple(stages))


def _detect_whole_plan(lines: pl.Series, *, is_timed: bool, is_rest: bool) -> ParsePlan | None:
    plan = _detect_by_votes(lines, is_timed=is_timed, is_rest=is_rest)
    if plan is None or plan.saw_all or not plan.name:
        return plan
    useful, unread = try_plan(as_events(lines, is_timed=is_timed), plan)
    if unread is None:
        # A table's header alone is one of no requests.
        return replace(useful if useful.name else plan, saw_all=True)
    if not useful.name:
        return None
    has_vote = pl.repeat(value=True, n=len(lines), eager=True)
    voters = lines.filter(has_vote.scatter(rows_of_lines(unread), False))
    again = _detect_by_votes(voters, is_timed=is_timed, is_rest=is_rest)
    if again is None or again.stages == useful.stages:
        return useful
    again, lost = try_plan(as_events(voters, is_timed=is_timed), again)
    return useful if lost is not None else replace(again, saw_all=False)


def _detect_by_votes(head: pl.Series, *, is_timed: bool, is_rest: bool) -> ParsePlan | None:
    """Return a plan for these lines, each of which has a vote."""
    candidates = candidate_formats(head, ALL_TEXT_FORMATS)
    likely = _likely_formats(head, candidates)
    # The common case, one named format and nothing else, is decided before any envelope is tried.
    best = _find_named(head, likely, is_timed=is_timed)
    if best and best.read_count == len(head):
        only = (best.log_format,)
        return ParsePlan((ParseStage((), only),), _fallbacks_of(only), saw_all=True)
    whole, head = head, _drop_skipped(head)
    if not len(head):
        return ParsePlan(())
    # Lines that begin as a named format are in no envelope, but for the quote of one around them.
    is_quoted = all(line.startswith('"') and line.endswith(('"', '"\r')) for line in head.to_list())
    is_bare = not is_quoted and (_begin_as_one(head, likely) or are_bare(gateways.LAYOUTS, head))
    envelopes = () if is_bare else _envelopes_of(head, whole)
    stages: list[ParseStage] = []
    fallbacks: list[Format] = []
    reads_all = True
    if envelopes:
        outer = envelopes[0].unwrap(head)
        texts = _drop_skipped(unwrap_texts(envelopes[1:], outer.texts["text"]))
        formats, reads_all = _find_formats(texts, is_timed=any(e.times for e in envelopes))
        if formats or not len(texts):
            stages.append(ParseStage(envelopes, formats))
            fallbacks += _fallbacks_of(formats)
            head = head.gather(outer.unmatched)
    known = None
    if head is whole:
        # What was found among all candidates is not looked for once more.
        known = _TextCandidates(candidates, best, is_asked=likely == candidates)
    formats, reads_rest = _find_formats(head, known, is_timed=is_timed, is_rest=is_rest)
    if formats:
        stages.append(ParseStage((), formats))
        fallbacks += _fallbacks_of(formats)
    if not stages:
        return None
    return ParsePlan(tuple(stages), tuple(fallbacks), saw_all=reads_all and reads_rest)


def _likely_formats(head: pl.Series, candidates: Sequence[NginxFormat]) -> Sequence[NginxFormat]:
    """Return the candidates but those that would take the time before a line for something else.

    It would be the name of a client, and what follows a user.
    """
    stamped = sum(_STAMP.match(line) is not None for line in head.to_list())
    if 2 * stamped <= len(head):
        return candidates
    timed = ("$time", "$msec", "$syslog_stamp", "${logger_prefix}", "${opening}$time")
    return [f for f in candidates if f.log_format.string.startswith(timed)]


def reads_bare(head: pl.Series, formats: Sequence[NginxFormat]) -> bool:
    """Return whether one of the formats reads all of these lines as they are, from their start on.

    Not of lines that begin as an envelope may: with a time, a quote, a brace or a priority.
    """
    if any(line.startswith(("{", "[", '"', "<")) for line in head.to_list()):
        return False
    likely = _likely_formats(head, formats)
    return any(f.strict_expression.matches(head).all() for f in likely)


def _begin_as_one(head: pl.Series, formats: Sequence[NginxFormat]) -> bool:
    """Return whether half of the lines or more begin as one of the formats."""
    return any(
        2 * int(f.strict_expression.matches_beginning(head).sum()) >= len(head) for f in formats
    )


def _envelopes_of(head: pl.Series, whole: pl.Series | None = None) -> tuple[Envelope, ...]:
    """Return the envelopes that lines are in, up to texts that begin as a named format.

    The time and the logger before a program's line may be part of its format: inside an envelope,
    as outside all of them, the format comes first.
    """
    envelopes = detect_envelopes(head, whole)
    texts = head
    for depth, envelope in enumerate(envelopes[:-1], 1):
        texts = envelope.unwrap(texts).texts["text"]
        candidates = candidate_formats(texts, ALL_TEXT_FORMATS)
        if len(texts) and _begin_as_one(texts, _likely_formats(texts, candidates)):
            return envelopes[:depth]
    return envelopes


def as_events(texts: pl.Series, *, is_timed: bool) -> EventLines:
    """Return texts as events, with times that came with them if they are timed."""

    def some_times() -> pl.Series:  # it only matters that there is a time
        return pl.Series("time", [0], pl.Int64).cast(TIMESTAMP).new_from_index(0, len(texts))

    return EventLines.from_series(texts, some_times if is_timed else None)


def _fallbacks_of(formats: Sequence[Format]) -> tuple[Format, ...]:
    """Return what reads the lines of the first format that go on with free text.

    Error messages and the like stand at the end of few lines, and have any number of words.
    """
    main = formats[0] if formats else None
    if not isinstance(main, NginxFormat):
        return ()
    base = _base_of(main.log_format.parts)
    return (_with_rest(base.name, main.gateway),) if base else ()


@lru_cache(maxsize=512)
def _base_of(parts: tuple[FormatPart, ...]) -> NginxFormat | None:
    """Return the longest named format that these parts begin with."""
    bases = (f for f in ALL_TEXT_FORMATS if f.log_format.parts == parts[: len(f.log_format.parts)])
    return max(bases, key=lambda f: len(f.log_format.parts), default=None)


@cache
def _with_rest(name: str, gateway: str) -> NginxFormat:
    """Return the named format for lines that go on with free text."""
    base = next(f for f in ALL_TEXT_FORMATS if f.name == name)
    rest = (LiteralText(" "), FormatVariable("rest"))
    return NginxFormat(
        name=f"{name} $rest",
        log_format=LogFormat((*base.log_format.parts, *rest), base.log_format.escape),
        gateway=gateway,
        title=base.title,
    )


def unwrap_voters(lines: pl.Series) -> pl.Series:
    """Return what stands in lines that are not skipped, without envelopes; the lines if nothing."""
    kept = _drop_skipped(lines)
    inside = _drop_skipped(unwrap_texts(_envelopes_of(kept), kept))
    return next((texts for texts in (inside, kept) if len(texts)), lines)


class _FormatMatches(NamedTuple):
    """A format, and which of some texts it reads."""

    log_format: Format
    is_read: pl.Series

    @property
    def read_count(self) -> int:
        return int(self.is_read.sum())


class _TextCandidates(NamedTuple):
    """Named formats that some texts may be of, and what is known of them."""

    formats: list[NginxFormat]
    named: _FormatMatches | None = None
    """What reads most of the texts whole, if they were asked for it."""
    is_asked: bool = False


def _find_formats(
    texts: pl.Series,
    candidates: _TextCandidates | None = None,
    *,
    is_timed: bool = False,
    is_rest: bool = False,
) -> tuple[tuple[Format, ...], bool]:
    """Return the formats of texts, none of which is to be skipped, and whether they read all.

    Each format reads texts that those before it don't. `candidates` are the named formats that the
    texts may be of, if that is known. `is_timed` says that times came with the texts, so that they
    need none of their own.
    """
    formats: list[Format] = []
    unread = texts
    while len(unread) and len(formats) < _MOST_FORMATS:
        best = _find_best(unread, candidates, is_timed=is_timed, is_rest=is_rest or bool(formats))
        if best is None:
            break
        log_format, is_read = best
        formats.append(log_format)
        if is_read.all():
            return tuple(formats), True
        if isinstance(log_format, NginxFormat):
            # A named format reads more than it is recognised by.
            is_read = log_format.expression.matches(unread)
        elif isinstance(log_format, ForeignLineFinder):
            # A gateway's format knows lines of the gateway's other logs.
            is_foreign = log_format.find_foreign_lines(EventLines.from_series(unread))
            is_read = is_read if is_foreign is None else is_read | is_foreign
        unread, candidates = unread.filter(~is_read), None
    return tuple(formats), not len(unread)


def _drop_skipped(texts: pl.Series) -> pl.Series:
    if not len(texts):
        return texts
    reasons = skip_reasons(texts)
    return texts if reasons.null_count() == len(texts) else texts.filter(reasons.is_null())


def _find_best(
    texts: pl.Series, candidates: _TextCandidates | None, *, is_timed: bool, is_rest: bool
) -> _FormatMatches | None:
    """Return the format that reads most of the texts; `is_rest`: others are read already."""
    if candidates is None:
        candidates = _TextCandidates(candidate_formats(texts, ALL_TEXT_FORMATS))
    find_text_formats = partial(_find_text_formats, texts, is_timed=is_timed, is_rest=is_rest)
    matches = find_text_formats(candidates)
    if not any(2 * match.read_count >= len(texts) for match in matches):
        matches += _find_detected(texts, is_timed=is_timed)
    # There are as many variants as formats: they are asked only where nothing else fits.
    for variants in (iso_variants, untimed_variants) if is_timed else (iso_variants,):
        if not matches:
            matches = find_text_formats(_TextCandidates(candidate_formats(texts, variants())))
    if not any(2 * match.read_count >= len(texts) for match in matches):
        inferred = infer_format(texts, is_timed=is_timed, is_rest=is_rest)
        if inferred is not None:
            match = _FormatMatches(inferred, inferred.strict_expression.matches(texts))
            # Some lines of a known format speak for more than as many of none.
            if all(match.read_count > 2 * known.read_count for known in matches):
                matches.append(match)
    return max(matches, key=lambda match: match.read_count, default=None)


def _find_text_formats(
    texts: pl.Series, candidates: _TextCandidates, *, is_timed: bool, is_rest: bool
) -> list[_FormatMatches]:
    """Return the format that reads most of the texts, and one that reads them with a tail.

    `is_rest` says that other lines are read whole: then a tail must be understood.
    """
    named = candidates.named
    if not candidates.is_asked:
        named = _find_named(texts, candidates.formats, is_timed=is_timed)
    if named and 2 * named.read_count >= len(texts):
        return [named]
    found = [named] if named else []

    extended = extend_format(texts, candidates.formats, must_understand=is_rest or bool(named))
    if extended is None:
        return found
    extended = _with_time_doubt(extended, is_timed=is_timed)
    return [*found, _FormatMatches(extended, extended.expression.matches(texts))]


def _with_time_doubt(log_format: NginxFormat, *, is_timed: bool) -> NginxFormat:
    """Return the format with the doubt that its records have no time, if they have none."""
    if is_timed or not log_format.lacks_time:
        return log_format
    return replace(log_format, doubts=(*log_format.doubts, NO_TIME))


def _find_named(
    texts: pl.Series, formats: Sequence[NginxFormat], *, is_timed: bool
) -> _FormatMatches | None:
    """Return the format that reads most of the texts whole; of equals the first."""
    best: _FormatMatches | None = None
    most = 0
    # Mostly the first one reads all. The others are asked in one query, which costs more by itself
    # than to look at a few lines.
    for some in (formats[:1], formats[1:]):
        if not some or most == len(texts):
            break
        asked = (
            f.strict_expression.reads(pl.col("line")).alias(str(i)) for i, f in enumerate(some)
        )
        found = texts.to_frame("line").select_seq(asked)
        for log_format, is_read in zip(some, found.iter_columns(), strict=True):
            match = _FormatMatches(log_format, is_read)
            if (count := match.read_count) > most:
                best, most = match, count
    if best and isinstance(best.log_format, NginxFormat):
        settled = settle_format(best.log_format, texts)
        return best._replace(log_format=_with_time_doubt(settled, is_timed=is_timed))
    return best


def _find_detected(texts: pl.Series, *, is_timed: bool) -> list[_FormatMatches]:
    """Return gateways' objects and tables that read some of the texts, or else generic formats.

    JSON, LTSV and key=value know less of the same values than a gateway's format does.
    """
    lines = as_events(texts, is_timed=is_timed)
    rows = pl.int_range(len(texts), dtype=pl.UInt32, eager=True)
    matches: list[_FormatMatches] = []
    shapes: Collection[RecordShape] | None = None
    log_format: Format | None
    for detector in FORMAT_DETECTORS.values():
        is_generic = not isinstance(detector, gateways.GatewayDetector)
        if is_generic and matches and isinstance(matches[0].log_format, GatewayFormat):
            break
        if isinstance(detector, gateways.GatewayDetector):
            shapes = find_shapes(texts) if shapes is None else shapes
            log_format = detector.infer(texts, is_timed=is_timed, shapes=shapes)
        else:
            log_format = detector.infer(texts, is_timed=is_timed)
        if log_format is None:
            continue
        rejected = log_format.parse(lines, ["timestamp"]).rejects["row"]
        is_read = ~rows.is_in(rejected.implode())
        is_found = is_read.any()
        if not is_found and isinstance(log_format, DelimitedFormat):
            # A table's header alone is an export of no requests.
            is_foreign = log_format.find_foreign_lines(lines)
            is_found = is_foreign is not None and is_foreign.all()
        if is_found:
            matches.append(_FormatMatches(log_format, is_read))
            if is_read.all():
                break
    return matches
