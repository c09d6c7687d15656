"""How a file is parsed: as the user chose, or as its first lines tell.

A chosen format is never second-guessed: a line that it can't read is a reject. What a file is
wrapped in is still found by looking.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from apilog.errors import UsageError
from apilog.formats.contract import Format
from apilog.formats.detect import (
    FORMAT_DETECTORS,
    HEAD_LINES,
    FormatDetector,
    detect_plan,
    reads_bare,
)
from apilog.formats.gateways import REFUSALS
from apilog.formats.languages import find_language, find_line_detector
from apilog.formats.mismatch import explain_unchosen, explain_undetected
from apilog.formats.nginx.conf import read_conf
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.own.hints import NO_HINTS, LogHints, parse_hints
from apilog.formats.own.key_hints import NO_KEY_HINTS
from apilog.formats.own.own_formats import (
    OwnFormatDetector,
    detect_hinted_plan,
    explain_keys,
    keyed_detector,
)
from apilog.formats.own.tailored_plan import tailor_plan
from apilog.formats.parse_plan import (
    ParsePlan,
    ParseStage,
    PlanDetector,
    spread_lines,
    try_plan,
)
from apilog.formats.registry import FORMAT_INFOS, formats_of_gateway
from apilog.formats.several_lines import REFUSED_LOGS
from apilog.formats.skipped_lines import skip_reasons
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from apilog.options import FormatOptions
from apilog.sources import SourceError
from apilog.text import did_you_mean
from apilog.transport.envelope_registry import detect_envelopes, unwrap_texts
from apilog.transport.opening import take_later_lines
from apilog.values.event_lines import EventLines


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """The format that the user chose to parse every file with."""

    formats: tuple[Format, ...] = ()
    detector: FormatDetector | None = None
    """A kind of format whose fields are found in the head of each file."""
    hints: LogHints = NO_HINTS

    @property
    def is_open(self) -> bool:
        """Whether no format is chosen: it is detected, and the hints are kept to."""
        return not self.formats and self.detector is None

    def plan_for(self, head: pl.Series) -> ParsePlan | None:
        """Return how to parse a file with this head; None if it is not of the chosen kind."""
        if self.is_open:
            return detect_hinted_plan(head, self.hints)
        head = head.head(HEAD_LINES)
        stages = []
        if envelopes := () if self._is_bare(head) else detect_envelopes(head):
            is_timed = any(envelope.times for envelope in envelopes)
            inside = self._formats(unwrap_texts(envelopes, head), is_timed=is_timed)
            stages.append(ParseStage(envelopes, inside))
        stages.append(ParseStage((), self._formats(head, is_timed=False)))
        stages = [stage for stage in stages if stage.formats]
        return ParsePlan(tuple(stages)) if stages else None

    def _is_bare(self, head: pl.Series) -> bool:
        """Whether no envelope has to be looked for, as a chosen format of text reads every line."""
        formats = [f for f in self.formats if isinstance(f, NginxFormat)]
        return len(formats) == len(self.formats) > 0 and reads_bare(head, formats)

    def _formats(self, texts: pl.Series, *, is_timed: bool) -> tuple[Format, ...]:
        if self.detector is None:
            return self.formats
        inferred = self.detector.infer(texts, is_timed=is_timed)
        return (inferred,) if inferred else ()


def parse_choice(options: FormatOptions) -> FormatChoice | None:
    """Return what the options say of the logs; None for nothing.

    Raises `UsageError` for what can't be meant, `InputError` for a bad nginx.conf.
    """
    hints = parse_hints(options)
    choice = choose_format(options.log_format, options.nginx_conf, hints)
    return replace(choice or FormatChoice(), hints=hints) if choice or hints else None


def plan_detector(choice: FormatChoice | None) -> PlanDetector | None:
    """Return what finds formats for lines that a file's plan leaves over; None: nothing may."""
    if choice is None:
        return partial(_detect_tailored, hints=NO_HINTS)
    return partial(_detect_tailored, hints=choice.hints) if choice.is_open else None


def _detect_tailored(
    head: pl.Series, *, is_timed: bool = False, hints: LogHints
) -> ParsePlan | None:
    plan = (
        detect_hinted_plan(head, hints)
        if hints
        else detect_plan(head, is_timed=is_timed, is_rest=True)
    )
    return tailor_plan(plan, head, hints.keys) if plan else None


def choose_format(
    log_format: str | None = None,
    nginx_conf: str | os.PathLike[str] | None = None,
    hints: LogHints = NO_HINTS,
) -> FormatChoice | None:
    """Return the choice that the two options make; None for neither.

    Raises `UsageError` for an unknown name, `InputError` for a bad nginx.conf.
    """
    if log_format is None and nginx_conf is None:
        return None
    conf = read_conf(nginx_conf).formats if nginx_conf is not None else ()
    if log_format is None:
        return FormatChoice(conf)
    if log_format in hints.formats:
        return FormatChoice(detector=OwnFormatDetector(hints.formats[log_format], hints.keys))
    if hints.keys.columns and (keyed := keyed_detector(log_format, hints.keys)):
        return FormatChoice(detector=keyed)
    if log_format in FORMAT_DETECTORS:
        return FormatChoice(detector=FORMAT_DETECTORS[log_format])
    named = {f.name: f for f in (*ALL_TEXT_FORMATS, *conf)}
    if log_format in named:
        return FormatChoice((named[log_format],))
    if detector := find_line_detector(log_format):
        return FormatChoice(detector=detector)
    if language := find_language(log_format):
        return FormatChoice((language.compile(log_format, log_format),))
    lists = "`apilog formats` lists the names; a server's own format string serves too"
    if by_gateway := formats_of_gateway(log_format):
        hint = f"{log_format} may write {', '.join(by_gateway)}: without -l it is found out"
        raise UsageError(f"unknown log format {log_format!r}", hint)
    raise UsageError(
        f"unknown log format {log_format!r}",
        did_you_mean(
            log_format, [*hints.formats, *FORMAT_INFOS, *named], also=lists, at_most=1, quoted=True
        ),
    )


_HEAD_BYTES = 256 << 10
_VOTERS_AT_START = 300
_LATER_VOTERS = 100
_FEW_VOTERS = 5


class UnrecognisedFormat(SourceError):
    """A file whose first lines no format reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSample:
    """The lines of a file by which it is decided how to parse it."""

    first: bytes
    """Its first lines, as many as are there."""
    later: bytes = b""
    """Some of its later lines, from anywhere behind these, each of them whole."""
    is_whole: bool = False
    """Whether the first lines are all of it."""
    is_open: bool = False
    """Whether the last of the first lines had no newline of its own: it may be cut off."""

    @property
    def head(self) -> bytes:
        """The lines at the beginning that are looked at, each of them whole, however long."""
        end = len(self.first)
        if end > _HEAD_BYTES:
            end = self.first.rfind(b"\n", 0, _HEAD_BYTES) + 1
            end = end or self.first.find(b"\n", _HEAD_BYTES) + 1
        return self.first[:end]


def plan_file(path: str, sample: FileSample, choice: FormatChoice | None = None) -> ParsePlan:
    """Return how to parse a file: as chosen, or as detected.

    Lines that are skipped in any format give a plan without formats, unless the log is known to be
    no access log. Raises UnrecognisedFormat if the lines are of no known format, or not of the
    chosen kind.
    """
    data, first = sample.first, sample.head
    head = EventLines(first).series
    if choice is None and (
        certain := next((r for r in REFUSALS if r.holds and r.holds(head)), None)
    ):
        raise UnrecognisedFormat(path, certain.message, certain.hint)
    is_whole = sample.is_whole and len(first) == len(data)
    ended = data[: data.rfind(b"\n", 0, -1) + 1] if sample.is_open else data
    rest = EventLines(sample.later or take_later_lines(ended)).series
    voters = _choose_voters(head, rest)
    plan = choose_plan(voters, choice, is_open=is_whole and sample.is_open)
    if plan is None and len(head) > HEAD_LINES:
        # What is at the beginning, in the middle and at the end is nothing known.
        plan = choose_plan(spread_lines(head, HEAD_LINES), choice, is_open=False)
    if plan and plan.name:
        if choice and not choice.is_open:
            plan = replace(plan, saw_all=False)
        elif is_whole:
            plan = _complete_plan(plan, head.head(len(head) - sample.is_open))
        else:  # lines of another kind may be anywhere
            lines = pl.concat([head.alias("line"), rest.alias("line")])
            plan = replace(_complete_plan(plan, lines), saw_all=False)
        return tailor_plan(plan, voters, choice.hints.keys if choice else NO_KEY_HINTS)
    inside = unwrap_texts(detect_envelopes(head), head)
    texts = pl.concat([head.rename("line"), inside.rename("line")])
    refusal = next(
        (r for r in (*REFUSALS, *REFUSED_LOGS) if texts.str.contains(r.pattern).any()), None
    )
    if refusal:
        # Access lines may come after a head of nothing but another log.
        is_open = choice is None or choice.is_open
        later = _plan_behind_refused(data, head) if is_open else None
        if later and later.name:
            return tailor_plan(later, head, choice.hints.keys if choice else NO_KEY_HINTS)
        raise UnrecognisedFormat(path, refusal.message, refusal.hint)
    unskipped = head.filter(skip_reasons(head).is_null())
    if plan or not len(unskipped):
        return plan or ParsePlan(())
    raise explain_unread(path, unskipped, choice)


def _choose_voters(head: pl.Series, later: pl.Series) -> pl.Series:
    """Return the lines that decide: of a long log some of its beginning, and of all the rest."""
    if len(later):
        parts = [head.head(_VOTERS_AT_START), spread_lines(later, 2 * _LATER_VOTERS)]
    elif len(head) > HEAD_LINES:
        middle = head.slice(len(head) // 2, _LATER_VOTERS)
        parts = [head.head(_VOTERS_AT_START), middle, head.tail(_LATER_VOTERS)]
    else:
        return head
    return pl.concat([part.alias("line") for part in parts])


def choose_plan(
    voters: pl.Series, choice: FormatChoice | None, *, is_open: bool
) -> ParsePlan | None:
    """Return the plan for these lines; a last line that is `open` decides only if others can't."""
    find_plan = choice.plan_for if choice else detect_plan
    if is_open and len(voters) > 1:
        whole = voters.head(len(voters) - 1)
        plan = find_plan(whole)
        if plan and try_plan(EventLines.from_series(whole), plan)[0].name:
            return plan
    plan = find_plan(voters)
    if plan is None and 1 < len(voters) <= _FEW_VOTERS:
        # Of so few lines, one that is broken is half of those that decide.
        plans = (find_plan(voters.slice(at, 1)) for at in range(len(voters)))
        plan = next((single for single in plans if single and single.name), None)
    return plan


def _complete_plan(plan: ParsePlan, lines: pl.Series) -> ParsePlan:
    """Return the plan with what reads the lines that it leaves over, of all lines of a file."""
    if not plan.saw_all or len(lines) > HEAD_LINES:
        _, unread = try_plan(EventLines.from_series(lines), plan)
        more = None
        if unread is not None:
            shown = spread_lines(unread.series, HEAD_LINES)
            more = detect_plan(shown, is_timed=unread.times is not None, is_rest=True)
        more = more.without_formats_of(plan) if more else None
        if more:
            plan = ParsePlan(plan.stages + more.stages, plan.fallbacks + more.fallbacks)
    return replace(plan, saw_all=True)


def explain_unread(path: str, lines: pl.Series, choice: FormatChoice | None) -> UnrecognisedFormat:
    """Return the error of a file none of whose lines is a record, by some that are not skipped."""
    if choice and not choice.is_open:
        return UnrecognisedFormat(path, *explain_unchosen(lines, choice.formats))
    if choice and (by_keys := explain_keys(lines, choice.hints)):
        return UnrecognisedFormat(path, *by_keys)
    return UnrecognisedFormat(path, *explain_undetected(lines))


def _plan_behind_refused(data: bytes, head: pl.Series) -> ParsePlan | None:
    """Return how to parse what comes after a head of nothing but another log."""
    lines = EventLines(data).series
    envelopes = detect_envelopes(head)
    if not envelopes:
        return detect_plan(lines.filter(skip_reasons(lines).is_null()))
    outer = envelopes[0].unwrap(lines)
    is_kept = skip_reasons(outer.texts["text"]).is_null()
    return detect_plan(lines.gather(outer.texts["row"].filter(is_kept)))
