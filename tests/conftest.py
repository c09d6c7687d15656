"""What every test stands on: the same terminal, zone and locale everywhere."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from apilog.cli.app import main
from tests.commands import Ran
from tests.examples import CASES, EXAMPLES
from tests.forked_processes import run_command
from tests.native_environment import keep_tables

REPOSITORY = Path(__file__).resolve().parent.parent
# Read before `environment` hides it from the tests.
SAMPLES = Path(os.environ.get("APILOG_SAMPLES") or REPOSITORY.parent / "shared" / "samples")

# What test modules import that start processes or servers: their tests are marked `process`.
STARTERS = {"subprocess", "multiprocessing", "pty", "socketserver", "on_terminal", "piped"}
PROCESSES = {"run_process", "run_forked"}

# Rewriting the asserts of modules takes longer than all else that is done before the first test.
sys.dont_write_bytecode = False

# What a native thread reads, no test takes away.
keep_tables()

# What collecting tests makes stays to the end.
gc.disable()

# No test depends on how fast the machine is.
settings.register_profile("apilog", deadline=None, max_examples=EXAMPLES)
settings.load_profile("apilog")


SERVED = ("cloud", "cluster", "page", "real")
"""Folders whose tests share a server, which each worker that runs some of them starts."""


def folder_of(item: pytest.Item) -> str:
    """The folder of a test in that of all."""
    return item.path.relative_to(REPOSITORY / "tests").parts[0]


def mark_variations(items: list[pytest.Item]) -> None:
    """Mark further cases of a test as slow, so that some remain, spread evenly over all of them."""
    cases: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("slow") is None:
            test = getattr(item, "originalname", item.name)
            cases.setdefault((item.nodeid.partition("[")[0], test), []).append(item)
    for variations in cases.values():
        count = len(variations)
        kept = {number * count // CASES for number in range(CASES)}
        for place, item in enumerate(variations):
            if count > CASES and place not in kept:
                item.add_marker("slow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that may start processes or servers, and the further cases of a test."""
    mark_variations(items)
    # What comes first is all for one worker, and does not wait at the end.
    items.sort(key=lambda item: folder_of(item) not in SERVED)
    starting: dict[Path, bool] = {}
    for item in items:
        assert isinstance(item, pytest.Function)
        if item.path not in starting:
            starts = bool(STARTERS & vars(item.module).keys())
            starting[item.path] = starts or folder_of(item) in ("cloud", "cluster", "real")
        if starting[item.path] or PROCESSES & {*item.fixturenames}:
            item.add_marker("process")


def pytest_collection_finish() -> None:
    """Spare what has been made until now, which stays to the end, from being looked at as garbage.

    The command collects garbage as rarely.
    """
    gc.set_threshold(100_000, 20, 20)
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 columns, no colours, UTC, and nothing set for apilog, nor in the user's settings.

    What compiling modules gives is kept, so that not every process that a test starts does it.
    """
    for name in list(os.environ):
        if name.startswith(("APILOG_", "_APILOG")):
            monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "LINES", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("XDG_CONFIG_HOME", os.devnull),
        ("COLUMNS", "80"),
        ("NO_COLOR", "1"),
        ("TZ", "UTC"),
        ("LC_ALL", "C.UTF-8"),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real logs; skips where there is none."""
    if not SAMPLES.is_dir():
        pytest.skip("no real logs here: APILOG_SAMPLES names their folder")
    return SAMPLES


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Ran]:
    """Run a command in this process: `run("schema", "-f", "json")`."""

    def run(*argv: str | Path) -> Ran:
        capfdbinary.readouterr()
        code = main([str(arg) for arg in argv])
        captured = capfdbinary.readouterr()
        return Ran(code, captured.out, captured.err.decode())

    return run


@pytest.fixture
def run_process() -> Callable[..., Ran]:
    """Run a command in a process of its own, with bytes for its stdin."""

    def run(*argv: str | Path, stdin: bytes = b"") -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "apilog", *map(str, argv)],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode())

    return run


@pytest.fixture
def run_forked() -> Callable[..., Ran]:
    """Run a command in a process of its own, but for its start, with bytes for its stdin."""

    def run(*argv: str | Path, stdin: bytes = b"") -> Ran:
        code, stdout, stderr = run_command(*argv, stdin=stdin)
        return Ran(code, stdout, stderr.decode())

    return run
