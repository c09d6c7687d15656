"""The language of thresholds: what it takes, what it means, and where it says what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.checks import REQUEST_METRICS, BaselineLimit, FixedLimit, Threshold, parse_threshold
from apilog.errors import UsageError
from apilog.metrics import METRICS, MetricKind, Unit
from apilog.schema import GATEWAYS
from tests.any_text import CHARACTERS, any_text

WRITTEN = {
    "error_rate < 1%": "error_rate < 1%",
    "  error_rate<1%  ": "error_rate < 1%",
    "error_rate <= 0.01": "error_rate <= 0.01",
    'latency_p95{route="/orders/{id}"} < 300ms': 'latency_p95{route="/orders/{id}"} < 300ms',
    "latency_p95 < .3 s": "latency_p95 < .3s",
    "requests >= 1000": "requests >= 1000",
    "error_rate <= baseline": "error_rate <= baseline",
    "error_rate<=baseline+0.5pp": "error_rate <= baseline + 0.5pp",
    "latency_p95 < baseline * 1.1": "latency_p95 < baseline * 1.1",
    "latency_p95 < baseline - 5ms": "latency_p95 < baseline - 5ms",
    "latency_p99 < 1s for each route": "latency_p99 < 1s for each route",
    "latency_p99 < 300 for each method , route": "latency_p99 < 300 for each method, route",
    'error_rate{ method = "GET" , status = "503" , } > 1%': (
        'error_rate{method="GET",status="503"} > 1%'
    ),
    'error_rate{consumer="a \\"b\\" \\\\ c"} < 1%': 'error_rate{consumer="a \\"b\\" \\\\ c"} < 1%',
    "request_rate >= 5/min": "request_rate >= 5/min",
    "response_bytes < 2 GiB": "response_bytes < 2GiB",
    "error_rate{} < 1%": "error_rate < 1%",
}


@pytest.mark.parametrize(("text", "canonical"), WRITTEN.items())
def test_what_is_written(text: str, canonical: str) -> None:
    assert str(parse_threshold(text)) == canonical


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("error_rate < 1%", 0.01),
        ("error_rate < 0.01", 0.01),
        ("latency_p95 < 300", 300),
        ("latency_p95 < 300ms", 300),
        ("latency_p95 < 0.3s", 300),
        ("latency_p95 < 250us", 0.25),
        ("latency_max < 2m", 120_000),
        ("latency_max < 1h", 3_600_000),
        ("requests >= 1000", 1000),
        ("request_rate >= 30/min", 0.5),
        ("request_rate >= 36/h", 0.01),
        ("response_bytes < 2kB", 2000),
        ("response_bytes < 2KiB", 2048),
        ("consumers >= 3", 3),
    ],
)
def test_what_a_limit_is_worth(text: str, value: float) -> None:
    limit = parse_threshold(text).limit
    assert isinstance(limit, FixedLimit)
    assert limit.quantity.value == value


@pytest.mark.parametrize(
    ("text", "factor", "margin"),
    [
        ("error_rate <= baseline", 1, 0),
        ("error_rate <= baseline + 0.5pp", 1, 0.005),
        ("error_rate <= baseline + 0.005", 1, 0.005),
        ("latency_p95 < baseline * 1.1", 1.1, 0),
        ("latency_mean < baseline - 0.1s", 1, -100),
    ],
)
def test_what_a_baseline_is_worth(text: str, factor: float, margin: float) -> None:
    limit = parse_threshold(text).limit
    assert isinstance(limit, BaselineLimit)
    assert (limit.factor, limit.margin) == (factor, margin)
    assert limit.limit_for(0.02) == 0.02 * factor + margin


@pytest.mark.parametrize(
    ("text", "character", "problem", "hint"),
    [
        ("", 1, "expected a metric", "write such as"),
        ("error_rat < 1%", 1, "no metric 'error_rat'", "error_rate"),
        ("  qqq < 1%", 3, "no metric 'qqq'", "apilog metrics"),
        ("last_seen < 1", 1, "no metric 'last_seen'", ""),
        ("error_rate", 11, "expected one of < <= > >=", ""),
        ("error_rate = 1%", 12, "expected one of", ""),
        ("error_rate <", 13, "expected a number or `baseline`", ""),
        ("error_rate < 1ms", 15, "no unit 'ms'", "its units are %"),
        ("requests < 5%", 13, "no unit '%'", "the number alone"),
        ("latency_p95 < 5 parsecs", 17, "no unit 'parsecs'", "us, ms, s, m, h"),
        ("error_rate < 5", 14, "more than 100 %", "5%"),
        ("error_rate <= baseline + 5%", 27, "no unit '%'", "0.5pp"),
        ("latency_p95 <= baseline + 5%", 28, "no unit '%'", "us, ms"),
        ("latency_p95 < baseline * 0", 26, "factor is 0", ""),
        ("latency_p95 < baseline * 1.1s", 29, "expected the end", ""),
        ("latency_max < baseline", 15, "can't be compared with a baseline", "give a number"),
        ("consumers < baseline", 13, "can't be compared with a baseline", ""),
        ('error_rate{rout="/a"} < 1%', 12, "no column 'rout'", "route"),
        ('error_rate{duration_ms="1"} < 1%', 12, "no column 'duration_ms'", ""),
        ('error_rate{route="/a" < 1%', 23, "expected `,` or `}`", ""),
        ('error_rate{route="/a} < 1%', 18, "no end", "close it"),
        ("error_rate{route='/a'} < 1%", 18, "double quotes", ""),
        ("error_rate{route=a} < 1%", 18, "expected a text", ""),
        ('error_rate{route "/a"} < 1%', 18, "expected =", ""),
        ('error_rate{route="a",route="b"} < 1%', 22, "stands twice", ""),
        ('error_rate{gateway="ngnix"} < 1%', 20, "no gateway 'ngnix'", "nginx"),
        ('requests{status="5xx"} < 1', 17, "'5xx' is no status", "503"),
        ("error_rate < 1% for route", 21, "expected `each`", ""),
        ("error_rate < 1% for each", 25, "expected a column", ""),
        ("error_rate < 1% for each root", 26, "no column 'root'", "route"),
        ('error_rate{route="a"} < 1% for each route', 37, "stands twice", ""),
        ("error_rate < 1% and more", 17, "expected the end", ""),
        ("error_rate < 1.2.3", 14, "number can't be read", ""),
        ("error_rate < 1e5%", 15, "no unit 'e5'", ""),
        ("error_rate < -1%", 14, "expected a number", ""),
        ("error_rate ≤ 1%", 12, "unexpected '≤'", ""),
        ("error_rate < " + "9" * 400, 14, "number can't be read", ""),
    ],
)
def test_errors_point_at_the_character(text: str, character: int, problem: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_threshold(text)
    message = str(raised.value)
    assert f"character {character}: " in message
    assert problem in message
    assert hint in raised.value.hint


def test_a_gateway_may_be_of_a_format_of_the_users_own() -> None:
    for name in ("order-desk", "kong-eu"):
        text = f'error_rate{{gateway="{name}"}} < 1%'
        assert str(parse_threshold(text)) == text


def test_a_threshold_without_end_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        parse_threshold("error_rate < 1% " * 1000)


NUMBERS = st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,3})?", fullmatch=True, alphabet=CHARACTERS)
UNITS = {
    Unit.RATIO: ["%"],
    Unit.MILLISECONDS: ["", "us", "ms", "s", "m", "h"],
    Unit.BYTES: ["", "B", "kB", "MiB"],
    Unit.PER_SECOND: ["", "/s", "/min", "/h"],
}


@st.composite
def thresholds(draw: st.DrawFn) -> str:
    """Any threshold there is, written with blanks in any place."""
    metric = METRICS[draw(st.sampled_from(sorted(REQUEST_METRICS.metrics)))]
    unit = draw(st.sampled_from(UNITS.get(metric.unit, [""])))
    number = draw(st.integers(0, 100).map(str) if metric.unit is Unit.RATIO else NUMBERS)
    limits = [f"{number} {unit}"]
    if metric.kind is not MetricKind.OTHER:
        margin = "pp" if metric.unit is Unit.RATIO else unit
        limits += [
            "baseline",
            f"baseline*{draw(st.integers(1, 9))}.5",
            f"baseline + {number}{margin}",
        ]
        limits += [f"baseline -{number} {margin}"]
    columns = draw(st.permutations(REQUEST_METRICS.columns))
    cut, end = sorted(draw(st.tuples(st.integers(0, 3), st.integers(0, 4))))
    chosen = ",".join(f"{c} = {draw(values(c))}" for c in columns[:cut])
    each = f" for each {', '.join(columns[cut:end])}" if end > cut else ""
    blank = draw(st.sampled_from(["", " ", "\n\t "]))
    operator = draw(st.sampled_from(["<", "<=", ">", ">="]))
    where = f"{{{chosen}}}" if chosen else ""
    return (
        f"{blank}{metric.name}{where}{blank}{operator}{blank}{draw(st.sampled_from(limits))}{each}"
    )


def values(column: str) -> st.SearchStrategy[str]:
    match column:
        case "gateway":
            texts = st.sampled_from(GATEWAYS)
        case "status" | "upstream_status":
            texts = st.integers(100, 599).map(str)
        case _:
            texts = any_text(max_size=20)
    return texts.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')


@given(thresholds())
def test_every_threshold_is_written_as_it_is_parsed(text: str) -> None:
    threshold = parse_threshold(text)
    assert parse_threshold(str(threshold)) == threshold
    assert str(parse_threshold(str(threshold))) == str(threshold)


PIECES = st.sampled_from(
    [
        *'{}=,"\\<>+-*%/ ',
        "error_rate",
        "baseline",
        "for",
        "each",
        "route",
        "1",
        ".5",
        "ms",
        "é",
        "\0",
    ]
)


@given(any_text() | st.lists(PIECES).map("".join) | st.lists(PIECES).map(" ".join))
def test_any_other_text_is_refused_with_a_usage_error(text: str) -> None:
    try:
        threshold = parse_threshold(text)
    except UsageError:
        return
    assert isinstance(threshold, Threshold)
    assert parse_threshold(str(threshold)) == threshold


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("p95 < 300ms", "did you mean latency_p95?"),
        ("p95_latency < 300ms", "did you mean latency_p95?"),
        ("method = GET", "method is a column: choose requests by it with --where"),
        ("zzzzzz < 1", "`apilog metrics` lists them"),
    ],
)
def test_other_names_of_metrics_are_understood_by_the_hint(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_threshold(text)
    assert caught.value.hint == hint
