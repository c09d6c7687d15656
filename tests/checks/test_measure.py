"""What thresholds are measured by, against a plain count of the same requests."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate.ddsketch import bucket_of
from apilog.checks import parse_threshold
from apilog.checks.measurement import Measurement
from apilog.checks.samples import SubjectSamples
from apilog.checks.threshold import MetricSubject
from apilog.metrics import METRICS
from apilog.schema import GUESSED_ROUTE, SCHEMA
from apilog.time import TimeWindow
from tests.examples import about

START = datetime(2026, 11, 20, tzinfo=UTC)
COLUMNS = [
    *("timestamp", "gateway", "method", "path", "route", "host", "status", "consumer"),
    *("duration_ms", "upstream_duration_ms", "client_ip", "request_bytes", "response_bytes"),
]
ROUTES = ["/a", "/b/{id}", "/c", None]


@st.composite
def requests(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Requests of few routes, hosts and statuses, some of them unknown."""
    rng = random.Random(draw(st.integers(0, 10_000)))
    return [
        {
            "timestamp": START + timedelta(seconds=rng.randrange(7200)),
            "gateway": "azure-apim",
            "method": rng.choice(["GET", "POST"]),
            "route": rng.choice(ROUTES),
            "host": rng.choice(["one.example", "two.example", None]),
            "status": rng.choice([200, 200, 200, 404, 500, 503, None]),
            "consumer": rng.choice(["ann", "bob", None]),
            "duration_ms": rng.choice([None, 0.0, rng.uniform(1, 900)]),
            "upstream_duration_ms": rng.choice([None, rng.uniform(1, 90)]),
            "request_bytes": rng.choice([None, 10]),
        }
        for _ in range(draw(st.integers(0, 60)))
    ]


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The requests; nginx does not name routes, the other gateway does."""
    guessed = pl.when(pl.col("gateway") == "nginx").then(pl.lit(value=True)).alias(GUESSED_ROUTE)
    return pl.DataFrame(rows, schema={name: SCHEMA[name] for name in COLUMNS}).with_columns(guessed)


TEXTS = [
    "error_rate < 1%",
    "client_error_rate < 1% for each route",
    'server_error_rate{route="/a"} < 1%',
    'server_error_rate{host="one.example",method="GET"} < 1% for each route',
    'requests{status="503"} < 1',
    "requests < 1 for each status",
    'errors{host="nobody"} < 1',
    "latency_p95 < 1s",
    "latency_p50 < 1s for each method, host",
    "latency_mean < 1s for each route",
    "latency_max < 1s",
    'latency_min{route="/b/{id}"} < 1s',
    "upstream_latency_p99 < 1s for each host",
    "request_rate > 1/s for each consumer",
    "consumers > 1",
    "request_bytes < 1kB for each method",
]


def chosen(subject: MetricSubject, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if all(str(row[column]) == text for column, text in subject.where)]


def value_of(
    subject: MetricSubject, rows: list[dict[str, Any]], seconds: float | None
) -> float | None:
    """The metric by its definition."""
    name = subject.metric.name
    statuses = [row["status"] or 0 for row in rows]
    count = {
        "requests": len(rows),
        "errors": sum(400 <= s <= 599 for s in statuses),
        "client_errors": sum(400 <= s <= 499 for s in statuses),
        "server_errors": sum(500 <= s <= 599 for s in statuses),
    }
    if name in count:
        return count[name]
    if subject.metric.events:
        return count[subject.metric.events] / len(rows) if rows else None
    if name == "request_rate":
        return len(rows) / seconds if seconds else None
    if name == "consumers":
        known = {row["consumer"] for row in rows if row["consumer"]}
        return len(known) if known else None
    if name == "request_bytes":
        sizes = [row["request_bytes"] for row in rows if row["request_bytes"] is not None]
        return sum(sizes) if sizes else None
    values = sorted(v for row in rows if (v := row[str(subject.metric.sampled)]) is not None)
    if not values:
        return None
    if subject.metric.quantile:
        return float(values[math.floor(subject.metric.quantile * (len(values) - 1))])
    return {"mean": sum(values) / len(values), "min": values[0], "max": values[-1]}[
        name[-4:].strip("_")
    ]


def groups(
    subject: MetricSubject, rows: list[dict[str, Any]]
) -> Iterator[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    if not subject.each:
        yield (), chosen(subject, rows)
        return
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in chosen(subject, rows):
        key = tuple(row[column] for column in subject.each)
        if None not in key:
            found.setdefault(key, []).append(row)
    yield from found.items()


def check(
    subject: MetricSubject,
    measured: SubjectSamples,
    rows: list[dict[str, Any]],
    seconds: float | None,
) -> None:
    expected = dict(groups(subject, rows))
    assert measured.samples.keys() == expected.keys()
    assert measured.total == len(rows)
    in_groups = sum(map(len, expected.values()))
    assert measured.unnamed == len(chosen(subject, rows)) - in_groups
    for key, own in expected.items():
        sample, column = measured.samples[key], subject.metric.sampled
        value = value_of(subject, own, seconds)
        close = None if value is None else pytest.approx(value, rel=0.0101, abs=0.001)
        assert sample.value == close
        if column:
            known = [row[column] for row in own if row[column] is not None]
            assert sample.size == len(known)
            assert sorted(sample.histogram) == sorted({bucket_of(ms) for ms in known})
        else:
            assert sample.size == len(own)


@pytest.mark.slow
@given(requests(), st.integers(1, 4))
@settings(max_examples=about(12))
def test_samples_are_what_a_plain_count_gives(rows: list[dict[str, Any]], parts: int) -> None:
    subjects = [parse_threshold(text).subject for text in TEXTS]
    measurement = Measurement(subjects)
    assert measurement.columns <= {*COLUMNS, GUESSED_ROUTE}
    states = [measurement.partial(frame(rows[i::parts])) for i in range(parts)]
    for order in (states, states[::-1]):
        measures = measurement.finish(measurement.merge(order))
        times = [row["timestamp"] for row in rows]
        seconds = (max(times) - min(times)).total_seconds() if rows else None
        assert measures.seconds == seconds
        for subject in subjects:
            check(subject, measures.samples_of(subject), rows, seconds)


@given(requests())
@settings(max_examples=about(8))
def test_only_the_window_is_measured(rows: list[dict[str, Any]]) -> None:
    window = TimeWindow(since=START + timedelta(minutes=20), until=START + timedelta(minutes=50))
    subjects = [parse_threshold(text).subject for text in TEXTS]
    measurement = Measurement(subjects, window)
    measures = measurement.finish(measurement.merge([measurement.partial(frame(rows))]))
    assert window.since
    assert window.until
    own = [row for row in rows if window.since <= row["timestamp"] < window.until]
    for subject in subjects:
        check(subject, measures.samples_of(subject), own, 1800)


def test_nothing_was_measured() -> None:
    measurement = Measurement([parse_threshold(text).subject for text in TEXTS])
    measures = measurement.finish(measurement.merge([]))
    assert measures.total == 0
    assert measures.samples_of(parse_threshold("error_rate < 1%").subject).samples[()].value is None
    each_route = parse_threshold("client_error_rate < 1% for each route").subject
    assert measures.samples_of(each_route).samples == {}


def words(number: int) -> str:
    """A text of letters alone, so that many of them are no values of one position."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def test_what_is_chosen_is_not_folded_however_many_values_there_are() -> None:
    rows = [
        {
            "timestamp": START,
            "gateway": "nginx",
            "route": f"/r{i}" if i == 7 else f"/{words(i)}",
            "consumer": f"c{i}",
            "status": 200,
        }
        for i in range(3000)
    ]
    rows += [{**rows[7], "status": 500}]
    texts = [
        'error_rate{route="/r7"} < 1%',
        'error_rate{consumer="c7"} < 1%',
        "error_rate < 1% for each route",
    ]
    subjects = [parse_threshold(text).subject for text in texts]
    measurement = Measurement(subjects, max_routes=10)
    measures = measurement.finish(measurement.merge([measurement.partial(frame(rows))]))
    for subject in subjects[:2]:
        assert measures.samples_of(subject).samples[()].value == 0.5
    each = measures.samples_of(subjects[2])
    # The ten busiest, and the one that a threshold names.
    assert len(each.samples) == 11
    assert each.samples["/r7",].events == 1
    assert each.unnamed == 2989


def test_a_value_that_is_called_other_is_one() -> None:
    rows = [{"timestamp": START, "gateway": "nginx", "consumer": name} for name in ("(other)", "a")]
    subject = MetricSubject(metric=METRICS["requests"], each=("consumer",))
    measurement = Measurement([subject])
    measures = measurement.finish(measurement.merge([measurement.partial(frame(rows))]))
    assert measures.samples_of(subject).samples.keys() == {("(other)",), ("a",)}
