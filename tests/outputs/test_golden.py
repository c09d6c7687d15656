"""The nasty report as every output draws it, byte for byte."""

from __future__ import annotations

import pytest

from apilog.render import OUTPUTS
from tests.outputs.nasty import empty_report, nasty_report

CASES = {
    "nasty.json": ("json", {}),
    "nasty.ndjson": ("ndjson", {}),
    "nasty.csv": ("csv", {}),
    "nasty-raw.csv": ("csv", {"raw": True}),
    "nasty-traffic.csv": ("csv", {"table": "traffic"}),
    "nasty.md": ("md", {}),
    "nasty-80.txt": ("table", {"width": 80}),
    "nasty-200.txt": ("table", {"width": 200}),
    "nasty-40.txt": ("table", {"width": 40}),
    "nasty-80.ansi": ("table", {"width": 80, "color": True}),
    "nasty-top-3.txt": ("table", {"width": 80, "top": 3}),
    "nasty-one-table.txt": ("table", {"width": 80, "table": "statuses"}),
    "nasty-one-row.txt": ("table", {"width": 80, "table": "overview"}),
}
EMPTY = {"empty.json": "json", "empty.csv": "csv", "empty.md": "md", "empty.txt": "table"}


@pytest.mark.parametrize("name", CASES)
def test_draws_the_nasty_report(name, draw, golden):
    output, options = CASES[name]
    golden(name, draw(output, nasty_report(), **options))


@pytest.mark.parametrize("name", EMPTY)
def test_draws_an_empty_report(name, draw, golden):
    golden(name, draw(EMPTY[name], empty_report()))


def test_every_output_has_a_golden_file_or_a_reader():
    drawn = {output for output, _ in CASES.values()}
    assert set(OUTPUTS) == drawn | {"parquet"}
