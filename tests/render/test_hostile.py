"""Whatever a log says, an output draws it as text and nothing else."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from apilog.render import OUTPUTS, OutputOptions
from apilog.render.text.escape import UNSAFE, escape_markdown, escape_terminal
from apilog.report_model import FileInput, InputSummary, Report
from tests.examples import about
from tests.render.hostile_report import ROUTES, hostile_report

HOSTILE = st.sampled_from([text for text in ROUTES if text is not None])
CHARACTERS = st.characters(exclude_categories=["Cs"])
PIECES = st.sampled_from([*"=+-@\t\r\n|\\`*_[]()<>&!~{}\"',;:/\x1b\x9b\u202e", "www.", "http://"])
TEXTS = st.one_of(HOSTILE, st.text(CHARACTERS), st.lists(PIECES | CHARACTERS).map("".join))
SURROGATES = st.text(st.characters(categories=["Cs", "L", "Cc"]), min_size=1)
STEERING = re.compile(f"[{UNSAFE}]")
SGR = re.compile(r"\x1b\[[0-9;]*m")


def report_of(text: str, path: str = "access.log") -> Report:
    """A report in which the text stands wherever text of a log may stand."""
    tables = hostile_report().tables
    said = pl.lit(text, dtype=pl.String)
    endpoints = (
        tables["endpoints"].drop("consumers", "clients").head(4).with_columns(said.alias("route"))
    )
    gone = FileInput(path=path, format=None, lines=0, records=0, rejects=0, skipped=0, error=text)
    return Report(
        version="0.0.0",
        command="report",
        since=None,
        until=None,
        input=InputSummary(lines=0, records=0, rejects=0, skipped=0, files=(gone,)),
        tables={
            "overview": tables["overview"],
            "endpoints": endpoints.with_columns(said.alias("method")),
            "errors": tables["errors"].head(4).with_columns(said.alias("error_source")),
            "consumers": tables["consumers"].head(4).with_columns(said.alias("consumer")),
            "anomalies": tables["anomalies"].with_columns(said.alias("metric")),
            "result": pl.DataFrame({text or "x": [text, None], "list": [[text], []]}),
        },
        notes=(text,),
    )


def drawn(output: str, report: Report, **options: object) -> str:
    stream = io.BytesIO()
    OUTPUTS[output].write(report, stream, OutputOptions(**options))  # type: ignore[arg-type]
    # What is no text is not read as one here.
    return stream.getvalue().decode(errors="replace" if OUTPUTS[output].is_binary else "strict")


def without_newlines(text: str) -> str:
    return text.replace("\n", "")


@given(TEXTS, SURROGATES, st.sampled_from([40, 80, 200]))
@settings(max_examples=about(40))
def test_terminal_gets_no_steering_character_and_no_line_too_wide(text, path, width):
    report = report_of(text, path)
    plain = drawn("table", report, width=width)
    assert not STEERING.search(without_newlines(plain))
    assert max(map(cell_len, plain.split("\n"))) <= width
    coloured = drawn("table", report, width=width, color=True)
    assert SGR.sub("", coloured) == plain


@given(TEXTS)
@settings(max_examples=about(20))
def test_one_table_on_the_terminal_is_as_safe(text):
    report = report_of(text)
    for table in report.tables:
        plain = drawn("table", report, table=table)
        assert not STEERING.search(without_newlines(plain))
        assert max(map(cell_len, plain.split("\n"))) <= 80


@given(TEXTS, SURROGATES)
@settings(max_examples=about(60))
def test_json_gives_the_text_back_and_escapes_what_steers(text, path):
    document = drawn("json", report_of(text, path))
    assert not STEERING.search(without_newlines(document))
    read = json.loads(document)
    # JSON joins two surrogates to the character they stand for.
    assert read["input"]["files"][0]["path"] == path.encode("utf-16", "surrogatepass").decode(
        "utf-16", "surrogatepass"
    )
    assert [row["route"] for row in read["tables"]["endpoints"]] == [text] * 4
    assert read["tables"]["result"] == [
        {text or "x": text, "list": [text]},
        {text or "x": None, "list": []},
    ]


@given(TEXTS)
@settings(max_examples=about(60))
def test_ndjson_is_an_object_a_line(text):
    lines = drawn("ndjson", report_of(text)).split("\n")
    assert lines.pop() == ""
    assert [json.loads(line)["route"] for line in lines] == [text] * 4


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might run it: blanks and what nobody sees do not protect from that."""
    invisible = (c.isspace() or unicodedata.category(c) in {"Cc", "Cf"} for c in text)
    start = next((i for i, hidden in enumerate(invisible) if not hidden), len(text))
    return text[start : start + 1] in set("=+-@＝＋－＠") or text[:1] in set("\t\r\n")


def read_csv(document: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(document, newline="")))


@given(TEXTS)
@settings(max_examples=about(60))
def test_csv_comes_back_with_no_cell_that_is_a_formula(text):
    report = report_of(text)
    header, *rows = read_csv(drawn("csv", report))
    expected = f"'{text}" if is_formula(text) else text
    assert [row[header.index("route")] for row in rows] == [expected] * 4
    assert {len(row) for row in rows} == {len(header)}
    raw = read_csv(drawn("csv", report, raw=True))[1:]
    assert [row[header.index("route")] for row in raw] == [text] * 4
    for cell in (cell for row in read_csv(drawn("csv", report, table="result")) for cell in row):
        assert not is_formula(cell)


@pytest.mark.parametrize(
    "text", [" =1+1", "\ufeff=1+1", "\u200b\xa0@SUM(A1)", "＝1+1", "＠x", "\n=1", "\x00-1"]
)
def test_csv_neutralises_what_only_some_spreadsheets_run(text):
    frame = pl.DataFrame({text: [text, f"a{text}"]})
    report = replace(hostile_report(), tables={"result": frame})
    assert read_csv(drawn("csv", report)) == [[f"'{text}"], [f"'{text}"], [f"a{text}"]]
    assert read_csv(drawn("csv", report, raw=True)) == [[text], [text], [f"a{text}"]]


@given(TEXTS)
@settings(max_examples=about(30))
def test_csv_does_not_act_on_a_terminal(text):
    report = report_of(text)
    for table, raw in (("endpoints", False), ("result", True)):
        shown = drawn("csv", report, table=table, raw=raw, terminal=True)
        assert not STEERING.search(without_newlines(shown))


@pytest.mark.parametrize("name", ["*", "^.*$", "^a", "", "{}", "[red]x[/red]", "=1+1", "a\nb"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_any_name_of_a_column_is_just_a_name(output, name):
    frame = pl.DataFrame({"before": ["(other)"], name: ["=x"], "after": [0.5]})
    assert drawn(output, replace(hostile_report(), tables={"result": frame}), table="result")


def test_csv_never_touches_a_negative_number():
    frame = pl.DataFrame({"n": [-1, None], "x": [-0.5, float("nan")], "t": ["-1", None]})
    report = replace(hostile_report(), tables={"result": frame})
    assert drawn("csv", report) == "n,x,t\n-1,-0.5,'-1\n,,\n"


@given(TEXTS)
@settings(max_examples=about(100))
def test_markdown_cells_hold_text_alone(text):
    document = drawn("md", report_of(text), all_columns=True)
    assert not set("<>") & set(document)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(document)
    assert (tokens[0].type, tokens[-1].type) == ("table_open", "table_close")
    rows = sum(token.type == "tr_open" for token in tokens)
    columns = sum(token.type == "th_open" for token in tokens)
    assert rows == 5
    assert sum(token.type == "td_open" for token in tokens) == 4 * columns
    cells = [token for token in tokens if token.type == "inline"]
    assert {child.type for cell in cells for child in cell.children or ()} <= {"text"}
    read = ["".join(child.content for child in cell.children or ()) for cell in cells]
    # A reader drops the blanks around a cell.
    assert read[columns + 2].strip() == escape_terminal(text).strip()


@pytest.mark.parametrize("text", ["https://e.example", "www.e.example", "WWW.e.example", "a@b.c"])
def test_markdown_breaks_what_github_would_link(text):
    assert re.search(r"\\[:.@]", escape_markdown(text))


def test_every_control_and_format_character_is_written_out():
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert re.fullmatch(r"\\[a-zA-Z0-9]+", escape_terminal(char)), hex(code)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b", r"\x9b"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\u202egpj", r"\u202egpj"),
        ("\U000e0041", r"\U000e0041"),
        ("\udcff", r"\udcff"),
        ("größe/日本語/e\u0301 🎉", "größe/日本語/e\u0301 🎉"),
    ],
)
def test_terminal_text_shows_escapes_and_keeps_letters(text, shown):
    assert escape_terminal(text) == shown


@pytest.mark.parametrize("char", "\u1160\u115f\u2800\u3164\uffa0\ufffc\U0001d159")
def test_what_has_no_ink_is_written_out(char):
    assert char not in escape_terminal(char)
    for output in ("md", "table", "json"):
        assert char not in drawn(output, report_of(f"{char}{char}"))
