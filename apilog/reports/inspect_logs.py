"""`detect`: how each file is read, judged by its head, and what it does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apilog.engine.file_plans import group_small_files, plan_files
from apilog.engine.first_chunks import read_sample
from apilog.engine.store_parts import find_logs, refuse_stores
from apilog.errors import ApilogError, InputError, UsageError
from apilog.formats import gateways
from apilog.formats.contract import Format
from apilog.formats.file_plan import (
    FileSample,
    FormatChoice,
    UnrecognisedFormat,
    explain_unread,
    parse_choice,
    plan_detector,
)
from apilog.formats.generic.records import RecognisedFormat
from apilog.formats.nginx.advised_formats import ADVISED_FORMATS
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.frameworks import FRAMEWORK_FORMATS
from apilog.formats.own.found_formats import describe_formats
from apilog.formats.parse_plan import ParsePlan, iterate_formats, parse_lines
from apilog.formats.registry import ADVICE, TEMPLATES
from apilog.options import FormatOptions, Source
from apilog.report_model import DetectedFile, DetectionResult, MissingColumn
from apilog.schema import SCHEMA
from apilog.sources import LogSource
from apilog.values.event_lines import EventLines

_OWN_COLUMNS = {"source", "line_number", "route"}
"""Columns that apilog fills itself."""

_FRAMEWORKS = frozenset(f.name for f in (*FRAMEWORK_FORMATS, *ADVISED_FORMATS))
_SUGGESTIONS = {
    name: template for name, template in TEMPLATES.items() if name not in gateways.TEMPLATES
}
"""Templates that are the same wherever the server runs; those of cloud services are long."""


def inspect_logs(sources: Sequence[Source], options: FormatOptions) -> DetectionResult:
    """Return what is found in every file that can be read, and an error for every other one."""
    choice = parse_choice(options)
    logs, stores = refuse_stores(sources)
    found, problems = find_logs(logs, options.exclude)
    errors: list[ApilogError] = [*stores, *problems]
    files: list[DetectedFile] = []
    foreign: list[ApilogError] = []

    def read_samples() -> Iterator[_SampledSource]:
        for source in found:
            try:
                sample = read_sample(source)
            except InputError as error:
                errors.append(error)
            else:
                yield _SampledSource(source, sample)

    for group in group_small_files(read_samples()):
        for file, plan in zip(group, _plan_group(group, choice), strict=True):
            try:
                files.append(_inspect_source(file, plan, choice))
            except (InputError, UsageError) as error:
                errors.append(error)
                if file.source.is_searched and isinstance(error, UnrecognisedFormat):
                    foreign.append(error)
    return DetectionResult(files=tuple(files), errors=tuple(errors), foreign=tuple(foreign))


@dataclass(frozen=True, slots=True)
class _SampledSource:
    """A source and its sample."""

    source: LogSource
    sample: FileSample

    @property
    def path(self) -> str:
        """The source as users see it."""
        return self.source.path


def _plan_group(
    group: Sequence[_SampledSource], choice: FormatChoice | None
) -> Sequence[ParsePlan | ApilogError]:
    """Return how each of them is parsed, or why it can't be."""
    try:
        return plan_files([(file.source, file.sample) for file in group], choice)
    except (InputError, UsageError) as error:
        return [error] * len(group)


def _find_adviser(log_format: Format) -> str:
    """Return whose advice helps with a log: its gateway's, or that of the software it is of.

    Where nothing tells who wrote lines that nginx can write, its advice may be what helps.
    """
    if log_format.gateway:
        return log_format.gateway
    if isinstance(log_format, RecognisedFormat):
        return log_format.fields.dialect.name if log_format.fields.dialect else ""
    name = re.split(r"[ $(]", log_format.name, maxsplit=1)[0]
    if name in _FRAMEWORKS:
        return name
    return "nginx" if isinstance(log_format, NginxFormat) else ""


def _inspect_source(
    file: _SampledSource, how: ParsePlan | ApilogError, choice: FormatChoice | None
) -> DetectedFile:
    if isinstance(how, ApilogError):
        raise how
    lines = EventLines(file.sample.head)
    columns = [name for name in SCHEMA if name not in _OWN_COLUMNS]
    detector = None if how.saw_all else plan_detector(choice)
    outcome = parse_lines(lines, how, columns, detector)
    formats = [f for r in (how, outcome.found_plan) if r for f in iterate_formats(r)]
    names = [n for r in (how, outcome.found_plan) if r and (n := r.name)]
    records, rejects = outcome.records, outcome.rejects
    if rejects.height and not records.height:
        raise explain_unread(file.path, rejects["line"], choice)
    filled = [s.name for s in records.iter_columns() if s.null_count() < records.height]
    # Other gateways than nginx have no log_format, even where one describes their lines.
    nginx = [
        f
        for f in iterate_formats(how)
        if isinstance(f, NginxFormat) and f.gateway in ("nginx", None)
    ]
    gateways = tuple(dict.fromkeys(f.gateway for f in formats if f.gateway))
    adviser = _find_adviser(formats[0]) if formats else ""
    lacks = tuple(
        MissingColumn(column=column, directive=directive)
        for column, directive in ADVICE.get(adviser, {}).items()
        if column not in filled
        # That nothing failed is no lack.
        and not (column == "error_type" and any(column in f.columns for f in formats))
    )
    return DetectedFile(
        path=file.path,
        format=" + ".join(names) or None,
        gateways=gateways,
        lines=records.height + rejects.height + outcome.skipped,
        records=records.height,
        rejects=rejects.height,
        skipped=outcome.skipped,
        log_format=next((f.log_format.string for f in nginx), None),
        columns=tuple(filled),
        lacks=lacks,
        suggestion=_SUGGESTIONS.get(adviser) if lacks else None,
        reject=rejects["line"][0] if rejects.height else None,
        formats=describe_formats(file.path, how, lines.series),
        doubts=tuple(dict.fromkeys(doubt for f in formats for doubt in f.doubts)),
    )
