"""Files appear whole or not at all, and none is lost by accident."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from apilog.errors import OutputError
from apilog.render import OUTPUTS, OutputOptions
from apilog.storage.local_folder import atomic_file
from tests.render.hostile_report import hostile_report

OPTIONS = OutputOptions()


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_directory_gets_every_table_as_the_output_draws_it(tmp_path, draw, output):
    report = hostile_report()
    written = OUTPUTS[output].write_directory(report, tmp_path / "new" / "deep", OPTIONS)
    assert [path.stem for path in written] == list(report.tables)
    assert {path.suffix for path in written} == {f".{OUTPUTS[output].suffix}"}
    for path in written:
        assert path.read_bytes() == draw(output, report, table=path.stem)
    assert sorted(written) == sorted((tmp_path / "new" / "deep").iterdir())


def test_a_directory_with_one_of_the_files_is_left_as_it_is(tmp_path):
    (tmp_path / "statuses.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"statuses\.csv exists") as caught:
        OUTPUTS["csv"].write_directory(hostile_report(), tmp_path, OPTIONS)
    assert "--force" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["statuses.csv"]
    OUTPUTS["csv"].write_directory(hostile_report(), tmp_path, OPTIONS, force=True)
    assert (tmp_path / "statuses.csv").read_text() != "mine"


def test_files_of_a_folder_get_their_names_once_all_are_on_the_disk(tmp_path, monkeypatch):
    sync, calls = os.fsync, iter(range(100))

    def fail_third(number: int) -> None:
        if next(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(number)

    monkeypatch.setattr(os, "fsync", fail_third)
    with pytest.raises(OutputError, match="No space left"):
        OUTPUTS["csv"].write_directory(hostile_report(), tmp_path, OPTIONS)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced_only_by_force(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(OutputError), atomic_file(path, force=False) as stream:
        stream.write(b"new")
    assert path.read_text() == "old"
    with atomic_file(path, force=True) as stream:
        stream.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def write_half(path: Path) -> None:
    with atomic_file(path, force=True) as stream:
        stream.write(b"half")
        raise ZeroDivisionError


def test_an_error_half_way_leaves_nothing_behind(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_can_not_be_written_says_which_and_why(tmp_path):
    with (
        pytest.raises(OutputError, match=r"can't write .*report\.csv: No such file"),
        atomic_file(tmp_path / "missing" / "report.csv", force=False),
    ):
        pass
    with pytest.raises(OutputError, match="can't write"), atomic_file(tmp_path, force=True):
        pass


def test_a_symbolic_link_stays_one(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_file(link, force=True) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="there is no /dev/null here")
def test_a_device_is_written_to_and_not_replaced():
    with atomic_file(Path("/dev/null"), force=False) as stream:
        stream.write(b"anything")
    assert Path("/dev/null").is_char_device()


@pytest.mark.skipif(not hasattr(os, "umask"), reason="no file modes here")
def test_a_file_has_the_mode_that_any_new_file_has(tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    with atomic_file(tmp_path / "report", force=False) as stream:
        stream.write(b"x")
    assert (tmp_path / "report").stat().st_mode == usual.stat().st_mode
