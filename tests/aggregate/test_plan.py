"""Which tables there are, and which columns they read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apilog.aggregate import TABLES, ReportPlan, TableSpec, select_tables
from apilog.aggregate.plan import cube_layout
from apilog.aggregate.table_specs import HOUR_TABLES
from apilog.errors import UsageError
from apilog.metrics import METRICS
from apilog.schema import GUESSED_ROUTE
from apilog.time import TimeWindow

_TIMES = {"timestamp"}
_SIZES = {"response_bytes"}


def columns(*tables: str, by: tuple[str, ...] = ()) -> frozenset[str]:
    return ReportPlan(tables=select_tables(tables, by)).columns


def test_every_metric_of_a_table_is_in_the_catalogue() -> None:
    assert {m for t in TABLES.values() for m in t.metrics} <= set(METRICS)


def test_tables_come_in_the_catalogues_order() -> None:
    assert [t.name for t in select_tables(["errors", "overview"])] == ["overview", "errors"]
    assert [t.name for t in select_tables()] == list(TABLES)


@pytest.mark.parametrize(
    ("names", "by", "message", "hint"),
    [
        (["endpoint"], [], "there is no table 'endpoint'", "did you mean endpoints"),
        (["x"], [], "there is no table 'x'", "it is one of overview, gateways"),
        (None, ["rout"], "there is no column 'rout'", "did you mean route"),
        (None, ["xyz"], "there is no column 'xyz'", "it is one of timestamp, gateway"),
        (None, ["hour"], "there is no column 'hour'", "did you mean source"),
    ],
)
def test_an_unknown_name_is_refused(
    names: list[str] | None, by: list[str], message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        select_tables(names, by)
    assert error.value.hint.startswith(hint)


def test_by_replaces_the_keys_of_endpoints_alone() -> None:
    changed = {t.name: t for t in select_tables(None, ["host", "status", "host"])}
    assert changed.pop("endpoints").keys == ("host", "status")
    assert all(spec == TABLES[name] for name, spec in changed.items())


def test_no_two_columns_have_one_name() -> None:
    (spec,) = select_tables(["endpoints"], ["response_bytes"])
    assert "response_bytes" not in spec.metrics


def test_only_the_columns_that_a_table_needs_are_read() -> None:
    assert columns("statuses") == {"timestamp", "status", "response_bytes"}
    assert columns("traffic") == {
        *("timestamp", "status", "duration_ms", "request_bytes", "response_bytes")
    }
    assert columns("errors") == {
        *("timestamp", "gateway", "method", "route", "status", "error_source"),
        GUESSED_ROUTE,
    }
    assert columns("endpoints", by=("host",)) == {
        *("timestamp", "host", "status", "duration_ms", "request_bytes", "response_bytes"),
        "consumer",
    }


def test_a_report_needs_few_cubes() -> None:
    cubes = cube_layout(ReportPlan(tables=select_tables())).cubes
    assert sorted((cube.keys, cube.detail) for cube in cubes if "hour" not in cube.keys) == [
        ((), ()),
        (("consumer",), ()),
        (("gateway", "method", "route"), ("error_source", "status")),
        (("timestamp",), ()),
    ]
    hours = {
        cube_layout(ReportPlan(tables=select_tables())).cube_of_table[t.name] for t in HOUR_TABLES
    }
    assert [cubes[i].keys for i in sorted(hours)] == [tuple(sorted(t.keys)) for t in HOUR_TABLES]


def test_a_chunk_is_summed_up_four_times() -> None:
    families = cube_layout(ReportPlan(tables=select_tables())).families
    assert sorted(family.finest.keys for family in families) == [
        (),
        ("consumer", "hour"),
        ("gateway", "hour", "method", "route"),
        ("timestamp",),
    ]


def test_latencies_by_a_detail_get_a_cube_of_their_own() -> None:
    slow = TableSpec(name="slow", keys=("status",), metrics=("requests", "latency_p95"))
    plan = ReportPlan(tables=(*select_tables(["endpoints", "errors"]), slow))
    cubes = cube_layout(plan).cubes
    assert cubes[cube_layout(plan).cube_of_table["slow"]].keys == ("status",)
    assert cube_layout(plan).cube_of_table["endpoints"] == cube_layout(plan).cube_of_table["errors"]


def test_a_table_of_few_values_is_not_rolled_up_from_a_cube_that_may_fold() -> None:
    plan = ReportPlan(tables=select_tables(["endpoints", "consumers"], ["consumer", "client_ip"]))
    source = cube_layout(plan).cube_of_table
    assert source["consumers"] != source["endpoints"]


@pytest.mark.parametrize(
    ("until", "has_hours"),
    [
        (datetime(2026, 11, 4, tzinfo=UTC) - timedelta(microseconds=1), False),
        (datetime(2026, 11, 4, tzinfo=UTC), True),
        (None, True),
    ],
)
def test_hours_are_counted_only_where_the_limits_leave_enough_of_them(
    until: datetime | None, has_hours: bool
) -> None:
    window = TimeWindow(since=datetime(2026, 11, 1, tzinfo=UTC), until=until)
    plan = ReportPlan(tables=select_tables(), window=window)

    assert any("hour" in cube.keys for cube in cube_layout(plan).cubes) is has_hours
