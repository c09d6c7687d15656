"""The index of an archive of pages: years, months and periods, with what each had.

It is made of the manifests of the periods alone, so that years of pages are listed at once. Texts
are names of periods and numbers; no text of a log stands in it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from apilog.exports.manifest import OPEN_SUFFIX, PeriodManifest
from apilog.exports.period_sums import PeriodSums, p95_of
from apilog.render.svg import Theme, page_variables
from apilog.text.units import MISSING, format_count, format_duration, format_ratio
from apilog.time import PeriodLength, period_at

if TYPE_CHECKING:
    from jinja2 import Template

PAGE_FILE = "report.html"
"""The page in the folder of each period."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRow:
    """A line of the index: a period, or several together."""

    label: str
    anchor: str
    href: str
    """The page of a period; empty for several."""
    is_open: bool
    requests: str
    change: str
    errors: str
    server_errors: str
    p95: str
    spark: str
    """The path of the requests in each step."""
    spark_text: str


@dataclass(frozen=True, slots=True)
class _Span:
    """Some periods together, in order of time."""

    name: str
    label: str
    periods: Sequence[PeriodManifest]
    start: datetime
    end: datetime

    @property
    def requests(self) -> int:
        return sum(period.requests for period in self.periods)

    @property
    def sums(self) -> list[PeriodSums]:
        """The sums of all; none if one of them has none, so that theirs would be too small."""
        known = [period.sums for period in self.periods if period.sums is not None]
        return known if len(known) == len(self.periods) else []

    @property
    def steps(self) -> Sequence[int]:
        """The requests in each step of the one period, or in each of several."""
        if len(self.periods) == 1 and self.sums:
            return self.sums[0].steps
        return [period.requests for period in self.periods]


class _Archive:
    """The periods of an archive, and how they are put together."""

    def __init__(
        self, periods: Iterable[PeriodManifest], every: PeriodLength, zone: ZoneInfo, now: datetime
    ) -> None:
        self.periods = sorted(periods, key=lambda period: (period.since, period.folder))
        self.every = every
        self._zone = zone
        self._now = now

    def spans_of(self, length: PeriodLength) -> list[_Span]:
        """Return the periods put together by month or week, or as they are."""
        if length is self.every:
            return [self._span(period.folder, [period]) for period in self.periods]
        placed = [(period_at(period.since, length, self._zone), period) for period in self.periods]
        return [
            _Span(whole.name, _label(whole.name), [p for _, p in members], whole.start, whole.end)
            for whole, members in groupby(placed, key=lambda pair: pair[0])
        ]

    def years(self) -> list[_Span]:
        """Return the periods of each year of the zone."""
        by_year = groupby(self.periods, key=lambda p: str(p.since.astimezone(self._zone).year))
        return [self._span(name, [*members]) for name, members in by_year]

    def _span(self, name: str, periods: Sequence[PeriodManifest]) -> _Span:
        label = _label(name.removesuffix(OPEN_SUFFIX))
        return _Span(name, label, periods, periods[0].since, periods[-1].until)

    def rows(self, spans: Sequence[_Span], before: Callable[[_Span], datetime]) -> list[ArchiveRow]:
        """Return the lines of these spans; `before` is the start of what each compares with."""
        by_start = {span.start: span for span in spans}
        sums = [span.sums for span in spans]
        return [
            self._row(span, parts, p95, by_start.get(before(span)))
            for span, parts, p95 in zip(spans, sums, p95_of(sums), strict=True)
        ]

    def _row(
        self, span: _Span, sums: Sequence[PeriodSums], p95: float | None, before: _Span | None
    ) -> ArchiveRow:
        only = span.periods[0] if len(span.periods) == 1 and self._is_one(span) else None
        requests, steps = span.requests, span.steps
        errors = sum(part.errors for part in sums) if sums else None
        server_errors = sum(part.server_errors for part in sums) if sums else None
        most = max(steps, default=0)
        return ArchiveRow(
            label=span.label,
            anchor=f"p{span.name}",
            href=f"{quote(only.folder)}/{PAGE_FILE}" if only else "",
            is_open=span.periods[-1].is_open,
            requests=format_count(requests),
            change=self._change(span, before),
            errors=_rate(errors, requests),
            server_errors=_rate(server_errors, requests),
            p95=format_duration(p95),
            spark=_spark_path(steps),
            spark_text=f"{len(steps)} steps, at most {format_count(most)} requests",
        )

    def _is_one(self, span: _Span) -> bool:
        return (span.start, span.end) == (span.periods[0].since, span.periods[0].until)

    def _change(self, span: _Span, before: _Span | None) -> str:
        """Return the growth against another span; `–` unless both are over and wholly exported."""
        if before is None or before is span or not before.requests:
            return MISSING
        first, last = self.periods[0].since, self.periods[-1].until
        if before.start < first or span.end > min(last, self._now):
            return MISSING
        growth = span.requests / before.requests - 1
        return f"{'+' if growth >= 0 else ''}{100 * growth:,.1f} %".replace("-", "−")


def draw_index(
    periods: Iterable[PeriodManifest], every: PeriodLength, zone: ZoneInfo, now: datetime
) -> bytes:
    """Return the page that lists these periods, newest first."""
    archive = _Archive(periods, every, zone, now)
    months, singles = archive.spans_of(PeriodLength.MONTH), archive.spans_of(every)
    weeks = (
        archive.spans_of(PeriodLength.WEEK)
        if every in (PeriodLength.HOUR, PeriodLength.DAY)
        else []
    )

    def earlier(length: PeriodLength) -> Callable[[_Span], datetime]:
        return lambda span: period_at(span.start - timedelta(days=1), length, zone).start

    def week_before(span: _Span) -> datetime:
        local = span.start.astimezone(zone).replace(tzinfo=None) - timedelta(days=7)
        return local.replace(tzinfo=zone).astimezone(span.start.tzinfo)

    is_longer = every in (PeriodLength.WEEK, PeriodLength.MONTH)
    compare = earlier(every) if is_longer else week_before
    single_rows = dict(
        zip([span.start for span in singles], archive.rows(singles, compare), strict=True)
    )
    # A month has four weeks or five: what begins in one can't be compared with another.
    month_before = earlier(PeriodLength.MONTH)
    if every is PeriodLength.WEEK:
        month_before = _nothing
    month_rows = archive.rows(months, month_before)
    blocks = [
        (row, [single_rows[p.since] for p in reversed(span.periods)] if not row.href else [])
        for span, row in zip(months, month_rows, strict=True)
    ]
    years = archive.years()
    year_rows = archive.rows(years, _nothing)
    page = _template().render(
        policy=f"default-src 'none'; style-src {_hash(_style())}; img-src data:; base-uri 'none'",
        style=_style(),
        spark=(_SPARK_WIDTH, _SPARK_HEIGHT),
        years=[
            (
                row,
                [
                    block
                    for block, month in zip(reversed(blocks), reversed(months), strict=True)
                    if month.periods[0] in span.periods
                ],
            )
            for row, span in zip(reversed(year_rows), reversed(years), strict=True)
        ],
        weeks=[*reversed(archive.rows(weeks, earlier(PeriodLength.WEEK)))],
        compared={"week": "the week before", "month": "the month before"}.get(
            every.value, "a week before"
        ),
        timezone=zone.key,
    )
    return page.encode()


def _nothing(span: _Span) -> datetime:
    """Return the start of the span itself: there is nothing to compare it with."""
    return span.start


def _label(name: str) -> str:
    """Return the name of a period, that of a month in words."""
    year, _, month = name.partition("-")
    return f"{_MONTHS[int(month) - 1]} {year}" if month.isdecimal() else name


def _rate(count: int | None, requests: int) -> str:
    return format_ratio(count / requests) if count is not None and requests else MISSING


def _spark_path(steps: Sequence[int]) -> str:
    """Return bars of the steps, each as wide as the others; what is not zero is seen."""
    most = max(steps, default=0)
    if not most:
        return ""
    parts = [f"M0 {_SPARK_HEIGHT}"]
    for i, count in enumerate(steps, 1):
        height = max(round(count / most * _SPARK_HEIGHT), 1) if count else 0
        parts.append(f"V{_SPARK_HEIGHT - height}H{round(i * _SPARK_WIDTH / len(steps))}")
    return f"{''.join(parts)}V{_SPARK_HEIGHT}Z"


@cache
def _source(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


@cache
def _style() -> str:
    light, dark = page_variables(Theme.LIGHT), page_variables(Theme.DARK)
    dark_rule = f"@media (prefers-color-scheme: dark) {{:root{{{dark}}}}}"
    return f":root{{{light}}}{dark_rule}\n{_source('archive.css')}"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@cache
def _template() -> Template:
    # Imported when an index is drawn: no other export needs it.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_source("archive.html.jinja"))
