"""What may be declared as a metric of one's own, and how what can't is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.config import load_config
from apilog.errors import DeclarationError, UsageError
from apilog.metrics import METRICS, MetricKind, Unit
from apilog.own_metrics import declare_metric, own_definitions
from tests.any_text import any_text
from tests.examples import about
from tests.own_metrics.record_rows import DECLARED

CONDITION = {"numerator": "status < 400"}

REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...], str, str]] = {
    "unknown column": (
        {"numerator": "statuss < 400"},
        ("numerator",),
        "no column 'statuss'",
        "did you mean 'status'?",
    ),
    "text": ({"sum": "path"}, ("sum",), "gives String, not a number", "apilog schema"),
    "time": ({"quantile": 0.5, "column": "timestamp"}, ("column",), "not a number", "schema"),
    "aggregate": ({"sum": "SUM(status)"}, ("sum",), "not about one request", "aggregates"),
    "count": ({"numerator": "COUNT(*)"}, ("numerator",), "not about one request", "aggregates"),
    "window": (
        {"sum": "ROW_NUMBER() OVER (ORDER BY status)"},
        ("sum",),
        "",
        "",
    ),
    "subquery": ({"sum": "(SELECT 1)"}, ("sum",), "", ""),
    "syntax": ({"numerator": "status < "}, ("numerator",), "is 'status < '", "SQL"),
    "two statements": ({"numerator": "1 = 1; DROP TABLE requests"}, ("numerator",), "", ""),
    "empty": ({"numerator": " "}, ("numerator",), "is empty", "SQL"),
    "nothing": ({}, (), "does not say what it measures", "numerator, sum"),
    "only a head": ({"title": "T"}, (), "does not say what it measures", "numerator, sum"),
    "two kinds": ({"sum": "status", "distinct": "path"}, ("distinct",), "sum and distinct", ""),
    "half a ratio": ({"denominator": "status"}, ("numerator",), "is missing", "write it"),
    "half a quantile": ({"column": "status"}, ("quantile",), "is missing", "0.95"),
    "no column": ({"quantile": 0.5}, ("column",), "is missing", "column"),
    "level": ({"quantile": 95, "column": "status"}, ("quantile",), "from 0 to 1", "0.95"),
    "level true": ({"quantile": True, "column": "status"}, ("quantile",), "from 0 to 1", ""),
    "no text": ({"sum": 5}, ("sum",), "is not a text", 'sum = "…"'),
    "unknown key": (
        {**CONDITION, "denomintor": "status"},
        ("denomintor",),
        "is no setting here",
        "did you mean denominator?",
    ),
    "unit": ({**CONDITION, "unit": "ms"}, ("unit",), "is 'ms'", "ratio"),
    "no unit": ({"sum": "status", "unit": "miles"}, ("unit",), "is 'miles'", "bytes"),
    "direction": ({**CONDITION, "better": "up"}, ("better",), "is 'up'", "lower, higher"),
    "apdex": ({"apdex": "fast"}, ("apdex",), "can't read the duration 'fast'", "300ms"),
    "apdex of nothing": ({"apdex": "0s"}, ("apdex",), "is 0", "500ms"),
    "apdex number": ({"apdex": 0.5}, ("apdex",), "is not a text", "500ms"),
    "apdex routes": ({"apdex": "1s", "routes": "2s"}, ("routes",), "is not a table", "/route"),
    "apdex route": ({"apdex": "1s", "routes": {"/a": "x"}}, ("routes", "/a"), "can't read", ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_meant_is_refused_with_its_key(case: str) -> None:
    values, place, problem, hint = REFUSED[case]
    with pytest.raises(DeclarationError) as caught:
        declare_metric("mine", values)
    assert caught.value.place == place
    assert problem in caught.value.problem
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("error_rate", "the metric 'error_rate'"),
        ("latency_p95_ms", "a nickname of the metric 'latency_p95'"),
        ("hits", "a nickname of the metric 'requests'"),
        ("route", "the name of a column"),
        ("baseline", "the name of something else"),
        ("Checkout", "other characters"),
        ("a b", "other characters"),
        ("", "other characters"),
        ('x"} 1\nfake', "other characters"),
        ("x" * 61, "other characters"),
    ],
)
def test_names_that_mean_something_else_are_refused(name: str, problem: str) -> None:
    with pytest.raises(DeclarationError, match="name") as caught:
        declare_metric(name, CONDITION)
    assert problem in caught.value.problem


def test_a_column_that_there_is_already_is_refused() -> None:
    with pytest.raises(DeclarationError, match="duration_ms"):
        declare_metric("duration", {"quantile": 0.5, "column": "duration_ms"})


@settings(max_examples=about(60))
@given(
    st.dictionaries(
        st.sampled_from(["numerator", "denominator", "sum", "distinct", "quantile", "column"])
        | any_text(max_size=5),
        st.one_of(
            any_text(max_size=20),
            st.floats(),
            st.sampled_from(["status", "status < 400", "duration_ms / 0", "NULL", "'a'", "*"]),
        ),
        max_size=3,
    )
)
def test_nothing_but_a_declaration_error_comes_of_any_section(values: dict[str, object]) -> None:
    try:
        metric = declare_metric("mine", values)
    except DeclarationError:
        return
    assert metric.name == "mine"


def test_what_is_declared_is_said() -> None:
    metrics = {name: declare_metric(name, values) for name, values in DECLARED.items()}
    share = metrics["checkout_share"]
    assert (share.kind, share.unit, share.better) == (MetricKind.PROPORTION, Unit.RATIO, "higher")
    assert "(route = '/checkout' AND status < 400) / (route = '/checkout')" in share.definition
    assert metrics["refused"].kind is MetricKind.COUNT
    assert metrics["sent"].unit is Unit.BYTES
    assert metrics["own_time"].kind is MetricKind.QUANTILE
    assert metrics["satisfaction"].better == "higher"
    assert "T = 100 ms, 20 ms for /orders/{id}" in metrics["satisfaction"].definition
    assert not metrics.keys() & METRICS.keys()


def test_the_target_that_is_given_once_keeps_the_routes_of_the_configuration() -> None:
    own = {"apdex": {"apdex": "1s", "routes": {"/a": "2s"}}}
    (metric,) = (m for m in own_definitions(own, "300ms").own if m.name == "apdex")
    assert "T = 300 ms, 2000 ms for /a" in metric.definition
    with pytest.raises(UsageError, match="--apdex is 'x'"):
        own_definitions({}, "x")


def test_the_configuration_names_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "apilog.toml"
    file.write_text('[metrics.good]\nnumerator = "status < 400"\n\n[metrics.bad]\n  sum = "pth"\n')
    with pytest.raises(UsageError) as caught:
        load_config(file)
    assert str(caught.value) == f"{file}:5:3: metrics.bad.sum is 'pth': no column 'pth'"
    assert "path" in caught.value.hint
    file.write_text('[metrics.activation_rate]\nsum = "status"\n')
    with pytest.raises(UsageError, match="has the name of a metric that apilog has"):
        load_config(file)
