"""Routes of traffic whose templates are known, where the templates are at hand.

They lie beside the real logs, with a program that makes the traffic and scores what became of it.
Here it runs the commands in this process.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.commands import Run
from tests.conftest import SAMPLES

PROGRAM = SAMPLES.parent / "judgement" / "routes.py"


@pytest.fixture(scope="module")
def scorer() -> ModuleType:
    """The program that scores routes, as a module."""
    spec = importlib.util.spec_from_file_location("judgement_routes", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(not PROGRAM.exists(), reason="the templates are not at hand")
def test_templates_merge_and_others_stay_apart(
    scorer: ModuleType, run: Run, tmp_path: Path
) -> None:
    def tables(*args: str) -> Any:
        done = run(*args, "-f", "json", "--quiet")
        assert done.code == 0, done.stderr
        return json.loads(done.text)["tables"]

    data = json.loads(PROGRAM.with_suffix(".json").read_text("utf-8"))
    apilog = scorer.Apilog("apilog")
    scorer.Apilog.__call__ = lambda _, *args: tables(*args)
    templates = scorer.Templates(data["templates"], 200, 0)
    log = tmp_path / "templates.log"
    scorer.write_log(log, templates.paths, data["noise"], 0)
    routes, told_by = apilog.routes(log)
    assert told_by == "apilog query"  # which has the routes of the report
    under = templates.under_merged(routes)
    decidable = [e for e in templates.entries if e.get("decidable") in ("shape", "traffic")]
    split = [e["template"] for e in decidable if e["template"] in under]
    assert len(split) <= 0.1 * len(decidable), split
    assert templates.over_merged(routes) == {}
    assert templates.replaced(routes) == {}
    made = {}
    for name, make in data["ids"].items():
        rng, maker = scorer.random.Random(f"0 {name} ids"), scorer.Maker([make], name, 0)
        made[name] = [maker.draw(rng)[0] for _ in range(1000)]
    log = tmp_path / "ids.log"
    scorer.write_log(log, [path for paths in made.values() for path in paths], data["noise"], 0)
    of_ids, _ = apilog.routes(log)
    leaks = {name: scorer.outside(scorer.known(of_ids, paths)) for name, paths in made.items()}
    assert {name: leak for name, leak in leaks.items() if leak > 0.005} == {}
