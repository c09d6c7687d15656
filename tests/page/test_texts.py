"""The script writes values as the rest of apilog does."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

import apilog.render.html
from apilog.metrics import Unit
from apilog.render.text.cell_text import format_values

HTML = Path(apilog.render.html.__file__).parent
TESTS = Path(__file__).with_name("figures.test.js")

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("node") is None, reason="the page's script runs in node here"),
]

EDGES = [0, 0.0005, 0.00123, 0.5, 1, 1.125, 2.5, 9.994, 9.995, 12.5, 99.95, 999.5, 999.499, 1000]
EDGES += [
    0.0001,
    0.99991,
    0.999,
    0.12345,
    59_949.9,
    59_950,
    3_599_500,
    86_399_999,
    1e8,
    123_456_789,
]
SCRIPT = """
const F = require(process.argv[1] + "/figures.js");
const columns = JSON.parse(require("fs").readFileSync(0, "utf-8"));
const texts = columns.map(([unit, values]) => F.formatColumn(values, unit));
process.stdout.write(JSON.stringify(texts));
"""


def test_values_have_the_same_texts() -> None:
    chance = random.Random(1)
    values: list[float | None] = [None, *EDGES, *(10 ** chance.uniform(-4, 9) for _ in range(300))]
    units = (Unit.COUNT, Unit.RATIO, Unit.MILLISECONDS, Unit.BYTES, Unit.HOURS, Unit.DAYS)
    columns = [(unit, values) for unit in (*units, Unit.MONEY)]
    columns += [(Unit.PER_SECOND, [value, None]) for value in values]
    done = subprocess.run(
        ["node", "-e", SCRIPT, str(HTML)],
        input=json.dumps(columns),
        capture_output=True,
        text=True,
        check=True,
    )
    for (unit, column), texts in zip(columns, json.loads(done.stdout), strict=True):
        assert texts == format_values(column, unit, "UTC"), unit


def test_its_own_tests_pass() -> None:
    done = subprocess.run(["node", "--test", str(TESTS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
