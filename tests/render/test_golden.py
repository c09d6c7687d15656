"""The hostile report as every output draws it, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from apilog.render import OUTPUTS
from tests.render.hostile_report import empty_report, hostile_report

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "hostile.json": ("json", {}),
    "hostile.ndjson": ("ndjson", {}),
    "hostile.csv": ("csv", {}),
    "hostile-raw.csv": ("csv", {"raw": True}),
    "hostile-traffic.csv": ("csv", {"table": "traffic"}),
    "hostile.md": ("md", {}),
    "hostile-80.txt": ("table", {"width": 80}),
    "hostile-200.txt": ("table", {"width": 200}),
    "hostile-40.txt": ("table", {"width": 40}),
    "hostile-80.ansi": ("table", {"width": 80, "color": True}),
    "hostile-top-3.txt": ("table", {"width": 80, "top": 3}),
    "hostile-one-table.txt": ("table", {"width": 80, "table": "statuses"}),
    "hostile-one-row.txt": ("table", {"width": 80, "table": "overview"}),
}
EMPTY = {"empty.json": "json", "empty.csv": "csv", "empty.md": "md", "empty.txt": "table"}


@pytest.mark.parametrize("name", CASES)
def test_draws_the_hostile_report(name, draw, golden):
    output, options = CASES[name]
    golden(name, draw(output, hostile_report(), **options))


@pytest.mark.parametrize("name", EMPTY)
def test_draws_an_empty_report(name, draw, golden):
    golden(name, draw(EMPTY[name], empty_report()))


def test_every_output_has_a_golden_file_or_a_reader():
    drawn = {output for output, _ in CASES.values()}
    assert set(OUTPUTS) == drawn | {"parquet", "xlsx", "prometheus", "html"}
