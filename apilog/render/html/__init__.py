"""The report as one HTML file that needs no network, shows itself, and filters itself.

What a log says never becomes markup, script, style or a URL: Jinja2 escapes every text, data
stand in JSON without `<`, `>` and `&`, and the page's policy allows no script and no style but the
page's own, by their hashes (https://www.w3.org/TR/CSP3/).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from html import unescape
from importlib import resources
from typing import TYPE_CHECKING, Any, BinaryIO

from apilog.metrics import METRICS
from apilog.render.data import json as json_output
from apilog.render.html.packed_sums import has_many_cells, pack_sums
from apilog.render.html.packed_tables import MOST_PLAIN, pack_tables
from apilog.render.html.page_head import describe_changes, describe_head
from apilog.render.html.page_tables import FOLDED, TILES, PageTable, describe_tables
from apilog.render.output import OutputOptions, choose_table
from apilog.render.sections.report_view import ReportView
from apilog.render.svg import CHARTS, Theme, drawable_charts, page_variables
from apilog.render.svg.own_charts import own_charts
from apilog.render.text.escape import UNSAFE, escape_json
from apilog.report_model import Report

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_MARKUP = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&"})
_CHART_WIDTH, _HALF_WIDTH = 1100, 560
_WIDE = {"traffic", "latency"}
"""Charts that are as wide as the page; of others two stand side by side."""
_SHOWN_AS_TABLES = {"endpoints", "errors", "consumers", "gateways"}
"""Charts whose tables have bars themselves."""
MOST_PAGE = 1_480_000
"""Bytes of the largest page, with some to spare for the marks around the sums."""
_MOST_INPUTS = 200
"""Inputs that the page lists; the JSON in it has all."""


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write the page of the whole report, or of the chosen table alone.

    Raises UsageError for a table the report does not have.
    """
    if options.table is not None:
        name, frame = choose_table(report, options.table)
        report = replace(report, tables={name: frame})
    view = ReportView.of(report, options.top)
    text = _report_json(report)
    tables = describe_tables(view, is_long=len(text) > MOST_PLAIN)
    sums = ""
    for embedded in _ways_to_embed(report, text):
        page = _draw(view, tables, embedded, index=options.index_link)
        if report.sums is not None and (not sums or has_many_cells(report.sums)):
            sums = pack_sums(report.sums, len(page.encode()))
        if len(page.encode()) + len(sums) <= MOST_PAGE:
            break
    if sums:
        page = _draw(view, tables, embedded, index=options.index_link, filter_data=sums)
    stream.write(page.encode())


def _ways_to_embed(report: Report, text: str) -> Iterator[tuple[str, str]]:
    """Yield the report's JSON for the page as it is, and with its long tables packed.

    As it is only where it has a chance to fit.
    """
    is_small = report.sums is not None and has_many_cells(report.sums)
    if len(text) <= (MOST_PLAIN if is_small else MOST_PAGE):
        yield _embed_json(text), ""
    if len(text) > MOST_PLAIN:
        yield _pack_report(text)


def _draw(
    view: ReportView,
    tables: Sequence[PageTable],
    embedded: tuple[str, str],
    *,
    index: str,
    filter_data: str = "",
) -> str:
    report, (plain, packed) = view.report, embedded
    pictures = _draw_pictures(report)
    folded = FOLDED | {t.name for t in tables if t.height < _FEWEST_ROWS.get(t.name, 1)}
    without_rows = [t.title for t in tables if t.name in folded and not t.height]
    return _template().render(
        head=describe_head(view),
        index_link=index,
        tables={
            table.name: table
            for table in sorted(tables, key=_place)
            if table.height or table.name not in folded
        },
        without_rows=without_rows,
        tiles=TILES,
        changes=describe_changes(view, TILES),
        folded=folded,
        halves=_HALVES if {table.name for table in tables} >= _HALVES else (),
        pictures=pictures,
        captions={name: _caption(picture) for name, picture in pictures.items()},
        wide=_WIDE,
        filter_data=filter_data,
        version=report.version,
        overview=next((t for t in tables if t.name == "overview" and t.rows), None),
        most_inputs=_MOST_INPUTS,
        policy=_content_policy(),
        style=_style(),
        scripts=[_code(name) for name in _SCRIPTS],
        report=plain,
        packed=packed,
        page=_embed_json(
            json.dumps(_page_data(view, tables), ensure_ascii=False, separators=(",", ":"))
        ),
    )


_FEWEST_ROWS = {"gateways": 2, "result": 0, "checks": 0}
"""With fewer rows than this such a table says nothing that isn't said elsewhere."""
_ORDER = (
    *("checks", "worst", "comparison", "changed", "traffic", "anomalies", "gateways"),
    *("endpoints", "coverage", "deprecated"),
    *("errors", "statuses", "consumers", "latency", "overview"),
)


_HALVES = {"statuses", "consumers"}
"""Tables that stand side by side where there is room."""


def _place(table: PageTable) -> int:
    return _ORDER.index(table.name) if table.name in _ORDER else len(_ORDER)


_SCRIPTS = ("figures.js", "tables.js", "sums.js", "page.js")


@cache
def _source(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


@cache
def _code(name: str) -> str:
    """Return a script or style as a page has it: without indentation and lines of comment."""
    lines = (line.strip() for line in _source(name).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


@cache
def _style() -> str:
    light, dark = page_variables(Theme.LIGHT), page_variables(Theme.DARK)
    dark_rule = f"@media (prefers-color-scheme: dark) {{:root{{{dark}}}}}"
    return f":root{{{light}}}{dark_rule}\n{_code('page.css')}"


def _draw_pictures(report: Report) -> dict[str, str]:
    """Return the charts of the report by name; they escape what they write themselves."""
    if report.layout:
        return own_charts(report, width=_HALF_WIDTH, theme=Theme.PAGE)
    pictured = replace(report, tables={**report.tables, **report.pictured})
    return {
        name: CHARTS[name].draw(
            pictured, width=_CHART_WIDTH if name in _WIDE else _HALF_WIDTH, theme=Theme.PAGE
        )
        for name in drawable_charts(pictured)
        if not (name in _SHOWN_AS_TABLES or CHARTS[name].is_composed)
        and all(pictured.tables[table].height for table in CHARTS[name].tables)
    }


def _caption(picture: str) -> str:
    """Return the title that a picture has for screen readers."""
    found = _TITLE.search(picture)
    return unescape(found[1]) if found else ""


_TITLE = re.compile("<title[^>]*>([^<]*)</title>")


@cache
def _template() -> Template:
    # Imported when a page is drawn: no other command needs it.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["quoted"] = _quote_attribute
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment.from_string(_source("page.html.jinja"))


def _quote_attribute(text: str) -> Markup:
    """Return a text as an attribute in single quotes: JSON is full of double ones."""
    from markupsafe import Markup

    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup("'" + escaped.replace("'", "&#39;") + "'")


def _content_policy() -> str:
    """Return the policy: nothing is fetched, and nothing runs but the page's own scripts."""
    scripts = " ".join(_hash_source(_code(name)) for name in _SCRIPTS)
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash_source(_style())}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash_source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _pack_report(text: str) -> tuple[str, str]:
    """Return the report as JSON for the page without its long tables, and these packed.

    `packed` in the JSON names the tables that are not in it until the page's script has run.
    """
    document = json.loads(text)
    names, packed = pack_tables(document["tables"])
    tables = {name: rows for name, rows in document.pop("tables").items() if name not in names}
    plain = {**document, "tables": tables, "packed": names}
    return _embed_json(json.dumps(plain, ensure_ascii=False, separators=(",", ":"))), packed


def _report_json(report: Report) -> str:
    stream = io.BytesIO()
    json_output.write(report, stream, OutputOptions())
    return stream.getvalue().decode()


def _page_data(view: ReportView, tables: Sequence[PageTable]) -> dict[str, Any]:
    """Return what the page's script has to know beside the report."""
    report = view.report
    changes = describe_changes(view, TILES)
    return {
        "changes": {name: [change.text, change.level] for name, change in changes.of.items()},
        "command": report.command,
        "timezone": report.timezone,
        "bucket": report.bucket,
        "unsafe": UNSAFE,
        "tiles": TILES,
        "metricUnits": {name: metric.unit.value for name, metric in METRICS.items()},
        "tables": [table.describe() for table in tables],
    }


def _embed_json(document: str) -> str:
    r"""Return JSON in which nothing ends a script: `<`, `>` and `&` become `\u003c` and so on.

    These characters only stand in strings, where the two ways to write them are equal.
    """
    return escape_json(document).translate(_MARKUP)
