"""SOURCES become the files a person would expect, each once, oldest first."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apilog.sources import DamagedSource, LogSource, find_sources
from apilog.transport.opening import open_chunks

needs_posix = pytest.mark.skipif(os.name != "posix", reason="POSIX file names and modes only")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make(folder: Path) -> Callable[..., None]:
    """Make files with their name as content."""

    def make(*names: str) -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name + "\n")

    return make


def found(*arguments: str | os.PathLike[str]) -> list[str]:
    """The paths found, without problems."""
    sources, problems = find_sources(arguments)
    assert problems == []
    return [source.path.replace(os.sep, "/") for source in sources]


def problems(*arguments: str) -> list[str]:
    """The messages of the problems found."""
    return [str(problem) for problem in find_sources(arguments)[1]]


def test_files_keep_the_order_they_are_given_in(make: Callable[..., None]) -> None:
    make("b.log", "a.log")
    assert found("b.log", Path("a.log")) == ["b.log", "a.log"]


def test_a_source_knows_its_size_on_disk(make: Callable[..., None]) -> None:
    make("a.log")
    sources, _ = find_sources(["a.log", "-"])
    assert [s.size for s in sources] == [6, None]
    assert [s.is_stdin for s in sources] == [False, True]


def test_folders_are_searched_to_any_depth_without_hidden_entries(
    make: Callable[..., None],
) -> None:
    make("logs/b.log", "logs/a/deep/er/x.log", "logs/.hidden", "logs/.git/config", "logs/a.bin")
    assert found("logs") == ["logs/a.bin", "logs/a/deep/er/x.log", "logs/b.log"]


def test_a_hidden_file_or_folder_may_be_named(make: Callable[..., None]) -> None:
    make(".logs/a.log", ".one")
    assert found(".logs", ".one") == [".logs/a.log", ".one"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.log", ["a.log", "b.log"]),
        ("?.log", ["a.log", "b.log"]),
        ("[ab].log", ["a.log", "b.log"]),
        (".*.log", [".h.log"]),
        ("x/*.log", ["x/c.log"]),
        ("*/*.log", ["x/c.log"]),
        ("./*.log", ["./a.log", "./b.log"]),
        ("**/*.log", ["a.log", "b.log", "x/c.log", "x/y/d.log"]),
        ("x/**/*.log", ["x/c.log", "x/y/d.log"]),
        ("**/y/**", ["x/y/d.log"]),
        ("**/d.log", ["x/y/d.log"]),
        ("x/**", ["x/c.log", "x/y/d.log"]),
        ("**", ["./a.log", "./b.log", "./x/c.log", "./x/y/d.log"]),
        ("x*", ["x/c.log", "x/y/d.log"]),
        ("*/", ["x/c.log", "x/y/d.log"]),
    ],
)
def test_globs(make: Callable[..., None], pattern: str, names: list[str]) -> None:
    make("b.log", "a.log", ".h.log", "x/c.log", "x/y/d.log", "x/.hidden/e.log")
    assert found(pattern) == names


def test_globs_from_the_root(folder: Path, make: Callable[..., None]) -> None:
    make("x/a.log", "x/b.log")
    assert found(f"{folder}/*/?.log") == [f"{folder.as_posix()}/x/{n}.log" for n in "ab"]


@needs_posix
def test_a_file_whose_name_looks_like_a_glob_is_that_file(make: Callable[..., None]) -> None:
    make("[a].log", "a.log", "*.log")
    assert found("[a].log", "*.log") == ["[a].log", "*.log"]


def test_what_is_missing_does_not_keep_the_rest_from_being_found(
    make: Callable[..., None],
) -> None:
    make("a.log")
    (source,), missing = find_sources(["gone.log", "*.txt", "a.log", "a.log/x", "https://logs/a"])
    assert source.path == "a.log"
    assert {problem.path for problem in missing} == {
        "gone.log", "*.txt", "a.log/x", "https://logs/a",
    }  # fmt: skip
    assert all(problem.hint for problem in missing)
    assert all("\n" not in str(problem) for problem in missing)


def test_messages_say_what_and_where(folder: Path) -> None:
    (folder / "empty").mkdir()
    assert problems("gone.log") == ["gone.log: no such file or directory"]
    assert problems("*.log") == ["*.log: no file matches"]
    assert problems("empty") == ["empty: no files in this directory"]
    assert problems("nul\0byte") == ["nul\\0byte: not a possible file name"]
    assert problems("x" * 5000)[0].endswith(": file name too long")
    assert problems("") == [": no such file or directory"]


def test_no_sources_at_all() -> None:
    assert find_sources([]) == ([], [])


def test_a_file_reached_twice_is_given_once(folder: Path, make: Callable[..., None]) -> None:
    make("logs/a.log", "logs/b.log")
    arguments = ("logs/b.log", "logs", "logs/*.log", folder / "logs" / "a.log", "./logs/a.log")
    assert found(*arguments) == ["logs/b.log", "logs/a.log"]


@needs_posix
def test_links_to_files_are_read_and_duplicates_of_them_are_not(
    folder: Path, make: Callable[..., None]
) -> None:
    make("pods/0.log")
    (folder / "containers").mkdir()
    (folder / "containers" / "api.log").symlink_to(folder / "pods" / "0.log")
    (folder / "containers" / "dangling.log").symlink_to(folder / "gone")
    assert found("containers") == ["containers/api.log"]
    assert found("containers", "pods") == ["containers/api.log"]
    assert problems("containers/dangling.log") == [
        "containers/dangling.log: no such file or directory"
    ]


@needs_posix
@pytest.mark.parametrize("argument", ["logs", "logs/**", "**/*.log", "logs/**/**/a.log"])
def test_loops_of_links_end(folder: Path, make: Callable[..., None], argument: str) -> None:
    make("logs/sub/a.log")
    for name in ("one", "two", "three"):
        (folder / "logs" / name).symlink_to(folder / "logs")
        (folder / "logs" / "sub" / name).symlink_to(folder / "logs")
    (folder / "logs" / "self").symlink_to("self")
    assert found(argument) == ["logs/sub/a.log"]
    assert "self: too many levels" in problems("logs/self")[0]


@needs_posix
def test_pipes_and_sockets_are_left_out_of_folders_and_globs(
    folder: Path, make: Callable[..., None]
) -> None:
    make("logs/a.log")
    os.mkfifo(folder / "logs" / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("logs/socket")
        assert found("logs") == found("logs/*") == ["logs/a.log"]
        assert problems("logs/socket") == ["logs/socket: neither a file nor a pipe"]
    assert found("logs/pipe") == ["logs/pipe"]
    assert found(os.devnull) == [os.devnull]


@needs_posix
def test_what_may_not_be_read_is_a_problem(folder: Path, make: Callable[..., None]) -> None:
    make("logs/a.log", "logs/secret.log", "logs/closed/b.log")
    (folder / "logs" / "secret.log").chmod(0)
    (folder / "logs" / "closed").chmod(0)
    if os.access("logs/secret.log", os.R_OK):
        pytest.skip("this user may read everything")
    sources, refused = find_sources(["logs"])
    (folder / "logs" / "closed").chmod(0o700)
    assert [source.path for source in sources] == ["logs/a.log"]
    assert sorted(map(str, refused)) == [
        "logs/closed: permission denied",
        "logs/secret.log: permission denied",
    ]


@needs_posix
@pytest.mark.skipif(sys.platform == "darwin", reason="file names are always UTF-8 here")
def test_names_that_are_no_utf8_are_shown_escaped_and_opened(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.log")).write_bytes(b"line\n")
    for argument in (".", "*.log", os.fsdecode(b"caf\xe9.log")):
        (source,), _ = find_sources([argument])
        assert source.path.removeprefix("./") == r"caf\xe9.log"
        assert [chunk.data for chunk in open_chunks(source)] == [b"line\n"]
    (problem,) = find_sources([os.fsdecode(b"gone\xff*")])[1]
    str(problem).encode()


ROTATED = [
    "access.log-20251231.gz",
    "access.log-20260101.gz",
    "access.log-2026010213.gz",
    "access.log-2026010214",
    "access.log.12.gz",
    "access.log.10.xz",
    "access.log.2.GZ",
    "access.log.1",
    "access.log",
]


@pytest.mark.parametrize("argument", [".", "*", "access*"])
def test_rotated_siblings_come_oldest_first(make: Callable[..., None], argument: str) -> None:
    make(*ROTATED)
    assert [path.removeprefix("./") for path in found(argument)] == ROTATED
    assert found(*sorted(ROTATED)) == ROTATED


@pytest.mark.parametrize(
    "names",
    [
        ["app.log.2026-01-01", "app.log.2026-01-02.1", "app.log.2026-01-02.2", "app.log"],
        ["a.log-20260101-9.gz", "a.log-20260101-10.gz", "a.log"],
        ["error.log.1", "error.log", "access.log.1", "access.log"],
        ["1/access.log.1", "1/access.log", "2/access.log.1", "2/access.log"],
        ["host-1_access.log.1.gz", "host-1_access.log", "host-2_access.log.1.gz"],
        ["app-2026-01-01.log", "app-2026-01-02.log", "app.log"],
        ["20260102.log", "20260101.log"],
        ["access.log-" + "1" * 200 + "x", "access.log"],
    ],
)
def test_siblings_stay_together_where_the_first_of_them_stood(
    make: Callable[..., None], names: list[str]
) -> None:
    make(*names)
    assert found(*names) == names


def test_standard_input_keeps_its_place(make: Callable[..., None]) -> None:
    make("a.log", "b.log")
    assert found("a.log", "-", "b.log", "-") == ["a.log", "-", "b.log"]


def test_sources_and_errors_travel_between_processes() -> None:
    source = LogSource.from_path("caf\udce9.log", 7)
    error = DamagedSource("a.log", "cut off", "copy it again")
    assert pickle.loads(pickle.dumps(source)) == source
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.hint, copy.reason) == ("a.log: cut off", "copy it again", "cut off")
    assert type(copy) is DamagedSource
