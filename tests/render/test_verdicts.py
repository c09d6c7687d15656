"""Reports of thresholds and comparisons: what they look like, and that no text gets out of hand."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from apilog.checks.check_tables import checks_table
from apilog.errors import UsageError
from apilog.render import OutputOptions, find_output
from apilog.render.text.escape import escape_terminal
from apilog.render.text.github import job_summary
from apilog.render.text.verdict_text import verdict_key
from apilog.report_model import Report
from tests.examples import about
from tests.render.hostile_report import ROUTES, hostile_report
from tests.render.hostile_verdicts import checks_report, comparison_report
from tests.render.test_hostile import SGR, STEERING, TEXTS, without_newlines

GOLDEN = {
    "checks-80.txt": ("table", {"width": 80}),
    "checks-200.txt": ("table", {"width": 200}),
    "checks-80.ansi": ("table", {"width": 80, "color": True}),
    "checks.json": ("json", {}),
    "checks.junit.xml": ("junit", {}),
    "checks.github.txt": ("github", {}),
    "checks.md": ("md", {}),
}
HOSTILE = [text for text in ROUTES if text]
REPORTS: list[Callable[..., Report]] = [checks_report, comparison_report]


@pytest.mark.parametrize("name", GOLDEN)
def test_draws_hostile_checks(name, draw_verdicts, golden):
    output, options = GOLDEN[name]
    golden(name, draw_verdicts(output, checks_report(*HOSTILE), **options))


@pytest.mark.parametrize("width", [80, 200])
def test_draws_a_hostile_comparison(width, draw_verdicts, golden):
    drawn = draw_verdicts("table", comparison_report(*HOSTILE), width=width)
    golden(f"comparison-{width}.txt", drawn)


def test_draws_a_summary(golden):
    golden("checks.summary.md", job_summary(checks_report(*HOSTILE)).encode())


@pytest.fixture
def draw_verdicts() -> Callable[..., bytes]:
    return lambda output, report, **options: drawn(output, report, **options).encode()


def drawn(output: str, report: Report, **options: object) -> str:
    stream = io.BytesIO()
    find_output(output).write(report, stream, OutputOptions(**options))  # type: ignore[arg-type]
    return stream.getvalue().decode()


@given(TEXTS, st.sampled_from([24, 40, 80, 200]), st.sampled_from(REPORTS))
@settings(max_examples=about(40))
def test_the_terminal_is_not_steered_and_no_line_too_wide(text, width, report):
    made = report(text, "/other", said=text)
    plain = drawn("table", made, width=width)
    assert not STEERING.search(without_newlines(plain))
    assert max(map(cell_len, plain.split("\n"))) <= width
    assert SGR.sub("", drawn("table", made, width=width, color=True)) == plain


@given(TEXTS, st.sampled_from(REPORTS))
@settings(max_examples=about(60))
def test_junit_is_xml_that_holds_the_text(text, report):
    document = drawn("junit", report(text, "/other"))
    assert not STEERING.search(without_newlines(document))
    root = ElementTree.fromstring(document)
    assert {e.tag for e in root.iter()} <= {
        *("testsuites", "testsuite", "testcase"),
        *("failure", "error", "skipped", "system-out"),
    }
    names = [case.get("name") or "" for case in root.iter("testcase")]
    assert any(escape_terminal(text) in name for name in names)
    for suite in [root, *root.iter("testsuite")]:
        cases = [*suite.iter("testcase")]
        assert int(suite.get("tests") or -1) == len(cases)
        assert int(suite.get("failures") or 0) == sum(c.find("failure") is not None for c in cases)


@given(TEXTS, st.sampled_from(REPORTS))
@settings(max_examples=about(60))
def test_no_text_makes_a_workflow_command(text, report):
    made = report(text, "::error::mine\n::error::mine", said=text)
    *commands, last = drawn("github", made).removesuffix("\n").split("\n")
    assert last.startswith("apilog ")
    for command in commands:
        assert re.fullmatch(r"::(error|warning) title=([^:,%]|%25|%3A|%2C)*::([^%]|%25)*", command)
    assert not STEERING.search("".join([*commands, last]))


@pytest.mark.slow
@given(TEXTS, st.sampled_from(REPORTS))
@settings(max_examples=about(60))
def test_the_summary_is_headings_and_tables_of_text(text, report):
    document = job_summary(report(text, "/other", said=text))
    assert not set("<>") & set(document)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(document)
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text"}
    assert not {token.type for token in tokens} & {"html_block", "fence", "code_block"}


@given(TEXTS, st.sampled_from(REPORTS))
@settings(max_examples=about(40))
def test_data_gives_the_text_back(text, report):
    made = report(text, "/other")
    name, table = next(iter(made.tables.items()))
    rows = json.loads(drawn("json", made))["tables"][name]
    assert [row["route"] for row in rows] == table["route"].to_list()
    assert text in table["route"].to_list()


def test_a_report_without_verdicts_can_not_be_drawn_so():
    for output in ("junit", "github"):
        with pytest.raises(UsageError, match="has no verdicts"):
            drawn(output, hostile_report())


PIECES = ["requests", "error_rate", '{route="/v1/', "orders/", "订单/", "🎉/", '"}', " < ", "1%"]


@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=40).map("".join),
    st.sampled_from([24, 40, 60, 80, 200]),
)
@settings(max_examples=about(30))
def test_a_threshold_is_never_cut(text, width):
    report = checks_report("/a")
    checks = report.tables["checks"].with_columns(
        threshold=pl.lit(text), value=pl.lit(123456.0), limit=pl.lit(1e9)
    )
    shown = drawn("table", replace(report, tables={"checks": checks}), width=width)
    assert "".join(text.split()) in "".join(shown.split())


def test_a_for_each_of_many_values_is_cut_but_counted():
    report = checks_report(*(f"/r{i}" for i in range(40)))
    shown = drawn("table", report, width=100)
    assert "… and 42 more: " in shown
    annotations = drawn("github", report).splitlines()
    each = [text for text in annotations if "for each route" in text and "5%25" in text]
    assert len(each) == 11
    assert each[-1].endswith("and 28 more")
    long = pl.concat([report.tables["checks"]] * 3)
    assert "… and " in job_summary(replace(report, tables={"checks": long}))


def test_no_figure_of_a_verdict_is_taken_for_what_it_is_about() -> None:
    figures = dict.fromkeys(checks_table({}).columns, "figure")
    assert verdict_key({**figures, "route": "/a"}) == "/a"
