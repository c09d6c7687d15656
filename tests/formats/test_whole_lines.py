"""Lines that begin as no known format: read by what an access line needs, wherever that stands."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from apilog.formats.detect import detect_plan
from tests.formats.read_rows import lines_of, read_lines, rows

MS = (12, 31, 7, 44, 502, 18, 5003, 26)
STATUSES = (200, 201, 404, 200, 502, 200, 504, 200)


def values(i: int) -> dict[str, object]:
    """One request, by names that the layouts of tests use."""
    return {
        "ip": f"203.0.113.{i + 1}",
        "list": ", ".join([f"203.0.113.{i + 1}", "10.0.0.9"][: 1 + i % 2]),
        "user": "alice" if i % 3 else "-",
        "clf": f"21/Nov/2026:10:00:{i:02} +0000",
        "iso": f"2026-11-21T10:00:{i:02}+00:00",
        "plain": f"2026-11-21 10:00:{i:02}",
        "slashed": f"2026/11/21 10:00:{i:02}",
        "epoch": f"17952552{i:02}.123",
        "method": ("GET", "POST")[i % 2],
        "path": f"/v1/users/{i * 37}",
        "status": STATUSES[i],
        "size": i * 913 % 2500 + 40,
        "s": f"{MS[i] / 1000:.3f}",
        "us": f"{(MS[i] - 1) / 1000:.3f}",
        "ms": MS[i],
        "ref": f"https://shop.example/{i}" if i % 2 else "-",
        "ua": f"curl/8.{i}",
        "long": f"Mozilla/5.0 (X11; shop {i})" if i % 2 else f"okhttp/4.{i}",
    }


def read(layout: str) -> list[dict[str, object]]:
    lines = [layout.format(**values(i)) for i in range(8)]
    outcome = read_lines(lines_of(*lines), detector=detect_plan)
    assert outcome.rejects.is_empty()
    return rows(outcome)


@pytest.mark.parametrize(
    "layout",
    [
        '[{clf}] {ip} {s} "{method} {path} HTTP/1.1" {status} {size} "{ref}" "{ua}"',
        '{ip} - {user} [{clf}] {s} "{method} {path} HTTP/1.1" {status} {size} "{ref}" "{ua}"',
        '{ip} - {user} [{clf}] "{method} {path} HTTP/1.1" {status} {size} {s} {us} "{ref}" "{ua}"',
        '{s} {ip} - {user} [{iso}] "{method} {path} HTTP/1.1" {status} {size} "{ref}" "{ua}"',
        '{slashed} {ip} {method} {path} {status} {size} {s} "{ref}" "{ua}"',
        '{plain} | {ip} | {method} | {path} | {status} | {size} | {s} | "{ua}"',
        "{epoch} {ip} {method} {path} HTTP/2.0 {status} {size} {s} {ref} {long}",
        '"{clf}" client={ip} req="{method} {path}" st={status} size={size} rt={s} ua="{ua}"',
        "time={iso} ip={ip} [{clf}] {method} {path} HTTP/1.1 {status} {ms} ms ({ms} ms) {size}",
        '10.0.0.7 ({ip}) - {user} [{clf}] "{method} {path} HTTP/1.1" {status} {size} {s} "{ua}"',
    ],
)
def test_fields_before_and_within(layout: str) -> None:
    found = read(layout)
    assert [r["status"] for r in found] == list(STATUSES)
    assert [r["path"] for r in found] == [f"/v1/users/{i * 37}" for i in range(8)]
    assert [r["method"] for r in found] == ["GET", "POST"] * 4
    assert [r["client_ip"] for r in found] == [f"203.0.113.{i + 1}" for i in range(8)]
    assert [r["duration_ms"] for r in found] == [float(ms) for ms in MS]
    assert [r["response_bytes"] for r in found] == [i * 913 % 2500 + 40 for i in range(8)]
    assert [str(r["timestamp"])[17:19] for r in found] == [f"{i:02}" for i in range(8)]
    if "{ua}" in layout or "{long}" in layout:
        key = "ua" if "{ua}" in layout else "long"
        assert [r["user_agent"] for r in found] == [values(i)[key] for i in range(8)]
    assert not any("host" in r for r in found)


def test_an_address_list_is_no_virtual_host() -> None:
    found = read(
        '{list} - {user} [{clf}] "{method} {path} HTTP/1.1" {status} {size} "{ref}" "{ua}"'
    )
    assert [r["client_ip"] for r in found] == [f"203.0.113.{i + 1}" for i in range(8)]
    assert [r.get("consumer") for r in found][:2] == [None, "alice"]
    assert not any("host" in r for r in found)


@pytest.mark.parametrize(
    "lines",
    [
        ["connection from 10.0.0.1 closed", "worker 7 started", "10 requests 200 served"],
        ["2026-11-21 10:00:00 INFO started", "2026-11-21 10:00:01 INFO GET ready"],
        ["[21/Nov/2026:10:00:00 +0000] 203.0.113.7 said hello"] * 3,
    ],
)
def test_lines_without_a_request_are_none(lines: Sequence[str]) -> None:
    plan = detect_plan(lines_of(*lines).series)
    assert plan is None or not read_lines(lines_of(*lines), plan).records.height
