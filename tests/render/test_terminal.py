"""The terminal report: what it says, and how it fits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from rich.cells import cell_len

from apilog.aggregate.objectives import OBJECTIVE_COLUMNS
from apilog.report_model import FileInput, Report
from tests.render.hostile_report import empty_report, hostile_report


def text_of(drawn: bytes) -> str:
    return drawn.decode()


def section(drawn: str, title: str) -> list[str]:
    """The lines under a heading."""
    match = re.search(rf"^{title}\b.*\n((?:.+\n)*)", drawn, re.MULTILINE)
    return match[1].splitlines() if match else []


def with_tables(**tables: pl.DataFrame) -> Report:
    report = hostile_report()
    return replace(report, tables={**report.tables, **tables})


def without_latency() -> Report:
    tables = {}
    for name, frame in hostile_report().tables.items():
        latencies = [column for column in frame.columns if column.endswith("_ms")]
        tables[name] = frame.with_columns(pl.lit(None, pl.Float64).alias(c) for c in latencies)
    return with_tables(**tables)


@pytest.mark.parametrize("width", [1, 24, 40, 60, 79, 80, 81, 120, 149, 150, 200, 400])
def test_no_line_is_wider_than_the_terminal(draw, width):
    for report in (hostile_report(), empty_report(), without_latency()):
        drawn = text_of(draw("table", report, width=width))
        assert max(map(cell_len, drawn.splitlines())) <= max(width, 24)


def test_no_line_ends_in_blanks_and_no_two_are_empty(draw):
    drawn = text_of(draw("table", hostile_report(), width=200))
    assert not re.search(r"[ \t]+$", drawn, re.MULTILINE)
    assert "\n\n\n" not in drawn
    assert re.search(r"[^\n]\n\Z", drawn)


def test_colour_adds_nothing_but_colour(draw):
    coloured = text_of(draw("table", hostile_report(), color=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text_of(draw("table", hostile_report()))


def test_a_high_error_rate_is_red_and_none_is_dim(draw):
    coloured = text_of(draw("table", hostile_report(), color=True, width=200))
    rows = coloured.splitlines()
    assert any("\x1b[1;31m" in row and "2.86 %" in row for row in rows)
    assert any("\x1b[2m0 %" in row for row in rows)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_main_numbers_are_there_at_every_width(draw, width):
    drawn = text_of(draw("table", hostile_report(), width=width))
    for number in ("1,234,567", "114/s", "1 %", "13 ms", "19 ms", "22 ms", "396 MB"):
        assert number in drawn
    for title in ("Traffic", "Endpoints", "Statuses", "Consumers", "Failing most", "Slowest"):
        assert title in drawn


def test_at_80_columns_an_endpoint_has_all_three_percentiles(draw):
    frame = (
        hostile_report()
        .tables["endpoints"]
        .with_columns(
            pl.lit("nginx").alias("gateway"),
            pl.lit("/v1/customers/{id}/invoices/{id}/lines").alias("route"),
            pl.lit("GET").alias("method"),
            pl.lit(123.4).alias("latency_p50_ms"),
            pl.lit(234.5).alias("latency_p95_ms"),
            pl.lit(345.6).alias("latency_p99_ms"),
        )
    )
    lines = section(text_of(draw("table", with_tables(endpoints=frame))), "Endpoints")
    assert lines[0].split() == ["method", "route", "requests", "errors", "p50", "p95", "p99"]
    assert "123 ms  234 ms  346 ms" in lines[1]


def test_millions_are_written_short_where_there_is_little_room(draw):
    frame = hostile_report().tables["endpoints"].with_columns(pl.col("requests") * 1_000)
    report = with_tables(endpoints=frame)
    assert " 400M " in section(text_of(draw("table", report, width=60)), "Endpoints")[1]
    assert " 400,000,000 " in section(text_of(draw("table", report, width=200)), "Endpoints")[1]


def test_top_limits_the_rows_and_says_how_many_more_there_are(draw):
    lines = section(text_of(draw("table", hostile_report(), top=2)), "Endpoints")
    assert len(lines) == 1 + 2 + 1 + 1
    assert "(other)" in lines[3]
    assert lines[4] == "  … and 18 more with 210,170 requests"


def test_the_row_of_all_other_values_is_shown_last_though_it_be_the_busiest(draw):
    frame = (
        hostile_report()
        .tables["endpoints"]
        .with_columns(
            pl.when(pl.col("route") == "(other)")
            .then(10_000_000)
            .otherwise("requests")
            .alias("requests")
        )
    )
    lines = section(text_of(draw("table", with_tables(endpoints=frame))), "Endpoints")
    assert "(other)" in lines[-2]
    assert "more" in lines[-1]


def test_of_many_rows_of_all_the_rest_three_are_shown(draw):
    endpoints = hostile_report().tables["endpoints"].with_columns(pl.lit("(other)").alias("route"))
    lines = section(text_of(draw("table", with_tables(endpoints=endpoints))), "Endpoints")
    assert sum("(other)" in line for line in lines) == 3
    assert lines[-1].startswith("  … and 18 more with ")


def test_endpoints_by_other_columns(draw):
    frame = (
        hostile_report()
        .tables["endpoints"]
        .drop("gateway", "method", "route")
        .select(pl.lit("gold").alias("plan"), pl.int_range(21).alias("status"), pl.all())
    )
    drawn = text_of(draw("table", with_tables(endpoints=frame)))
    assert section(drawn, "By plan, status")[0].split()[:3] == ["plan", "status", "requests"]
    assert "causes" not in drawn
    # The errors have other keys, so that they get a table of their own.
    assert section(drawn, "Errors")[1].split()[3:6] == ["404", "client", "400,000"]


def test_missing_durations_are_said_once_with_what_to_do(draw):
    drawn = text_of(draw("table", without_latency()))
    assert drawn.count("carry no durations") == 1
    assert "apilog detect FILE" in drawn
    assert "p95" not in drawn.replace("latency p95", "")
    assert "Slowest" not in drawn
    assert "no durations" not in text_of(draw("table", hostile_report()))


def test_slow_endpoints_with_few_requests_are_left_out_if_there_are_busier_ones(draw):
    latency = (
        hostile_report()
        .tables["latency"]
        .with_columns(
            pl.when(pl.col("route") == "/users/{id}")
            .then(3)
            .otherwise("requests")
            .alias("requests"),
            pl.when(pl.col("route") == "/users/{id}")
            .then(1e6)
            .otherwise("latency_p95_ms")
            .alias("latency_p95_ms"),
        )
    )
    drawn = text_of(draw("table", with_tables(latency=latency)))
    assert "Slowest  by p95, with at least 20 requests" in drawn
    assert not any("/users/{id}" in line for line in section(drawn, "Slowest"))


def test_logs_without_consumers_have_no_such_section(draw):
    frame = hostile_report().tables["consumers"].filter(pl.col("consumer").is_null())
    assert frame.height == 1
    assert "Consumers" not in text_of(draw("table", with_tables(consumers=frame)))


def test_one_gateway_needs_no_section_and_no_column(draw):
    tables = hostile_report().tables
    report = with_tables(
        gateways=tables["gateways"].head(1),
        endpoints=tables["endpoints"].with_columns(gateway=pl.lit("nginx")),
    )
    drawn = text_of(draw("table", report))
    assert "Gateways" not in drawn
    assert "gateway" not in section(drawn, "Endpoints")[0]


def test_the_row_of_all_the_rest_is_no_gateway_of_its_own(draw):
    rest = pl.when(pl.col("route") == "(other)").then(pl.lit("(other)")).otherwise(pl.lit("nginx"))
    endpoints = hostile_report().tables["endpoints"].with_columns(rest.alias("gateway"))
    lines = section(text_of(draw("table", with_tables(endpoints=endpoints))), "Endpoints")
    assert lines[0].split()[0] == "method"


def test_several_gateways_get_a_column(draw):
    endpoints = (
        hostile_report()
        .tables["endpoints"]
        .with_columns(pl.Series("gateway", ["nginx", "apache", None] * 7))
    )
    lines = section(text_of(draw("table", with_tables(endpoints=endpoints))), "Endpoints")
    assert lines[0].split()[0] == "gateway"


@pytest.mark.parametrize("gone", list(hostile_report().tables))
def test_a_report_without_one_of_its_tables_is_drawn(draw, gone):
    report = hostile_report()
    tables = {name: frame for name, frame in report.tables.items() if name != gone}
    assert "No requests" not in text_of(draw("table", replace(report, tables=tables)))


@pytest.mark.parametrize("name", list(hostile_report().tables))
def test_a_table_with_nothing_but_nulls_is_drawn(draw, name):
    frame = hostile_report().tables[name]
    nulls = frame.with_columns(pl.lit(None, dtype).alias(c) for c, dtype in frame.schema.items())
    report = with_tables(**{name: nulls})
    assert draw("table", report)
    assert draw("table", report, table=name)


@pytest.mark.parametrize("name", list(hostile_report().tables))
def test_a_table_with_keys_alone_is_drawn(draw, name):
    frame = hostile_report().tables[name]
    assert draw("table", with_tables(**{name: frame.select(frame.columns[:1])}))


def test_an_empty_report_says_so(draw):
    drawn = text_of(draw("table", empty_report()))
    assert drawn == "apilog report\n0 files · 0 lines\n\nNo requests.\n"
    assert text_of(draw("table", replace(empty_report(), tables={}))) == drawn


def test_the_result_of_a_query_is_drawn_whole_with_exact_integers(draw):
    frame = pl.DataFrame({"status": [200] * 12, "n": range(1_000, 1_012)})
    drawn = text_of(draw("table", replace(hostile_report(), notes=(), tables={"result": frame})))
    assert section(drawn, "Result")[:2] == ["  status     n", "     200  1000"]
    assert len(section(drawn, "Result")) == 13
    assert "more" not in drawn


def test_columns_without_room_are_named(draw):
    frame = pl.DataFrame({f"column_{i}": ["some text"] * 2 for i in range(9)})
    frame = frame.with_columns(column_0=None, column_1=None)
    drawn = text_of(draw("table", replace(hostile_report(), tables={"result": frame}), width=60))
    shown = section(drawn, "Result")
    # As a query has to write them; those without a value go first.
    assert shown[0].split() == [f"column_{i}" for i in (2, 3, 4, 5, 6)]
    notes = " ".join(" ".join(shown[3:]).split())
    assert notes.startswith("No room for column_7, column_8: widen the terminal")
    assert notes.endswith("Without any value: column_0, column_1.")


def test_in_few_columns_objectives_keep_whether_they_are_met(draw):
    frame = pl.DataFrame({column: [1, 2] for column in OBJECTIVE_COLUMNS})
    frame = frame.with_columns(name=pl.lit("availability"), met=pl.lit(value=True))
    drawn = text_of(draw("table", with_tables(objectives=frame), table="objectives", width=60))
    titles = section(drawn, "Objectives")[0]
    assert [t for t in ("good ratio", "budget used", "met") if t not in titles] == []
    assert "allowed" not in titles


@pytest.mark.parametrize("table", ["endpoints", "traffic", "latency"])
def test_at_80_columns_a_table_keeps_its_percentiles_before_rarer_columns(draw, table):
    frame = hostile_report().tables[table]
    if "route" in frame.columns:
        frame = frame.with_columns(pl.lit("/v1/customers/{id}/invoices/{id}/lines").alias("route"))
    frame = frame.with_columns(
        *(pl.lit(0.25).alias(f"latency_{name}_ms") for name in ("p50", "p95", "p99")),
        *(pl.lit(1234.5).alias(c) for c in ("latency_min_ms", "latency_max_ms")),
    )
    for width, percentiles in ((80, {"p50", "p95", "p99"}), (60, {"p95"})):
        drawn = text_of(draw("table", with_tables(**{table: frame}), table=table, width=width))
        titles = section(drawn, table.capitalize())[0].split()
        assert percentiles | {"requests"} <= {*titles}
        assert "min" not in titles


@pytest.mark.parametrize("width", [80, 120])
def test_causes_are_shown_by_whole_statuses_two_at_least(draw, width):
    keys = pl.DataFrame({"gateway": ["kong", "nginx"], "method": "GET", "route": "/v1/" + "r" * 60})
    endpoints = keys.with_columns(requests=1_000_000, errors=90_000, server_errors=80_000)
    errors = keys.join(
        pl.DataFrame({"status": [500, 502, 503, 404], "requests": [40_100, 30_200, 9_300, 9_400]}),
        how="cross",
    ).with_columns(error_source=pl.lit("upstream"))
    report = with_tables(endpoints=endpoints, errors=errors)
    lines = section(text_of(draw("table", report, width=width)), "Failing most")[1:]
    assert len(lines) == 2
    for line in lines:
        causes = re.findall(r"\d{3}(?: upstream)? ×[\d.]+k", line)
        assert len(causes) >= 2
        assert line.endswith(" · ".join([*causes, "…"] if len(causes) < 4 else causes))


def test_no_bar_takes_room_from_a_route(draw):
    frame = hostile_report().tables["endpoints"].head(3)
    long = frame.with_columns(route=pl.lit("/v1/customers/{id}/invoices/{id}/lines"))
    for made, has_bars in ((frame.with_columns(route=pl.lit("/v1")), True), (long, False)):
        lines = section(text_of(draw("table", with_tables(endpoints=made), width=100)), "Endpoints")
        assert any("█" in line for line in lines) is has_bars


def test_traffic_of_one_bucket_is_no_chart(draw):
    traffic = hostile_report().tables["traffic"].head(1)
    assert "Traffic" not in text_of(draw("table", with_tables(traffic=traffic)))


def test_more_buckets_than_columns_share_them(draw):
    start = datetime(2026, 11, 20, tzinfo=UTC)
    times = [start + timedelta(minutes=i) for i in range(1_440)]
    traffic = pl.DataFrame({"timestamp": times, "requests": [1] * 1_439 + [100]})
    drawn = text_of(draw("table", replace(with_tables(traffic=traffic), timezone="UTC")))
    lines = section(drawn, "Traffic")
    assert "peak 100 at 23:59" in drawn
    assert lines[0].endswith("█")
    assert lines[-1].split() == ["00:00", "23:59"]


@pytest.mark.parametrize(("rows", "shown"), [(5, 5), (6, 6), (7, 5)])
def test_a_row_that_would_be_the_only_one_left_out_is_shown(draw, rows, shown):
    consumers = pl.DataFrame(
        {"consumer": [f"caller-{i}" for i in range(rows)], "requests": [9 - i for i in range(rows)]}
    )
    text = section(text_of(draw("table", with_tables(consumers=consumers), width=80)), "Consumers")
    assert sum("caller-" in line for line in text) == shown
    assert any("… and 2 more" in line for line in text) == (shown < rows)
    asked = text_of(draw("table", with_tables(consumers=consumers), width=80, top=5))
    assert sum("caller-" in line for line in section(asked, "Consumers")) == 5


def test_a_cause_names_whom_the_log_blames_and_nobody_where_it_does_not_tell(draw):
    key = {"gateway": "nginx", "method": "GET", "route": "/a"}
    sources = {"upstream": 502, "gateway": 504, "unknown": 500, "client": 404}
    counts = {"requests": 40, "errors": 10, "server_errors": 9, "client_errors": 1}
    report = with_tables(
        endpoints=pl.DataFrame([{**key, **counts}]),
        errors=pl.DataFrame(
            [
                {**key, "status": status, "error_source": source, "requests": 4 - i}
                for i, (source, status) in enumerate(sources.items())
            ]
        ),
    )
    text = "\n".join(section(text_of(draw("table", report, width=120)), "Failing most"))
    assert "502 upstream ×4 · 504 gateway ×3 · 500 ×2 · 404 ×1" in text


@pytest.mark.parametrize(("count", "said"), [(1, "f0"), (4, "f0 + f1 + f2 + f3"), (5, "5 formats")])
def test_a_few_formats_are_named_and_more_are_counted(draw, count, said):
    report = hostile_report()
    files = tuple(
        FileInput(path="x", format=f"f{i}", lines=1, records=1, rejects=0, skipped=0)
        for i in range(count)
    )
    report = replace(report, input=replace(report.input, files=files))
    assert f" · {said} · " in text_of(draw("table", report, width=120)).replace("\n", " · ")
