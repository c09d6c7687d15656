"""The index of an archive of pages: its figures, its safety, and how soon it is made."""

from __future__ import annotations

import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import apilog
from apilog.errors import OutputError
from apilog.exports.archive_index import draw_index
from apilog.exports.manifest import PeriodManifest
from apilog.exports.period_sums import PeriodSums
from apilog.text.units import format_duration, format_ratio
from apilog.time import PeriodLength, period_at
from tests.export.sample_exports import NOW, START, log, mark, names, run, state

DAYS = (0, 1, 2, 7, 8, 30)
"""Of the log, counted from its start."""


def rows(to: Path) -> dict[str, list[str]]:
    """The lines of the index by their names, and their cells as text."""
    page = (to / "index.html").read_text("utf-8")
    found = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page)
    return {
        re.sub("<[^>]+>", "", name): re.findall("<td>(.*?)</td>", cells) for name, cells in found
    }


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A log and the archive of its days."""
    folder = tmp_path_factory.mktemp("archive")
    source = log(folder / "a.log", [24 * day + 1 for day in DAYS])
    run(source, folder / "site", format="html")
    return source, folder / "site"


@pytest.mark.slow
def test_months_and_days_say_what_a_report_on_them_says(archive: tuple[Path, Path]) -> None:
    source, to = archive
    shown = rows(to)
    for label, length, at in (
        (START.strftime("%Y-%m-%d"), PeriodLength.DAY, START),
        (START.strftime("%B %Y"), PeriodLength.MONTH, START),
        (f"{START:%G-W%V}", PeriodLength.WEEK, START),
    ):
        period = period_at(at, length, ZoneInfo("UTC"))
        since, until = (t.isoformat() for t in (period.start, period.end))
        report = apilog.report([str(source)], since=since, until=until, tables=["overview"])
        overview = report.tables["overview"].row(0, named=True)
        cells = shown[label]
        assert cells[0] == str(overview["requests"])
        assert cells[2] == format_ratio(overview["error_rate"])
        assert cells[3] == format_ratio(overview["server_error_rate"])
        assert cells[4] == format_duration(overview["latency_p95_ms"])


@pytest.mark.slow
def test_growth_is_of_spans_that_are_over_and_wholly_there(archive: tuple[Path, Path]) -> None:
    shown = rows(archive[1])
    day = [(START + timedelta(days=n)).strftime("%Y-%m-%d") for n in range(31)]
    assert shown[day[7]][1] == "+0.0 %", "as many as a week before"
    assert shown[day[0]][1] == "–", "nothing is known of the week before"
    assert shown[day[30]][1] == "–", "no request was a week before"


def test_every_period_is_linked_and_is_there(archive: tuple[Path, Path]) -> None:
    to = archive[1]
    page = (to / "index.html").read_text("utf-8")
    links = re.findall('href="([^"]+/report.html)"', page)
    assert sorted(links) == [f"{name}/report.html" for name in names(to)]
    assert all('href="../index.html"' in (to / link).read_text() for link in links)
    assert all((to / link).is_file() for link in links)
    assert "<script" not in page
    assert "default-src 'none'" in page.replace("&#39;", "'")


@pytest.mark.slow
def test_a_run_that_changes_nothing_writes_nothing(archive: tuple[Path, Path]) -> None:
    source, to = archive
    before = state(to)
    assert not run(source, to, format="html").rewritten
    assert state(to) == before


@pytest.mark.slow
def test_what_is_pruned_leaves_the_index(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", [1, 25]), tmp_path / "site"
    run(source, to, format="html", every=PeriodLength.DAY)
    second = START + timedelta(days=1)
    keep = NOW - second.replace(hour=0, minute=0, second=0)
    run(source, to, format="html", keep=keep)
    assert names(to) == [f"{second:%Y-%m-%d}"]
    assert f"{START:%Y-%m-%d}" not in rows(to)


def test_an_index_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    source, to = log(tmp_path / "a.log", [1]), tmp_path / "site"
    to.mkdir()
    (to / "index.html").write_text("<p>mine</p>")
    with pytest.raises(OutputError, match="was not made by export"):
        run(source, to, format="html", force=True)
    assert names(to) == []
    assert (to / "index.html").read_text() == "<p>mine</p>"


def test_only_pages_have_an_index_and_sums(tmp_path: Path) -> None:
    to = tmp_path / "to"
    run(log(tmp_path / "a.log", [1]), to)
    assert not (to / "index.html").exists()
    assert "sums" not in mark(to / names(to)[0])


@pytest.mark.slow
def test_months_are_periods(tmp_path: Path) -> None:
    to, hours = tmp_path / "site", [1, 25, 49, 24 * 40]
    run(log(tmp_path / "a.log", hours), to, format="html", every=PeriodLength.MONTH)
    months = Counter(f"{START + timedelta(hours=hour):%Y-%m}" for hour in hours)
    assert names(to) == sorted(months)
    counted = [mark(to / name)["requests"] for name in names(to)]
    assert counted == [7 * months[name] for name in names(to)]
    assert {cells[0] for cells in rows(to).values()} == {str(n) for n in counted}


@pytest.mark.slow
def test_an_index_of_a_thousand_days_takes_less_than_a_second(tmp_path: Path) -> None:
    first, zone = datetime(2024, 1, 1, tzinfo=UTC), ZoneInfo("UTC")
    sums = PeriodSums(
        errors=7,
        server_errors=1,
        low_us=1000,
        high_us=9_000_000,
        p95_ms=250.0,
        latency={bucket: 1 + bucket % 9 for bucket in range(50, 350)},
        steps=tuple(range(24)),
    )
    for day in range(1000):
        period = period_at(first + timedelta(days=day), PeriodLength.DAY, zone)
        made = PeriodManifest.for_period(period, 1000, {}, is_open=False, made_of=None, sums=sums)
        (tmp_path / made.folder).mkdir()
        (tmp_path / made.folder / "period.json").write_bytes(made.to_json())
    taken = []
    for _ in range(3):
        started = time.process_time()
        read = [PeriodManifest.from_json(path.read_bytes()) for path in tmp_path.rglob("*.json")]
        page = draw_index(read, PeriodLength.DAY, zone, first + timedelta(days=2000))
        taken.append(time.process_time() - started)
    assert page.count(b"/report.html") == 1000
    assert min(taken) < 1
