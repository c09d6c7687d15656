"""The jobs that the documentation prints run as they are printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.weblog import line, write

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = {name: (REPOSITORY / "docs" / f"{name}.md").read_text("utf-8") for name in ("ci", "cron")}
STEP = re.compile(
    r"^( *)- (?:run: )?(?:>-\n((?:\1 {2,}.+\n)+)|((?:apilog|pip) .+)\n)", re.MULTILINE
)


def blocks(language: str) -> list[str]:
    text = "".join(PAGES.values())
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def steps(job: str) -> Iterator[str]:
    """The commands of a job; YAML folds the lines of `>-` with blanks."""
    for _, folded, plain in STEP.findall(job):
        yield plain or " ".join(folded.split("\n")).strip()


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line as the shell of a job does, with apilog on its path."""
    program = folder / "bin" / "apilog"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m apilog "$@"\n')
        program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the jobs find in a checkout of this repository."""
    (tmp_path / "sample_logs").mkdir()
    for name in ("api.log", "api.log.1.gz"):
        shutil.copy(REPOSITORY / "sample_logs" / name, tmp_path / "sample_logs")
    return tmp_path


@pytest.mark.slow
def test_the_jobs_of_github_and_gitlab(checkout: Path) -> None:
    github, gitlab = blocks("yaml")
    for job in (github, gitlab):
        install, *commands = steps(job)
        assert install == "pip install ."
        assert [command.split()[1] for command in commands] == ["baseline", "check"]
        summary = checkout / "summary.md"
        for command in commands:
            done = shell(command, checkout, GITHUB_STEP_SUMMARY=str(summary))
            assert done.returncode == 0, done.stderr
        (checkout / "baseline.json").unlink()
    assert summary.read_text().startswith("### apilog check: 2 thresholds hold")
    assert ElementTree.parse(checkout / "apilog.xml").getroot().get("failures") == "0"


@pytest.mark.slow
def test_a_job_fails_where_the_api_got_worse(checkout: Path) -> None:
    (_, baseline, check), (_, also_baseline, also_check) = map(steps, blocks("yaml"))
    assert baseline == also_baseline
    assert shell(baseline, checkout).returncode == 0
    log = (checkout / "sample_logs" / "api.log").read_text().replace('" 200 ', '" 503 ', 400)
    (checkout / "sample_logs" / "api.log").write_text(log)
    for command in (check, also_check):
        done = shell(command, checkout)
        assert done.returncode == 1, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("errors", "is_mailed"), [(0, False), (30, True)])
def test_the_line_of_the_crontab(tmp_path: Path, errors: int, is_mailed: bool) -> None:
    (printed,) = blocks("cron")
    minute, *_, command = printed.strip().split(None, 5)
    assert minute == "10"
    assert "%" not in command
    for there in ("/var/log/nginx", "/srv/apilog", "/opt/apilog/bin"):
        here = tmp_path / ("bin" if there.endswith("bin") else there.lstrip("/"))
        if here.name != "bin":
            here.mkdir(parents=True)
        command = command.replace(there, str(here))
    start = datetime.now(UTC) - timedelta(minutes=30)
    lines = (line(status=500 if i < errors else 200, after=i, start=start) for i in range(200))
    write(tmp_path / "var/log/nginx/access.log", lines)
    for _ in range(2):
        done = shell(command, tmp_path)
        assert done.stderr == ""
        assert ("1 of 2 thresholds failed" in done.stdout) is is_mailed
        assert bool(done.stdout) is is_mailed
