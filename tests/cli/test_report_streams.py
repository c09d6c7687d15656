"""`apilog report` as a process: pipes, terminals, files and interrupts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import Run
from tests.forked_processes import fork_command
from tests.weblog import SAMPLE_LOGS, line, write

APILOG = [sys.executable, "-m", "apilog", "report"]
TIMED = SAMPLE_LOGS / "api.log"
LONG = (line("/" + "x" * 1000) + "\n").encode()
"""A line that makes a chunk with few others."""
FORMATS = ["table", "json", "ndjson", "csv", "md", "parquet"]
"""Every `--format`."""


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_gets_the_bytes_that_stdout_gets(run: Run, tmp_path: Path, format: str) -> None:
    target = tmp_path / "report.out"
    asked = ("report", TIMED, "-f", format, *(() if format == "json" else ("--table", "statuses")))
    written = run(*asked, "-o", target)
    assert (written.code, written.stdout) == (0, b"")
    assert target.read_bytes() == run(*asked).stdout != b""
    assert run(*asked, "-o", "-").stdout == target.read_bytes()


@pytest.mark.slow
def test_a_directory_gets_a_file_for_each_table(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    assert run("report", TIMED, "-f", "csv", "-o", f"{out}/").stdout == b""
    names = "anomalies consumers endpoints errors gateways latency overview statuses traffic"
    assert sorted(path.stem for path in out.iterdir()) == names.split()
    for path in sorted(out.iterdir())[::3]:
        drawn = run("report", TIMED, "-f", "csv", "--table", path.stem).stdout
        assert path.read_bytes() == drawn, path.name
    assert "exists already" in run("report", TIMED, "-f", "csv", "-o", out).stderr
    assert run("report", TIMED, "-f", "csv", "-o", out, "--force").code == 0


def test_a_directory_gets_one_table_if_one_is_asked_for(run: Run, tmp_path: Path) -> None:
    assert run("report", TIMED, "--table", "statuses", "-f", "md", "-o", f"{tmp_path}/").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["statuses.md"]


def test_existing_files_are_refused_before_anything_is_read(run: Run, tmp_path: Path) -> None:
    target = write(tmp_path / "statuses.csv", ["mine"])
    for output in (target, f"{tmp_path}/"):
        result = run("report", "nowhere.log", "-f", "csv", "-o", output)
        assert result.code == 2
        assert "exists already" in result.stderr
        assert "nowhere" not in result.stderr
    assert target.read_text() == "mine\n"
    for option in ("-o", "--rejects"):
        result = run("report", "nowhere.log", option, tmp_path / "no" / "where.txt")
        assert f"there is no folder {tmp_path}/no" in result.stderr
        assert "nowhere" not in result.stderr


def test_report_and_rejects_are_not_written_to_one_file(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "out"
    result = run("report", TIMED, "-o", target, "--rejects", tmp_path / "." / "out")
    assert result.code == 2
    assert "would both be written to" in result.stderr
    assert not target.exists()


def test_rejects_may_be_the_data_of_stdout(run: Run, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.log", [line(), "no log line"])
    result = run("report", bad, "-o", tmp_path / "report.txt", "--rejects", "-")
    assert result.code == 0
    assert result.text.count("\n") == 1
    assert result.text.startswith('{"source":')


@pytest.mark.slow
def test_standard_input_is_a_source(run_forked: Run) -> None:
    result = run_forked("report", "-", "-f", "json", stdin=TIMED.read_bytes())
    assert (result.code, result.stderr) == (0, "")
    assert '"path":"-"' in result.text
    packed = (SAMPLE_LOGS / "api.log.1.gz").read_bytes()
    assert '"records":1500' in run_forked("report", "-", "-f", "json", stdin=packed).text


_FULL = b"apilog: error: can't write standard output: No space left on device\nhint: free some"


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    many = write(tmp_path / "a.log", (line(f"/p{i}q") for i in range(20_000)))
    argv = [*APILOG, str(many), "-f", "csv", "--by", "path"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.stdout.close()
        assert first.startswith(b"path,requests,")
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_is_full_for_one_table_gets_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "statuses.csv").symlink_to("/dev/full")
    done = run("report", TIMED, "-f", "csv", "-o", f"{tmp_path}/")
    assert done.code == 2
    assert "statuses.csv: No space left" in done.stderr
    assert os.listdir(tmp_path) == ["statuses.csv"]


LOST_SIGNAL = """
import os, signal, sys, time, weakref
from apilog.cli import app

def main():
    thing = type("", (), {})()
    lost = weakref.ref(thing, lambda _: os.kill(os.getpid(), int(sys.argv[1])) or time.sleep(0.1))
    del thing
    time.sleep(60)
    return 0

def interrupted():
    try:
        return main()
    except KeyboardInterrupt:
        return 130

app.main = interrupted
app.run()
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_that_meets_a_finalizer_is_not_lost(number: int, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOST_SIGNAL, str(int(number))], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, b"")


def test_an_interrupt_ends_imports_without_a_traceback() -> None:
    code = (
        "import os, signal, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'apilog.cli.app':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from apilog.__main__ import run\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


@pytest.mark.slow
def test_a_full_disk_is_an_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*APILOG, str(TIMED), "-f", "json"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith(_FULL)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a process left that had a terminal for its stderr, or for both streams."""

    code: int
    screen: str
    """All that was shown, escape sequences and all."""
    stdout: bytes


@contextmanager
def terminal(columns: int) -> Iterator[tuple[int, int]]:
    """A terminal's two ends."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    try:
        yield leader, follower
    finally:
        os.close(leader)


def screen_of(leader: int) -> str:
    """All that a terminal shows until nobody writes to it any more."""
    data = b""
    with contextlib.suppress(OSError):  # Linux's end of a terminal
        while part := os.read(leader, 1 << 16):
            data += part
    return data.decode().replace("\r\n", "\n")


def on_terminal(
    *argv: str | Path,
    columns: int = 100,
    stdin: Sequence[bytes] = (),
    stdout: bool = True,
    **env: str,
) -> Shown:
    """Run a report on a terminal, its stdout too or not; a second passes between two inputs."""
    mine = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    with (
        terminal(columns) as (leader, follower),
        fork_command(
            "report",
            *argv,
            stdin=subprocess.PIPE,
            stdout=follower if stdout else subprocess.PIPE,
            stderr=follower,
            env={**mine, "TERM": "xterm-256color", **env},
        ) as process,
    ):
        os.close(follower)
        assert process.stdin
        for number, block in enumerate(stdin):
            time.sleep(min(number, 1))
            process.stdin.write(block)
            process.stdin.flush()
        process.stdin.close()
        screen = screen_of(leader)
        data = process.stdout.read() if process.stdout else b""
        return Shown(process.wait(60), screen, data)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_gets_colours_and_its_own_width(columns: int) -> None:
    screen = on_terminal(TIMED, columns=columns).screen
    assert "\x1b[1m" in screen
    assert "\x1b[3" in screen
    widest = max(map(len, plain(screen).splitlines()))
    assert columns - 12 < widest <= columns


@pytest.mark.slow
def test_no_color_and_columns_are_honoured() -> None:
    screen = on_terminal(TIMED, columns=200, NO_COLOR="1", COLUMNS="90").screen
    assert "\x1b[3" not in screen
    assert max(map(len, plain(screen).splitlines())) <= 90
    assert "\x1b" not in on_terminal(TIMED, TERM="dumb").screen


@pytest.mark.slow
def test_a_terminals_width_is_none_of_a_files_business(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    assert on_terminal(TIMED, "--no-progress", "-o", target, columns=200).screen == ""
    piped = on_terminal(TIMED, columns=200, stdout=False)
    assert target.read_bytes() == piped.stdout
    assert max(map(len, target.read_text().splitlines())) <= 80


@pytest.mark.parametrize("columns", ["0", "1", "7", "40", "1000000", "-5", "many"])
def test_any_columns_are_survived(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    result = run("report", TIMED)
    assert (result.code, result.stderr) == (0, "")
    assert len(result.stdout) < 1 << 20


@pytest.mark.slow
def test_parquet_is_not_thrown_at_a_terminal() -> None:
    told = "apilog: error: parquet is not for a terminal\nhint: name a file with --output\n"
    assert on_terminal(TIMED, "-f", "parquet") == Shown(2, told, b"")


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], pytest.param(["--raw"], marks=pytest.mark.slow)])
def test_csv_on_a_terminal_does_not_act_on_it(tmp_path: Path, options: list[str]) -> None:
    log = write(tmp_path / "odd.log", [line("/\\x1B[2J\\xC2\\x9B\\x07")])
    argv: list[str | Path] = [log, "-f", "csv", "--by", "path", *options]
    screen = on_terminal(*argv, "--no-progress").screen
    assert "\n/\\x1b[2J\\x9b\\x07,1," in screen
    assert "\x1b" not in screen
    piped = on_terminal(*argv, "--no-progress", stdout=False)
    assert piped.stdout.startswith(b"path,requests")
    assert "\n/\x1b[2J\x9b\x07,1,".encode() in piped.stdout


@pytest.fixture
def slowly() -> list[bytes]:
    """Two blocks, each more than a chunk: reading them takes longer than a bar waits."""
    return [LONG * 8_000] * 2


@pytest.mark.slow
def test_long_reading_shows_a_bar_on_a_terminal_and_takes_it_away(slowly: list[bytes]) -> None:
    shown = on_terminal("-", "-f", "csv", stdin=slowly, stdout=False)
    assert shown.code == 0
    assert "reading" in shown.screen
    assert "MB" in shown.screen
    assert not plain(shown.screen.split("\x1b[2K")[-1]).strip()
    assert shown.stdout.startswith(b"gateway,method,route,requests,")
    assert b"\x1b" not in shown.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "env"),
    [
        (["--no-progress"], {}),
        pytest.param(["-q"], {}, marks=pytest.mark.slow),
        pytest.param([], {"TERM": "dumb"}, marks=pytest.mark.slow),
    ],
)
def test_no_bar_where_none_is_wanted(
    slowly: list[bytes], options: list[str], env: dict[str, str]
) -> None:
    shown = on_terminal("-", "-f", "csv", *options, stdin=slowly, stdout=False, **env)  # type: ignore[arg-type]
    assert (shown.code, shown.screen) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_interrupt_ends_quickly_and_leaves_nothing(tmp_path: Path, is_terminal: bool) -> None:
    targets = ["-o", str(tmp_path / "report.json"), "--rejects", str(tmp_path / "rejects.ndjson")]
    with terminal(100) as (leader, follower):
        with subprocess.Popen(
            [*APILOG, "-", "-f", "json", *targets],
            stdin=subprocess.PIPE,
            stderr=follower if is_terminal else subprocess.PIPE,
        ) as process:
            assert process.stdin
            process.stdin.write((LONG + b"no log line\n") * 10_000)
            process.stdin.flush()  # it has read all but the end of it, and waits for more
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            told = process.stderr.read() if process.stderr else b""
        os.close(follower)
        assert told == b""
        assert "Traceback" not in screen_of(leader)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_file_that_is_deleted_while_it_is_read_is_read_on(tmp_path: Path) -> None:
    many = tmp_path / "many.log"
    many.write_bytes(LONG * 12_000)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    argv = [*APILOG, str(pipe), str(many), str(tmp_path / "gone.log"), "-f", "json"]
    write(tmp_path / "gone.log", [line()])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with open(pipe, "wb") as stream:  # now all sources were found, and none was opened
            (tmp_path / "gone.log").unlink()
            stream.write((line() + "\n").encode())
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b'"records":12001' in stdout
    assert stderr.startswith(f"apilog: error: {tmp_path}/gone.log: no such file".encode())


@pytest.mark.slow
def test_a_report_for_programs_loads_nothing_it_does_not_need() -> None:
    code = (
        "import sys; from apilog.cli.app import main;"
        "main(['report', sys.argv[1], '-f', 'json', '--since', '2026-11-20']);"
        "print(sorted({'rich', 'pyarrow', 'dateutil', 'crossplane', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(TIMED)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
