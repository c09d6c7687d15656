"""One report over logs of several gateways: each is counted as its own, and all of them once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

import apilog
from apilog.report_model import Report
from tests.aggregate import oracle
from tests.formats.gateways import (
    apigee_renderings,
    aws_renderings,
    azure_renderings,
    nginx_renderings,
)
from tests.formats.gateways.sample_calls import CALLS, Call, Rendering

SHAPES: Mapping[str, tuple[Rendering, int]] = {
    "access.log": (nginx_renderings.FORMATS["nginx, apilog's log_format"], 15),
    "000000.gz": (aws_renderings.DELIVERIES["AWS JSON, export to S3"], 14),
    "analytics.csv": (apigee_renderings.FORMATS["Apigee, analytics with commas"], 13),
    "PT1H.json": (azure_renderings.FORMATS["Azure APIM, storage"], 12),
    "agw.json": (azure_renderings.DELIVERIES["Azure App Gateway v2, records object"], 11),
    "afd.json": (azure_renderings.FORMATS["Azure Front Door, lines"], 10),
}
"""File to its shape, and how many of the calls went through that gateway."""


def calls_of(name: str) -> tuple[Call, ...]:
    return CALLS[: SHAPES[name][1]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Logs of every gateway beside each other."""
    for name, (shape, _) in SHAPES.items():
        (tmp_path / name).write_bytes(shape.write(calls_of(name)))
    return tmp_path


@pytest.fixture
def report(folder: Path) -> Report:
    return apilog.report(folder)


def rows(report: Report, table: str) -> list[dict[str, object]]:
    return report.tables[table].to_dicts()


@pytest.mark.slow
def test_each_file_is_read_as_what_it_is(report: Report) -> None:
    found = {Path(file.path).name: (file.format, file.records) for file in report.input.files}
    assert found == {
        "access.log": ("apilog", 15),
        "000000.gz": ("cloudwatch-export: aws-apigateway", 14),
        "analytics.csv": ("apigee", 13),
        "PT1H.json": ("azure-apim", 12),
        "agw.json": ("azure-appgateway", 11),
        "afd.json": ("azure-frontdoor", 10),
    }
    assert (report.input.rejects, report.input.skipped) == (0, 1)  # the header of the CSV file


@pytest.mark.slow
def test_the_gateways_are_counted_apart(report: Report) -> None:
    expected = {shape.gateway: count for shape, count in SHAPES.values()}
    assert {row["gateway"]: row["requests"] for row in rows(report, "gateways")} == expected


@pytest.mark.slow
def test_a_request_through_two_gateways_is_two(report: Report) -> None:
    (overview,) = rows(report, "overview")
    assert overview["requests"] == sum(count for _, count in SHAPES.values())
    statuses = {row["status"]: row["requests"] for row in rows(report, "statuses")}
    assert statuses == {
        status: sum(call.status == status for name in SHAPES for call in calls_of(name))
        for status in {call.status for call in CALLS}
    }


@pytest.mark.slow
def test_a_consumer_is_one_whatever_gateway_it_came_through(report: Report) -> None:
    known = [call.consumer for call in CALLS if call.consumer]
    assert {row["consumer"] for row in rows(report, "consumers")} == {*known, None}
    assert rows(report, "overview")[0]["consumers"] == len(set(known))


@pytest.mark.slow
def test_whose_errors_they_are_is_told_in_each_gateway(report: Report) -> None:
    expected: Counter[tuple[object, ...]] = Counter()
    for name, (shape, _) in SHAPES.items():
        for record in map(shape.record, calls_of(name)):
            if source := oracle.error_source(record):
                expected[shape.gateway, record["status"], source] += 1
    errors = report.tables["errors"].group_by("gateway", "status", "error_source")
    found = {row[:3]: row[3] for row in errors.agg(pl.col("requests").sum()).rows()}
    assert found == expected
    assert {source for _, _, source in expected} == {"client", "gateway", "upstream"}


def test_one_file_may_hold_lines_of_several_gateways(tmp_path: Path) -> None:
    names = ("Azure APIM, storage", "Azure Front Door, lines")
    shapes = [
        nginx_renderings.FORMATS["nginx, apilog's log_format"],
        aws_renderings.FORMATS["AWS REST, template"],
        *(azure_renderings.FORMATS[name] for name in names),
    ]
    written = [shape.write(CALLS).splitlines(keepends=True) for shape in shapes]
    lines = [line for together in zip(*written, strict=True) for line in together]
    (tmp_path / "all.log").write_bytes(b"".join(lines))
    report = apilog.report(tmp_path / "all.log")
    assert report.input.rejects == 0
    assert {row["gateway"]: row["requests"] for row in rows(report, "gateways")} == {
        shape.gateway: len(CALLS) for shape in shapes
    }
    (row,) = [r for r in rows(report, "statuses") if r["status"] == 503]
    assert row["requests"] == 2 * len(shapes)
