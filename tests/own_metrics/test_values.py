"""Metrics of one's own against a computation row by row, and however they are merged."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import ReportPlan, RowOrder, TableSpec, finish, merge, partial
from apilog.metrics import METRICS
from apilog.own_metrics import own_definitions
from tests.examples import about
from tests.own_metrics.record_rows import DECLARED, ROWS, Row, expected_values, grouped, records_of

DEFINITIONS = own_definitions(DECLARED)
METRIC_NAMES = ("requests", *DECLARED)
PLAN = ReportPlan(
    tables=(
        TableSpec(name="overview", metrics=METRIC_NAMES),
        TableSpec(name="routes", keys=("route",), metrics=METRIC_NAMES, order=RowOrder.KEYS),
    ),
    definitions=DEFINITIONS,
    max_routes=10,
    known_routes=frozenset(["/cart", "/checkout", "/orders/{id}"]),
)


def check_row(row: dict[str, object], rows: Sequence[Row]) -> None:
    assert row["requests"] == len(rows)
    for name, expected in expected_values(rows).items():
        value = row[DEFINITIONS[name].column]
        relative = 0.0101 if DEFINITIONS[name].quantile else 1e-14
        # Below a tenth of a thousandth quantiles are whole thousandths.
        absolute = 0.001 if DEFINITIONS[name].quantile else 0
        close = None if expected is None else pytest.approx(expected, rel=relative, abs=absolute)
        assert value == close, name


def run(parts: Sequence[Sequence[Row]]) -> dict[str, pl.DataFrame]:
    states = [partial(PLAN, records_of(part)) for part in parts]
    return finish(PLAN, merge(PLAN, states)).tables


@settings(max_examples=about(20))
@given(ROWS)
def test_each_metric_is_what_its_rows_say(rows: list[Row]) -> None:
    tables = run([rows])
    check_row(tables["overview"].row(0, named=True), rows)
    by_route = {row["route"]: row for row in tables["routes"].iter_rows(named=True)}
    groups = grouped(rows, lambda row: row["route"])
    assert by_route.keys() == groups.keys()
    for route, several in groups.items():
        check_row(by_route[route], several)


@pytest.mark.slow
@settings(max_examples=about(20))
@given(ROWS, st.lists(st.integers(0, 40), max_size=4), st.randoms(use_true_random=False))
def test_any_cut_and_any_order_give_the_same_bits(
    rows: list[Row], cuts: list[int], random: object
) -> None:
    ends = sorted(min(cut, len(rows)) for cut in cuts)
    parts = [rows[a:b] for a, b in zip([0, *ends], [*ends, len(rows)], strict=True)]
    random.shuffle(parts)  # type: ignore[attr-defined]
    states = [partial(PLAN, records_of(part)) for part in parts]
    half = len(states) // 2
    merged = merge(PLAN, [merge(PLAN, states[half:]), merge(PLAN, states[:half])])
    whole = merge(PLAN, [partial(PLAN, records_of(rows))])
    for name, table in finish(PLAN, merged).tables.items():
        assert table.equals(finish(PLAN, whole).tables[name]), name


def test_nothing_is_read_or_derived_for_what_a_table_does_not_have() -> None:
    plain = ReportPlan(tables=(TableSpec(name="overview", metrics=("requests", "errors")),))
    assert plain.columns == {"timestamp", "status"}
    some = ReportPlan(
        tables=(TableSpec(name="overview", metrics=("requests", "own_time")),),
        definitions=DEFINITIONS,
    )
    assert some.columns == {"timestamp", "duration_ms", "upstream_duration_ms"}


def test_a_plan_with_own_metrics_can_be_sent_and_is_the_same() -> None:
    sent = pickle.loads(pickle.dumps(own_definitions({"a": {"quantile": 1, "column": "status"}})))
    assert sent == own_definitions({"a": {"quantile": 1, "column": "status"}})
    assert pickle.loads(pickle.dumps(PLAN)) == PLAN


def test_columns_carry_their_unit() -> None:
    columns = [DEFINITIONS[name].column for name in DECLARED]
    assert columns == [
        *("checkout_share_ratio", "checkouts_per_cart_ratio", "slow_share_ratio", "bytes_per_ms"),
        *("mean_size_bytes", "sent_bytes", "price", "refused", "callers", "sections"),
        *("own_time_ms", "size_p50_bytes", "duration_p75_ms", "satisfaction"),
    ]
    assert not set(columns) & {metric.column for metric in METRICS.values()}


def test_numbers_that_are_none_count_as_missing() -> None:
    declared: dict[str, dict[str, object]] = {
        "odd": {"sum": "1e0 / (status - 200)"},
        "odd_p50": {"quantile": 0.5, "column": "1e0 / (status - 200)", "unit": "number"},
    }
    plan = ReportPlan(
        tables=(TableSpec(name="overview", metrics=("odd", "odd_p50")),),
        definitions=own_definitions(declared),
    )
    rows: list[Row] = [{"status": 200}, {"status": 204}, {"status": None}]
    table = finish(plan, partial(plan, records_of(rows))).tables["overview"]
    assert table.row(0) == (0.25, pytest.approx(0.25, rel=0.01))
