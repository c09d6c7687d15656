"""What an attacker writes into a log stays text, in every output and message."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path

import polars as pl
import pytest

from apilog.render.text.escape import UNSAFE
from tests.commands import Run
from tests.weblog import line, write

USERS = [
    "\x1b[2J\x1b]0;owned\x07",
    "a\x9b31mb",
    "abc\u202egpj.exe\u2066",
    "[bold red]x[/bold red] [/]",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "+1\t-1",
    "<script>alert(1)</script>",
    "a|b`c`*d*_e_ [link](javascript:1)",
    "two\nlines\r\nand\x00nul",
    'quote" comma, semi;colon',
    "nul\x00\x7fdel",
    "zero\u200bwidth\ufeff",
    "\\x1b[31m written out",
    "../../etc/passwd",
    "(other)",
    "'",
    "ünïcödé 日本語 🦄",
]
"""Names that callers give themselves."""
UNSAFE_CHARACTER = re.compile(f"[{UNSAFE}]")


def escaped(text: str) -> str:
    """As nginx writes it: bytes that are no printable ASCII as `\\xHH`."""
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02X}"
        for byte in text.encode()
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A request of each name, the first thrice and so on, also as path and user agent."""
    lines = [
        line(f"/{escaped(user)}", after=i, user=escaped(user), agent=escaped(user))
        for i, user in enumerate(USERS)
        for _ in range(len(USERS) - i)
    ]
    return write(tmp_path / "hostile.log", lines)


def drawn(run: Run, log: Path, *options: str) -> bytes:
    result = run("report", log, "--by", "user_agent,path", *options)
    assert (result.code, result.stderr) == (0, "")
    return result.stdout


def visible(text: str) -> set[str]:
    """The characters that act on a display, newlines apart."""
    return set(UNSAFE_CHARACTER.findall(text)) - {"\n"}


@pytest.mark.parametrize("format", ["table", "md", "json", "ndjson"])
def test_no_output_steers_a_display(run: Run, log: Path, format: str) -> None:
    for options in ([], ["--table", "consumers"], ["--table", "endpoints", "--top", "50"]):
        assert visible(drawn(run, log, "-f", format, *options).decode()) == set()


def test_programs_get_the_exact_text(run: Run, log: Path) -> None:
    document = json.loads(drawn(run, log, "-f", "json"))
    rows = document["tables"]["consumers"]
    assert [row["consumer"] for row in rows] == USERS
    assert [row["user_agent"] for row in document["tables"]["endpoints"]] == USERS
    ndjson = drawn(run, log, "-f", "ndjson", "--table", "consumers").decode()
    assert [json.loads(text)["consumer"] for text in ndjson.splitlines()] == USERS
    parquet = drawn(run, log, "-f", "parquet", "--table", "consumers")
    assert pl.read_parquet(io.BytesIO(parquet))["consumer"].to_list() == USERS
    raw = drawn(run, log, "-f", "csv", "--table", "consumers", "--raw").decode()
    assert [row["consumer"] for row in csv.DictReader(io.StringIO(raw, newline=""))] == USERS


def test_a_spreadsheet_runs_nothing(run: Run, log: Path) -> None:
    text = drawn(run, log, "-f", "csv", "--table", "consumers").decode()
    cells = [row["consumer"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert [cell.removeprefix("'") or "'" for cell in cells] == USERS


def test_markdown_stays_one_table_of_plain_text(run: Run, log: Path) -> None:
    text = drawn(run, log, "-f", "md", "--table", "consumers").decode()
    text, note = text.strip().split("\n\n")
    assert note.startswith("Left out: ")
    rows = text.splitlines()
    assert len(rows) == len(USERS) + 2
    columns = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert len(columns) == 1
    assert "<" not in text
    assert not re.search(r"(?<!\\)[`*\[]", text)


def test_the_terminals_report_keeps_its_width_and_shape(run: Run, log: Path) -> None:
    for text in drawn(run, log).decode().splitlines():
        width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
        assert width <= 80, text
    assert "[bold red]x" in drawn(run, log, "--table", "consumers").decode()


def test_messages_and_rejects_do_not_steer_a_display(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "odd.log", [line(), *(f"no log line {user!s}" for user in USERS)])
    kept = tmp_path / "rejects.ndjson"
    result = run("report", path, "--rejects", kept, "-l", "combined")
    assert visible(result.text + result.stderr) == set()
    assert visible(kept.read_text()) == set()
    assert all(json.loads(text)["reason"] for text in kept.read_text().splitlines())
    for user in USERS[:3]:
        odd = write(tmp_path / "one.log", [f"no log line {user}"])
        for argv in (["report", odd], ["detect", odd], ["report", odd, "-l", "json"]):
            told = run(*argv)
            assert told.code == 2
            assert visible(told.text + told.stderr) == set()


def test_a_condition_on_hostile_text_is_told_without_it(run: Run, log: Path) -> None:
    told = run("report", log, "--where", "CAST(user_agent AS INT) = 1")
    assert told.code == 2
    assert visible(told.stderr) == set()
    assert len(told.stderr.splitlines()) == 2


@pytest.mark.slow
def test_paths_of_a_mebibyte_are_records_that_nobody_has_to_scroll_through(
    run: Run, tmp_path: Path
) -> None:
    long = "/" + "x" * ((1 << 20) - 200)
    path = write(tmp_path / "long.log", [line(long), line(long + "y"), line("/short")])
    document = json.loads(run("report", path, "--by", "path", "-f", "json").text)
    assert document["input"]["records"] == 3
    assert sum(row["requests"] for row in document["tables"]["endpoints"]) == 3
    for by in ("path", "route"):
        table = run("report", path, "--by", by)
        assert table.code == 0
        assert max(map(len, table.text.splitlines())) <= 80
    assert run("detect", path).code == 0


@pytest.mark.slow
def test_more_paths_than_are_kept_keep_their_sums(run: Run, tmp_path: Path) -> None:
    count = 30_000
    path = write(
        tmp_path / "many.log", (line(f"/x{i}y", status=404 - i % 2 * 204) for i in range(count))
    )
    document = json.loads(run("report", path, "--by", "path", "-f", "json").text)
    rows = document["tables"]["endpoints"]
    assert len(rows) == 10_001
    assert sum(row["requests"] for row in rows) == count
    assert sum(row["errors"] for row in rows) == count // 2
    (other,) = (row for row in rows if row["path"] == "(other)")
    assert other["requests"] == count - 10_000
    routes = json.loads(run("report", path, "-f", "json").text)["tables"]["endpoints"]
    assert len(routes) <= 1003
    assert sum(row["requests"] for row in routes) == count
