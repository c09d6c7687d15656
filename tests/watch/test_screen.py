"""The pages of the live screen, as a terminal emulator shows them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import polars as pl
import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from apilog.options import ReadOptions
from apilog.watch.dashboard import DashboardSubject
from apilog.watch.frame import SCREEN_TABLES, WatchFrame
from apilog.watch.pages import KEY_HELP, Page, ScreenState, draw_screen
from apilog.watch.screen import ScreenView
from apilog.watch.session import WatchOptions, WatchSession
from tests.alerts.alert_builders import notice
from tests.examples import about
from tests.weblog import line, write

WINDOW = timedelta(minutes=5)
SUBJECT = DashboardSubject(sources="access.log", window=WINDOW)
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
ROUTES = 40
USERS = ("ada", "bob", "cyd")
HOSTILE = "/\\x1B]0;owned\\x07/\\xE2\\x80\\xAE/日本語/🎉/" + "long/" * 30


def frame_of(path: Path, lines: list[str]) -> WatchFrame:
    """The frame of a log that was read whole, at `NOW`."""
    options = WatchOptions(
        window=WINDOW, read_options=ReadOptions(), once=True, tables=SCREEN_TABLES
    )
    session = WatchSession([str(write(path, lines))], options, print, wall=lambda: NOW)
    session.read_new()
    session.close()
    return session.current_frame()


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> WatchFrame:
    """A window of many routes, most of which fail at times, and of errors before it."""
    start = NOW - timedelta(minutes=9)
    users, statuses = cycle(USERS), cycle((200, 200, 200, 404, 500, 503, 200))
    lines = []
    for i in range(540):
        path = f"/v1/route{chr(97 + i % ROUTES % 26)}{'x' * (i % ROUTES // 26)}"
        path = HOSTILE if i % 90 == 89 else path
        status, user = next(statuses), next(users)
        lines.append(line(path, start=start, after=i, ms=i % 97, status=status, user=user))
    return frame_of(tmp_path_factory.mktemp("log") / "access.log", lines)


@pytest.fixture(scope="module")
def quiet_frame(tmp_path_factory: pytest.TempPathFactory) -> WatchFrame:
    """A window in which nothing failed, before which something did."""
    start = NOW - timedelta(minutes=9)
    lines = [line("/old", start=start, status=500, ms=1)]
    lines += [line("/v1/ok", start=start, after=480 + i, ms=20) for i in range(30)]
    return frame_of(tmp_path_factory.mktemp("quiet") / "access.log", lines)


def shown(frame: WatchFrame | None, state: ScreenState, width: int, height: int) -> list[str]:
    return [text.plain for text in draw_screen(frame, SUBJECT, state, width, height)]


def rows_below(lines: list[str], title: str) -> list[str]:
    """The lines from below that heading to the next empty one or the footer."""
    start = next(i for i, text in enumerate(lines) if text.startswith(title)) + 1
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("  "))
    return lines[start:end]


@pytest.mark.slow
def test_at_80x24_each_ranking_has_rows_and_nothing_is_cut_off(frame: WatchFrame) -> None:
    lines = shown(frame, ScreenState(), 80, 24)
    assert len(lines) == 24
    for title, least in (("Endpoints", 3), ("Failing most", 3), ("Newest errors", 3)):
        rows = rows_below(lines, title)
        assert len(rows) >= least
        assert all(row.strip() for row in rows)
    assert lines[0].startswith("apilog watch")
    assert lines[-1].split() == [
        *("[1", "overview]", "2", "endpoints", "3", "errors", "4", "consumers"),
        *("p", "pause", "?", "keys", "q", "quit"),
    ]
    assert sum(not text for text in lines) == 3  # one above each ranking


@pytest.mark.slow
@settings(max_examples=about(30))
@given(st.integers(1, 220), st.integers(1, 70), st.sampled_from(Page), st.integers(0, 300))
def test_a_page_fills_any_screen(
    frame: WatchFrame, quiet_frame: WatchFrame, width: int, height: int, page: Page, start: int
) -> None:
    for each in (frame, quiet_frame, None):
        lines = shown(each, ScreenState(page=page, start=start), width, height)
        assert len(lines) == height
        assert max(map(cell_len, lines)) <= max(width, 24)


@pytest.mark.slow
def test_a_screen_that_grows_shows_more_of_each_ranking(frame: WatchFrame) -> None:
    counts = [
        [len(rows_below(shown(frame, ScreenState(), 120, height), title)) for title in titles]
        for titles in [("Endpoints", "Failing most", "Newest errors")]
        for height in (24, 30, 60)
    ]
    assert [min(row) for row in counts] == sorted({min(row) for row in counts})


@pytest.mark.slow
def test_each_page_reaches_its_last_row(frame: WatchFrame) -> None:
    tables = frame.report.tables
    for page, title, expected in (
        (Page.ENDPOINTS, "Endpoints", tables["endpoints"].height),
        (Page.CONSUMERS, "Consumers", len(USERS)),
        (Page.ERRORS, "Newest errors", tables["newest_errors"].height),
    ):
        state, seen = ScreenState(page=page), set()
        for _ in range(0, expected + state.visible, 3):
            lines = shown(frame, state, 100, 24)
            heading = 1 if page is Page.ERRORS else 2  # titles of columns have their own line
            rows = rows_below(lines, title)[heading - 1 :]
            seen |= {(state.start + i, row) for i, row in enumerate(rows)}
            for _ in range(3):
                state.press("down")
        assert {number for number, _ in seen} == set(range(expected))
        state.press("home")
        shown(frame, state, 100, 24)
        assert state.start == 0
        state.press("end")
        shown(frame, state, 100, 24)
        assert state.start == max(0, expected - state.visible)


def test_keys_sort_by_figures(frame: WatchFrame) -> None:
    state = ScreenState(page=Page.ENDPOINTS)
    endpoints = frame.report.tables["endpoints"]
    for column, said in (
        ("requests", "by requests"),
        ("errors", "by errors"),
        ("server_errors", "by 5xx"),
        ("latency_p95_ms", "by p95"),
        ("latency_p99_ms", "by p99"),
    ):
        lines = shown(frame, state, 200, 60)
        heading = next(text for text in lines if text.startswith("Endpoints"))
        assert said in heading
        best = endpoints.filter(pl.col(column) == pl.col(column).max())["route"].to_list()
        first = rows_below(lines, "Endpoints")[1].split()[1]
        assert any(first.split("…")[0] in str(route) for route in best)
        state.press("s")
    assert "by requests" in "\n".join(shown(frame, state, 200, 60))


def test_nothing_that_is_shown_is_older_than_the_window(
    frame: WatchFrame, quiet_frame: WatchFrame
) -> None:
    newest, since = frame.report.tables["newest_errors"], frame.report.since
    assert since is not None
    assert newest["timestamp"].min() >= since  # type: ignore[operator]
    assert newest.height == frame.report.tables["overview"]["errors"][0]
    for page in (Page.OVERVIEW, Page.ERRORS):
        text = "\n".join(shown(quiet_frame, ScreenState(page=page), 80, 24))
        assert "No errors in the window." in text
        assert "/old" not in text


def test_an_alert_takes_one_line_that_ends_with_its_limit(frame: WatchFrame) -> None:
    firing = notice((("route", "/v1/" + "long/" * 30),))
    alerted = replace(frame, alerts=((firing.rule, firing.alert),) * 7)
    lines = shown(alerted, ScreenState(), 80, 24)
    alerts = [text for text in lines if text.startswith("▲ [critical] errors route=/v1/")]
    assert len(alerts) == 2
    assert all(text.endswith("error_rate is 7.2 % over 5m, not < 5 %") for text in alerts)
    assert "  … and 5 more alerts" in lines
    for title in ("Endpoints", "Failing most", "Newest errors"):
        assert len(rows_below(lines, title)) >= 2


def test_an_empty_window_says_what_to_do(tmp_path: Path) -> None:
    old = frame_of(tmp_path / "old.log", [])
    for page in (Page.OVERVIEW, Page.ENDPOINTS):
        lines = shown(old, ScreenState(page=page), 80, 24)
        text = " ".join(" ".join(lines).split())
        assert "No requests in the window. Waiting for new lines." in text
        assert "apilog report" in text
        assert max(map(len, shown(old, ScreenState(page=page), 30, 24))) <= 30


def test_the_errors_page_counts_every_failed_request_by_status(frame: WatchFrame) -> None:
    text = next(
        text
        for text in shown(frame, ScreenState(page=Page.ERRORS), 100, 30)
        if text.startswith("By status")
    )
    counts = [int(part.partition("×")[2]) for part in text.split() if "×" in part]
    assert sum(counts) == frame.report.tables["overview"]["errors"][0]


def test_without_consumers_clients_are_shown(quiet_frame: WatchFrame) -> None:
    text = "\n".join(shown(quiet_frame, ScreenState(page=Page.CONSUMERS), 80, 24))
    assert "no request names its consumer" in text
    assert "203.0.113.1" in text


def test_keys_move_between_pages_and_others_do_nothing() -> None:
    state = ScreenState()
    pages = []
    for key in ("2", "3", "4", "1", "tab", "right", "left", "back tab", "?", "?", "h", "escape"):
        state.press(key)
        pages.append(state.page.value)
    assert pages == [
        *("endpoints", "errors", "consumers", "overview", "endpoints", "errors", "endpoints"),
        *("overview", "keys", "overview", "keys", "overview"),
    ]
    for key in ("x", "5", "0", "²", "é", "up", "G"):
        state.press(key)
    assert (state.page, state.is_paused, state.has_quit) == (Page.OVERVIEW, False, False)


def test_every_key_is_told_on_its_page_and_in_the_documentation(frame: WatchFrame) -> None:
    text = " ".join(" ".join(shown(frame, ScreenState(page=Page.KEYS), 100, 24)).split())
    page = (Path(__file__).resolve().parents[2] / "docs" / "watch.md").read_text("utf-8")
    for keys, meaning in KEY_HELP:
        assert meaning in text
        for key in keys.split():
            assert f"`{key}`" in page


@pytest.mark.slow
def test_a_paused_screen_stands_still_while_frames_go_on(
    frame: WatchFrame, quiet_frame: WatchFrame
) -> None:
    stream = io.BytesIO()
    view = ScreenView(SUBJECT, print, stream, color=True, sources=["-"], size=lambda: (80, 24))

    def display() -> str:
        emulator = pyte.Screen(80, 24)
        pyte.ByteStream(emulator).feed(stream.getvalue())
        return "\n".join(line.rstrip() for line in emulator.display)

    with view:
        assert "reading what is there" in display()
        view.show_frame(frame)
        before = display()
        assert "Failing most" in before
        view._state.press("p")
        view.show_frame(quiet_frame)
        assert display() == before
        view.redraw()
        assert "PAUSED" in display()
        view._state.press("p")
        view.show_frame(quiet_frame)
        assert "PAUSED" not in display()
        assert "No errors in the window." in display()
    assert stream.getvalue().endswith(b"\x1b[?25h\x1b[?1049l")
