"""An export to a bucket, of logs and of a store in one."""

from __future__ import annotations

import json
from pathlib import Path

from apilog.storage import folder_at
from apilog.storage.cloud.bucket import Bucket
from tests.commands import Run
from tests.export.sample_exports import log


def test_a_bucket_is_kept_up_to_date(bucket: Bucket, url: str, run: Run, tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", (0, 24)), f"{url}/reports"
    done = run("export", source, "--to", to, "--table", "statuses", "--table", "errors")
    assert (done.code, done.stderr) == (0, "periods: 2 new, 0 rewritten, 0 unchanged\n")
    folder = folder_at(to)
    files = ("errors.csv", "period.json", "statuses.csv")
    expected = {f"2026-11-{day}/{name}" for day in (20, 21) for name in files} | {"export.json"}
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
    assert set(folder.list_files()) in ({"export.json"}, expected)  # as the clock may be


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
