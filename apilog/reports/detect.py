"""`detect`: how each file is read, judged by its head, and what it does not tell."""

from __future__ import annotations

import os
from collections.abc import Sequence

import polars as pl

from apilog.engines.reading import reading_of
from apilog.engines.stored import logs_among
from apilog.errors import ApilogError, InputError, UsageError
from apilog.formats.advice import ADVICE, SUGGESTION
from apilog.formats.base import Lines
from apilog.formats.choice import Choice, choose
from apilog.formats.detect import detect
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.reading import Outcome, Reading, iter_formats, read
from apilog.model import Finding, Lack
from apilog.schema import SCHEMA
from apilog.sources import Source, find_sources, read_head

_OWN = {"source", "line_number", "route"}
"""Columns that apilog fills itself."""


def examine(
    files: Sequence[str | os.PathLike[str]],
    *,
    log_format: str | None = None,
    nginx_conf: str | os.PathLike[str] | None = None,
) -> tuple[list[Finding], list[ApilogError]]:
    """A finding for every file that can be read, and an error for every other one."""
    choice = choose(log_format, nginx_conf)
    logs, stores = logs_among(files)
    sources, not_found = find_sources(logs)
    problems: list[ApilogError] = [*stores, *not_found]
    findings: list[Finding] = []
    for source in sources:
        try:
            findings.append(_finding(source, choice))
        except (InputError, UsageError) as problem:
            problems.append(problem)
    return findings, problems


def _finding(source: Source, choice: Choice | None) -> Finding:
    lines = Lines(read_head(source))
    how = reading_of(source.path, lines.data, choice)
    columns = [name for name in SCHEMA if name not in _OWN]
    outcome = read(lines, how, columns, None if choice else detect)
    formats = [f for r in (how, outcome.found) if r for f in iter_formats(r)]
    names = [n for r in (how, outcome.found) if r and (n := r.name)]
    filled = _filled(outcome.records)
    gateways = tuple(dict.fromkeys(f.gateway for f in formats))
    lacks = tuple(
        Lack(column=column, directive=directive)
        for gateway in gateways[:1]
        for column, directive in ADVICE.get(gateway, {}).items()
        if column not in filled
    )
    return Finding(
        path=source.path,
        format=" + ".join(names) or None,
        gateways=gateways,
        lines=outcome.records.height + outcome.rejects.height + outcome.skipped,
        records=outcome.records.height,
        rejects=outcome.rejects.height,
        skipped=outcome.skipped,
        log_format=_log_format(how),
        columns=tuple(filled),
        lacks=lacks,
        suggestion=SUGGESTION if lacks and gateways[0] == "nginx" else None,
        reject=_first_reject(outcome),
    )


def _filled(records: pl.DataFrame) -> list[str]:
    return [s.name for s in records.iter_columns() if s.null_count() < records.height]


def _log_format(reading: Reading) -> str | None:
    """Of nginx alone: for other gateways such a string is only a way to say it."""
    formats = (f for f in iter_formats(reading) if isinstance(f, NginxFormat))
    return next((f.log_format.string for f in formats if f.gateway == "nginx"), None)


def _first_reject(outcome: Outcome) -> str | None:
    return outcome.rejects["line"][0] if outcome.rejects.height else None
