"""The user's formats, in the files that are in them.

Invariant: in files of which they read more than few lines, the user's formats come before others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from apilog.formats.contract import ForeignLineFinder, Format
from apilog.formats.detect import FORMAT_DETECTORS, as_events, detect_plan
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.formats.generic.labelled import LogfmtFormat, LtsvFormat
from apilog.formats.generic.named_values import CsvFormat, RegexFormat
from apilog.formats.generic.recognition import RecognisedFields
from apilog.formats.languages import FIELD_LANGUAGES, FORMAT_LANGUAGES
from apilog.formats.nginx.format import JsonTemplateFormat, NginxFormat
from apilog.formats.own.declarations import KEYED_LINES
from apilog.formats.own.hints import LogHints
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.formats.own.tailored_plan import describe_missing, tailor_format, with_doubts
from apilog.formats.parse_plan import ParsePlan, ParseStage
from apilog.formats.skipped_lines import skip_reasons
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from apilog.options import OwnFormat
from apilog.transport.envelope_registry import detect_envelopes, unwrap_texts
from apilog.values.event_lines import EventLines

_HEAD_LINES = 500
_LEAST_SHARE = 10
"""A format that reads only one in so many lines is not looked for."""


@dataclass(frozen=True, slots=True)
class OwnFormatDetector:
    """A format of the user's, whose keys are found in the head of a file."""

    own: OwnFormat
    keys: KeyHints = NO_KEY_HINTS
    """What is said besides, for once."""

    def infer(self, head: pl.Series, *, is_timed: bool = False) -> Format | None:
        """Return the format as it reads a file that begins with these lines, if it can."""
        own = self.own
        hints = self.keys.over(KeyHints(own.columns))
        found = self._find(head, hints, is_timed=is_timed)
        if found is None:
            return None
        tailored = tailor_format(found, head, hints, is_timed=is_timed)
        said = {mapping.column for mapping in self.keys.columns}
        doubts = [
            describe_missing(mapping, tailored.names)
            for mapping in own.columns
            if mapping.column in tailored.missing and mapping.column not in said
        ]
        return with_doubts(_rename(tailored.format, own), doubts)

    def _find(self, head: pl.Series, hints: KeyHints, *, is_timed: bool) -> Format | None:
        own = self.own
        match own.lines:
            case "json":
                return JsonLinesFormat.infer(head, hints, is_timed=is_timed)
            case "ltsv":
                return LtsvFormat.infer(head, hints, is_timed=is_timed)
            case "logfmt":
                return LogfmtFormat.infer(head, hints, is_timed=is_timed)
            case "csv":
                return CsvFormat.infer(head, hints, own.pattern, is_timed=is_timed)
            case "regex":
                return RegexFormat.infer(head, hints, own.pattern, is_timed=is_timed)
        # Without a pattern, `envoy` and `haproxy` are the formats of these names.
        if own.pattern and (language := FORMAT_LANGUAGES.get(own.lines)):
            return language.compile(own.pattern, own.name)
        if fields := FIELD_LANGUAGES.get(own.lines):
            names = fields.parse_names(own.pattern) if own.pattern else ()
            return fields.detect(names).infer(head, hints, is_timed=is_timed)
        named: Mapping[str, Format] = {f.name: f for f in ALL_TEXT_FORMATS}
        if own.lines in named:
            return named[own.lines]
        return FORMAT_DETECTORS[own.lines].infer(head, is_timed=is_timed)


def keyed_detector(lines: str, keys: KeyHints) -> OwnFormatDetector | None:
    """Return what reads such lines with the user's columns; None for lines without keys."""
    return (
        OwnFormatDetector(OwnFormat(name=lines, lines=lines), keys)
        if lines in KEYED_LINES
        else None
    )


def detect_hinted_plan(head: pl.Series, hints: LogHints) -> ParsePlan | None:
    """Return how to parse a file that begins with these lines: in the user's formats, if it is."""
    head = head.head(_HEAD_LINES)
    own = [OwnFormatDetector(own, hints.keys) for own in hints.formats.values()]
    if own and (plan := _plan_with(own, head)):
        return plan
    plan = detect_plan(head)
    if hints.keys.columns and not _knows_keys(plan, head, hints.keys):
        # What was detected has none of the user's keys: these tell which lines are records.
        kinds = [d for lines in KEYED_LINES if (d := keyed_detector(lines, hints.keys))]
        if keyed := _plan_with(kinds, head):
            return keyed
        if plan is None:
            # That no line can be read by the user's keys is to be said of these.
            found = (detector.infer(head) for detector in kinds)
            formats = tuple(log_format for log_format in found if log_format)[:1]
            return ParsePlan((ParseStage((), formats),)) if formats else None
    return plan


def _plan_with(detectors: list[OwnFormatDetector], head: pl.Series) -> ParsePlan | None:
    """Return the plan with those of these formats that read enough lines, and what reads others."""
    envelopes = detect_envelopes(head)
    for around in (envelopes, ()) if envelopes else ((),):
        texts = unwrap_texts(around, head)
        texts = texts.filter(skip_reasons(texts).is_null()) if len(texts) else texts
        is_timed = any(envelope.times for envelope in around)
        formats: list[Format] = []
        unread = texts
        while len(unread) and (
            best := _find_best(detectors, unread, len(texts), is_timed=is_timed)
        ):
            formats.append(best)
            unread = unread.gather(_rejected_rows(best, unread, is_timed=is_timed))
            unread = unread.filter(~_find_foreign(best, unread))
        if formats:
            rest = detect_plan(unread, is_rest=True) if len(unread) and not around else None
            stage = ParseStage(around, tuple(formats))
            return ParsePlan((stage, *(rest.stages if rest else ())))
    return None


def _find_best(
    detectors: list[OwnFormatDetector], texts: pl.Series, line_count: int, *, is_timed: bool
) -> Format | None:
    """Return the format that reads most of the texts, if it reads enough of all lines."""
    best: Format | None = None
    most = (0, 0)
    for detector in detectors:
        for log_format in _infer_sound(detector, texts, is_timed=is_timed):
            read = len(texts) - len(_rejected_rows(log_format, texts, is_timed=is_timed))
            score = read, -len(_missing_keys(log_format))
            if read > line_count // _LEAST_SHARE and (best is None or score > most):
                best, most = log_format, score
    return best


def _rejected_rows(log_format: Format, texts: pl.Series, *, is_timed: bool) -> pl.Series:
    return log_format.parse(as_events(texts, is_timed=is_timed), ["timestamp"]).rejects["row"]


def _infer_sound(
    detector: OwnFormatDetector, texts: pl.Series, *, is_timed: bool
) -> Iterator[Format]:
    """Yield the format, unless most of the keys that it is declared by are in no line."""
    log_format = detector.infer(texts, is_timed=is_timed) if len(texts) else None
    if log_format is None:
        return
    named = [m for m in (*detector.own.columns, *detector.keys.columns) if m.key]
    if not named or 2 * len(_missing_keys(log_format)) <= len(named):
        yield log_format


def _missing_keys(log_format: Format) -> Collection[str]:
    fields = getattr(log_format, "fields", None)
    return fields.missing if isinstance(fields, RecognisedFields) else ()


def _find_foreign(log_format: Format, texts: pl.Series) -> pl.Series:
    """Return which texts belong to another log and are skipped."""
    nothing = pl.repeat(value=False, n=len(texts), eager=True)
    if not isinstance(log_format, ForeignLineFinder) or not len(texts):
        return nothing
    foreign = log_format.find_foreign_lines(EventLines.from_series(texts))
    return nothing if foreign is None else foreign.fill_null(value=False)


def explain_keys(lines: pl.Series, hints: LogHints) -> tuple[str, str] | None:
    """Say why no line is a record by the keys that the user named, and what to do.

    None if what was named is not the reason.
    """
    plan = detect_hinted_plan(lines, hints) if hints.keys.columns else None
    if plan is None or not plan.stages or not plan.stages[0].formats:
        return None
    texts = unwrap_texts(plan.stages[0].envelopes, lines)
    parsed = plan.stages[0].formats[0].parse(EventLines.from_series(texts), ["timestamp"])
    if not parsed.rejects.height:
        return None
    reason = parsed.rejects["reason"].mode().sort()[0]
    hint = "leave out --column, or name other keys"
    time = next((m for m in hints.keys.columns if m.column == "timestamp"), None)
    if time is not None and reason.startswith("no time"):
        hint = (
            f"say how it is written: `--column timestamp={time.key}:ms`, or a format such as "
            f"`--column 'timestamp={time.key}:%d.%m.%Y %H:%M:%S'`"
        )
    return f"no line is a record by the keys of --column: {reason}", hint


def _knows_keys(plan: ParsePlan | None, head: pl.Series, keys: KeyHints) -> bool:
    """Return whether a plan has a format with one of the keys."""
    for stage in plan.stages if plan else ():
        texts = unwrap_texts(stage.envelopes, head)
        for log_format in stage.formats:
            tailored = tailor_format(log_format, texts, keys)
            if any(m.column not in tailored.missing for m in keys.columns):
                return True
    return False


def _rename(log_format: Format, own: OwnFormat) -> Format:
    """Return a format under the user's name and gateway."""
    gateway = log_format.gateway if own.gateway is None else own.gateway or None
    match log_format:
        case NginxFormat() | JsonTemplateFormat():
            return replace(log_format, name=own.name, gateway=gateway)
        case JsonLinesFormat() | LtsvFormat() | LogfmtFormat() | CsvFormat() | RegexFormat():
            fields = replace(log_format.fields, gateway=gateway)
            return replace(log_format, name=own.name, fields=fields)
        case GatewayFormat():
            spec = log_format.spec
            spec = replace(spec, name=own.name, gateway=gateway or spec.gateway)
            return replace(log_format, spec=spec)
    return log_format
