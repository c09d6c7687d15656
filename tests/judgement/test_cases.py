"""Small logs and accounts with what has to be concluded of them, where they are at hand.

They lie beside the real logs, a folder a case, with a program that says what differs. Here it runs
the commands in this process.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.commands import Run
from tests.conftest import SAMPLES

JUDGEMENT = SAMPLES.parent / "judgement"
CASES = sorted(path.parent for path in JUDGEMENT.glob("cases/*/expected.json"))

NOT_RIGHT_YET: frozenset[str] = frozenset()
"""Cases that differ. One that is right must leave the list."""


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """The program that says what differs, as a module."""
    loader = importlib.machinery.SourceFileLoader("judgement_check", str(JUDGEMENT / "check"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.skipif(not CASES, reason="the cases are not at hand")
@pytest.mark.parametrize("folder", CASES, ids=lambda path: str(path.name))
def test_what_is_concluded_is_true(
    folder: Path, check: ModuleType, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done: dict[tuple[str, ...], subprocess.CompletedProcess[str]] = {}

    def run_command(args: list[str]) -> subprocess.CompletedProcess[str]:
        argv = tuple(
            arg.replace("{case}", str(folder)).replace("{temp}", str(tmp_path)) for arg in args
        )
        if argv not in done:
            ran = run(*argv)
            done[argv] = subprocess.CompletedProcess(argv, ran.code, ran.text, ran.stderr)
        return done[argv]

    case: Any = check.Case("apilog", folder, tmp_path)
    monkeypatch.setattr(case, "run", run_command)
    expected = json.loads((folder / "expected.json").read_text())
    found = case.differences(expected, expected["args"])
    if folder.name in NOT_RIGHT_YET:
        assert found, "it is right now: take it off the list"
    else:
        assert found == []
