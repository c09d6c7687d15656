"""The page in a real browser: every figure, under any filter, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

import apilog
from tests.page.conftest import READY
from tests.page.drawing import STEP, asked, drawn, embedded, random_filters
from tests.render.hostile_report import hostile_report

if TYPE_CHECKING:
    from playwright.sync_api import Page

OpenPage = Callable[..., "Page"]
AXE = os.environ.get("APILOG_AXE")
"""The file axe.min.js of axe-core, which looks for what bars people from a page."""

pytestmark = pytest.mark.process

CELLS = """() => [...document.querySelectorAll('[data-metric]')].map((cell) =>
  [cell.dataset.table, cell.dataset.key, cell.dataset.metric, cell.dataset.value])"""


@pytest.fixture(scope="module")
def report(stored: list[str]) -> Any:
    return apilog.report(stored, bucket=STEP, for_page=True)


def keys_of(html: str) -> dict[str, list[str]]:
    return {t["name"]: t["keys"] for t in json.loads(embedded(html, "page"))["tables"]}


def expected_cells(
    keys: dict[str, list[str]], tables: dict[str, Any]
) -> dict[tuple[str, str, str], Any]:
    """Each value of the tables by the table, the keys and the metric."""
    return {
        (name, json.dumps([row[key] for key in keys[name]]), metric): value
        for name, rows in tables.items()
        for row in rows
        for metric, value in row.items()
        if metric not in keys[name]
    }


def shown_cells(page: Page) -> dict[tuple[str, str, str], str]:
    """The exact values that the page shows, in the same way; equal where they are there twice."""
    cells: dict[tuple[str, str, str], str] = {}
    for table, key, metric, value in page.evaluate(CELLS):
        name = (table, json.dumps(json.loads(key)), metric)
        assert cells.setdefault(name, value) == value
    return cells


def assert_shows(page: Page, expected: dict[tuple[str, str, str], Any], untold: set[str]) -> None:
    shown = shown_cells(page)
    assert {name for name in shown if name[0] != "anomalies"} == set(expected)
    for name, value in expected.items():
        text = shown[name]
        if value is None or name[2] in untold:
            assert text == "", name
        elif isinstance(value, str):
            assert text == value, name
        else:
            assert float(text) == value, name


def go_to(page: Page, state: dict[str, str]) -> None:
    page.evaluate("(hash) => { location.hash = hash; }", urlencode(state))
    # The mark goes when the fragment changes, and comes back when all is drawn.
    page.wait_for_function(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        ".then(() => true)"
    )
    page.wait_for_selector(READY, state="attached")


def check_filters(
    page: Page, html: str, report: Any, sources: list[str], count: int, seed: int
) -> None:
    keys = keys_of(html)
    for state in random_filters(report, count, seed):
        go_to(page, state)
        assert_shows(page, expected_cells(keys, asked(sources, state)), {"clients"})
        assert "clients" in page.inner_text("[role=status]")


@pytest.mark.slow
def test_every_number_is_that_of_the_command(
    report: Any, stored: list[str], open_page: OpenPage
) -> None:
    html = drawn(report)
    page = open_page(html)
    tables = json.loads(drawn(report, "json"))["tables"]
    anomalies = tables.pop("anomalies")
    assert_shows(page, expected_cells(keys_of(html), tables), set())
    assert page.locator("table[data-figures=anomalies] tbody tr").count() == len(anomalies)
    check_filters(page, html, report, stored, 1, seed=1)


@pytest.mark.slow
def test_twenty_filters(report: Any, stored: list[str], open_page: OpenPage) -> None:
    html = drawn(report)
    check_filters(open_page(html), html, report, stored, 20, seed=2)


@pytest.mark.slow
def test_a_link_shows_what_was_seen(report: Any, stored: list[str], open_page: OpenPage) -> None:
    html = drawn(report)
    page = open_page(html, "#status=5xx&gateway=kong")
    assert_shows(
        page,
        expected_cells(keys_of(html), asked(stored, {"status": "5xx", "gateway": "kong"})),
        {"clients"},
    )
    assert page.input_value("#filter-status") == "5xx"
    assert "apilog report" in page.inner_text("[role=status] code")
    page.click("text=Show all")
    page.wait_for_function("() => location.hash === ''")
    page.wait_for_selector(READY, state="attached")
    assert page.inner_text("[role=status]") == ""


@pytest.mark.slow
def test_the_fields_and_the_chart_filter(report: Any, open_page: OpenPage) -> None:
    page = open_page(drawn(report))
    page.select_option("#filter-status", "4xx")
    page.wait_for_function("() => location.hash === '#status=4xx'")
    page.wait_for_selector(READY, state="attached")
    box = page.locator("figure[data-chart=traffic] svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    page.mouse.up()
    page.wait_for_function("() => location.hash.includes('since=')")
    assert "until=" in page.evaluate("location.hash")


@pytest.mark.slow
def test_tables_sort_and_search_by_keyboard(report: Any, open_page: OpenPage) -> None:
    page = open_page(drawn(report))
    rows = page.locator("table[data-figures=endpoints] tbody tr")
    total = rows.count()
    page.get_by_label("Search Endpoints").fill("orders")
    assert 0 < rows.count() < total
    assert all("orders" in text for text in rows.all_inner_texts())
    page.get_by_label("Search Endpoints").fill("")
    head = page.locator("table[data-figures=endpoints] thead button", has_text="route")
    head.focus()
    page.keyboard.press("Enter")
    assert page.locator("table[data-figures=endpoints] [aria-sort=ascending]").count() == 1
    routes = page.locator("table[data-figures=endpoints] tbody th.key-route").all_inner_texts()
    assert routes == sorted(routes)


def test_nothing_of_a_hostile_log_runs(open_page: OpenPage, tmp_path: Path) -> None:
    evil = (
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(2)</script>",
        "javascript:alert(3)",
    )
    lines = [
        f"10.0.0.{i} - {json.dumps(text)[1:-1].replace(' ', '%20')} [20/Nov/2026:1{i}:00:00 +0000] "
        f'"GET /v1/{text.replace(" ", "+")} HTTP/1.1" {status} 10 "-" "{text}"'
        for i, text in enumerate(evil)
        for status in (200, 404, 500)
    ]
    log = tmp_path / "access.log"
    log.write_text("\n".join(lines) + "\n")
    built = apilog.report(log, log_format="combined", for_page=True)
    page = open_page(drawn(built))
    elements = (
        "document.querySelectorAll('*').length - document.querySelectorAll('td,th,tr').length"
    )
    count = page.evaluate("document.querySelectorAll('script').length")
    assert page.locator("table[data-figures=endpoints] tbody tr").count() > 1
    for state in random_filters(built, 4, seed=3):
        go_to(page, state)
        assert (
            page.evaluate("document.querySelectorAll('img, iframe, object, a[href^=java]').length")
            == 0
        )
        assert page.evaluate("document.querySelectorAll('script').length") == count
    assert page.evaluate(elements) > 0
    assert open_page(drawn(hostile_report())).locator("img").count() == 0


@pytest.mark.slow
def test_printed_it_is_the_whole_report(report: Any, open_page: OpenPage) -> None:
    page = open_page(drawn(report), "#status=5xx")
    requests = '#tiles [data-metric="requests"]'
    filtered = page.get_attribute(requests, "data-value")
    # What is shown when the printer looks at the page.
    script = f"""() => addEventListener("beforeprint", () => {{
      window.printed = document.querySelector('{requests}').dataset.value;
    }})"""
    page.evaluate(script)
    assert page.pdf().startswith(b"%PDF")
    whole = report.tables["overview"]["requests"].item()
    assert page.evaluate("window.printed") == str(whole) != filtered
    page.wait_for_function(f"document.querySelector('{requests}').dataset.value === '{filtered}'")


@pytest.mark.slow
def test_without_scripts_the_report_is_there(report: Any, open_page: OpenPage) -> None:
    page = open_page(drawn(report), java_script_enabled=False)
    first = report.tables["endpoints"].row(0, named=True)
    text = page.locator("table[data-figures=endpoints] tbody tr").first.inner_text()
    assert first["route"] in text
    assert f"{first['requests']:,}" in text
    assert page.locator("figure svg").count() >= 2
    assert not page.locator("#filters").is_visible()


@pytest.mark.slow
@pytest.mark.skipif(AXE is None, reason="APILOG_AXE names no axe.min.js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_anyone(report: Any, open_page: OpenPage, scheme: str) -> None:
    assert AXE is not None
    for fragment in ("", "#status=4xx"):
        page = open_page(drawn(report), fragment, color_scheme=scheme, bypass_csp=True)
        page.add_script_tag(path=AXE)
        for details in page.locator("details").all():
            details.evaluate("node => { node.open = true; }")
        found = page.evaluate("axe.run().then((r) => r.violations)")
        assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found] == []
