"""Logs in the shapes that other software writes, with their records, where they are at hand.

They lie beside the real logs, a folder a shape: `input.*`, and `expected.json` with the arguments,
the exit code, and the records in the order of the lines. A column that isn't listed isn't compared.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apilog.schema import SCHEMA
from tests.commands import Run
from tests.conftest import SAMPLES

SHAPES = sorted((SAMPLES.parent / "wild").glob("*/expected.json"))

NOT_READ_YET: frozenset[str] = frozenset()
"""Shapes of software that isn't read yet. What is read rightly must leave the list."""


def is_same(column: str, expected: Any, found: Any) -> bool:
    if expected is None or found is None:
        return expected is found
    if column == "timestamp":
        times = [datetime.fromisoformat(text) for text in (expected, found)]
        first, second = (t if t.tzinfo else t.replace(tzinfo=UTC) for t in times)
        return abs(first - second) <= timedelta(microseconds=1)
    if isinstance(expected, int | float):
        return (
            isinstance(found, int | float) and abs(found - expected) <= abs(expected) / 200 + 0.01
        )
    return bool(expected == found)


def differences(run: Run, folder: Path) -> list[str]:
    case = json.loads((folder / "expected.json").read_text())
    (source,) = folder.glob("input.*")
    compared = {column for record in case["records"] for column in record}
    columns = ", ".join(sorted({"line_number"} | compared & SCHEMA.keys()))
    query = f"SELECT {columns} FROM requests"
    queried = run("query", query, source, "-f", "json", *case["args"])
    # What gives no record is refused, and then there is nothing on standard output.
    document = json.loads(queried.text) if queried.code == 0 else {"tables": {"result": []}}
    rows = sorted(document["tables"]["result"], key=lambda row: row["line_number"] or 0)
    found = [] if queried.code == case["exit"] else [f"exit {queried.code}: {queried.stderr}"]
    if len(rows) != len(case["records"]):
        found.append(f"{len(rows)} records, not {len(case['records'])}")
    found += [
        f"{number}.{column}: {row.get(column)!r}, not {value!r}"
        for number, (row, record) in enumerate(zip(rows, case["records"], strict=False), 1)
        for column, value in record.items()
        if not is_same(column, value, row.get(column))
    ]
    counts = document.get("input", {})
    for name in counts.keys() & case.keys() & {"rejects", "skipped"}:
        if counts[name] != case[name]:
            found.append(f"{name}: {counts[name]}, not {case[name]}")
    if queried.code:
        reported = run("report", source, "-f", "json", "--table", "overview", *case["args"])
        assert reported.code == queried.code
    return found


@pytest.mark.skipif(not SHAPES, reason="the shapes are not at hand")
@pytest.mark.parametrize("shape", [path.parent for path in SHAPES], ids=lambda p: str(p.name))
def test_a_shape_is_read_rightly(shape: Path, run: Run) -> None:
    found = differences(run, shape)
    if shape.name in NOT_READ_YET:
        assert found, "it is read rightly now: take it off the list"
    else:
        assert found == []
