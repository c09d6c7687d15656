"""The text exposition as Prometheus' own parser reads it."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from apilog.render import OUTPUTS, OutputOptions
from tests.any_text import any_text
from tests.commands import Run
from tests.examples import about
from tests.render.hostile_report import hostile_report
from tests.weblog import SAMPLE_LOGS

LOG = str(SAMPLE_LOGS / "api.log")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> Samples:
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, "a series is there twice"
            samples[key] = sample.value
    return samples


def drawn(report: Any) -> Samples:
    stream = io.BytesIO()
    OUTPUTS["prometheus"].write(report, stream, OutputOptions())
    return parse(stream.getvalue().decode())


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


@pytest.mark.slow
def test_it_has_the_figures_of_the_report(run: Run) -> None:
    found = parse(run("report", LOG, "-f", "prometheus").text)
    document = json.loads(run("report", LOG, "-f", "json").text)
    tables = document["tables"]
    (overview,) = tables["overview"]
    assert found["apilog_requests", ()] == overview["requests"]
    assert found["apilog_error_ratio", ()] == overview["error_rate"]
    assert found["apilog_requests_per_second", ()] == overview["request_rate"]
    assert math.isclose(found["apilog_latency_p95_seconds", ()], overview["latency_p95_ms"] / 1000)
    for row in tables["endpoints"]:
        of_row = labels(gateway=row["gateway"] or "", method=row["method"], route=row["route"])
        assert found["apilog_endpoints_requests", of_row] == row["requests"]
        assert found["apilog_endpoints_response_bytes", of_row] == row["response_bytes"]
    for row in tables["statuses"]:
        assert (
            found["apilog_statuses_requests", labels(status=str(row["status"]))] == row["requests"]
        )
    assert found["apilog_input_lines", labels(kind="records")] == 1500
    assert ("apilog_build_info", labels(command="report", version="0.1.0")) in found
    assert not [name for name, _ in found if name.startswith(("apilog_traffic", "apilog_anomal"))]


def test_a_null_has_no_sample(run: Run) -> None:
    found = parse(run("report", LOG, "-f", "prometheus").text)
    assert not [name for name, _ in found if name == "apilog_request_bytes"]


def test_a_check_tells_which_thresholds_failed(run: Run) -> None:
    argv = ("check", LOG, "-t", "error_rate < 1%", "-t", "requests > 10", "-f", "prometheus")
    ran = run(*argv)
    assert ran.code == 1
    failed = {
        dict(key)["threshold"]: v
        for (n, key), v in parse(ran.text).items()
        if n == "apilog_checks_failed"
    }
    assert failed == {"error_rate < 1%": 1, "requests > 10": 0}


def test_hostile_texts_are_values_of_labels() -> None:
    routes: Iterable[str] = {dict(key).get("route", "") for _, key in drawn(hostile_report())}
    assert '=cmd|"/C calc"!A1' in routes
    assert "\\x1b[2J\\x1b]0;owned\\x07/\\x9b31m" in routes


@settings(max_examples=about(25))
@given(
    st.lists(st.tuples(any_text(max_size=6) | st.none(), st.floats() | st.none()), min_size=1),
    any_text(min_size=1, max_size=5),
)
def test_any_table_can_be_parsed(rows: list[tuple[str | None, float | None]], name: str) -> None:
    rows = [(text and text.encode("utf-8", "ignore").decode(), number) for text, number in rows]
    name = name.encode("utf-8", "ignore").decode() or "x"
    frame = pl.DataFrame(
        {"key": [text for text, _ in rows], name + "!": [number for _, number in rows]},
        schema_overrides={"key": pl.String, name + "!": pl.Float64},
        strict=False,
    )
    drawn(replace(hostile_report(), tables={"result": frame}))


@pytest.mark.parametrize("command", ["report", "check"])
def test_a_file_for_the_collector(run: Run, tmp_path: Any, command: str) -> None:
    path = tmp_path / "apilog.prom"
    more = ("-t", "error_rate < 90%") if command == "check" else ()
    assert run(command, LOG, *more, "-o", path).code == 0
    assert parse(path.read_text())
    assert [each.name for each in tmp_path.iterdir()] == ["apilog.prom"]
