"""What texts look like, and the notations of durations, statuses and times that logs have."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.values import looks
from apilog.values.convert import durations_to_ms, sum_upstream_ms, to_statuses
from apilog.values.json_text import decode_objects
from apilog.values.looks import ValueLook
from apilog.values.requests import encode_url_host, encode_url_path
from apilog.values.times import parse_split_times, parse_times
from tests.any_text import any_text

LOOKS: tuple[tuple[ValueLook, tuple[str, ...], tuple[str, ...]], ...] = (
    (looks.is_time, ("2026-10-10T13:55:36Z", "1791640536.123"), ("0.25", "soon", "384599317")),
    (looks.is_date, ("2026-10-10",), ("2026-10-10T13:55:36Z", "10/10/2026")),
    (looks.is_clock, ("13:55:36", "13:55:36.123"), ("13:55", "1:2:3")),
    (looks.is_request_line, ("GET /a", "PROPFIND /a HTTP/1.1"), ("/a", "get", "GET")),
    (looks.is_target, ("/a", "https://x.example/a", "x.example/a"), ("GET /a", "a b/c", "web1")),
    (looks.is_url_with_host, ("https://x.example/a", "x.example/a"), ("/a", "*")),
    (looks.is_method, ("GET", "get"), ("7", "GET /a")),
    (looks.is_protocol, ("HTTP/1.1", "h2", "1.1", "https"), ("5.10.0", "GET")),
    (looks.is_host, ("x.example", "x.example:80", "[2001:db8::1]:80"), ("/a", "a b")),
    (looks.is_status, ("200", "0", "404 Not Found"), ("OK", "20000")),
    (looks.is_duration, ("12", "0.5", "384599317", "1.5ms", "PT1S", "-1"), ("quick", "12 apples")),
    (looks.is_size, ("0", "12", "-1"), ("1.5", "x")),
    (looks.is_address, ("203.0.113.9", "203.0.113.9:80", "2001:db8::1", "[::1]:80"), ("x", "1.2")),
)


@pytest.mark.parametrize(
    ("look", "fitting", "other"), LOOKS, ids=lambda v: getattr(v, "__name__", "")
)
def test_looks(look: ValueLook, fitting: tuple[str, ...], other: tuple[str, ...]) -> None:
    texts = pl.Series([*fitting, *other])
    matches = look(texts).fill_null(value=False)
    assert texts.filter(matches).to_list() == [*fitting]


@given(st.lists(any_text(max_size=12), max_size=6))
def test_any_text_can_be_looked_at(texts: list[str]) -> None:
    for look, _, _ in LOOKS:
        assert len(look(pl.Series(texts, dtype=pl.String))) == len(texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.3ms", 12.3),
        ("0.024 s", 24.0),
        ("1.5µs", 0.002),
        ("812µs", 0.812),
        ("57123456ns", 57.123),
        ("PT0.2S", 200.0),
        ("PT1M0.5S", 60500.0),
        ("1m2.3s", 62300.0),
        ("2 minutes", 120000.0),
        ("12 msec", 12.0),
        ("00:00:01.2345678", 1234.568),
        ("1.02:03:04", 93784000.0),
        ("12 apples", None),
        ("-5ms", None),
    ],
)
def test_notations_of_durations(text: str, expected: float | None) -> None:
    assert durations_to_ms(pl.Series([text])).to_list() == [expected]


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("0.001, 0.050", "s", 51.0),
        ("0.001, - : 0.050", "s", 51.0),
        ("0.001, 0.050 s", "s", 51.0),
        ("1, 50", "ms", 51.0),
        ("1ms, 50ms", "s", 51.0),
        ("-", "s", None),
        ("0.1, x", "s", None),
    ],
)
def test_lists_of_attempts(text: str, unit: str, expected: float | None) -> None:
    assert sum_upstream_ms(pl.Series([text]), unit).to_list() == [expected]


def test_a_reason_may_stand_behind_a_status() -> None:
    assert to_statuses(pl.Series(["404 Not Found", "200", "2000 x", "x"])).to_list() == [
        *(404, 200),
        *(None, None),
    ]


def test_urls_may_lack_their_scheme() -> None:
    urls = pl.Series(["x.example/a?b=1", "https://x.example:8443/a", "/a", "-"])
    assert encode_url_path(urls).to_list() == ["/a", "/a", "/a", None]
    assert encode_url_host(urls).to_list() == ["x.example", "x.example", None, None]


def test_bare_lists_in_json_are_texts() -> None:
    lines = pl.Series(
        [
            '{"a": 0.001, 0.050, "b": 502, 200, "c": "x, y"}',
            '{"a": -, "b": 502 : 200, "c": 1}',
            '{"a": 1, "b": 2, "c": 3}',
        ]
    )
    frame, ok = decode_objects(lines, ["a", "b", "c"])
    assert ok.all()
    assert frame.rows() == [
        ("0.001, 0.050", "502, 200", "x, y"),
        (None, "502 : 200", "1"),
        ("1", "2", "3"),
    ]


def test_times_in_two_fields_and_with_fractions() -> None:
    expected = datetime(2026, 10, 10, 13, 55, 36, tzinfo=UTC)
    split = parse_split_times(pl.Series(["2026-10-10"]), pl.Series(["13:55:36"]))
    assert split.to_list() == [expected]
    texts = pl.Series(["10/Oct/2026:13:55:36.250", "10/Oct/2026:15:55:36.250 +0200"])
    assert parse_times(texts).to_list() == [expected.replace(microsecond=250_000)] * 2


@pytest.mark.parametrize("zone", ["+00１２", "+０0:00", "-٠١00"])
def test_digits_of_other_scripts_are_no_zone(zone: str) -> None:
    texts = pl.Series([f"2026-10-10T13:55:36{zone}", f"10/Oct/2026:13:55:36 {zone}"])
    assert parse_times(texts).to_list() == [None, None]
