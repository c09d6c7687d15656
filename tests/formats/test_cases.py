"""Golden cases: a log, the records it gives and the rejects.

Add a case: put `<name>.log` into a folder of tests/cases, run pytest with UPDATE_GOLDEN=1
set, and read what it wrote.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest

from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.routes import parse_rules
from apilog.schema import SCHEMA

UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
CASES = sorted((Path(__file__).parents[1] / "cases").glob("*/*.log"))


def _read(path: Path) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    wanted = ReadSpec(columns=frozenset(SCHEMA) - {"source"}, rules=parse_rules(()))
    run = LocalRun([path], wanted, lambda records: records)
    results = list(run.results())
    assert not run.errors
    records = [_plain(row) for r in results for row in _rows(r.value)]
    rejects = [_plain(row) for r in results for row in r.rejects.drop("source").to_dicts()]
    return records, rejects


def _rows(frame: pl.DataFrame) -> list[dict[str, object]]:
    return frame.select(name for name in SCHEMA if name in frame.columns).to_dicts()


def _plain(row: dict[str, object]) -> dict[str, object]:
    """Without nulls, as JSON has it."""
    known = {key: value for key, value in row.items() if value is not None}
    return dict(json.loads(json.dumps(known, default=str)))


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_case(case: Path) -> None:
    records, rejects = _read(case)
    for suffix, rows in ((".records.ndjson", records), (".rejects.ndjson", rejects)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        expected = case.with_suffix(suffix)
        if UPDATE:
            expected.write_text(text, encoding="utf-8")
        assert expected.read_text(encoding="utf-8") == text
