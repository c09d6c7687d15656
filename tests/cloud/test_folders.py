"""A folder on a disk and one in a bucket do the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apilog.errors import InputError, OutputError
from apilog.storage import Folder, StorageError, folder_at
from apilog.storage.cloud.bucket import Bucket, ObjectUrl
from apilog.storage.cloud.cloud_folder import CloudFolder


@pytest.fixture(params=["disk", "bucket"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder that isn't there yet."""
    if request.param == "disk":
        return folder_at(tmp_path / "out")
    return folder_at(f"{request.getfixturevalue('url')}/out")


def test_a_file_that_was_put_is_there_whole(folder: Folder) -> None:
    assert not folder.exists()
    folder.put_file("2026-11-21/endpoints.csv", b"a")
    folder.put_file("2026-11-21/endpoints.csv", b"bc")
    folder.put_file("2026-11-22/endpoints.csv", b"")
    assert folder.exists()
    assert folder.read_file("2026-11-21/endpoints.csv") == b"bc"
    assert folder.read_file("2026-11-22/endpoints.csv") == b""
    assert sorted(folder.list_entries()) == ["2026-11-21", "2026-11-22"]
    assert folder.list_entries("2026-11-21") == ["endpoints.csv"]
    assert sorted(folder.list_files()) == ["2026-11-21/endpoints.csv", "2026-11-22/endpoints.csv"]
    assert list(folder.list_files("2026-11-22")) == ["2026-11-22/endpoints.csv"]


def test_what_is_removed_is_gone_and_so_is_its_folder(folder: Folder) -> None:
    for name in ("a/1", "a/2", "b/3"):
        folder.put_file(name, b"x")
    folder.remove_files(["a/1", "a/2", "a/never"])
    folder.remove_files([])
    assert folder.list_entries() == ["b"]
    with pytest.raises(FileNotFoundError):
        folder.read_file("a/1")


def test_what_is_staged_is_seen_by_nobody_until_it_is_published(folder: Folder) -> None:
    folder.stage_file("a/1.parquet", b"one")
    folder.stage_file("a/2.parquet", b"two")
    assert sorted(folder.list_files()) == ["a/.1.parquet.tmp", "a/.2.parquet.tmp"]
    folder.publish_files(["a/1.parquet", "a/2.parquet"])
    assert sorted(folder.list_files()) == ["a/1.parquet", "a/2.parquet"]
    assert folder.read_file("a/2.parquet") == b"two"


def test_a_file_is_added_by_the_last_step(folder: Folder) -> None:
    add = folder.prepare_add("m/1.json", b"{}")
    assert "m/1.json" not in list(folder.list_files())
    add()
    assert folder.read_file("m/1.json") == b"{}"
    assert list(folder.list_files()) == ["m/1.json"]
    if folder.is_guarded:
        folder.acquire_lock("lock").release()
        return
    # The very same again is no other writer: an answer may have been lost.
    folder.prepare_add("m/1.json", b"{}")()
    with pytest.raises(FileExistsError):
        folder.prepare_add("m/1.json", b"{1}")()
    assert folder.read_file("m/1.json") == b"{}"


@pytest.mark.parametrize("refusals", [1, 4, 5])
def test_requests_at_the_same_moment_may_all_be_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    left = [FileExistsError("conflict")] * refusals
    write = Bucket.write

    def refused_first(self: Bucket, key: str, data: bytes, *, is_new: bool = False) -> None:
        if left:
            raise left.pop()
        write(self, key, data, is_new=is_new)

    monkeypatch.setattr(Bucket, "write", refused_first)
    add = folder_at(url).prepare_add("m/1.json", b"{}")
    if refusals < 5:
        add()
        assert folder_at(url).read_file("m/1.json") == b"{}"
    else:
        with pytest.raises(OutputError, match="got in the way"):
            add()


def test_what_a_listing_tells(folder: Folder) -> None:
    folder.put_file("m/1.json", b"{}")
    ((name, info),) = folder.list_file_infos("m").items()
    assert (name, info.size) == ("m/1.json", 2)
    assert abs(datetime.now(UTC) - info.written) < timedelta(minutes=1)
    assert folder.list_file_infos() == {name: info}


def test_paths(folder: Folder) -> None:
    assert str(folder) == str(folder.location)
    path = str(folder.path("a/b"))
    assert path.replace("\\", "/") == f"{folder}/a/b".replace("\\", "/")
    assert folder.contains_location(path)
    assert not folder.contains_location(f"{folder}2/a")
    assert folder_at(folder) is folder


def test_what_cant_be_written_is_told(tmp_path: Path, url: str) -> None:
    (tmp_path / "file").touch()
    for folder in (folder_at(tmp_path / "file"), folder_at("s3://no-such-bucket/a")):
        with pytest.raises(OutputError, match="can't write") as told:
            folder.put_file("name", b"")
        assert told.value.hint


def test_a_whole_bucket_is_a_folder_too(url: str) -> None:
    folder = folder_at(url)
    folder.put_file("a", b"1")
    assert (folder.list_entries(), list(folder.list_files()), folder.read_file("a")) == (
        ["a"],
        ["a"],
        b"1",
    )
    assert folder.path("a") == f"{url}/a"


def test_a_bucket_that_is_missing_is_no_empty_folder(url: str) -> None:
    with pytest.raises(StorageError, match="no bucket") as told:
        folder_at("s3://no-such-bucket").list_entries()
    assert told.value.hint


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://b", ObjectUrl("s3", "b", "")),
        ("gs://b/", ObjectUrl("gs", "b", "")),
        ("AZ://c/a b/ü", ObjectUrl("az", "c", "a b/ü")),
        ("s3://b/x/", ObjectUrl("s3", "b", "x")),
    ],
)
def test_urls(text: str, place: ObjectUrl) -> None:
    assert ObjectUrl.parse(text) == place
    assert CloudFolder.from_url(text).url == place


@pytest.mark.parametrize(
    "text", ["s3://", "s3:///a", "s3://b/a//c", "s3://b/./c", "s3://b/../c", "s3://b/\x1b[2J"]
)
def test_what_is_no_url_of_objects(text: str) -> None:
    with pytest.raises(InputError) as told:
        folder_at(text)
    assert told.value.hint
