"""A first OpenAPI document from logs: what is called, in two passes over the sources.

The first one finds the routes, as every report does. The second holds the paths against them, to
tell of what kind parameters are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from apilog.aggregate import OTHER_TEXT
from apilog.aggregate.table_rows import NOT_FOUND_TEXT
from apilog.engine.source_pass import SourcePass
from apilog.errors import InputError, UsageError
from apilog.options import OpenApiOptions, ReportOptions, Source
from apilog.report_model import Report
from apilog.reports.build import build_report
from apilog.routes.classify import without_extras
from apilog.schema import is_within
from apilog.sources import STDIN
from apilog.specifications.operations import METHODS
from apilog.specifications.path_automaton import PathAutomaton
from apilog.specifications.skeleton import (
    FORMATS,
    CalledPath,
    ParameterFacts,
    collect_paths,
    draw_document,
    make_document,
    query_name,
)
from apilog.specifications.templates import LITERAL
from apilog.text.units import format_count
from apilog.time import parse_window

_UUID = r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_COLON = "(?::|%3A)"
_TIME = rf"[0-9]{{2}}{_COLON}[0-9]{{2}}{_COLON}[0-9]{{2}}(?:\.[0-9]+)?"
_ZONE = rf"(?:Z|(?:[+-]|%2B)[0-9]{{2}}{_COLON}[0-9]{{2}})"
_PATTERNS: Mapping[str, str] = {
    "integer": r"^-?[0-9]{1,18}$",
    "uuid": _UUID,
    "date": f"^{_DATE}$",
    "date-time": f"^{_DATE}[Tt]{_TIME}{_ZONE}$",
    "email": r"^[A-Za-z0-9._%+'-]+(?:@|%40)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}$",
    "ipv4": r"^(?:[0-9]{1,3}\.){3}[0-9]{1,3}$",
    "boolean": "^(?:true|false)$",
}
_KINDS = tuple(FORMATS)
_MOST_NAMES = 20_000
"""The most query parameters and hosts that are kept while the log is read; the rarer ones go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApiResult:
    """A document made from logs."""

    document: Mapping[str, Any]
    """An OpenAPI 3.1 document."""
    report: Report
    """The account of the inputs, without tables, and notes on what could not be written."""

    @property
    def text(self) -> str:
        """The document as YAML; `UsageError` without PyYAML."""
        return draw_document(self.document, as_json=False)

    @property
    def json(self) -> str:
        """The document as JSON."""
        return draw_document(self.document, as_json=True)


def make_skeleton(sources: Sequence[Source], options: OpenApiOptions) -> OpenApiResult:
    """Return a document of the calls that succeed or fail for a reason: not of what nobody found.

    Raises UsageError for options that can't be understood and for standard input, and InputError
    where there is no call to write about.
    """
    if STDIN in [os.fspath(source) for source in sources]:
        raise UsageError(
            "standard input can't be read twice, for routes and for parameters",
            "save the log to a file, or `apilog ingest` it",
        )
    by = ("method", "route", "status")
    report = build_report(
        sources, options.convert_to(ReportOptions, by=by, tables=["endpoints"])
    ).if_read()
    calls = report.tables["endpoints"]
    is_folded = calls["route"].is_in([OTHER_TEXT, NOT_FOUND_TEXT]).fill_null(value=False)
    paths, left_out = collect_paths(calls.filter(~is_folded).select(by).iter_rows())
    if not paths:
        raise InputError(
            "there is no request to write a document about", "choose another time or other sources"
        )
    facts, paths = _read_facts(sources, replace(options, rejects=None, progress=None), paths)
    notes = [*report.notes]
    others = int(calls.filter(pl.col("route") == OTHER_TEXT)["requests"].sum())
    if others:
        notes.append(f"{format_count(others)} requests to rarer routes are left out: --max-routes")
    if left_out:
        count = format_count(left_out)
        notes.append(f"{count} methods and routes are left out, which OpenAPI has no words for")
    return OpenApiResult(
        document=make_document(paths, facts),
        report=replace(report, command="openapi", tables={}, notes=tuple(notes)),
    )


@dataclass(frozen=True, slots=True)
class _FactsState:
    """What some records tell of parameters: small frames that merge."""

    segments: pl.DataFrame
    """`path`, `place`, and whether all values are of each kind."""
    queries: pl.DataFrame
    """`path`, `method`, `name`, `requests`, and the same."""
    hosts: pl.DataFrame
    """`host`, `requests`."""
    calls: pl.DataFrame
    """`path`, `method`, `status`, each once."""


def _read_facts(
    sources: Sequence[Source], options: OpenApiOptions, paths: Sequence[CalledPath]
) -> tuple[ParameterFacts, list[CalledPath]]:
    """Return what is known of the paths, and the paths with the calls that are theirs.

    Templates know no kinds: what a report tells apart by them may be of another path here, as it is
    for everyone who reads the document.
    """
    collector = _FactsCollector(paths)
    window = parse_window(options.since, options.until, options.tz)
    source_pass = SourcePass(
        sources,
        options,
        frozenset({"method", "path", "route", "status", "host"}),
        lambda records: collector.collect(
            records.filter(is_within(window)) if window.is_limited else records
        ),
        window=window,
    )
    state = source_pass.merge_results(collector.merge)
    called = [CalledPath(path.template) for path in paths]
    for path, method, status in state.calls.iter_rows():
        known = called[path].statuses.setdefault(method, set())
        known.update({status} if status in range(100, 600) else ())
    for each in called:
        # Where all that came of a method is a 404, nothing is there.
        each.statuses = {m: known for m, known in each.statuses.items() if known != {404}}
    facts = ParameterFacts(
        formats={
            (path, place): kind
            for path, place, *flags in state.segments.iter_rows()
            if (kind := _first_kind(flags))
        },
        queries=_queries_of(state.queries),
        hosts=dict(state.hosts.iter_rows()),
    )
    return facts, called


def _first_kind(flags: Sequence[bool]) -> str:
    return next((kind for kind, is_all in zip(_KINDS, flags, strict=True) if is_all), "")


def _queries_of(queries: pl.DataFrame) -> dict[tuple[int, str], list[tuple[str, str]]]:
    found: dict[tuple[int, str], list[tuple[str, str]]] = {}
    ordered = queries.sort("requests", "name", descending=[True, False])
    for path, method, text, _, *flags in ordered.iter_rows():
        name = query_name(text)
        names = found.setdefault((path, method), [])
        if name is not None and name not in [known for known, _ in names]:
            names.append((name, _first_kind(flags)))
    return found


class _FactsCollector:
    """Tells what values of parameters look like, and forgets them."""

    def __init__(self, paths: Sequence[CalledPath]) -> None:
        templates = [path.template for path in paths]
        self._templates = templates
        self._places = pl.DataFrame(
            [
                (number, place)
                for number, template in enumerate(templates)
                for place, segment in enumerate(template.segments, 1)
                if segment.kind != LITERAL
            ],
            schema={"path": pl.Int32, "place": pl.Int64},
            orient="row",
        )

    @cached_property
    def _automaton(self) -> PathAutomaton:
        return PathAutomaton(self._templates)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what other processes make for themselves: it has a lock."""
        return {name: value for name, value in vars(self).items() if name != "_automaton"}

    def collect(self, records: pl.DataFrame) -> _FactsState:
        """Return what the records tell; those that failed tell nothing of parameters."""
        frame = records.select(
            pl.col("method").cast(pl.String).str.to_lowercase(),
            pl.col("path").cast(pl.String).fill_null(pl.col("route").cast(pl.String)),
            pl.col("host").cast(pl.String),
            "status",
        )
        hosts = frame.select(
            pl.col("host").str.to_lowercase().str.replace(r":[0-9]+$", "")
        ).drop_nulls()
        is_good = (pl.col("status") < 400).fill_null(value=True)
        distinct = frame.select("path").drop_nulls().unique()
        plain = without_extras(distinct["path"])
        numbers = self._automaton.match(plain)
        matched = pl.DataFrame(
            {"full": distinct["path"], "plain": plain, "path": numbers}
        ).drop_nulls("path")
        joined = frame.rename({"path": "full"}).join(matched.drop("plain"), on="full")
        known = joined.filter(pl.col("method").is_in(METHODS))
        good = known.filter(is_good)
        fit = matched.filter(pl.col("full").is_in(good["full"].implode()))
        return self._bounded(
            _FactsState(
                self._segments(fit),
                _query_parts(good),
                hosts.group_by("host").agg(pl.len().cast(pl.Int64).alias("requests")),
                known.select("path", "method", "status").unique(),
            )
        )

    def _segments(self, matched: pl.DataFrame) -> pl.DataFrame:
        values = matched.select("path", parts=pl.col("plain").str.split("/"))
        joined = values.join(self._places, on="path").select(
            "path", "place", value=pl.col("parts").list.get(pl.col("place"), null_on_oob=True)
        )
        known = joined.filter(pl.col("value").is_not_null())
        return known.group_by("path", "place").agg(_kind_flags("value"))

    def merge(self, states: Sequence[_FactsState]) -> _FactsState:
        """Return one state for several."""
        if not states:
            return self.collect(pl.DataFrame(schema=_RECORD_SCHEMA))
        flags = [pl.col(kind).all() for kind in _KINDS]
        requests = pl.col("requests").sum()
        segments = pl.concat([s.segments for s in states]).group_by("path", "place").agg(flags)
        queries = pl.concat([s.queries for s in states])
        hosts = pl.concat([s.hosts for s in states])
        return self._bounded(
            _FactsState(
                segments,
                queries.group_by("path", "method", "name").agg(requests, *flags),
                hosts.group_by("host").agg(requests),
                pl.concat([s.calls for s in states]).unique(),
            )
        )

    def _bounded(self, state: _FactsState) -> _FactsState:
        def busiest(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
            if frame.height <= _MOST_NAMES:
                return frame
            order = [True, *(False for _ in keys)]
            return frame.sort("requests", *keys, descending=order).head(_MOST_NAMES)

        queries = busiest(state.queries, "path", "method", "name")
        return replace(state, queries=queries, hosts=busiest(state.hosts, "host"))


_RECORD_SCHEMA = {
    **dict.fromkeys(("method", "path", "route", "host"), pl.String()),
    "status": pl.Int16(),
}


def _query_parts(good: pl.DataFrame) -> pl.DataFrame:
    """Return the names in the queries of paths; parts without a `=` may be values."""
    rows = (
        good.filter(pl.col("full").str.contains("?", literal=True))
        .with_columns(part=pl.col("full").str.replace(r"(?s)^[^?]*\?", "").str.split("&"))
        .explode("part", empty_as_null=True)
        .filter(pl.col("part").str.contains("=", literal=True))
        .with_columns(pair=pl.col("part").str.splitn("=", 2))
        .select(
            *("path", "method"),
            name=pl.col("pair").struct.field("field_0"),
            value=pl.col("pair").struct.field("field_1"),
        )
    )
    requests = pl.len().cast(pl.Int64).alias("requests")
    return rows.group_by("path", "method", "name").agg(requests, *_kind_flags("value"))


def _kind_flags(column: str) -> list[pl.Expr]:
    """Return whether all values are of each kind."""
    value = pl.col(column)
    return [value.str.contains(_PATTERNS[kind]).all().alias(kind) for kind in _KINDS]
