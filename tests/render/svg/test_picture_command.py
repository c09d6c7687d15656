"""`-f svg` and `-f png` from the command line: what is drawn, and what is refused unread."""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import resvg_py

from apilog.render.svg import CHARTS
from tests.commands import Run

SAMPLES = Path(__file__).parents[3] / "sample_logs"
LOG = SAMPLES / "api.log"
ABSENT = "there-is-no-such.log"


def test_the_name_of_the_output_says_that_it_is_a_picture(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "x.svg"
    options = ("--table", "heatmap", "--theme", "dark", "--width", "640")
    assert run("report", LOG, *options, "-o", picture, "--quiet").code == 0
    root = ElementTree.fromstring(picture.read_bytes())
    assert root.attrib["width"] == "640"
    assert "#0d1117" in picture.read_text("utf-8"), "the background of the dark theme"


def test_a_directory_gets_every_chart(run: Run, tmp_path: Path) -> None:
    assert run("report", LOG, "-f", "svg", "-o", f"{tmp_path}/charts/", "--quiet").code == 0
    drawn = {path.stem for path in (tmp_path / "charts").iterdir()}
    assert drawn == {name for name, chart in CHARTS.items() if chart.command == "report"}


def test_a_directory_gets_the_charts_that_are_named(run: Run, tmp_path: Path) -> None:
    named = ("--table", "traffic", "--table", "histogram")
    assert run("report", LOG, "-f", "svg", *named, "-o", f"{tmp_path}/", "--quiet").code == 0
    assert {path.stem for path in tmp_path.iterdir()} == {"traffic", "histogram"}


def test_a_ranking_has_as_many_rows_as_are_asked_for(run: Run) -> None:
    drawn = run("report", LOG, "-f", "svg", "--table", "endpoints", "--top", "2", "-q")
    labels = re.findall("<text[^>]*>((?:GET|POST|PUT|DELETE) [^<]*)</text>", drawn.text)
    assert len([label for label in labels if "(other)" not in label]) == 2


@pytest.mark.parametrize(
    ("options", "problem", "hint"),
    [
        (["-f", "svg", "--table", "histogran"], "no chart 'histogran'", "histogram"),
        (["-f", "svg", "--table", "funnel"], "no chart 'funnel'", "heatmap"),
        (["-f", "svg", "--table", "traffic", "--table", "errors"], "one chart, not 2", "output"),
        (["-f", "svg", "--columns", "route"], "--columns is about tables", "--table"),
        (["-f", "json", "--theme", "dark"], "--theme is about pictures", "svg or png"),
        (["-f", "csv", "--width", "600"], "--width is about pictures", "svg or png"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_log_is_read(
    run: Run, options: list[str], problem: str, hint: str
) -> None:
    done = run("report", ABSENT, *options)
    assert done.code == 2
    assert problem in done.stderr
    assert hint in done.stderr.partition("hint:")[2]
    assert ABSENT not in done.stderr


def test_groups_of_accounts_have_no_charts(run: Run) -> None:
    done = run("success", ABSENT, "--accounts", "no.csv", "-f", "svg", "--by", "plan")
    assert (done.code, "of all accounts" in done.stderr) == (2, True)


def test_a_png_is_as_wide_as_asked_and_its_texts_are_seen(run: Run) -> None:
    options = ("--table", "endpoints", "--width", "500", "--quiet")
    svg = run("report", LOG, "-f", "svg", *options).text
    png = run("report", LOG, "-f", "png", *options).stdout
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">I", png[16:20])[0] == 500
    blank = resvg_py.svg_to_bytes(svg_string=re.sub("<text.*?</text>", "", svg))
    assert len(png) > len(blank) + 2000, "texts are a large part of it"


def test_without_the_package_a_hint_names_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    done = run("report", ABSENT, "-f", "png")
    assert done.code == 2
    assert "resvg-py" in done.stderr
    assert "[png]" in done.stderr
    assert ABSENT not in done.stderr
