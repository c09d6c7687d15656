"""Stores of other versions: read as they lie, migrated by the first commit, or refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import apilog
from apilog.errors import InputError
from apilog.privacy import Privacy
from apilog.schema import SCHEMA
from apilog.store import MANIFEST_VERSION, Store, StoreWriter, anonymize, compact, verify
from apilog.store.data_files import column_types
from apilog.store.manifest import MIGRATIONS
from tests.commands import Run
from tests.store.sample_stores import files_under, records

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(params=sorted(MIGRATIONS))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A store as that version wrote it: 25 records of two days, a reject, two inputs."""
    return Path(shutil.copytree(FIXTURES / f"version-{request.param}", tmp_path / "store"))


def contents(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in files_under(path)}


def on_disk(path: Path) -> Any:
    newest = max((path / "manifest").iterdir())
    return json.loads(newest.read_bytes())


def change(path: Path, how: Callable[[Any], Any]) -> None:
    """Write the newest manifest anew."""
    newest = max((path / "manifest").iterdir())
    newest.write_text(json.dumps(how(json.loads(newest.read_bytes()))))


def test_every_version_has_a_fixture_and_a_step_to_the_next() -> None:
    assert sorted(MIGRATIONS) == list(range(1, MANIFEST_VERSION))
    assert sorted(p.name for p in FIXTURES.iterdir() if p.is_dir()) == [
        f"version-{v}" for v in sorted(MIGRATIONS)
    ]


def test_an_older_store_is_read_without_being_written(old: Path, run: Run) -> None:
    before = contents(old)
    store = Store.open(old)
    assert store.scan_records().collect().height == 25
    assert store.scan_records().collect_schema() == SCHEMA
    assert verify(old).damaged == ()
    overview = apilog.report(old).tables["overview"]
    assert (overview["requests"].item(), overview["errors"].item()) == (25, 10)
    assert json.loads(run("store", "info", old, "-f", "json").stdout)["version"] < MANIFEST_VERSION
    assert contents(old) == before


def test_the_first_commit_migrates_it(old: Path) -> None:
    inputs = Store.open(old).manifest.inputs
    with StoreWriter(old) as writer:
        writer.add_records(records(3, first_line=1000))
        writer.commit()
    written = on_disk(old)
    assert written["version"] == MANIFEST_VERSION
    assert written["columns"] == column_types()
    store = Store.open(old)
    assert store.manifest.version == MANIFEST_VERSION
    assert store.manifest.inputs == inputs
    assert store.scan_records().collect().height == 28
    assert verify(old).damaged == ()


def test_upkeep_migrates_it_too(old: Path) -> None:
    rows = Store.open(old).scan_records().collect().sort("path")
    compact(old)
    assert on_disk(old)["version"] == MANIFEST_VERSION
    assert Store.open(old).scan_records().collect().sort("path").equals(rows)
    assert anonymize(old, Privacy(anonymize_ip=True)).records == 25


def test_what_was_ingested_stays_known(old: Path, tmp_path: Path, run: Run) -> None:
    source = tmp_path / "first.log"
    shutil.copy(FIXTURES / "first.log", source)
    done = run("ingest", source, "--store", old)
    assert "1 already known" in done.stderr
    assert Store.open(old).scan_records().collect().height == 25


def test_a_newer_store_is_refused_with_what_to_do(old: Path, run: Run) -> None:
    change(old, lambda data: data | {"version": MANIFEST_VERSION + 1, "files": "something else"})
    before = contents(old)
    for argv in (("store", "info", old), ("report", old), ("store", "prune", old, "--keep", "1d")):
        done = run(*argv)
        assert done.code == 2
        assert (
            f"has version {MANIFEST_VERSION + 1}, this apilog reads up to {MANIFEST_VERSION}"
            in done.stderr
        )
        assert "hint: upgrade apilog" in done.stderr
    assert contents(old) == before


@pytest.mark.parametrize(
    ("column", "kind"), [("tenant", "String"), ("status", "Int32"), ("=cmd()\x1b[0m", "String")]
)
def test_a_store_with_columns_of_a_later_apilog_is_read_but_not_written(
    old: Path, run: Run, column: str, kind: str
) -> None:
    columns = column_types() | {column: kind}
    change(old, lambda data: data | {"version": MANIFEST_VERSION, "columns": columns})
    before = contents(old)
    assert Store.open(old).scan_records().collect().height == 25
    with pytest.raises(InputError, match="that this apilog doesn't know"):
        StoreWriter(old)
    done = run("store", "compact", old)
    assert done.code == 2
    assert "\x1b" not in done.stderr
    assert contents(old) == before


@pytest.mark.parametrize(
    "how",
    [
        lambda data: data | {"version": 0},
        lambda data: data | {"version": "one"},
        lambda data: data | {"version": MANIFEST_VERSION, "columns": None},
        lambda data: data | {"version": MANIFEST_VERSION, "columns": ["status"]},
        lambda data: {k: v for k, v in data.items() if k != "files"},
        lambda data: [data],
    ],
)
def test_a_manifest_that_no_version_wrote_is_damaged(old: Path, how: Callable[[Any], Any]) -> None:
    change(old, how)
    with pytest.raises(InputError, match="is damaged"):
        Store.open(old)
