"""The schema of each document: what all have in common, and the tables of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from apilog.aggregate import finish, merge
from apilog.aggregate.table_specs import (
    EXTENSIBLE,
    EXTRA_TABLES,
    OBJECTIVES,
    SPECIFIED_TABLES,
    TABLES,
)
from apilog.alerts.batch import ALERTS_TABLE, alerts_table
from apilog.alerts.message import NOTICE_VERSION
from apilog.alerts.rules import NoticeEvent, Severity
from apilog.checks import baseline_file
from apilog.checks.check_tables import changed_table, checks_table, worst_table
from apilog.checks.compare import comparison_table
from apilog.checks.evaluate import DecisionPolicy
from apilog.checks.samples import SubjectSamples
from apilog.checks.threshold import ENDPOINT_COLUMNS
from apilog.developer_success import build_success_report
from apilog.developer_success.tables import MORE_TABLES, SUCCESS_TABLES
from apilog.json_schema.plain_objects import object_schema
from apilog.json_schema.tables import (
    REQUESTS,
    TIME,
    Schema,
    describe,
    metric_objects,
    or_null,
    record_columns,
    table_schema,
)
from apilog.options import ReportOptions, SuccessOptions
from apilog.render.data.json import FILE_KEYS, SCHEMA_VERSION
from apilog.report_model import (
    CheckState,
    DetectedFile,
    EstimatedColumn,
    FileInput,
    InputSummary,
    ReportFilters,
    TableLayout,
)
from apilog.reports import make_plan
from apilog.reports.found_routes import EMPTY_ROUTES, ROUTES
from apilog.schema import SCHEMA
from apilog.specifications import OperationCatalogue
from apilog.watch.frame import ERROR_COLUMNS, WATCH_PLAN

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT, _COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
_NUMBER_OR_NULL = {"type": ["number", "null"]}
_TABLE_MEANINGS: Mapping[str, str] = {
    "overview": "The whole window: one row.",
    "gateways": "A row is a gateway.",
    "traffic": "A row is a step of time, those without requests included.",
    "endpoints": "A row is a route of a gateway and method, or a value of the columns of --by.",
    "objectives": "A row is a service level objective of the configuration; there with some.",
    "statuses": "A row is a status; null for requests without one.",
    "errors": "A row is a status of 4xx or 5xx of an endpoint, and who caused it.",
    "latency": "A row is an endpoint with every latency metric.",
    "consumers": "A row is a consumer; null for requests that name none.",
    "histogram": "A row is a range of durations.",
    "heatmap": "A row is an hour of the week.",
    "status_traffic": "A row is a status in a step of time.",
    "models": "A row is a language model; null for requests of none.",
    "model_consumers": "A row is a language model and who called it.",
    "tools": "A row is a tool that was called by the Model Context Protocol.",
    "anomalies": "A row is an event: a time at which a metric was unlike what is usual.",
    "coverage": "A row is an operation that a specification declares or that was called; there "
    "with --openapi.",
    "deprecated": "A row is a caller of a deprecated operation; there with --openapi.",
    "checks": "A row is what a threshold came to, for each value that it is about.",
    "worst": "A row is an endpoint that did much for the failure of a threshold.",
    "changed": "A row is an endpoint that only one side has.",
    "comparison": "A row is a metric, of all requests or of an endpoint.",
    "alerts": "A row is a rule, or an alert of it.",
    "routes": "A row is a route.",
    **{name: f"A row is {table.meaning}." for name, table in SUCCESS_TABLES.items()},
    **{name: f"A row is {meaning}." for name, meaning in MORE_TABLES.items()},
}


def make_schema(name: str) -> Schema:
    """Return the schema of a document, one of `DOCUMENTS`."""
    return {
        "$schema": _DIALECT,
        "$id": f"urn:apilog:schema:{name}:{SCHEMA_VERSION}",
        "title": f"apilog {name}",
        **_MAKERS[name](),
    }


def _object(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": dict(properties)}


def _about(command: str) -> Schema:
    return _object(
        {
            "version": describe(_TEXT, "The apilog that wrote this."),
            "command": {"const": command},
            "schema_version": describe(
                {"const": SCHEMA_VERSION}, "Goes up when a key changes or goes."
            ),
        }
    )


def _span() -> dict[str, Schema]:
    limits = (("since", "start, inside"), ("until", "end, outside or the last record"))
    return {name: describe(or_null(TIME), f"Its {what}.") for name, what in limits}


def _window() -> Schema:
    strays = describe({"type": "integer", "minimum": 1}, "Requests at times far from all others.")
    schema = _object({**_span(), "strays": strays}, optional=("strays",))
    return describe(schema, "The limits given, else the times of the first and the last record.")


def _estimates() -> Schema:
    columns = {"type": "array", "items": object_schema(EstimatedColumn), "minItems": 1}
    return describe(columns, "The columns whose large counts of distinct values are estimates.")


def _filters() -> Schema:
    schema = object_schema(ReportFilters)
    schema["required"].remove("metrics")  # which is there if there are some
    return describe(schema, "What was asked for.")


def _input() -> Schema:
    counts = object_schema(InputSummary, ("lines", "records", "rejects", "skipped"))
    files = {"type": "array", "items": object_schema(FileInput, FILE_KEYS)}
    counts["properties"]["files"] = files
    counts["required"].append("files")
    return describe(counts, "What was read: lines = records + rejects + skipped.")


def _tables(tables: Mapping[str, Schema]) -> Schema:
    """Return the schema of tables by name; `--table` chooses some of them."""
    known = {n: describe(t, m) if (m := _TABLE_MEANINGS.get(n)) else t for n, t in tables.items()}
    return {"type": "object", "properties": known}


def _report_document(command: str, tables: Mapping[str, Schema], **more: Schema) -> Schema:
    """Return the schema of a document with tables; `more` are its further keys."""
    optional = tuple(key for key in ("estimates", "previous", "report") if key in more)
    return _object(
        {
            "apilog": _about(command),
            "filters": _filters(),
            "window": _window(),
            **more,
            "input": _input(),
            "tables": _tables(tables),
        },
        optional=optional,
    )


def _report_frames() -> dict[str, pl.DataFrame]:
    objective = {"availability": {"objective": "99.9%", "good": "status < 500"}}
    names = [*TABLES, *EXTRA_TABLES, OBJECTIVES]
    plan = make_plan(ReportOptions(tables=names, own_metrics=objective))
    tables = (*plan.tables, *SPECIFIED_TABLES.values())
    plan = replace(plan, tables=tables, specifications=OperationCatalogue(()))
    return finish(plan, merge(plan, [])).tables


_FURTHER_METRIC = describe(
    {"type": ["number", "string", "null"]}, "A metric that --metrics or the configuration names."
)


def _report_tables() -> dict[str, Schema]:
    more = {name: record_columns(name) for name in ("endpoints", "coverage")}
    tables = {
        name: table_schema(name, frame.schema, more=more.get(name))
        for name, frame in _report_frames().items()
    }
    for name in EXTENSIBLE:
        tables[name]["items"]["additionalProperties"] = _FURTHER_METRIC
    return tables


def _report() -> Schema:
    overview = _report_frames()["overview"]
    earlier = _object(
        {
            "window": _object(_span()),
            "overview": {
                "type": "object",
                "properties": metric_objects(overview.schema, "overview"),
                "additionalProperties": _FURTHER_METRIC,
            },
        }
    )
    said = (
        "The window before, of the same length; null unless the sources tell of it. "
        "It is there where the table overview is."
    )
    own = _object(
        {
            "title": {"type": "string"},
            "tables": {"type": "array", "items": object_schema(TableLayout)},
        }
    )
    declared = "Of a report of one's own: what it is called, and how its tables are shown."
    return _report_document(
        "report",
        _report_tables(),
        estimates=_estimates(),
        report=describe(own, declared),
        previous=describe(or_null(earlier), said),
    )


def _export() -> Schema:
    return _report_document("export", _report_tables(), estimates=_estimates())


def _state() -> Schema:
    return describe({"enum": [*CheckState]}, "What all thresholds, or alerts, come to.")


def _no_samples() -> SubjectSamples:
    return SubjectSamples(samples={}, total=0)


def _check() -> Schema:
    frames = {
        "checks": checks_table({}),
        "worst": worst_table([]),
        "changed": changed_table(_no_samples(), _no_samples()),
    }
    tables = {name: table_schema(name, frame.schema) for name, frame in frames.items()}
    # The columns that thresholds choose by, or split by, of requests or accounts.
    chosen = {"type": ["string", "integer", "null"]}
    row = tables["checks"]["items"]
    row["properties"] = {**record_columns("checks"), **row["properties"]}
    row["additionalProperties"] = chosen
    return _report_document("check", tables, state=_state())


def _alerts() -> Schema:
    table = table_schema(ALERTS_TABLE, alerts_table([], []).schema)
    return _report_document("check", {ALERTS_TABLE: table}, state=_state())


def _compare() -> Schema:
    comparison = comparison_table([], ENDPOINT_COLUMNS, DecisionPolicy())
    frames = {
        "comparison": comparison,
        "changed": changed_table(_no_samples(), _no_samples()),
    }
    tables = {name: table_schema(name, frame.schema) for name, frame in frames.items()}
    return _report_document("compare", tables)


def _query() -> Schema:
    said = "The rows of the SELECT: what its columns are is the query's."
    result = {"type": "array", "items": {"type": "object"}}
    return _report_document("query", {"result": describe(result, said)})


def _routes() -> Schema:
    return _report_document("routes", {ROUTES: table_schema(ROUTES, EMPTY_ROUTES.schema)})


def _success() -> Schema:
    # No accounts and no calls give all tables, and the types of their columns.
    empty = SuccessOptions(accounts=os.devnull, as_of="2026-01-01")
    tables = {
        name: table_schema(name, frame.schema)
        for name, frame in build_success_report([os.devnull], empty).tables.items()
    }
    for name in SUCCESS_TABLES:
        group = describe({"type": ["string", "null"]}, "A column of --by.")
        tables[name]["items"]["additionalProperties"] = group
    return _report_document("success", tables)


def _detect() -> Schema:
    error = _object({"error": _TEXT, "hint": _TEXT})
    return _object(
        {
            "apilog": _about("detect"),
            "files": {"type": "array", "items": object_schema(DetectedFile)},
            "errors": describe({"type": "array", "items": error}, "Why others can't be read."),
        }
    )


def _alert_keys() -> dict[str, Schema]:
    labels = {"type": "object", "additionalProperties": _TEXT}
    return {
        "alert": describe(_TEXT, "Name of the rule."),
        "severity": describe({"enum": [*Severity]}, "How severe the rule says it is."),
        "threshold": describe(_TEXT, "The condition of the rule."),
        "labels": describe(labels, "The values of columns that it is about."),
        "value": describe(_NUMBER_OR_NULL, "What was measured, in the metric's unit."),
        "limit": describe(_NUMBER_OR_NULL, "What it was held against."),
        "requests": describe(_COUNT, "What the value was measured on."),
        "since": describe(TIME, "Since when it has been so."),
    }


def _watch() -> Schema:
    frames = finish(WATCH_PLAN, merge(WATCH_PLAN, [])).tables
    counts = ("lines", "records", "rejects", "skipped", "late", "ahead")
    requests = {name: pl.Schema({name: SCHEMA[name]})[name] for name in ERROR_COLUMNS}
    rows = {
        "endpoints": table_schema("endpoints", frames["endpoints"].schema),
        "newest_errors": table_schema(REQUESTS, requests),
    }
    return describe(
        _object(
            {
                "apilog": _about("watch"),
                "timestamp": describe(TIME, "When this was so."),
                "window": _object(_span()),
                **metric_objects(frames["overview"].schema, "overview"),
                "input": _object(dict.fromkeys(counts, _COUNT)),
                "alerts": {"type": "array", "items": _object(_alert_keys())},
                **rows,
            }
        ),
        "One line each interval.",
    )


def _store_info() -> Schema:
    when = or_null(TIME)
    counts = ("days", "records", "rejects", "inputs", "files")
    return _object(
        {
            "apilog": _about("store info"),
            "store": describe(_TEXT, "Its folder or URL."),
            "version": describe(_COUNT, "Of the store's manifest."),
            "generation": describe(_COUNT, "How often it was changed."),
            "written": describe(TIME, "When it was changed last."),
            "first": describe(when, "The time of the first record."),
            "last": describe(when, "The time of the last record."),
            **dict.fromkeys(counts, _COUNT),
            "size": {**_COUNT, "x-unit": "bytes"},
        }
    )


def _list(name: str) -> Callable[[], Schema]:
    """Return what makes the schema of a list of flat rows of texts."""

    def make() -> Schema:
        row = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
        return _report_document(name, {name: {"type": "array", "items": row}})

    return make


def _own_metrics_of_a_route(counts: Schema) -> dict[str, Schema]:
    """Return what a baseline has of a route for metrics that are not built in."""
    by_part = {"type": "object", "additionalProperties": counts}
    number = {"type": ["integer", "null"]}
    values = {"type": "object", "additionalProperties": number, "properties": {"buckets": counts}}
    return {
        "counted": describe(counts, "Requests by part of a metric."),
        "counted_over_time": describe(by_part, "The same by slice of time."),
        "values": describe(
            {"type": "object", "additionalProperties": values},
            "Of what metrics are made of: count, sum and extremes in thousandths, and buckets.",
        ),
    }


def _baseline() -> Schema:
    counts = {"type": "object", "additionalProperties": _COUNT}
    series = {
        "type": "object",
        "additionalProperties": {"type": ["array", "object"], "items": _COUNT},
    }
    route = {
        **{name: or_null(_TEXT) for name in ENDPOINT_COLUMNS},
        "folded": describe({"const": True}, "Whether several routes are in it."),
        "statuses": describe(counts, "Requests by status; `none` for those without."),
        "over_time": describe(series, "Requests by status and slice of time."),
        **_own_metrics_of_a_route(counts),
    }
    for short in ("latency", "upstream_latency"):
        sums = ("n", "us", "min_us", "max_us")
        route[short] = _object({key: {"type": ["integer", "null"]} for key in sums})
        route[f"{short}_ms"] = describe(counts, "Requests by duration, in buckets 2 % wide.")
    slices = _object({"step": _TEXT, "first": TIME})
    times = ("since", "until", "first", "last")
    optional = (*(name for name in route if name not in (*ENDPOINT_COLUMNS, "statuses")),)
    return describe(
        _object(
            {
                "apilog_baseline": describe({"const": baseline_file.VERSION}, "Of this format."),
                "version": describe(_TEXT, "The apilog that wrote this."),
                **dict.fromkeys(times, or_null(TIME)),
                "formats": {"type": "array", "items": _TEXT},
                "where": or_null(_TEXT),
                "requests": _COUNT,
                "templates": describe(
                    {"type": "array", "items": {"type": "object"}},
                    "What was known of routes: positions of paths that hold values.",
                ),
                "slices": describe(slices, "What `over_time` counts slices of."),
                "metrics": describe(
                    {"type": "object", "additionalProperties": _TEXT},
                    "What metrics of one's own meant when it was made.",
                ),
                "routes": {"type": "array", "items": _object(route, optional=optional)},
            },
            optional=("templates", "slices", "metrics"),
        ),
        "What `apilog baseline` saves; it has a version of its own.",
    )


def _notice() -> Schema:
    keys: dict[str, Any] = {
        "version": describe({"const": NOTICE_VERSION}, "Of this format."),
        "event": {"enum": [*NoticeEvent]},
        "repeated": describe({"type": "boolean"}, "Whether it was told before."),
        **_alert_keys(),
        "over_seconds": {"type": "number", "minimum": 0, "x-unit": "seconds"},
        "at": describe(TIME, "When it was so."),
        "message": describe(_TEXT, "The same in one line."),
    }
    return describe(_object(keys), "What a webhook gets, and a command on stdin.")


_MAKERS: Mapping[str, Callable[[], Schema]] = {
    "report": _report,
    "check": _check,
    "alerts": _alerts,
    "compare": _compare,
    "query": _query,
    "routes": _routes,
    "success": _success,
    "export": _export,
    "detect": _detect,
    "watch": _watch,
    "store-info": _store_info,
    **{name: _list(name) for name in ("formats", "schema", "metrics", "config")},
    "baseline": _baseline,
    "notice": _notice,
}
