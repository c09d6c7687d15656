"""What every command keeps to: exit codes, streams, messages, files."""

from __future__ import annotations

import errno
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from apilog.cli import app as cli
from apilog.cli import streams
from apilog.cli.streams import ExitCode, open_output
from apilog.errors import InputError, OutputError
from apilog.version import __version__
from tests.commands import Ran, Run
from tests.weblog import SAMPLE_LOGS

APILOG = [sys.executable, "-m", "apilog"]

processes = pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["schema", "-f", "json"],
        pytest.param(["schema"], marks=pytest.mark.slow),
    ],
)


def command_that(monkeypatch: pytest.MonkeyPatch, behaviour: Callable[[], object]) -> None:
    """Give the command line one more command, `probe`."""
    probing = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    probing.callback()(lambda: None)
    probing.command("probe")(behaviour)
    monkeypatch.setattr(cli, "command_line", lambda _: typer.main.get_command(probing))


def raising(error: BaseException) -> Callable[[], object]:
    def probe() -> None:
        raise error

    return probe


def test_exit_codes_are_the_documented_ones() -> None:
    assert [code.value for code in ExitCode] == [0, 1, 2, 3, 130]


def test_version_is_data(run: Run) -> None:
    assert run("--version") == Ran(0, f"apilog {__version__}\n".encode(), "")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_data_and_names_every_command(run: Run, option: str) -> None:
    result = run(option)
    assert (result.code, result.stderr) == (0, "")
    for name, _ in cli.COMMANDS:
        assert re.search(rf"^  {name.split()[0]}  +[A-Z]", result.text, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name, _ in cli.COMMANDS])
def test_every_command_has_help_for_each_option(run: Run, name: str) -> None:
    text = run(*name.split(), "--help").text
    assert text.startswith(f"Usage: apilog {name} ")
    assert not re.findall(r"^  (--?\S+(?: \S+)?)$\n^  -", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 80


def test_no_command_is_wrong_usage_and_shows_help_on_stderr(run: Run) -> None:
    result = run()
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith("Usage: apilog ")


@pytest.mark.parametrize(
    ("argv", "message", "command"),
    [
        (["reprot"], "no such command 'reprot'", "apilog"),
        (["schema", "--frobnicate"], "no such option: --frobnicate", "apilog schema"),
        (["schema", "-f", "yaml"], "invalid value for '--format' / '-f'", "apilog schema"),
        (["schema", "--output"], "option '--output' requires an argument", "apilog schema"),
        (
            ["report", "a.log", "-f", "x"],
            "invalid value for '--format' / '-f': 'x'",
            "apilog report",
        ),
        (["schema", "a", "b"], "got unexpected extra argument(s) (b)", "apilog schema"),
        (
            ["schema", "a", "\x1b[2J"],
            r"got unexpected extra argument(s) (\x1b[2J)",
            "apilog schema",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(
    run: Run, argv: list[str], message: str, command: str
) -> None:
    result = run(*argv)
    assert (result.code, result.stdout) == (2, b"")
    first, second = result.stderr.splitlines()
    assert first.startswith(f"apilog: error: {message}")
    assert second.startswith("hint: ")
    assert second.endswith(f"see `{command} --help`")


def test_an_error_is_a_line_and_its_hint_a_second_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_that(monkeypatch, raising(InputError("there is no file 'x'", "check the name")))
    expected = "apilog: error: there is no file 'x'\nhint: check the name\n"
    assert run("probe") == Ran(2, b"", expected)


def test_an_attackers_text_in_an_error_cannot_drive_the_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_that(monkeypatch, raising(InputError("a\x1b]0;b\x07\nc\u202ed\x9b", "e\rf")))
    expected = "apilog: error: a\\x1b]0;b\\x07\\nc\\u202ed\\x9b\nhint: e\\rf\n"
    assert run("probe").stderr == expected


def test_what_the_system_refuses_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, raising(OSError(errno.EIO, "Input/output error", "a.log")))
    monkeypatch.setattr(streams, "abandon_stdout", lambda: None)
    hint = "hint: check that it is there, and who may use it\n"
    assert run("probe") == Ran(2, b"", f"apilog: error: a.log: Input/output error\n{hint}")


def test_a_commands_value_is_the_exit_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, lambda: ExitCode.INCONCLUSIVE)
    assert run("probe").code == 3
    command_that(monkeypatch, raising(typer.Exit(1)))
    assert run("probe").code == 1


def test_an_interrupt_is_130_without_a_message(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, raising(KeyboardInterrupt()))
    assert run("probe") == Ran(130, b"", "")


def test_a_bug_shows_where_and_is_not_mistaken_for_a_failed_threshold() -> None:
    code = (
        "import sys; from apilog.cli import app, streams\n"
        "def fail(): raise ZeroDivisionError('\\x1b[2J')\n"
        "streams.flush_stdout = fail\n"
        "sys.argv = ['apilog', '--version']; app.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, f"apilog {__version__}\n")
    assert "\nZeroDivisionError: \\x1b[2J\n" in done.stderr
    assert "apilog: error: this is a bug in apilog\n" in done.stderr


def test_a_thread_that_still_works_does_not_keep_the_process_from_ending() -> None:
    code = (
        "import sys, threading; from apilog.cli import app\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "sys.argv = ['apilog', '--version']; app.run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == f"apilog {__version__}\n".encode()


def test_a_note_goes_to_stderr_on_one_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    streams.note("left out\x1b[2J\ntwice")
    assert capfdbinary.readouterr() == (b"", b"apilog: note: left out\\x1b[2J\\ntwice\n")


@processes
def test_a_closed_pipe_is_no_error(argv: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*APILOG, *argv], stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_both_streams_closed_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([*APILOG, "nope"], stdout=writer, stderr=writer, check=False)
    finally:
        os.close(writer)
    assert done.returncode == 2


_FULL = b"apilog: error: can't write standard output: No space left on device\nhint: free some"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@processes
def test_a_full_disk_is_an_error_without_a_traceback(argv: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*APILOG, *argv], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(_FULL)


def test_ctrl_c_in_a_process_is_130() -> None:
    code = (
        "import os, signal, sys; from apilog.cli import app, streams\n"
        "streams.flush_stdout = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.argv = ['apilog', '--version']; app.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


def on_terminal(*argv: str, **env: str) -> str:
    """What a command shows on a terminal that says how wide it is by COLUMNS."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", **env}
    process = subprocess.Popen([*APILOG, *argv], stdout=follower, env=environment)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait(60) == 0
    return shown.decode().replace("\r\n", "\n")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_list_on_a_terminal_keeps_to_its_width() -> None:
    text = on_terminal("schema", COLUMNS="70")
    lines = text.splitlines()
    assert 60 < max(map(len, lines)) <= 70
    assert lines[0] == "timestamp  type Datetime(us, UTC)"
    assert lines[1].startswith("    When the request ended")
    assert "\x1b" not in text  # NO_COLOR


@pytest.mark.slow
def test_a_wide_terminal_has_sentences_beside_the_columns() -> None:
    text = on_terminal("schema", COLUMNS="120", NO_COLOR="")
    head, first, *rest = plain(text).splitlines()
    assert "\x1b[36mtimestamp" in text
    assert head.split() == ["column", "type", "otel", "meaning"]
    assert first.index("When the") == head.index("meaning")
    assert 100 < max(map(len, rest)) <= 120


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["40", "300"])
def test_the_formats_on_a_terminal_are_few_columns_and_one_tells_all(columns: str) -> None:
    lines = on_terminal("formats", COLUMNS=columns).splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert not any("https:" in line for line in lines)
    whole = on_terminal("formats", "combined", COLUMNS=columns).splitlines()
    assert [line.split()[0] for line in whole if line[0] != " "] == [
        "format",
        "gateway",
        "title",
        "columns",
        "url",
    ]
    assert whole[-1].endswith("/ngx_http_log_module.html")


@pytest.mark.slow
def test_findings_on_a_terminal_have_headings_and_the_same_text(run: Run) -> None:
    path = str(SAMPLE_LOGS / "combined.log")
    text = on_terminal("detect", path, COLUMNS="80", NO_COLOR="")
    assert text.startswith(f"\x1b[1m{path}: combined\x1b[0m\n\x1b[2m  read\x1b[0m")
    assert plain(text) == run("detect", path).text
    assert on_terminal("detect", path, COLUMNS="80") == plain(text)


@pytest.mark.slow
def test_a_terminal_that_takes_ascii_alone_is_no_reason_to_fail() -> None:
    text = on_terminal("schema", COLUMNS="120", PYTHONIOENCODING="ascii")
    assert text == on_terminal("schema", COLUMNS="120")


def test_an_existing_file_is_kept_without_force(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "schema.json"
    target.write_text("mine")
    refused = run("schema", "-f", "json", "-o", target)
    assert (refused.code, target.read_text()) == (2, "mine")
    assert "exists already" in refused.stderr
    assert "--force" in refused.stderr.splitlines()[1]
    assert run("schema", "-f", "json", "-o", target, "--force").code == 0
    assert target.read_bytes().startswith(b"{")


def test_a_missing_folder_is_an_error(run: Run, tmp_path: Path) -> None:
    result = run("schema", "-o", tmp_path / "no" / "where.txt")
    assert result.code == 2
    assert "where.txt" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_fails_half_way_is_not_left_behind(tmp_path: Path) -> None:
    target = tmp_path / "report.json"

    def fail_half_way() -> None:
        with open_output(target, force=True) as stream:
            stream.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []

    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"report.json": b"old"}


def test_a_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    with open_output(target) as stream:
        stream.write(b"whole")
        stream.flush()
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_new_file_has_the_rights_that_any_has(tmp_path: Path) -> None:
    with open_output(tmp_path / "ours") as stream:
        stream.write(b"x")
    (tmp_path / "any").write_bytes(b"x")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_device_is_written_to_and_stays_one() -> None:
    with open_output(Path(os.devnull)) as stream:
        stream.write(b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with open_output(tmp_path / "link", force=True) as stream:
        stream.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_the_terminals_width_and_colours_follow_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (streams.width(), streams.color(to_terminal=True)) == (80, False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "xterm")
    assert (streams.width(), streams.color(to_terminal=True)) == (200, True)
    monkeypatch.setenv("TERM", "dumb")
    assert not streams.color(to_terminal=True)


def test_a_dash_is_stdout(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with open_output(Path("-")) as stream:
        stream.write(b"data")
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b"data"


def test_check_target_refuses_before_anything_is_read(tmp_path: Path) -> None:
    streams.check_target(None, force=False)
    streams.check_target(tmp_path / "new", force=False)
    (tmp_path / "old").touch()
    streams.check_target(tmp_path / "old", force=True)
    with pytest.raises(OutputError):
        streams.check_target(tmp_path / "old", force=False)


def test_no_stdout_at_all_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["schema", "-f", "json"]) == 2
    assert "standard output is closed" in capfd.readouterr().err


def test_a_module_runs_like_the_script(run_process: Run) -> None:
    assert run_process("--version") == Ran(0, f"apilog {__version__}\n".encode(), "")
    assert run_process("schema", "-f", "ndjson", stdin=b"x").code == 0
