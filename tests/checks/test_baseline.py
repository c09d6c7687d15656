"""A baseline tells what logs told, survives its file, and refuses what it can't tell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apilog.aggregate.ddsketch import (
    GAMMA,
    ZERO_BUCKET,
    bucket_of,
    bucket_value_ms,
    position_ms,
)
from apilog.checks import SampleKey, SubjectSamples, parse_threshold
from apilog.checks.baseline import SavedBaseline, baseline_measurement
from apilog.checks.baseline_file import format_baseline, read_baseline
from apilog.checks.check import check_after_reading, check_before_reading
from apilog.checks.design_effect import is_dispersed_over_time
from apilog.checks.measurement import Measurement
from apilog.checks.threshold import GATEWAY_SUBJECT, ROUTE_SUBJECT
from apilog.checks.time_slices import common_step
from apilog.errors import ApilogError, InputError, UsageError
from apilog.options import ReadOptions
from apilog.time import TimeWindow
from tests.any_text import any_text
from tests.checks.test_measure import START, frame, requests
from tests.examples import about

TEXTS = [
    "error_rate < 1%",
    "client_error_rate < 1% for each route",
    'server_error_rate{route="/a"} < 1%',
    'requests{status="503"} < 1',
    "requests < 1 for each status",
    "errors < 1 for each method, route",
    "latency_p95 < 1s",
    "latency_p50 < 1s for each method",
    "latency_mean < 1s for each route",
    'latency_mean{route="/b/{id}"} < 1s',
    "upstream_latency_p99 < 1s for each gateway",
    "request_rate > 1/s",
]
SUBJECTS = [*(parse_threshold(text).subject for text in TEXTS), ROUTE_SUBJECT, GATEWAY_SUBJECT]


def saved(records: pl.DataFrame, window: TimeWindow = TimeWindow()) -> SavedBaseline:  # noqa: B008
    measurement = baseline_measurement(window)
    return SavedBaseline.from_result(
        measurement.finish(measurement.merge([measurement.partial(records)])),
        version="1.2.3",
        formats=("combined",),
        where=None,
    )


def known(measured: SubjectSamples) -> dict[SampleKey, Any]:
    """The samples that have a value: a baseline leaves out routes without durations."""
    return {key: s for key, s in measured.samples.items() if s.value is not None and s.size}


def test_buckets_are_told_apart_by_what_is_written() -> None:
    for bucket in range(ZERO_BUCKET, bucket_of(1e11) + 1):
        assert bucket_of(float(f"{bucket_value_ms(bucket):.4g}")) == bucket
        assert bucket_of(position_ms(bucket)) == bucket
        assert bucket_of(position_ms(bucket) * GAMMA) == bucket + 1 or bucket == ZERO_BUCKET
    assert bucket_of(-1) < ZERO_BUCKET == bucket_of(0)


@pytest.mark.slow
@given(requests())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=about(10))
def test_a_baseline_tells_what_the_logs_told(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    records = frame(rows)
    path = tmp_path / "baseline.json"
    path.write_text(format_baseline(saved(records)))
    baseline = read_baseline(path)
    over_time = [subject for subject in SUBJECTS if is_dispersed_over_time(subject.metric)]
    measurement = Measurement(SUBJECTS, over_time=over_time)
    measures = measurement.finish(measurement.merge([measurement.partial(records)]))
    for subject in SUBJECTS:
        told, measured = baseline.samples_of(subject), measures.samples_of(subject)
        assert known(told).keys() == known(measured).keys()
        assert told.total == measured.total
        assert told.seconds == measured.seconds
        for key, sample in known(measured).items():
            close = replace(told.samples[key], value=pytest.approx(sample.value), slices=None)  # type: ignore[arg-type]
            assert close == replace(sample, slices=None)
            ours, theirs = told.samples[key].slices, sample.slices
            assert (ours is None) == (theirs is None)
            if ours and theirs:
                ours, theirs = common_step(ours, theirs)
                assert ours.counts == theirs.counts
                assert ours.window == theirs.window
    assert format_baseline(baseline) == path.read_text()


def route(number: int, **facts: Any) -> dict[str, Any]:
    at = START + timedelta(seconds=number)
    usual = {"timestamp": at, "gateway": "nginx", "method": "GET", "route": "/a", "status": 200}
    return {**usual, "duration_ms": 10.0, **facts}


@pytest.fixture
def baseline() -> SavedBaseline:
    return saved(frame([route(i, status=500 if i < 5 else 200) for i in range(200)]))


def test_the_file_is_readable_and_has_a_line_for_each_fact(baseline: SavedBaseline) -> None:
    assert format_baseline(baseline).splitlines() == [
        "{",
        '  "apilog_baseline": 1,',
        '  "version": "1.2.3",',
        '  "since": "2026-11-20T00:00:00Z",',
        '  "until": "2026-11-20T00:03:19Z",',
        '  "first": "2026-11-20T00:00:00Z",',
        '  "last": "2026-11-20T00:03:19Z",',
        '  "formats": ["combined"],',
        '  "where": null,',
        '  "requests": 200,',
        '  "slices": {"step": "1s", "first": "2026-11-20T00:00:00Z"},',
        '  "routes": [',
        "    {",
        '      "gateway": "nginx",',
        '      "method": "GET",',
        '      "route": "/a",',
        '      "statuses": {"200": 195, "500": 5},',
        f'      "over_time": {{"200": {[0] * 5 + [1] * 195}, "500": {[1] * 5}}},',
        '      "latency": {"n": 200, "us": 2000000, "min_us": 10000, "max_us": 10000},',
        '      "latency_ms": {"10.07": 200}',
        "    }",
        "  ]",
        "}",
    ]


def test_the_file_holds_nothing_of_any_person() -> None:
    secrets = {"client_ip": "203.0.113.77", "consumer": "ann", "path": "/a?token=7", "host": "h"}
    text = format_baseline(saved(frame([route(i, **secrets) for i in range(5)])))
    assert not [secret for secret in secrets.values() if secret in text.replace("/a\"", "")
                and secret != "h"]  # fmt: skip


def test_folded_routes_are_in_totals_but_are_no_routes() -> None:
    rows = [route(i, route=f"/r{i}", status=404) for i in range(50)] + [route(99)]
    baseline = saved(frame(rows))
    assert '"folded": true' in format_baseline(baseline)
    assert baseline.total == 51
    assert baseline.samples_of(ROUTE_SUBJECT).samples.keys() == {("nginx", "GET", "/a")}
    assert baseline.samples_of(parse_threshold("error_rate < 1").subject).samples[()].events == 50


BROKEN = {
    "[]": "apilog_baseline is missing",
    "{": "it is not JSON",
    '{"apilog_baseline": 2}': "is of version 2",
    '{"apilog_baseline": 1}': "routes",
    '{"apilog_baseline": 1, "routes": [7]}': r"routes\[0\]",
    '{"apilog_baseline": 1, "routes": [{}]}': r"routes\[0\]",
    '{"apilog_baseline": 1, "routes": [], "slices": 3}': "slices",
    '{"apilog_baseline": 1, "routes": [], "slices": {"step": "0s"}}': "slices",
    '{"apilog_baseline": 1, "routes": [], "since": "soon"}': "its head",
    '{"apilog_baseline": 1, "routes": [], "since": "2026-01-01T00:00:00"}': "its head",
}


@pytest.mark.parametrize(("text", "problem"), BROKEN.items())
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_baseline(path)


def test_a_missing_baseline_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't read the baseline"):
        read_baseline(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gateway", 7),
        ("statuses", []),
        ("statuses", {"200": -1}),
        ("statuses", {"200": True}),
        ("statuses", {"2xx": 1}),
        ("latency_ms", {"nan": 1}),
        ("latency_ms", {"inf": 1}),
        ("latency_ms", {"1": 1.5}),
        ("latency", {"n": "1"}),
        ("latency", 3),
        ("over_time", 3),
        ("over_time", {"200": [1, -1]}),
        ("over_time", {"2xx": [1]}),
    ],
)
def test_a_broken_fact_names_its_route(
    tmp_path: Path, baseline: SavedBaseline, key: str, value: object
) -> None:
    document = json.loads(format_baseline(baseline))
    document["routes"][0][key] = value
    path = tmp_path / "b.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"routes\[0\]"):
        read_baseline(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(any_text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@cache
def three_requests() -> str:
    return format_baseline(saved(frame([route(i) for i in range(3)])))


@pytest.mark.slow
@given(
    st.sampled_from(["routes", "slices", "since", "formats", "where", "version"]), JSON, st.data()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=about(15))
def test_no_file_makes_it_crash(
    tmp_path: Path, key: str, value: object, data: st.DataObject
) -> None:
    document = json.loads(three_requests())
    where_to = document["routes"][0] if data.draw(st.booleans()) else document
    names = st.sampled_from(sorted(where_to)) if where_to is not document else st.just(key)
    where_to[data.draw(names)] = value
    path = tmp_path / "b.json"
    path.write_text(json.dumps(document))
    try:
        baseline = read_baseline(path)
    except ApilogError:
        return
    baseline.samples_of(ROUTE_SUBJECT)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("error_rate <= baseline for each consumer", "does not keep error_rate by consumer"),
        ('latency_p95{status="200"} <= baseline', "does not keep latency_p95 by status"),
        ("upstream_latency_p95 <= baseline", "carried no durations"),
    ],
)
def test_what_a_baseline_does_not_keep_is_refused(
    baseline: SavedBaseline, text: str, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        check_before_reading([parse_threshold(text)], TimeWindow(), baseline, ReadOptions())


def test_a_comparison_without_a_baseline_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a baseline"):
        check_before_reading(
            [parse_threshold("error_rate <= baseline")], TimeWindow(), None, ReadOptions()
        )
    check_before_reading([parse_threshold("error_rate <= 1%")], TimeWindow(), None, ReadOptions())


def test_other_requests_are_refused(baseline: SavedBaseline) -> None:
    reading = ReadOptions(where="status >= 500")
    with pytest.raises(UsageError, match="was made with no --where"):
        check_before_reading([], TimeWindow(), baseline, reading)
    with pytest.raises(UsageError, match="made with --where"):
        check_before_reading(
            [], TimeWindow(), replace(baseline, where="status >= 500"), ReadOptions()
        )
    check_before_reading([], TimeWindow(), replace(baseline, where="status >= 500"), reading)


def day(number: int) -> datetime:
    return datetime(2026, 11, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "earlier", "is_apart"),
    [
        (TimeWindow(since=day(2)), TimeWindow(until=day(2)), True),
        (TimeWindow(since=day(3)), TimeWindow(since=day(1), until=day(2)), True),
        (TimeWindow(until=day(2)), TimeWindow(since=day(2)), True),
        (TimeWindow(since=day(2)), TimeWindow(until=day(3)), False),
        (TimeWindow(since=day(2)), TimeWindow(), False),
        (TimeWindow(), TimeWindow(until=day(3)), False),
    ],
)
def test_windows_must_not_overlap(window: TimeWindow, earlier: TimeWindow, is_apart: bool) -> None:
    if is_apart:
        check_before_reading([], window, earlier, ReadOptions())
        return
    with pytest.raises(UsageError, match="overlap"):
        check_before_reading([], window, earlier, ReadOptions())


def test_other_gateways_are_refused(baseline: SavedBaseline) -> None:
    azure = saved(frame([route(i, gateway="azure-apim") for i in range(9)]))
    with pytest.raises(UsageError, match=r"the baseline is of nginx, .* of azure-apim"):
        check_after_reading([], azure, baseline)
    both = saved(frame([route(1), route(2, gateway="azure-apim")]))
    check_after_reading([], both, baseline)
    check_after_reading([], saved(frame([])), baseline)


def test_counts_of_another_length_of_time_are_refused(baseline: SavedBaseline) -> None:
    longer = saved(frame([route(0), route(3600)]))
    counts = [parse_threshold("requests >= baseline * 0.5")]
    with pytest.raises(UsageError, match="compares 1h 0m with a baseline of 3m 19s"):
        check_after_reading(counts, longer, baseline)
    check_after_reading([parse_threshold("request_rate >= baseline * 0.5")], longer, baseline)
    check_after_reading(counts, baseline, baseline)
