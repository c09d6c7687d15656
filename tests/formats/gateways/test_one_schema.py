"""The same calls give the same tables, through any gateway and in any rendering.

What a rendering lacks is null, never 0; and it changes nothing of what the rendering has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import apilog
from apilog.aggregate import TABLES, ReportPlan, select_tables
from apilog.schema import SCHEMA
from tests.aggregate import oracle
from tests.aggregate.definition_checks import run
from tests.aggregate.oracle import Record, frame_of
from tests.examples import about
from tests.formats.gateways import (
    apigee_renderings,
    aws_renderings,
    azure_renderings,
    nginx_renderings,
)
from tests.formats.gateways.sample_calls import CALLS, SOURCES, Call, Rendering, traffic

FORMATS: Mapping[str, Rendering] = {
    **nginx_renderings.FORMATS,
    **aws_renderings.FORMATS,
    **apigee_renderings.FORMATS,
    **azure_renderings.FORMATS,
}
SHAPES: Mapping[str, Rendering] = {
    **FORMATS,
    **aws_renderings.DELIVERIES,
    **apigee_renderings.DELIVERIES,
    **azure_renderings.DELIVERIES,
}
SAME_WAYS = (
    *("AWS CLF, ", "AWS CSV, ", "AWS XML, ", "AWS JSON, numbers without quotes, "),
    *("Apigee, analytics as JSON, ", "Azure APIM, storage, "),
)
"""Beginnings of names: deliveries of other texts in the ways of `AWS JSON, …`."""
SAME_WAY = [name for name in SHAPES if name.startswith(SAME_WAYS) and name not in FORMATS]
HELD_BY_OTHERS = frozenset(SAME_WAY) - frozenset(SAME_WAY[::3])
"""All but every third: ways that `AWS JSON` is held in, and most often another text, too."""
SHOWN = (
    *("nginx, combined", "nginx, JSON", "nginx, LTSV"),
    *("AWS REST, template", "AWS WebSocket, template"),
    *(
        "Apigee, analytics as JSON",
        "Apigee, analytics with commas",
        "Apigee, Google's message template",
    ),
    *("Azure APIM, storage", "Azure APIM, portal CSV"),
    *("Azure App Gateway v2, lines", "Azure Front Door, lines"),
)
"""Renderings that stand for others where the tables of a report are made of them."""
COLUMNS = tuple(name for name in SCHEMA if name not in ("source", "line_number"))
OF_REQUESTS = tuple(name for name in TABLES if name != "anomalies")


def records_of(shape: Rendering, calls: Sequence[Call]) -> list[Record]:
    """Return the records that are to be read."""
    return [shape.record(call) for call in calls]


@cache
def tables_of(shown: tuple[tuple[tuple[str, object], ...], ...]) -> dict[str, pl.DataFrame]:
    """Return the tables of a report on these records, which were in no log."""
    return run(ReportPlan(tables=select_tables(OF_REQUESTS)), [dict(row) for row in shown]).tables


def check_records(
    shape: Rendering, calls: Sequence[Call], path: Path, columns: Sequence[str] = COLUMNS
) -> None:
    """Assert that the calls, written in this rendering, are read as it logs them.

    Not every delivery keeps the order of time.
    """
    path.write_bytes(shape.write(calls))
    found = apilog.scan(path).select(columns).collect()
    expected = frame_of(records_of(shape, calls)).select(columns)
    order = ("timestamp", "request_id")
    assert_frame_equal(found.sort(order), expected.sort(order))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.startswith(SAME_WAYS) else ())
        for name in SHAPES
        if name not in HELD_BY_OTHERS
    ],
)
def test_the_records_are_those_of_the_requests(name: str, tmp_path: Path) -> None:
    # Where a route comes from is a matter of the format; finding routes takes a second pass.
    columns = COLUMNS if name in FORMATS else [name for name in COLUMNS if name != "route"]
    check_records(SHAPES[name], CALLS, tmp_path / "log", columns)


@pytest.mark.parametrize("name", SHOWN)
def test_the_tables_are_those_of_the_requests(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    (tmp_path / "log").write_bytes(shape.write(CALLS))
    report = apilog.report([tmp_path / "log"], tables=OF_REQUESTS)
    assert (report.input.records, report.input.rejects) == (len(CALLS), 0)
    assert report.input.lines == len(CALLS) + report.input.skipped
    shown = tuple(tuple(record.items()) for record in records_of(shape, CALLS))
    for table, expected in tables_of(shown).items():
        assert_frame_equal(report.tables[table], expected)


@pytest.mark.parametrize("name", SHOWN)
def test_one_request_is_enough_to_be_recognised(name: str, tmp_path: Path) -> None:
    check_records(SHAPES[name], CALLS[:1], tmp_path / "log")


@settings(max_examples=about(15))
@given(name=st.sampled_from(list(SHAPES)), calls=traffic())
def test_any_traffic_is_read_as_it_was(
    name: str, calls: list[Call], tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_records(SHAPES[name], calls, tmp_path_factory.getbasetemp() / "one-schema.log")


@pytest.mark.slow
@settings(max_examples=about(20))
@given(name=st.sampled_from(list(SHAPES)), calls=traffic())
def test_more_traffic_is_read_as_it_was(
    name: str, calls: list[Call], tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_records(SHAPES[name], calls, tmp_path_factory.getbasetemp() / "one-schema.log")


# Whose the errors are

_NGINX_TRIED = {8: "upstream", 9: "upstream"}
"""nginx logs its own 502 and 504 as the service's where it had tried to reach it."""
_NOT_TOLD = dict.fromkeys((8, 9, 14), "unknown")
TOLD: Mapping[str, Mapping[int, str]] = {
    "nginx, apilog's log_format": SOURCES | _NGINX_TRIED,
    "nginx, ingress": SOURCES | _NGINX_TRIED,
    "nginx, JSON": SOURCES | _NGINX_TRIED,
    "nginx, LTSV": SOURCES | _NGINX_TRIED,
    "nginx, combined": SOURCES | dict.fromkeys((6, 7, 8, 9, 13, 14), "unknown"),
    "AWS REST, template": SOURCES,
    "AWS HTTP, template": SOURCES,
    "AWS WebSocket, template": SOURCES,
    "AWS REST, preset console": SOURCES | dict.fromkeys((6, 7, 8, 9, 13, 14), "unknown"),
    "Apigee, analytics as JSON": SOURCES,
    "Apigee, analytics with commas": SOURCES,
    "Apigee, Google's message template": SOURCES,
    "Apigee, apilog's policy": SOURCES,
    "Apigee, router log, apigee-router": SOURCES,
    "Azure APIM, storage": SOURCES,
    "Azure APIM, portal CSV": SOURCES,
    "Azure APIM, AzureDiagnostics": SOURCES,
    "Azure App Gateway v1, lines": SOURCES | _NOT_TOLD,
    "Azure App Gateway v2, lines": SOURCES,
    "Azure Front Door, lines": SOURCES,
}
"""Rendering to the sources of the errors of the calls, as far as it can tell them."""


@pytest.mark.parametrize("name", TOLD)
def test_client_gateway_and_service_are_told_apart(name: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(SHAPES[name].write(CALLS))
    report = apilog.report(
        tmp_path / "log", by=["timestamp", "error_source"], bucket="1s", tables=["endpoints"]
    )
    found = {
        row["timestamp"]: row["error_source"]
        for row in report.tables["endpoints"].to_dicts()
        if row["error_source"]
    }
    second = {call.number: call.at.replace(microsecond=0) for call in CALLS}
    assert found == {second[number]: source for number, source in TOLD[name].items()}


# The shapes themselves


def test_what_two_shapes_tell_is_the_same() -> None:
    """Renderings differ only in the gateway's name, its own names of failures and its ids."""
    own = {"gateway", "error_type", "request_id", "operation", "upstream_status", "user_agent"}
    own |= {"api_version"}
    for shape in SHAPES.values():
        for call in CALLS:
            told = {k: v for k, v in shape.record(call).items() if k not in own}
            at = call.at.replace(microsecond=0) if shape.in_seconds else call.at
            assert told.items() <= {**call.record, "timestamp": at}.items()


def test_every_gateway_tells_what_a_report_is_about() -> None:
    for name, shape in SHAPES.items():
        assert shape.lacks <= set(SCHEMA), name
        assert not shape.lacks & {"timestamp", "status"}, name
    for gateway in {shape.gateway for shape in SHAPES.values()}:
        lacked = frozenset.intersection(
            *(shape.lacks for shape in SHAPES.values() if shape.gateway == gateway)
        )
        assert not lacked & {"method", "path", "route", "duration_ms", "response_bytes"}, gateway


def test_the_sources_of_errors_are_as_their_definition_says() -> None:
    shape = FORMATS["Azure APIM, storage"]
    found = {c.number: oracle.error_source(shape.record(c)) for c in CALLS}
    assert {number: source for number, source in found.items() if source} == SOURCES
