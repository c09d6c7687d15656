"""Every chart: readable by a strict parser, described, in its theme's colours, and as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import polars as pl
import pytest

from apilog.errors import UsageError
from apilog.render.svg import CHARTS, Theme, charts_of, draw_chart, drawable_charts, page_variables
from apilog.render.svg.theme import COLORS
from apilog.report_model import Report

SVG = "{http://www.w3.org/2000/svg}"


def contrast(one: str, other: str) -> float:
    """The ratio of https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    lights = sorted(map(_luminance, (one, other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("is_dark", [False, True])
def test_colours_can_be_told_from_what_they_stand_on(is_dark: bool) -> None:
    background = COLORS["background"][is_dark]
    ratios = {role: contrast(pair[is_dark], background) for role, pair in COLORS.items()}
    texts = {"text", "muted"}
    decoration = {"background", "grid"}
    ramps = {role for role in COLORS if re.search("-[0-9]", role)}
    assert {role: r for role, r in ratios.items() if role in texts and r < 4.5} == {}
    rest = ratios.keys() - texts - decoration - ramps
    assert {role: ratios[role] for role in rest if ratios[role] < 3} == {}
    for ramp in ("heat", "share"):
        for i in range(7):
            ink, fill = COLORS[f"ink-{i}"][is_dark], COLORS[f"{ramp}-{i}"][is_dark]
            assert contrast(ink, fill) >= 4.5, (ramp, i)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theme"), [(name, [*Theme][n % len(Theme)]) for n, name in enumerate(CHARTS)]
)
def test_a_chart_is_titled_described_and_in_the_colours_of_its_theme(
    name: str, theme: Theme, report_with: Callable[[str], Report]
) -> None:
    text = draw_chart(report_with(name), name, width=390, theme=theme)
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.attrib["role"] == "img"
    title, desc = root[0], root[1]
    assert [title.tag, desc.tag] == [f"{SVG}title", f"{SVG}desc"]
    assert title.text
    assert len(desc.text or "") > 20
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {desc.attrib['id']}"
    used = {
        value
        for element in root.iter()
        for key, value in element.attrib.items()
        if key in {"fill", "stroke"}
    } - {"none"}
    if theme is Theme.PAGE:
        assert used <= set(re.findall("--[a-z0-9-]+", page_variables(Theme.LIGHT))) | {
            f"var(--chart-{role})" for role in COLORS
        }
    else:
        assert used <= {pair[theme is Theme.DARK] for pair in COLORS.values()}


@pytest.mark.parametrize("name", CHARTS)
def test_charts_look_as_they_did(
    name: str, report_with: Callable[[str], Report], golden: Callable[[str, bytes], None]
) -> None:
    golden(f"chart-{name}.svg", f"{draw_chart(report_with(name), name)}\n".encode())


def test_a_chart_that_a_report_does_not_have_is_refused(sample_report: Report) -> None:
    with pytest.raises(UsageError, match="no chart 'trafic'") as error:
        draw_chart(sample_report, "trafic")
    assert "traffic" in error.value.hint
    assert "traffic" in charts_of(sample_report.tables)


def test_a_report_of_groups_has_no_charts(success_report: Report) -> None:
    funnel = success_report.tables["funnel"].select(pl.lit("pro").alias("plan"), pl.all())
    grouped = replace(success_report, tables={"funnel": funnel})
    with pytest.raises(UsageError, match="of all accounts"):
        draw_chart(grouped, "funnel")
    assert drawable_charts(grouped) == []
