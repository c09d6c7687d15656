"""A place that can't rename folders: marks say what is whole, whenever a run is cut off."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from apilog.errors import OutputError
from apilog.exports import export_folder
from apilog.exports.export_folder import ExportFolder
from apilog.exports.known_periods import KNOWN_FILE, KnownPeriods
from apilog.exports.manifest import PeriodManifest
from apilog.storage.folder import FileInfo
from apilog.storage.local_folder import LocalFolder
from tests.export.sample_exports import TIMED, log, mark, names, run, state
from tests.weblog import START

TABLES = ["statuses", "errors"]
NOON = START + timedelta(hours=25)


class CutOff(BaseException):
    """Nothing runs any more."""


class Brittle(LocalFolder):
    """A folder whose changes fail from the given one on; 0: none."""

    __slots__ = ()
    changes = 0
    fails_at = 0

    def iter_file_infos(self) -> Iterator[tuple[str, FileInfo]]:
        """As object storage does, tell a version that changes with the content."""
        for name, info in super().iter_file_infos():
            yield name, replace(info, version=sha256(self.read_file(name)).hexdigest())

    def _count(self) -> None:
        Brittle.changes += 1
        if 0 < Brittle.fails_at <= Brittle.changes:
            raise CutOff

    def put_file(self, name: str, data: bytes) -> None:
        self._count()
        super().put_file(name, data)

    def remove_files(self, names: Iterable[str]) -> None:
        for name in names:
            self._count()
            super().remove_files([name])


@pytest.fixture(autouse=True)
def objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every export goes to a place without renames."""

    def without_renames(to: str | Path) -> ExportFolder:
        return ExportFolder(Brittle(Path(to)))

    monkeypatch.setattr("apilog.exports.export_run.export_folder_at", without_renames)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], bool]:
    """Do it and fail from that change on; whether it came so far."""

    def cut(at: int, action: Callable[[], object]) -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(Brittle, "changes", 0)
            patch.setattr(Brittle, "fails_at", at)
            try:
                action()
            except CutOff:
                return True
            return False

    return cut


def complete(to: Path) -> dict[str, Any]:
    """What a reader counts: the folders whose mark says that they are whole, which they are."""
    found = {}
    for path in to.glob("2*/period.json"):
        about = json.loads(path.read_bytes())
        if about["complete"]:
            sizes = {p.name: p.stat().st_size for p in path.parent.iterdir()}
            assert all(sizes[name] == file["size"] for name, file in about["files"].items())
            assert len(sizes) == len(about["files"]) + 1
            found[path.parent.name] = about["requests"]
    return found


def assert_known(to: Path) -> None:
    """The file of all periods says what each one's own says."""
    known = KnownPeriods.from_bytes((to / KNOWN_FILE).read_bytes())
    assert known is not None
    own = [PeriodManifest.from_json(path.read_bytes()) for path in to.glob("2*/period.json")]
    assert {m.folder: m.to_json() for _, m in known.entries.values()} == {
        m.folder: m.to_json() for m in own
    }
    digests = {p.parent.name: sha256(p.read_bytes()).hexdigest() for p in to.glob("2*/period.json")}
    assert {folder: version for folder, (version, _) in known.entries.items()} == digests


def test_runs_do_what_they_do_on_a_disk(tmp_path: Path) -> None:
    to = tmp_path / "to"
    source = log(tmp_path / "a.log", (0, 24))
    assert run(source, to, now=NOON).new == ["2026-11-20", "2026-11-21.open"]
    before = state(to)
    assert run(source, to, now=NOON).unchanged == ["2026-11-20", "2026-11-21.open"]
    assert state(to) == before
    (to / "2026-11-21.open" / "notes.txt").write_text("mine")
    assert run(source, to).rewritten == ["2026-11-21"]
    assert names(to) == ["2026-11-20", "2026-11-21"]
    assert (to / "2026-11-21" / "notes.txt").read_text() == "mine"
    assert run(source, to, force=True, format="md", tables=TABLES).rewritten == names(to)
    assert {p.suffix for p in (to / "2026-11-20").iterdir()} == {".md", ".json"}
    done = run(source, to, format="md", tables=TABLES, keep=timedelta(days=1))
    assert (done.removed, names(to)) == (["2026-11-20"], ["2026-11-21"])
    assert_known(to)


def test_a_folder_of_others_is_left(tmp_path: Path) -> None:
    to = tmp_path / "to"
    (to / "2026-11-20").mkdir(parents=True)
    (to / "2026-11-20" / "a.txt").write_text("mine")
    with pytest.raises(OutputError, match="was not made by export"):
        run(log(tmp_path / "a.log", (0,)), to)
    assert [p.name for p in (to / "2026-11-20").iterdir()] == ["a.txt"]


def test_what_changed_behind_the_copy_is_read_again(tmp_path: Path) -> None:
    to, source = tmp_path / "to", log(tmp_path / "a.log", (0, 24))
    run(source, to, tables=["statuses"])
    copy = (to / KNOWN_FILE).read_bytes()
    assert_known(to)
    # Somebody else's run, which left no copy.
    own = to / "2026-11-20" / "period.json"
    about = json.loads(own.read_bytes())
    own.write_text(json.dumps({**about, "complete": False, "files": {}}))
    assert run(source, to, tables=["statuses"]).rewritten == ["2026-11-20"]
    assert (to / KNOWN_FILE).read_bytes() == copy
    for damage in (b"", b"mine", gzip.compress(b'{"version":1,"periods":[7]}')):
        (to / KNOWN_FILE).write_bytes(damage)
        assert not run(source, to, tables=["statuses"]).rewritten
        assert (to / KNOWN_FILE).read_bytes() == damage, "what is not export's stays"
    (to / KNOWN_FILE).unlink()
    assert not run(source, to, tables=["statuses"]).rewritten
    assert (to / KNOWN_FILE).read_bytes() == copy


@pytest.mark.slow
def test_a_run_that_is_cut_off_anywhere_is_made_good_by_the_next(
    tmp_path: Path, cut: Callable[[int, Callable[[], object]], bool]
) -> None:
    asked: dict[str, Any] = {"tables": TABLES, "log_format": TIMED}
    first, second = log(tmp_path / "a.log", (0, 24)), log(tmp_path / "b.log", (0, 1, 24, 48))
    run(first, tmp_path / "first", now=NOON, **asked)
    for at in range(1, 1000):
        to = tmp_path / f"{at}"
        shutil.copytree(tmp_path / "first", to)
        was_cut = cut(at, lambda to=to: run(second, to, **asked))
        found = complete(to)
        assert not {"2026-11-21", "2026-11-21.open"} <= set(found)
        assert all(requests in (7, 14) for requests in found.values())
        run(second, to, **asked)
        assert complete(to) == {"2026-11-20": 14, "2026-11-21": 7, "2026-11-22": 7}
        assert names(to) == sorted(complete(to))
        assert_known(to)
        if not was_cut:
            assert at > 10
            return


@pytest.mark.slow
def test_removing_that_is_cut_off_is_finished_by_the_next(
    tmp_path: Path, cut: Callable[[int, Callable[[], object]], bool]
) -> None:
    source = log(tmp_path / "a.log", (0, 24))
    for at in range(1, 1000):
        to = tmp_path / f"{at}"
        run(source, to, tables=TABLES)
        kept = {"keep": timedelta(days=1), "now": START + timedelta(hours=59), "tables": TABLES}
        was_cut = cut(at, lambda to=to, kept=kept: run(source, to, **kept))
        assert complete(to)["2026-11-21"] == 7
        run(source, to, **kept)  # type: ignore[arg-type]
        assert names(to) == ["2026-11-21"]
        assert_known(to)
        if not was_cut:
            assert at > 3
            return


@pytest.mark.parametrize(
    ("to", "source", "lies"),
    [
        ("s3://b/logs/out", "s3://b/logs", True),
        ("s3://b/logs/out", "s3://b/logs/", True),
        ("s3://b/logs", "s3://b/logs/", True),
        ("s3://b/logs-out", "s3://b/logs", False),
        ("s3://b/out", "logs", False),
        ("out", "s3://b", False),
    ],
)
def test_a_place_below_a_source_is_known(to: str, source: str, lies: bool) -> None:
    assert export_folder.lies_within(to, source) is lies


def test_marks_of_a_disk_say_complete_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "apilog.exports.export_run.export_folder_at", export_folder.export_folder_at
    )
    run(log(tmp_path / "a.log", (0,)), tmp_path / "to")
    assert mark(tmp_path / "to" / "2026-11-20")["complete"] is True
