"""How large pages are, and that what they leave out is said and never wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import apilog
import apilog.render.html
from apilog.render.html import packed_sums
from apilog.render.html.packed_tables import pack_tables
from tests.page.big_log import LOG_FORMAT, write_big_log
from tests.page.drawing import asked, drawn, embedded
from tests.page.test_sums import filtered

HTML = Path(apilog.render.html.__file__).parent
RUNNER = Path(__file__).with_name("run_unpack.js")

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("node") is None, reason="the page's script runs in node here"),
]

ODD_ROWS: list[dict[str, Any]] = [
    {
        "route": f"/r{n}",
        "__proto__": n % 3,
        "requests": n,
        "error_rate": (n // 3) / n if n else None,
        "latency_mean_ms": (n * 7919 + 1) / (n * 1000) if n else None,
        "request_rate": n / 86399.5,
        "odd": 0.1 * n,
        "list": [n, None],
        "flag": n % 2 == 0,
        "nothing": None,
    }
    for n in range(300)
]


def unpacked(plain: dict[str, Any], packed: str) -> Any:
    done = subprocess.run(
        ["node", str(RUNNER), str(HTML)],
        input=json.dumps({"plain": plain, "packed": packed}),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_packed_tables_are_those_of_the_report_to_the_last_bit() -> None:
    tables = {
        "first": [{"requests": 3}],
        "odd": ODD_ROWS,
        # The same columns again, and requests that are no whole numbers.
        "again": [{"requests": row["requests"] / 2, "odd": row["odd"]} for row in ODD_ROWS],
        "busy": [row for row in ODD_ROWS if row["requests"]],
        "none": [],
    }
    names, packed = pack_tables(tables)
    assert names == ["odd", "again", "busy"]
    assert len(packed) < len(json.dumps(tables)) / 6
    plain = {"a": 1, "tables": {"first": tables["first"], "none": []}, "packed": names}
    whole = unpacked(plain, packed)
    assert whole == {"a": 1, "tables": tables}
    assert [*whole["tables"]] == [*tables]


def assert_told_is_right(result: Any, expected: dict[str, Any]) -> set[str]:
    """Check the figures that the page tells; return the tables in which it tells requests."""
    told = set()
    for name, table in result["tables"].items():
        if table["undecided"] is True or name not in expected:
            continue
        untold = set(table["undecided"])
        assert [{k: v for k, v in row.items() if k not in untold} for row in table["rows"]] == [
            {k: v for k, v in row.items() if k not in untold} for row in expected[name]
        ], name
        assert all(row[k] is None for row in table["rows"] for k in untold)
        told.add(name)
    return told


@pytest.mark.slow
def test_a_page_that_can_carry_little_tells_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_big_log(tmp_path / "a.log", 2_500, days=4, routes=40, consumers=20)
    options: dict[str, Any] = {"log_format": LOG_FORMAT, "bucket": "6h"}
    report = apilog.report(log, for_page=True, **options)
    monkeypatch.setattr(packed_sums, "MOST_BYTES", 22_000)
    ends = {"since": "2026-10-02T00:00:00Z", "until": "2026-10-03T00:00:00Z"}
    filters = [
        {"route": "/v1/getItemsa"},
        {"consumer": "app-001"},
        {**ends, "route": "/v1/getItemsa"},
    ]
    results = filtered(report, filters)
    told = [
        assert_told_is_right(result, asked([str(log)], state, **options))
        for state, result in zip(filters, results, strict=True)
    ]
    assert {"overview", "endpoints", "traffic"} <= told[0]
    assert {"overview", "consumers", "statuses"} <= told[1]
    assert {"overview", "endpoints", "traffic"} <= told[2]
    # Not all fits, or nothing was tried.
    assert "latency_p95_ms" in results[2]["tables"]["endpoints"]["undecided"]


@pytest.mark.slow
def test_thirty_days_by_the_hour_fit_into_400_kb(tmp_path: Path) -> None:
    log = write_big_log(tmp_path / "a.log", 100_000)
    report = apilog.report(log, log_format=LOG_FORMAT, bucket="1h", for_page=True)
    assert (report.tables["endpoints"].height, report.tables["consumers"].height) == (200, 100)
    page = drawn(report)
    assert len(page.encode()) <= 400_000
    plain = json.loads(embedded(page, "report"))
    assert "endpoints" in plain["packed"]
    assert unpacked(plain, embedded(page, "packed")) == json.loads(drawn(report, "json"))
    starts = json.loads(drawn(report, "json"))["tables"]["traffic"]
    (result,) = filtered(report, [{"since": starts[3]["timestamp"], "status": "5xx"}])
    assert result["tables"]["overview"]["undecided"] is not True


@pytest.mark.slow
def test_what_fits_stands_in_the_file_as_it_is(tmp_path: Path) -> None:
    log = write_big_log(tmp_path / "a.log", 9_000, days=1, routes=150, consumers=100)
    report = apilog.report(log, log_format=LOG_FORMAT, bucket="15m", for_page=True)
    page, whole = drawn(report), drawn(report, "json")
    assert len(whole) > 200_000
    assert len(page.encode()) <= 1_500_000
    assert json.loads(embedded(page, "report")) == json.loads(whole)
    assert 'id="apilog-packed"' not in page


@pytest.mark.slow
def test_no_page_is_larger_than_its_most(tmp_path: Path) -> None:
    log = write_big_log(tmp_path / "a.log", 60_000, routes=4_000, consumers=9_000)
    report = apilog.report(log, log_format=LOG_FORMAT, bucket="1m", max_routes=5_000, for_page=True)
    page = drawn(report)
    assert len(page.encode()) <= 1_500_000
    assert any("busiest rows" in note for note in report.notes)
