"""Following files that grow, rotate, vanish and come: each line once, in order."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.watch.follow import LINGER_SECONDS, LOOK_SECONDS, Follower


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Followed:
    """A follower, and all lines it gave."""

    def __init__(self, *sources: str | Path, begin: Callable[[str], int] = lambda _: 0) -> None:
        self.clock = Clock()
        self.follower = Follower([str(s) for s in sources], begin, self.clock)
        OPEN.append(self.follower)
        self.lines: list[str] = []

    def look(self, seconds: float = LOOK_SECONDS) -> list[str]:
        """Let time pass and read all there is; what came, which is also kept."""
        self.clock.at += seconds
        new: list[str] = []
        while True:
            for arrival in self.follower.poll():
                for chunk in arrival.chunks:
                    lines = chunk.data.decode().splitlines()
                    assert len(lines) == chunk.lines
                    new += lines
            if not self.follower.is_behind:
                break
        self.lines += new
        return new


def append(path: Path, *lines: str) -> None:
    with path.open("a") as out:
        out.writelines(f"{line}\n" for line in lines)


OPEN: list[Follower] = []


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    append(path, "one", "two")
    return path


def test_lines_are_given_once_as_they_come(log: Path) -> None:
    followed = Followed(log)
    assert followed.look() == ["one", "two"]
    assert followed.look() == []
    append(log, "three")
    assert followed.look(0.1) == ["three"]


def test_a_partial_line_waits_for_its_newline(log: Path) -> None:
    followed = Followed(log)
    with log.open("a") as out:
        out.write("thr")
        out.flush()
        assert followed.look() == ["one", "two"]
        out.write("ee\nfo")
        out.flush()
        assert followed.look() == ["three"]
    OPEN.clear()
    assert [c.data for a in followed.follower.close() for c in a.chunks] == [b"fo\n"]


def test_a_file_may_be_begun_anywhere(log: Path) -> None:
    followed = Followed(log, begin=lambda _: 4)
    assert followed.look() == ["two"]
    assert Followed(log, begin=lambda _: 8).look() == []


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(log: Path) -> None:
    followed = Followed(log)
    followed.look()
    old = log.rename(log.with_name("access.log.1"))
    append(log, "four")
    append(old, "three")
    assert followed.look() == ["three", "four"]
    append(old, "late")  # by a worker that has not reopened its log yet
    assert followed.look() == ["late"]
    followed.look(LINGER_SECONDS)
    assert followed.look() == []


def test_a_file_that_was_moved_away_is_read_until_there_is_another(log: Path) -> None:
    followed = Followed(log)
    followed.look()
    moved = log.rename(log.with_name("moved"))
    followed.look()
    append(moved, "three")
    followed.look(2 * LINGER_SECONDS)
    append(moved, "four")
    followed.look(2 * LINGER_SECONDS)
    append(log, "five")
    followed.look()
    assert followed.lines == ["one", "two", "three", "four", "five"]


def test_a_line_that_never_ended_is_given_when_its_file_is_gone(log: Path) -> None:
    followed = Followed(log)
    with log.open("a") as out:
        out.write("cut off")
    followed.look()
    log.unlink()
    append(log, "new")
    assert followed.look() == ["new"]
    assert followed.look(LINGER_SECONDS) == ["cut off"]


@pytest.mark.parametrize("pattern", ["access.log", "access.log*", "."])
def test_copied_and_truncated_while_nobody_looked(log: Path, pattern: str) -> None:
    followed = Followed(log.parent / pattern)
    followed.look()
    append(log, "three")  # only the copy has it when it is looked for
    shutil.copy(log, log.with_name("access.log.1"))
    os.truncate(log, 0)
    append(log, "four", "five", "six and more than there was")
    assert followed.look() == ["three", "four", "five", "six and more than there was"]
    followed.look(LINGER_SECONDS)
    shutil.move(log.with_name("access.log.1"), log.with_name("access.log.2"))
    shutil.copy(log, log.with_name("access.log.1"))
    os.truncate(log, 0)
    append(log, "seven")
    followed.look()
    assert followed.lines[-2:] == ["six and more than there was", "seven"]


def test_truncated_without_a_copy(log: Path) -> None:
    followed = Followed(log)
    followed.look()
    os.truncate(log, 0)
    assert followed.look() == []
    append(log, "new")
    assert followed.look() == ["new"]


def test_new_files_of_a_glob_are_read_from_their_beginning(log: Path) -> None:
    followed = Followed(log.parent / "*.log", begin=os.path.getsize)
    assert followed.look() == []
    append(log.with_name("other.log"), "uno")
    append(log.with_name("ignored.txt"), "nothing")
    assert followed.look() == ["uno"]


def test_renamed_within_a_glob(log: Path) -> None:
    followed = Followed(log.parent / "access.log*")
    followed.look()
    for number in (2, 3):
        for old in (2, 1):
            if (path := log.with_name(f"access.log.{old}")).exists():
                path.rename(log.with_name(f"access.log.{old + 1}"))
        log.rename(log.with_name("access.log.1"))
        append(log, f"file {number}")
        assert followed.look() == [f"file {number}"]
    followed.look(2 * LINGER_SECONDS)
    assert followed.look() == []


@pytest.mark.slow
def test_what_was_rotated_often_stays_known(log: Path) -> None:
    followed = Followed(log.parent / "access.log*")
    followed.look()
    for number in range(150):
        log.rename(log.with_name(f"access.log.{number}"))
        append(log, f"file {number}")
        followed.look(2 * LINGER_SECONDS)
        followed.look()
    assert followed.lines == ["one", "two", *(f"file {number}" for number in range(150))]


def test_a_new_file_may_get_the_inode_of_a_deleted_one(log: Path) -> None:
    followed = Followed(log.parent / "*.log")
    followed.look()
    for number in range(30):
        path = log.with_name(f"{number}.log")
        append(path, f"file {number}")
        followed.look()
        followed.look(2 * LINGER_SECONDS)
        path.unlink()
        followed.look()
        followed.look(2 * LINGER_SECONDS)
    assert followed.lines == ["one", "two", *(f"file {number}" for number in range(30))]


def test_files_that_are_gone_are_let_go(log: Path) -> None:
    followed = Followed(log.parent)
    append(log.with_name("other.log"), "uno")
    followed.look()
    before = len(os.listdir("/proc/self/fd"))
    log.with_name("other.log").unlink()
    followed.look(2 * LINGER_SECONDS)
    followed.look(2 * LINGER_SECONDS)
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_a_file_may_get_its_name_back(log: Path) -> None:
    followed = Followed(log.parent / "access.log*")
    followed.look()
    away = log.rename(log.with_name("access.log.old"))
    append(away, "three")
    followed.look()
    away.rename(log)
    append(log, "four")
    followed.look(2 * LINGER_SECONDS)
    followed.look(2 * LINGER_SECONDS)
    append(log, "five")
    followed.look()
    assert followed.lines == ["one", "two", "three", "four", "five"]


def test_compressed_siblings_are_no_new_files(log: Path) -> None:
    followed = Followed(log.parent)
    followed.look()
    log.with_name("access.log.1.gz").write_bytes(gzip.compress(b"old\n"))
    log.with_name("oddly-named").write_bytes(gzip.compress(b"old\n"))
    assert followed.look() == []
    assert Followed(log.parent).look() == ["one", "two"]


def test_a_file_may_appear_later(tmp_path: Path) -> None:
    later = tmp_path / "later.log"
    followed = Followed(later)
    assert followed.look() == []
    assert [p.reason for p in followed.follower.problems] == ["no such file or directory"]
    append(later, "here")
    assert followed.look() == ["here"]
    assert followed.follower.problems == []
    assert not followed.follower.has_ended


def test_a_link_may_be_set_to_another_file(log: Path) -> None:
    current = log.with_name("current")
    current.symlink_to(log)
    followed = Followed(current)
    followed.look()
    append(log.with_name("second.log"), "three")
    current.unlink()
    current.symlink_to(log.with_name("second.log"))
    assert followed.look() == ["three"]


@pytest.mark.slow
def test_a_long_backlog_comes_in_parts_and_in_order(tmp_path: Path) -> None:
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    for path in logs:
        path.write_text("".join(f"{path.stem} {i:>90}\n" for i in range(100_000)))
    followed = Followed(*logs)
    lines = followed.look()
    for path in logs:
        own = [int(line[1:]) for line in lines if line[0] == path.stem]
        assert own == list(range(100_000))


def test_a_line_that_is_too_long_is_counted_and_the_next_one_read(log: Path) -> None:
    followed = Followed(log)
    followed.look()
    with log.open("a") as out:
        out.write("x" * (3 << 20))
        out.flush()
        followed.look()
        out.write("\nnext\n")
    followed.clock.at += 1
    chunks = [c for a in followed.follower.poll() for c in a.chunks]
    assert [len(c.oversize) for c in chunks] == [1]
    assert chunks[0].data == b"next\n"


def test_a_named_pipe_ends_when_its_writer_closes(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def write() -> None:
        with fifo.open("w") as out:
            out.write("one\ntwo\nthree")

    writer = threading.Thread(target=write)
    writer.start()
    followed = Followed(fifo)
    followed.look()
    writer.join()
    while not followed.follower.has_ended:
        followed.look()
    assert followed.lines == ["one", "two", "three"]


STEPS = st.lists(
    st.sampled_from(["write", "partial", "look", "rename", "copytruncate", "late"]), max_size=25
)


@given(STEPS, st.sampled_from(["access.log", "access.log*"]))
def test_whatever_is_done_to_a_file_each_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[str], pattern: str
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    written = Writer(folder / "access.log")
    followed = Followed(folder / pattern)
    followed.look()
    for step in steps:
        if step == "look":
            followed.look()
        else:
            getattr(written, step)()
            # Of two rotations between two looks no watcher can know.
            if step in ("rename", "copytruncate"):
                followed.look()
    written.write()
    followed.look()
    followed.look(LINGER_SECONDS)
    assert sorted(followed.lines) == sorted(written.lines)
    assert followed.lines == sorted(followed.lines) or "late" in steps
    followed.follower.close()
    OPEN.clear()
    shutil.rmtree(folder)


class Writer:
    """A server that writes numbered lines, and what rotates them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        self._numbers = iter(range(10**6, 10**7))
        self._old: Path | None = None
        self._open = ""
        self.write()

    def _next(self) -> str:
        line = f"line {next(self._numbers)} {'x' * 40}"
        self.lines.append(line)
        return line

    def write(self) -> None:
        rest, self._open = self._open, ""
        for text in (rest, self._next() + "\n") if not rest else (rest,):
            with self.path.open("a") as out:
                out.write(text)

    def partial(self) -> None:
        if not self._open:
            line = self._next()
            with self.path.open("a") as out:
                out.write(line[:9])
            self._open = line[9:] + "\n"

    def late(self) -> None:
        """A line into the file that was renamed."""
        if self._old:
            append(self._old, self._next())

    def rename(self) -> None:
        self._finish()
        self._shift()
        self._old = self.path.rename(self.path.with_name("access.log.1"))
        self.write()

    def copytruncate(self) -> None:
        self._finish()
        self._shift()
        shutil.copy(self.path, self.path.with_name("access.log.1"))
        os.truncate(self.path, 0)
        self._old = None
        self.write()

    def _finish(self) -> None:
        if self._open:
            self.write()

    def _shift(self) -> None:
        for number in (3, 2, 1):
            old = self.path.with_name(f"access.log.{number}")
            if old.exists():
                old.rename(self.path.with_name(f"access.log.{number + 1}"))


def test_the_writer_of_these_tests_writes_what_it_says(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "access.log")
    writer.partial()
    writer.rename()
    writer.late()

    def lines() -> Iterator[str]:
        for path in tmp_path.iterdir():
            yield from path.read_text().splitlines()

    assert sorted(lines()) == sorted(writer.lines)
