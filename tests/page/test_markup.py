"""The page as markup: what it embeds, what its policy allows, and that no text becomes markup."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import polars as pl
import pytest

import apilog
from apilog.render import OUTPUTS, OutputOptions
from apilog.report_model import FileInput, InputSummary, Report
from tests.render.hostile_report import ROUTES, empty_report, hostile_report

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>\u2028alert(1)//",
    "\"><img src=x onerror=alert(1)>' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
)
VOID = {"meta", "link", "img", "br", "input", "hr"}


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]
    text: str = ""
    path: tuple[str, ...] = field(default=())


class Elements(HTMLParser):
    """All elements of a page with their own text; fails where tags don't match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[Element] = []
        self._open: list[Element] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), "an attribute is there twice"
        element = Element(tag, dict(attrs), path=tuple(e.name for e in self._open))
        self.all.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].text += data

    def find(self, name: str, **attributes: str) -> list[Element]:
        return [
            e
            for e in self.all
            if e.name == name and all(e.attributes.get(k) == v for k, v in attributes.items())
        ]


def drawn(report: Report, output: str = "html", **options: object) -> str:
    stream = io.BytesIO()
    OUTPUTS[output].write(report, stream, OutputOptions(**options))  # type: ignore[arg-type]
    return stream.getvalue().decode()


def embedded(page: str) -> str:
    (script,) = Elements(page).find("script", id="apilog-report")
    assert script.attributes["type"] == "application/json"
    return script.text


def report_with(text: str) -> Report:
    """A report in which the text stands wherever a text may stand."""
    tables = hostile_report().tables
    gone = FileInput(
        path=text, format=text, lines=0, records=0, rejects=0, skipped=0, error=text, doubts=(text,)
    )
    said = pl.lit(text, dtype=pl.String)
    return replace(
        hostile_report(),
        input=InputSummary(lines=0, records=0, rejects=0, skipped=0, files=(gone,)),
        tables={
            "overview": tables["overview"],
            "endpoints": tables["endpoints"].head(3).with_columns(said.alias("route")),
            "consumers": tables["consumers"].head(3).with_columns(said.alias("consumer")),
            "result": pl.DataFrame({text: [text, None], "list": [[text], []]}),
        },
        notes=(text,),
    )


@pytest.mark.parametrize("report", [hostile_report(), empty_report()], ids=["hostile", "empty"])
def test_it_embeds_what_json_prints(report: Report) -> None:
    text = embedded(drawn(report))
    assert json.loads(text) == json.loads(drawn(report, "json"))
    assert not set(text) & set("<>&\u2028\u2029")


def test_a_chosen_table_stands_alone() -> None:
    page = drawn(hostile_report(), table="statuses")
    assert [*json.loads(embedded(page))["tables"]] == ["statuses"]
    figures = [
        e.attributes["data-figures"]
        for e in Elements(page).find("table")
        if "data-figures" in e.attributes
    ]
    assert figures == ["statuses"]


def test_the_policy_allows_its_own_scripts_and_nothing_else() -> None:
    page = Elements(drawn(hostile_report()))
    (policy,) = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
    allowed = dict(
        part.strip().split(" ", 1) for part in (policy.attributes["content"] or "").split(";")
    )
    assert allowed["default-src"] == "'none'"
    assert "unsafe" not in str(allowed)
    scripts = [e.text for e in page.find("script") if "type" not in e.attributes]
    styles = [e.text for e in page.find("style")]
    for directive, texts in (("script-src", scripts), ("style-src", styles)):
        hashes = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in texts]
        assert allowed[directive].split() == [f"'sha256-{digest}'" for digest in hashes]
    assert len(scripts) == 4


def test_nothing_is_fetched_and_nothing_is_inline() -> None:
    page = Elements(drawn(hostile_report()))
    for element in page.all:
        names = set(element.attributes)
        assert not {name for name in names if name.startswith("on")} | names & {"src", "style"}
        href = element.attributes.get("href")
        assert href is None or href in ("data:,", "#main")


@pytest.mark.parametrize("text", [*HOSTILE, *filter(None, ROUTES)])
def test_no_text_becomes_markup(text: str) -> None:
    plain, hostile = (Elements(drawn(report_with(t))) for t in ("harmless", text))
    assert [e.name for e in hostile.all] == [e.name for e in plain.all]
    assert [e.path for e in hostile.all] == [e.path for e in plain.all]
    assert [e.text for e in hostile.find("script") if "type" not in e.attributes] == [
        e.text for e in plain.find("script") if "type" not in e.attributes
    ]


def test_rows_without_scripts_are_those_of_the_terminal() -> None:
    report = apilog.report("sample_logs/api.log")
    page = Elements(drawn(report))
    texts = [e.text for e in page.all]
    for row in report.tables["endpoints"].head(10).iter_rows(named=True):
        assert row["route"] in texts
        assert f"{row['requests']:,}" in texts
    assert "1,500" in texts


def test_nothing_moves_by_itself_for_those_who_prefer_that() -> None:
    page = Elements(drawn(hostile_report()))
    parts = [
        e.text
        for name in ("style", "script")
        for e in page.find(name)
        if "type" not in e.attributes
    ]
    assert parts
    assert not re.search(r"transition|animat|@keyframes|smooth", "".join(parts))


def test_a_page_has_no_time_of_its_own() -> None:
    report = hostile_report()
    assert drawn(report) == drawn(report)


@pytest.mark.slow
def test_charts_have_captions_and_differences_are_those_of_the_terminal() -> None:
    report = apilog.report("sample_logs/api.log", for_page=True)
    page = drawn(report)
    captions = re.findall(r'<figure class="chart[^>]*><figcaption>([^<]+)</figcaption>', page)
    assert captions == [
        "Traffic",
        "Latency over time",
        "Latency histogram",
        "p95 by hour and weekday",
    ]
    compared = apilog.compare("sample_logs/api.log", split="method=GET,POST").report
    page = drawn(compared)
    (cell, text) = re.findall("data-metric='difference' data-value='([^']+)'>([^<]+)<", page)[0]
    assert 0 < float(cell) < 0.01
    assert text == f"+{100 * float(cell):.2f} pp"
    assert ">1,247</td>" in page


def test_tables_without_rows_are_named_in_one_line() -> None:
    stream = io.BytesIO()
    OUTPUTS["html"].write(empty_report(), stream, OutputOptions())
    elements = Elements(stream.getvalue().decode()).all
    (line,) = [e.text for e in elements if e.attributes.get("id") == "without-rows"]
    assert line.startswith("No rows: ")
    drawn = {e.attributes.get("data-figures") for e in elements if e.name == "table"}
    assert "Endpoints" in line
    assert "endpoints" not in drawn
