"""Fields of one's own behind a known format: told by names and looks, never by their place."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.formats.detect import detect_plan
from apilog.formats.nginx.line_fields import split_fields
from apilog.formats.parse_plan import ParsePlan, iterate_formats
from tests.examples import about
from tests.formats.read_rows import lines_of, read_lines, rows

STATUSES = (200, 201, 404, 200, 502, 200, 504, 200)


def combined(i: int, tail: str = "") -> str:
    """A line of `combined`, of the requests that the lines of a test are about."""
    status = STATUSES[i % len(STATUSES)]
    return (
        f'203.0.113.{i % 9} - - [21/Nov/2026:10:00:{i % 60:02} +0000] "GET /v1/users/{i * 37} '
        f'HTTP/1.1" {status} {i * 913 + 40} "https://shop.example/{i}" "curl/8.{i}"{tail}'
    )


def lines_with(tails: Sequence[str]) -> list[str]:
    return [combined(i, tail) for i, tail in enumerate(tails)]


def read(lines: Sequence[str]) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """The records of lines, all of which must be some, and the doubts about them."""
    plan = detect_plan(lines_of(*lines).series) or ParsePlan(())
    outcome = read_lines(lines_of(*lines), plan, detector=detect_plan)
    assert outcome.rejects.is_empty()
    found = rows(outcome)
    assert [r["user_agent"] for r in found] == [f"curl/8.{i}" for i in range(len(lines))]
    assert [r["referer"] for r in found] == [f"https://shop.example/{i}" for i in range(len(lines))]
    return found, tuple(doubt for f in iterate_formats(plan) for doubt in f.doubts)


MS = (12, 31, 7, 44, 502, 18, 5003, 26)
TIMES = [f"{ms / 1000:.3f}" for ms in MS]
UPSTREAM = [f"{(ms - 2) / 1000:.3f}" for ms in MS]
RETRIED = [*UPSTREAM[:4], "0.200, 0.300", *UPSTREAM[5:7], "-"]


@pytest.mark.parametrize(
    "tail",
    [
        " {t} {u}",
        " {u} {t}",
        ' "{t}" "{u}"',
        ' rt={t} urt="{u}"',
        ' rt="{t}" uct="0.001" uht="0.002" urt="{u}"',
        'rt="{t}" ut="{u}"',
        " rt={t}, urt={u}, cs=HIT",
        " rt={t},urt={u}",
        "; rt={t}; urt={u}",
        " rt={{{t}}} urt={{{u}}}",
        ' "-" rt={t} "key=value" urt={u}',
        " [{t}] [{u}]",
        " ({u}) {t}",
        "\t{t}\t{u}",
        " | {t} | {u}",
    ],
)
@pytest.mark.parametrize("upstream", [UPSTREAM, RETRIED], ids=["once", "retried"])
def test_durations_whatever_stands_around_them(tail: str, upstream: list[str]) -> None:
    told = [tail.format(t=t, u=u) for t, u in zip(TIMES, upstream, strict=True)]
    found, _ = read(lines_with(told))
    assert [r["duration_ms"] for r in found] == [float(ms) for ms in MS]
    parts = [float(ms - 2) for ms in MS]
    if upstream is RETRIED:
        assert found[7].get("upstream_duration_ms") is None
        parts[7:] = []
    assert [r["upstream_duration_ms"] for r in found[: len(parts)]] == parts


@pytest.mark.parametrize("unit", ["", "s"])
def test_commas_between_all_times_set_fields_apart(unit: str) -> None:
    told = [f" {t}{unit}, {u}{unit}" for t, u in zip(TIMES, UPSTREAM, strict=True)]
    found, _ = read(lines_with(told))
    assert [r["duration_ms"] for r in found] == [float(ms) for ms in MS]
    assert [r["upstream_duration_ms"] for r in found] == [float(ms - 2) for ms in MS]


@pytest.mark.parametrize("key", ["upstream", "backend", "target", "origin"])
def test_a_key_of_an_upstream_is_a_duration_with_a_unit(key: str) -> None:
    told = [f" total={ms}ms {key}={ms - 2}ms" for ms in MS]
    found, doubts = read(lines_with(told))
    assert [r["duration_ms"] for r in found] == [float(ms) for ms in MS]
    assert [r["upstream_duration_ms"] for r in found] == [float(ms - 2) for ms in MS]
    assert doubts == ()
    found, _ = read(lines_with([f" {key}=10.0.0.{ms % 9}:8080" for ms in MS]))
    assert not any("upstream_duration_ms" in r for r in found)


@pytest.mark.parametrize(
    ("key", "column", "values", "expected"),
    [
        ("response_time_ms", "duration_ms", [str(ms) for ms in MS], [float(ms) for ms in MS]),
        ("TotalTime", "duration_ms", [f"{ms}ms" for ms in MS], [float(ms) for ms in MS]),
        ("req-len", "request_bytes", [str(ms + 90) for ms in MS], [ms + 90 for ms in MS]),
        ("vhost", "host", ["api.example.com"] * 8, ["api.example.com"] * 8),
    ],
)
def test_keys_are_those_of_json(
    key: str, column: str, values: list[str], expected: list[object]
) -> None:
    found, _ = read(lines_with([f" {key}={value}" for value in values]))
    assert [r[column] for r in found] == expected


def test_a_url_is_no_host() -> None:
    found, _ = read(lines_with([f" url=/v1/users/{ms} target=/v1/{ms}" for ms in MS]))
    assert not any("host" in r for r in found)


def test_a_glued_key_ends_the_number_before_it() -> None:
    tails = [f' rt={t}uct="0.001"urt="{u}"' for t, u in zip(TIMES, RETRIED, strict=True)]
    found, _ = read(lines_with(tails))
    assert [r["duration_ms"] for r in found] == [float(ms) for ms in MS]
    assert found[4]["upstream_duration_ms"] == 500.0


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([f" {ms}ms" for ms in MS], MS),
        ([f" {ms / 1000}s" for ms in MS], MS),
        ([f" {ms} ms ({ms - 1} ms)" for ms in MS], MS),
        ([f" took={ms * 1000}us" for ms in MS], MS),
        ([f" elapsed_ms={ms}" for ms in MS], MS),
        ([f" duration_us={ms * 1000}" for ms in MS], MS),
    ],
)
def test_a_unit_that_is_told_is_no_doubt(texts: list[str], expected: Sequence[int]) -> None:
    found, doubts = read(lines_with(texts))
    assert [r["duration_ms"] for r in found] == [float(ms) for ms in expected]
    assert doubts == ()


@pytest.mark.parametrize(("scale", "unit"), [(1, "milliseconds"), (1000, "microseconds")])
def test_a_number_without_name_or_unit_is_read_with_a_doubt(scale: int, unit: str) -> None:
    found, (doubt,) = read(lines_with([f" {ms * scale}" for ms in MS]))
    assert [r["duration_ms"] for r in found] == [float(ms) for ms in MS]
    assert unit in doubt
    assert "`-l`" in doubt


def test_milliseconds_that_end_with_microseconds_tell_their_unit() -> None:
    found, doubts = read(lines_with([f" {ms * 1000 + 377} {ms - ms % 2}" for ms in MS]))
    assert [r["duration_ms"] for r in found] == [ms + 0.377 for ms in MS]
    assert not any("upstream_duration_ms" in r for r in found)
    assert "microseconds" in doubts[0]
    # A part of a tenth is none of a thousandth.
    found, _ = read(lines_with([f" {ms * 10} {ms}" for ms in MS]))
    assert [r["duration_ms"] for r in found] == [10.0 * ms for ms in MS]
    assert [r["upstream_duration_ms"] for r in found] == [float(ms) for ms in MS]


@pytest.mark.parametrize(
    "tail",
    [
        lambda i: f" {40000 + i * 911 % 20000}",  # ports of callers
        lambda i: f" {1000 + i}",  # a serial number
        lambda i: " 51322",
        lambda i: f' "{"abcdefgh"[i]} 12"',
        lambda i: f" {MS[i] % 7} {MS[i] % 5} {MS[(i + 3) % 8] % 6}",
    ],
)
def test_what_nothing_tells_about_is_not_read(tail: object) -> None:
    found, _ = read(lines_with([tail(i) for i in range(8)]))  # type: ignore[operator]
    assert not any("duration_ms" in r or "request_bytes" in r for r in found)


def test_numbers_of_several_meanings_are_said_to_be_unread() -> None:
    tails = [f" {MS[i] % 7} {MS[i] % 5} {MS[(i + 3) % 8] % 6}" for i in range(8)]
    _, (doubt,) = read(lines_with(tails))
    assert "not read" in doubt


FIELDS = {
    "request_time": TIMES,
    "upstream_response_time": RETRIED,
    "upstream_status": ["200", "201", "404", "200", "502, 502", "200", "504", "-"],
    "upstream_addr": ["10.0.0.1:80"] * 4
    + ["10.0.0.1:80, 10.0.0.2:80"]
    + ["10.0.0.1:80"] * 2
    + ["-"],
    "request_id": [f"{i:032x}" for i in range(8)],
    "cache": ["HIT", "MISS"] * 4,
    "forwarded": ['"198.51.100.1, 10.0.0.1"', '"-"'] * 4,
    "cookie": ['"a=1; b=2"'] * 8,
    "host": ["api.example.com"] * 8,
    "pipe": ["."] * 8,
}


@pytest.mark.slow
@settings(max_examples=about(40))
@given(st.permutations([*FIELDS]), st.integers(1, len(FIELDS)))
def test_no_order_of_trailing_fields_changes_what_is_known(order: list[str], count: int) -> None:
    chosen = order[:count]
    if "request_time" not in chosen:
        chosen = [name for name in chosen if not name.startswith("upstream")]
    tails = ["".join(f" {FIELDS[name][i]}" for name in chosen) for i in range(8)]
    found, _ = read(lines_with(tails))
    plain = [
        {k: v for k, v in r.items() if k in ("method", "path", "status", "response_bytes")}
        for r in found
    ]
    bare = rows(read_lines(lines_of(*(combined(i) for i in range(8)))))
    assert plain == [{k: r[k] for k in plain[0]} for r in bare]
    if "request_time" in chosen:
        assert [r["duration_ms"] for r in found] == [float(ms) for ms in MS]
        if "upstream_response_time" in chosen:
            assert found[4]["upstream_duration_ms"] == 500.0
        if "upstream_status" in chosen:
            assert [r.get("upstream_status") for r in found[3:5]] == [200, 502]
    if "host" in chosen:
        assert {r["host"] for r in found} == {"api.example.com"}


@pytest.mark.slow
def test_lines_that_are_cut_short_or_spoilt_have_no_say() -> None:
    tails = [f" {t} {u}" for t, u in zip(TIMES, UPSTREAM, strict=True)]
    good = lines_with(tails)
    alone = rows(read_lines(lines_of(*good)))
    for at in range(0, len(good[-1]), 12):
        outcome = read_lines(lines_of(*good, good[-1][:at]))
        assert rows(outcome)[: len(good)] == alone, good[-1][:at]


@settings(max_examples=about(200))
@given(st.text(alphabet=' "[](),;:=|-.0123456789abµs\\', max_size=40))
def test_fields_put_together_are_the_text(text: str) -> None:
    fields = split_fields(text)
    if fields is not None:
        assert "".join(f.before + f.value + f.after for f in fields) == text.rstrip()
