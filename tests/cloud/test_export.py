"""An export to a bucket, of logs and of a store in one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import apilog
from apilog.exports import ExportSummary
from apilog.exports.manifest import PeriodManifest
from apilog.storage import folder_at
from apilog.storage.cloud.bucket import Bucket
from apilog.time import PeriodLength, period_at
from tests.commands import Run
from tests.export.sample_exports import log

MARKS = {"export.json", "periods.json.gz"}


def requests_of(server_log: Path, action: Callable[[], object]) -> list[str]:
    """Do it and return what was asked of the server for the archive."""
    before = len(server_log.read_text().splitlines())
    action()
    lines = server_log.read_text().splitlines()[before:]
    return [line for line in lines if "site" in line and "store" not in line]


@pytest.mark.slow
def test_a_bucket_is_kept_up_to_date(bucket: Bucket, url: str, run: Run, tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", (0, 24)), f"{url}/reports"
    done = run("export", source, "--to", to, "--table", "statuses", "--table", "errors")
    assert (done.code, done.stderr) == (0, "periods: 2 new, 0 rewritten, 0 unchanged\n")
    folder = folder_at(to)
    files = ("errors.csv", "period.json", "statuses.csv")
    expected = {f"2026-11-{day}/{name}" for day in (20, 21) for name in files} | MARKS
    assert set(folder.list_files()) == expected
    assert b"\n200," in folder.read_file("2026-11-20/statuses.csv")
    assert json.loads(folder.read_file("2026-11-21/period.json"))["complete"] is True
    before = folder.list_file_infos()
    done = run("export", source, "--to", to, "--table", "statuses", "--table", "errors")
    assert (done.code, done.stderr) == (0, "periods: 0 new, 0 rewritten, 2 unchanged\n")
    assert folder.list_file_infos() == before
    done = run(
        "export", source, "--to", to, "--table", "statuses", "--table", "errors", "--keep", "1h"
    )
    assert set(folder.list_files()) in (MARKS, expected)  # as the clock may be


def test_a_store_in_a_bucket_is_exported(url: str, run: Run, tmp_path: Path) -> None:
    source = log(tmp_path / "a.log", (0, 24))
    assert run("ingest", source, "--store", f"{url}/store").code == 0
    argv = ("export", f"{url}/store", "--to", tmp_path / "to", "--table", "statuses")
    assert run(*argv).stderr == "periods: 2 new, 0 rewritten, 0 unchanged\n"
    assert run(*argv).stderr == "periods: 0 new, 0 rewritten, 2 unchanged\n"
    done = run("export", f"{url}/store", "--to", f"{url}/store/reports")
    assert (done.code, "lies in the source" in done.stderr) == (2, True)


def test_what_is_denied_is_told(url: str, run: Run, tmp_path: Path) -> None:
    done = run("export", log(tmp_path / "a.log", (0,)), "--to", "s3://not-there-at-all/reports")
    assert (done.code, done.stdout) == (2, b"")
    assert "not-there-at-all" in done.stderr


@pytest.mark.slow
def test_a_long_archive_costs_a_handful_of_requests(
    url: str, server_log: Path, tmp_path: Path
) -> None:
    store, to = f"{url}/store", f"{url}/site"
    apilog.ingest(log(tmp_path / "a.log", (0, 24)), store=store, final=True)
    apilog.export(store, to=to, format="html")
    folder, days = folder_at(to), 150
    sample = PeriodManifest.from_json(folder.read_file("2026-11-20/period.json"))
    page = folder.read_file("2026-11-20/report.html")
    first = datetime(2025, 1, 1, tzinfo=UTC)
    for day in range(days):
        period = period_at(first + timedelta(days=day), PeriodLength.DAY, ZoneInfo("UTC"))
        own = replace(sample, folder=period.name, since=period.start, until=period.end)
        folder.put_file(f"{period.name}/period.json", own.to_json())
        folder.put_file(f"{period.name}/report.html", page)

    def export(**more: Any) -> ExportSummary:
        return apilog.export(store, to=to, format="html", **more)

    assert len(requests_of(server_log, export)) > days, "each of them is read once"
    assert folder.read_file("index.html").count(b"/report.html") == days + 2
    # The listing, the copy of what it tells, the settings, the index.
    assert len(requests_of(server_log, export)) <= 4
    apilog.ingest(log(tmp_path / "b.log", (24 * 2,)), store=store, final=True)
    longer = {"keep": timedelta(days=5000)}
    assert len(requests_of(server_log, lambda: export(**longer))) <= 16
    assert folder.read_file("index.html").count(b"/report.html") == days + 3
    assert len(requests_of(server_log, export)) <= 4
