"""Whatever a log says, a chart is well-formed, of this size, and shows it as text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.render.svg import CHARTS, charts_of, draw_chart
from apilog.render.svg.drawing import clip_text, text_width
from apilog.render.text.escape import UNSAFE
from apilog.report_model import Report
from tests.examples import about
from tests.render.hostile_report import ROUTES, empty_report, hostile_report
from tests.render.test_hostile import SURROGATES, TEXTS

REPORT_CHARTS = [name for name, chart in CHARTS.items() if chart.command == "report"]
ALLOWED = {"g", "svg", "title", "desc", "rect", "line", "path", "text", "circle"}
STEERING = re.compile(f"[{UNSAFE}]")


def parsed(svg: str) -> ElementTree.Element:
    """The chart as a strict parser reads it, of nothing but shapes, texts and their titles."""
    root = ElementTree.fromstring(svg)
    width = float(root.attrib["width"])
    for element in root.iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in ALLOWED
        assert not [name for name in element.attrib if name.startswith("on") or "href" in name]
        assert not STEERING.search((element.text or "").replace("\n", ""))
        for key in ("x", "x1", "x2", "cx"):
            if key in element.attrib:
                assert -1 <= float(element.attrib[key]) <= width + 1
        assert float(element.attrib.get("height", "0").rstrip("%")) >= 0
    return root


@pytest.mark.parametrize("width", [200, 390, 1600])
@pytest.mark.parametrize("name", REPORT_CHARTS)
def test_the_hostile_report_is_drawn(name: str, width: int) -> None:
    report = hostile_report()
    if name in charts_of(report.tables):
        parsed(draw_chart(report, name, width=width))


@pytest.mark.parametrize("name", CHARTS)
def test_an_empty_report_says_why_nothing_is_shown(
    name: str, sample_report: Report, success_report: Report
) -> None:
    full = success_report if CHARTS[name].command == "success" else sample_report
    empty = replace(full, tables={table: frame.clear() for table, frame in full.tables.items()})
    texts = [element.text for element in parsed(draw_chart(empty, name)).iter() if element.text]
    assert any(re.search("^(No|There are no) ", text) for text in texts)
    assert charts_of(empty_report().tables)


@settings(max_examples=about(25))
@given(TEXTS)
def test_any_text_is_escaped(text: str) -> None:
    endpoints = hostile_report().tables["endpoints"].head(3)
    said = endpoints.with_columns(pl.lit(text, dtype=pl.String).alias("route"))
    report = replace(hostile_report(), tables={"endpoints": said})
    parsed(draw_chart(report, "endpoints", width=390))


@given(TEXTS | SURROGATES, st.floats(20, 400))
@settings(max_examples=about(50))
def test_a_clipped_text_fits_and_keeps_its_ends(text: str, room: float) -> None:
    shown = clip_text(text, room)
    assert text_width(shown) <= room or shown == "…"
    assert not STEERING.search(shown)
    if "…" not in shown:
        assert len(shown) >= len(text)


def test_a_long_route_keeps_its_end_and_is_told_whole() -> None:
    route = next(text for text in ROUTES if text and len(text) > 200)
    endpoints = hostile_report().tables["endpoints"].filter(pl.col("route") == route)
    svg = draw_chart(replace(hostile_report(), tables={"endpoints": endpoints}), "endpoints")
    texts = [
        e for e in parsed(svg).iter() if e.tag.endswith("text") and "…" in "".join(e.itertext())
    ]
    assert any("end" in "".join(e.itertext()) for e in texts)
    assert route in svg


START = datetime(2026, 11, 20, tzinfo=UTC)


def traffic_of(count: int, step: timedelta, bucket: str) -> Report:
    """A report of that many buckets, some without a duration, with numbers of any size."""
    rows = [
        {
            "timestamp": START + i * step,
            "requests": (i % 7) * 10**9,
            "client_errors": i % 7 and 10**8,
            "server_errors": i % 7 and 1,
            "latency_p50_ms": None if i % 5 == 3 else 20.0 + i % 3,
            "latency_p95_ms": None if i % 5 == 3 else 10.0 ** (i % 6),
            "latency_p99_ms": None if i % 5 == 3 else 10.0 ** (i % 9),
        }
        for i in range(count)
    ]
    frame = pl.DataFrame(rows, schema_overrides={"timestamp": pl.Datetime("us", "UTC")})
    return replace(hostile_report(), tables={"traffic": frame}, bucket=bucket)


@pytest.mark.parametrize("name", ["traffic", "latency"])
@pytest.mark.parametrize("count", [1, 2, 10_000])
def test_any_number_of_buckets_fits(name: str, count: int) -> None:
    svg = draw_chart(traffic_of(count, timedelta(minutes=1), "1m"), name)
    parsed(svg)
    assert len(svg) < 400_000
    assert ("in each column" in svg) == (count == 10_000)


def test_buckets_without_a_duration_are_gaps() -> None:
    root = parsed(draw_chart(traffic_of(10, timedelta(hours=1), "1h"), "latency"))
    lines = [e for e in root.iter() if e.tag.endswith("path") and e.get("fill") == "none"]
    assert len(lines) == 3 * 3, "three stretches of three percentiles each"
