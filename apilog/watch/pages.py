"""The pages of the live screen, each filling it, and the keys that move between them.

A page is given the rows that there are: charts shrink first, then gaps, and every ranking keeps a
share of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import polars as pl
from rich.cells import cell_len
from rich.text import Text

from apilog.render.sections.breakdowns import caller_columns
from apilog.render.sections.endpoints import endpoint_columns, failing_section
from apilog.render.sections.report_view import ReportView, has_values, split_other
from apilog.render.sections.section import Column, Section, Table
from apilog.render.terminal.fit_text import clip_line, flow_parts, wrap_text
from apilog.render.terminal.layout import draw_dense_section, draw_section, stack_blocks
from apilog.render.text.cell_text import short_title
from apilog.render.text.escape import escape_terminal
from apilog.text.units import format_count
from apilog.watch.dashboard import (
    NARROWEST,
    DashboardSubject,
    alert_lines,
    describe_rows,
    headline,
    metric_tiles,
    newest_errors_section,
    trend_charts,
)
from apilog.watch.frame import NEWEST_ERRORS, WatchFrame


class Page(Enum):
    """What the screen shows; the values are what the footer calls it."""

    OVERVIEW = "overview"
    ENDPOINTS = "endpoints"
    ERRORS = "errors"
    CONSUMERS = "consumers"
    KEYS = "keys"


_NUMBERED = (Page.OVERVIEW, Page.ENDPOINTS, Page.ERRORS, Page.CONSUMERS)
_SORTED_PAGES = (Page.ENDPOINTS, Page.CONSUMERS)
_SORT_COLUMNS = ("requests", "errors", "server_errors", "latency_p95_ms", "latency_p99_ms")
_SCROLLS = {"up": -1, "k": -1, "down": 1, "j": 1}
_FAR = 1_000_000
"""Beyond the last row of any table."""

KEY_HELP = (
    ("1 2 3 4", "overview, endpoints, errors, consumers"),
    ("Tab ← →", "the next page, the one before"),
    ("↑ ↓ j k", "scroll by a row; Page Up and Page Down by a screen, Home and End to the ends"),
    ("s", "sort by requests, errors, 5xx and, endpoints, by p95 and p99 in turn"),
    ("p Space", "pause the screen and go on; lines are read and alerts evaluated meanwhile"),
    ("? h F1", "these keys, and back"),
    ("q F10 Ctrl-C", "leave"),
)
"""The keys, and what they do."""


@dataclass(slots=True)
class ScreenState:
    """What the user has chosen to see."""

    page: Page = Page.OVERVIEW
    sort: int = 0
    """The number of the column that endpoints and consumers are sorted by."""
    start: int = 0
    """The number of the first row that is shown of what the page scrolls."""
    visible: int = 10
    """Rows that the page had room for."""
    is_paused: bool = False
    has_quit: bool = False
    has_keys: bool = True
    """Whether keys are read at all."""
    remarks: Sequence[str] = field(default_factory=list)
    """What is said above the footer."""

    def press(self, key: str) -> None:
        """Do what the key stands for; others do nothing."""
        if key.isdecimal() and key.isascii() and 1 <= int(key) <= len(_NUMBERED):
            self._show(_NUMBERED[int(key) - 1])
        elif key in ("tab", "right", "back tab", "left"):
            step = 1 if key in ("tab", "right") else -1
            number = _NUMBERED.index(self.page) if self.page in _NUMBERED else 0
            self._show(_NUMBERED[(number + step) % len(_NUMBERED)])
        elif key in ("?", "h", "f1"):
            self._show(Page.OVERVIEW if self.page is Page.KEYS else Page.KEYS)
        elif key == "escape":
            self._show(Page.OVERVIEW)
        elif key in ("q", "Q", "f10"):
            self.has_quit = True
        elif key in ("p", "space"):
            self.is_paused = not self.is_paused
        elif key == "s" and self.page in _SORTED_PAGES:
            self.sort = (self.sort + 1) % len(_SORT_COLUMNS)
            self.start = 0
        else:
            self._scroll(key)

    def _show(self, page: Page) -> None:
        self.page, self.start = page, 0

    def _scroll(self, key: str) -> None:
        rows = max(1, self.visible)
        steps = {**_SCROLLS, "page up": -rows, "page down": rows, "home": -_FAR, "g": -_FAR}
        steps |= {"end": _FAR, "G": _FAR}
        self.start = max(0, self.start + steps.get(key, 0))

    def place_rows(self, count: int, room: int) -> int:
        """Return the first of `count` rows to show where there is room for so many of them."""
        self.visible = max(0, room)
        self.start = max(0, min(self.start, count - self.visible))
        return self.start


def draw_screen(
    frame: WatchFrame | None, subject: DashboardSubject, state: ScreenState, width: int, height: int
) -> list[Text]:
    """Return the lines of the screen, `height` of them, none wider than `width`."""
    # Nothing is readable in less; a narrower terminal crops the lines.
    width, height = max(width, NARROWEST), max(height, 1)
    remarks = state.remarks[-1 if height < _ROOMY_HEIGHT else 0 :]
    foot = [clip_line(Text(escape_terminal(text), "yellow"), width) for text in remarks]
    foot = [*foot, _footer(state, width)][-max(0, height - 1) :] if height > 1 else []
    room = height - len(foot)
    if frame is None:
        lines = [Text("apilog watch", "bold"), Text("reading what is there …", "dim")]
    else:
        lines = _PAGES[state.page](frame, subject, state, width, room)
    lines = lines[:room]
    return [*lines, *([Text()] * (room - len(lines))), *foot]


def _footer(state: ScreenState, width: int) -> Text:
    """Name the pages and the keys; the page that is shown stands in brackets."""
    if not state.has_keys:
        return Text("Ctrl-C leaves", "dim")
    parts = []
    for number, page in enumerate(_NUMBERED, 1):
        is_shown = page is state.page
        text = f"[{number} {page.value}]" if is_shown else f" {number} {page.value} "
        parts.append(Text(text, "bold" if is_shown else ""))
    if state.page in _SORTED_PAGES:
        parts.append(Text(" s sort "))
    parts += [
        Text(" p go on " if state.is_paused else " p pause "),
        Text(" ? keys "),
        Text(" q quit"),
    ]
    line = Text("").join(parts)
    if cell_len(line.plain) > width:
        line = Text("1–4 pages  p pause  ? keys  q quit")
    return clip_line(line, width)


_ROOMY_HEIGHT = 30
"""From that many lines on there is room for more than one remark and two alerts."""


@dataclass(frozen=True, slots=True)
class _PageLayout:
    """How the overview uses the screen."""

    has_small_charts: bool = True
    has_charts: bool = True
    gaps_above: bool = False
    """Whether empty lines stand between headline, figures and charts."""
    gaps_between: bool = True
    """Whether empty lines stand above the rankings."""
    is_dense: bool = True
    """Whether a ranking has its title in the line of its columns' titles."""
    least_rows: int = 2
    """Rows that each ranking needs, or else the next layout is tried."""


_LAYOUTS = (
    _PageLayout(has_small_charts=False, gaps_above=True, is_dense=False, least_rows=5),
    _PageLayout(gaps_above=True, least_rows=4),
    _PageLayout(),
    _PageLayout(has_charts=False),
    _PageLayout(has_charts=False, gaps_between=False, least_rows=0),
)
"""The roomiest first."""


def _overview(
    frame: WatchFrame, subject: DashboardSubject, state: ScreenState, width: int, height: int
) -> list[Text]:
    view = ReportView.of(frame.report, None)
    rankings = _rankings(view)
    lines: list[Text] = []
    for layout in _LAYOUTS:
        lines = _top_lines(frame, subject, state, width, height, layout)
        overhead = layout.gaps_between + (1 if layout.is_dense else 2)
        room = height - len(lines) - overhead * len(rankings)
        needed = sum(min(layout.least_rows, ranking.height) for ranking in rankings)
        if room >= needed:
            break
    while rankings and height - len(lines) < (overhead + 1) * len(rankings):
        rankings.pop()  # so low that not even one row of each has room
    room = height - len(lines) - overhead * len(rankings)
    for ranking, rows in zip(rankings, _share_rows(room, rankings), strict=True):
        section = ranking.make(rows)
        lines += [Text()] * layout.gaps_between
        if section is not None:
            draw = draw_dense_section if layout.is_dense else draw_section
            lines += draw(section, width)[: overhead - layout.gaps_between + rows]
    if not view.overview("errors") and view.overview("requests"):
        lines += [Text()] * layout.gaps_between + [Text("No errors in the window.", "green")]
    return lines


_WAITING = (
    "Waiting for new lines. A longer --window shows more of what is there, and `apilog report` all "
    "of it."
)


def _top_lines(
    frame: WatchFrame,
    subject: DashboardSubject,
    state: ScreenState,
    width: int,
    height: int,
    layout: _PageLayout,
) -> list[Text]:
    """Return the headline, alerts, figures and charts."""
    is_low = height < _ROOMY_HEIGHT
    head = headline(frame, subject, width, is_paused=state.is_paused)
    charts = trend_charts(frame, width, is_small=layout.has_small_charts)
    if not frame.report.tables["overview"]["requests"][0]:
        # Empty charts say nothing, and old logs look like none at all.
        charts = wrap_text(_WAITING, width, "dim", mark="")
    blocks = [
        head[:1] if is_low else head,
        alert_lines(frame, width, 2 if is_low else 5),
        metric_tiles(frame, width)[: 2 if is_low else None],
        charts if layout.has_charts else [],
    ]
    if layout.gaps_above:
        return stack_blocks(blocks)
    return [line for block in blocks for line in block]


@dataclass(frozen=True, slots=True)
class _PageRanking:
    """One of the tables of the overview."""

    height: int
    """The rows that there are."""
    make: Callable[[int], Section | None]
    """Makes a section of so many rows."""


def _rankings(view: ReportView) -> list[_PageRanking]:
    """Return the rankings that have rows, those that may be left out last."""
    endpoints, newest = view.table("endpoints"), view.table(NEWEST_ERRORS)
    failing = endpoints.filter(pl.col("errors") > 0)
    failing = split_other(failing)[0]

    def busiest(rows: int) -> Section:
        return _table_section("Endpoints", view, endpoints, endpoint_columns, 0, rows)

    def failing_most(rows: int) -> Section | None:
        return _failing(view, failing.height, rows)

    def newest_errors(rows: int) -> Section | None:
        return newest_errors_section(ReportView.of(view.report, rows))

    rankings = [
        _PageRanking(endpoints.height, busiest),
        _PageRanking(failing.height, failing_most),
        _PageRanking(newest.height, newest_errors),
    ]
    return [ranking for ranking in rankings if ranking.height]


def _share_rows(room: int, rankings: Sequence[_PageRanking]) -> list[int]:
    """Deal the rows out one by one, so that no ranking gets more than it has."""
    given = [0] * len(rankings)
    while room > 0 and any(r.height > rows for r, rows in zip(rankings, given, strict=True)):
        for i, ranking in enumerate(rankings):
            if room > 0 and given[i] < ranking.height:
                given[i] += 1
                room -= 1
    return given


def _failing(view: ReportView, count: int, rows: int) -> Section | None:
    section = failing_section(ReportView.of(view.report, rows))
    if section is None:
        return None
    (table,) = section.blocks
    assert isinstance(table, Table)
    subtitle = "5xx first" if rows >= count else f"{rows} of {format_count(count)}"
    shown = Table(columns=table.columns, height=table.height)
    return Section(title=section.title, subtitle=subtitle, blocks=[shown])


def _table_section(
    title: str,
    view: ReportView,
    frame: pl.DataFrame,
    columns: Callable[[ReportView, pl.DataFrame], list[Column]],
    start: int,
    rows: int,
    order: str = "",
) -> Section:
    shown = frame.slice(start, rows)
    said = [order]
    if shown.height < frame.height:
        said.insert(0, f"{describe_rows(start, shown.height)} of {format_count(frame.height)}")
    table = Table(columns=columns(view, shown), height=shown.height)
    return Section(title=title, subtitle=", ".join(filter(None, said)), blocks=[table])


_HEADING = 2
"""The lines of a title and of the columns' titles."""


def _page_top(
    frame: WatchFrame,
    subject: DashboardSubject,
    state: ScreenState,
    width: int,
    height: int,
    rows: int,
) -> list[Text]:
    """Return what stands above the table of a page; charts if so many rows leave room for them."""
    lines: list[Text] = []
    for has_charts in (True, False):
        layout = _PageLayout(has_charts=has_charts, gaps_above=height >= _ROOMY_HEIGHT)
        lines = [*_top_lines(frame, subject, state, width, height, layout), Text()]
        if len(lines) + _HEADING + rows <= height:
            break
    return lines


def _sorted_table_page(
    title: str,
    table: str,
    columns: Callable[[ReportView, pl.DataFrame], list[Column]],
    frame: WatchFrame,
    subject: DashboardSubject,
    state: ScreenState,
    width: int,
    height: int,
) -> list[Text]:
    view = ReportView.of(frame.report, None)
    regular, other = split_other(view.table(table))
    if not has_values(regular, _SORT_COLUMNS[state.sort]):
        state.sort = 0
    column = _SORT_COLUMNS[state.sort]
    regular = regular.sort(column, descending=True, nulls_last=True, maintain_order=True)
    order = f"by {short_title(column)}"
    rows = pl.concat([regular, other])
    lines = _page_top(frame, subject, state, width, height, rows.height)
    if rows.is_empty():
        return lines
    start = state.place_rows(rows.height, height - len(lines) - _HEADING)
    section = _table_section(title, view, rows, columns, start, state.visible, order)
    return lines + draw_section(section, width)


def _endpoints(
    frame: WatchFrame, subject: DashboardSubject, state: ScreenState, width: int, height: int
) -> list[Text]:
    return _sorted_table_page(
        "Endpoints", "endpoints", endpoint_columns, frame, subject, state, width, height
    )


def _consumers(
    frame: WatchFrame, subject: DashboardSubject, state: ScreenState, width: int, height: int
) -> list[Text]:
    view = ReportView.of(frame.report, None)
    if has_values(view.table("consumers"), "consumer"):
        title, table = "Consumers", "consumers"
    else:
        title, table = "Clients (no request names its consumer)", "clients"
    return _sorted_table_page(title, table, caller_columns, frame, subject, state, width, height)


def _errors(
    frame: WatchFrame, subject: DashboardSubject, state: ScreenState, width: int, height: int
) -> list[Text]:
    view = ReportView.of(frame.report, None)
    newest = view.table(NEWEST_ERRORS)
    failing = split_other(view.table("endpoints").filter(pl.col("errors") > 0))[0].height
    wanted = newest.height + failing + _HEADING + 2
    lines = _page_top(frame, subject, state, width, height, wanted)
    if newest.is_empty():
        return [*lines, Text("No errors in the window.", "green")]
    lines += [*_status_line(view, width), Text()]
    rows = min(failing, (height - len(lines) - 3) // 3)
    if rows > 0 and (section := _failing(view, failing, rows)):
        lines += [*draw_dense_section(section, width), Text()]
    start = state.place_rows(newest.height, height - len(lines) - 1)
    section = newest_errors_section(ReportView.of(view.report, state.visible), start)
    return lines + (draw_dense_section(section, width) if section else [])


def _status_line(view: ReportView, width: int) -> list[Text]:
    """Count the statuses of failed requests."""
    counts = view.table("errors")
    if counts.is_empty():
        return []
    sums = counts.group_by("status").agg(pl.col("requests").sum()).drop_nulls("status")
    rows = sums.sort("requests", "status", descending=[True, False]).rows()
    parts = [Text(f"{s} ×{format_count(n)}", "red" if s >= 500 else "yellow") for s, n in rows]
    label = Text("By status  ", "bold")
    return [Text.assemble(label, line) for line in flow_parts(parts, width - len(label))[:1]]


def _keys(
    frame: WatchFrame, subject: DashboardSubject, state: ScreenState, width: int, height: int
) -> list[Text]:
    lines = headline(frame, subject, width, is_paused=state.is_paused)[:1]
    label = max(len(keys) for keys, _ in KEY_HELP)
    for keys, meaning in KEY_HELP:
        lines += _hanging(keys, meaning, label, width)
    return lines[:height]


def _hanging(keys: str, meaning: str, label: int, width: int) -> list[Text]:
    lines = wrap_text(meaning, width, mark=f"  {keys:{label}}  ")
    lines[0].stylize("bold", 0, label + 2)
    return lines


_PAGES = {
    Page.OVERVIEW: _overview,
    Page.ENDPOINTS: _endpoints,
    Page.ERRORS: _errors,
    Page.CONSUMERS: _consumers,
    Page.KEYS: _keys,
}
