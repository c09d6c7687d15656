"""The file of a baseline: JSON, a route a block, in an order that makes differences readable.

Buckets are written by the milliseconds they stand for, so that they can be read; four digits
tell them apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from apilog.aggregate.ddsketch import bucket_of, bucket_value_ms
from apilog.checks.baseline import (
    DURATION_ACCUMULATORS,
    DURATION_COLUMNS,
    SavedBaseline,
    baseline_measurement,
)
from apilog.checks.baseline_metrics import KEY_COLUMNS, OwnBaselineRows, own_facts
from apilog.checks.measured_sources import measure_sources
from apilog.checks.threshold import ENDPOINT_COLUMNS
from apilog.engine.known_routes import declared_routes
from apilog.engine.source_pass import filters_of
from apilog.errors import InputError, UsageError
from apilog.metrics import MergeRule
from apilog.options import MetricOptions, Source
from apilog.own_metrics import own_definitions
from apilog.report_model import Report
from apilog.routes import RouteTemplates
from apilog.schema import SCHEMA, TIMESTAMP
from apilog.text.units import parse_duration
from apilog.time import TimeWindow, parse_step, parse_window
from apilog.version import __version__

VERSION = 1
"""The version of the file; readers refuse other ones."""

_NO_STATUS = "none"
_SLICES, _OVER_TIME, _METRICS = "slices", "over_time", "metrics"
_TEMPLATES = "templates"
_MOST_SLICES = 1000
"""The slices that are written at most; only stray times, years from the others, make more."""
_COUNTS = {**KEY_COLUMNS, "status": SCHEMA["status"], "requests": pl.Int64}
_SLICE_ROWS = {
    **KEY_COLUMNS,
    "status": SCHEMA["status"],
    "timestamp": TIMESTAMP,
    "requests": pl.Int64,
}
_SUMS = {
    **KEY_COLUMNS,
    **{a.name: a.dtype for each in DURATION_ACCUMULATORS.values() for a in each},
}
_HISTOGRAM = {**KEY_COLUMNS, "bucket": pl.Int16, "n": pl.Int64}
_SHORT = {"duration_ms": "latency", "upstream_duration_ms": "upstream_latency"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineResult:
    """A baseline, and the report on what it was made from."""

    baseline: SavedBaseline
    report: Report
    """Without tables."""

    @property
    def text(self) -> str:
        """The content of the file, as `check` reads it."""
        return format_baseline(self.baseline)


def make_baseline(sources: Sequence[Source], options: MetricOptions) -> BaselineResult:
    """Return the baseline of the requests that the options choose."""
    window = parse_window(options.since, options.until, options.tz)
    definitions = own_definitions(options.own_metrics, options.apdex, options.openapi)
    measurement = baseline_measurement(
        window, options.max_routes, declared_routes(options), definitions
    )
    measured = measure_sources(sources, [measurement], options)
    baseline = SavedBaseline.from_result(
        measured.results[0],
        version=__version__,
        formats=measured.formats,
        where=options.where,
        definitions=definitions,
        known=measured.templates,
    )
    report = Report(
        version=__version__,
        command="baseline",
        since=baseline.window.since,
        until=baseline.window.until,
        input=measured.input,
        tables={},
        filters=filters_of(options, window),
        notes=measured.notes,
    )
    return BaselineResult(baseline=baseline, report=report)


def format_baseline(baseline: SavedBaseline) -> str:
    """Return the text of the file."""
    head = {
        "apilog_baseline": VERSION,
        "version": baseline.version,
        "since": _format_instant(baseline.window.since),
        "until": _format_instant(baseline.window.until),
        "first": _format_instant(baseline.recorded.since),
        "last": _format_instant(baseline.recorded.until),
        "formats": list(baseline.formats),
        "where": baseline.where,
        "requests": baseline.total,
        **({_TEMPLATES: baseline.templates.as_json()} if baseline.templates else {}),
        **_slices_head(baseline),
        **(
            {_METRICS: baseline.own.definitions}
            if baseline.own and baseline.own.definitions
            else {}
        ),
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    blocks = (
        ",\n".join(f"      {json.dumps(key)}: {json.dumps(fact)}" for key, fact in route.items())
        for route in _iter_routes(baseline)
    )
    routes = ",\n".join(f"    {{\n{block}\n    }}" for block in blocks)
    return "\n".join(["{", *lines, '  "routes": [', *([routes] if routes else []), "  ]", "}", ""])


def _format_instant(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _iter_routes(baseline: SavedBaseline) -> Iterator[dict[str, object]]:
    """Yield the facts of each route, sorted by gateway, method and route."""
    order = [*ENDPOINT_COLUMNS, "named"]
    statuses = _group_by_key(baseline.counts.sort("status", nulls_last=True), "status", "requests")
    histograms = {
        column: _group_by_key(frame.sort("bucket"), "bucket", "n")
        for column, frame in baseline.histograms.items()
    }
    over_time = _series_by_key(baseline)
    length = parse_duration(baseline.step) if baseline.step else timedelta()
    own = own_facts(baseline.own, _first_slice(baseline), length) if baseline.own else {}
    for row in baseline.durations.sort(order, nulls_last=True).iter_rows(named=True):
        key = tuple(row[name] for name in order)
        facts: dict[str, object] = {
            **{name: row[name] for name in ENDPOINT_COLUMNS},
            **({} if row["named"] else {"folded": True}),
            "statuses": {_status_name(s): n for s, n in statuses[key]},
            **({_OVER_TIME: over_time[key]} if key in over_time else {}),
        }
        for column, counts in histograms.items():
            if buckets := counts.get(key):
                short, several = _SHORT[column], DURATION_ACCUMULATORS[column]
                facts[short] = {_short_name(column, a.name): row[a.name] for a in several}
                # Buckets are 2 % wide, so that four digits of a value give its bucket back.
                facts[f"{short}_ms"] = {f"{bucket_value_ms(b):.4g}": n for b, n in buckets}
        yield facts | own.get(key, {})


def _status_name(status: int | None) -> str:
    return _NO_STATUS if status is None else str(status)


def _first_slice(baseline: SavedBaseline) -> datetime | None:
    """Return the start of the first slice; None if there are none that are worth writing down."""
    first, last = baseline.slices["timestamp"].min(), baseline.slices["timestamp"].max()
    if baseline.step is None or not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    return first if (last - first) / parse_duration(baseline.step) < _MOST_SLICES else None


def _slices_head(baseline: SavedBaseline) -> dict[str, object]:
    """Return what the numbers over time of each route are about; nothing if there are none."""
    first = _first_slice(baseline)
    return {_SLICES: {"step": baseline.step, "first": _format_instant(first)}} if first else {}


_Series = list[int] | dict[str, int]
"""The requests of one slice after the other, or of those by number that had any."""


def _series_by_key(baseline: SavedBaseline) -> dict[tuple[object, ...], dict[str, _Series]]:
    """Return the requests of each route, by status and then slice by slice from the first on."""
    first = _first_slice(baseline)
    if first is None or baseline.step is None:
        return {}
    length = parse_duration(baseline.step)
    rows = baseline.slices.sort("status", "timestamp", nulls_last=True)
    counts: dict[tuple[object, ...], dict[str, dict[int, int]]] = {}
    columns = (*ENDPOINT_COLUMNS, "named", "status", "timestamp", "requests")
    for *key, status, start, n in rows.select(columns).iter_rows():
        of_status = counts.setdefault(tuple(key), {}).setdefault(_status_name(status), {})
        of_status[(start - first) // length] = n
    return {
        key: {status: _shortest_series(numbers) for status, numbers in statuses.items()}
        for key, statuses in counts.items()
    }


def _shortest_series(numbers: dict[int, int]) -> _Series:
    """Return the numbers of slices, in ascending order, the way that is shorter to read."""
    last = max(numbers)
    if last < 2 * len(numbers):
        return [numbers.get(index, 0) for index in range(last + 1)]
    return {str(index): n for index, n in numbers.items()}


def _group_by_key(
    frame: pl.DataFrame, name: str, count: str
) -> dict[tuple[object, ...], list[tuple[Any, int]]]:
    counts: dict[tuple[object, ...], list[tuple[Any, int]]] = {}
    for *key, value, n in frame.select(*ENDPOINT_COLUMNS, "named", name, count).iter_rows():
        counts.setdefault(tuple(key), []).append((value, n))
    return counts


def _short_name(column: str, accumulator: str) -> str:
    """Return an accumulator's name without its column's: `n`, `us`, `min_us`, `max_us`."""
    return accumulator.removeprefix(f"{_SHORT[column]}_")


def read_baseline(path: Path) -> SavedBaseline:
    """Return the baseline in a file; raises InputError that says where it is none."""
    place = str(path)
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        hint = (
            "`apilog baseline -o FILE` makes it; with --baseline-optional a first run does without"
            if isinstance(error, FileNotFoundError)
            else ""
        )
        reason = error.strerror or error
        raise InputError(f"can't read the baseline {path}: {reason}", hint) from error
    except (ValueError, RecursionError) as error:
        raise _broken_baseline(place, "it is not JSON") from error
    version = document.get("apilog_baseline") if isinstance(document, dict) else None
    if version is None:
        raise _broken_baseline(place, "apilog_baseline is missing")
    if version != VERSION:
        raise InputError(
            f"the baseline {path} is of version {version!r}, this apilog reads {VERSION}",
            "make it again with `apilog baseline`",
        )
    routes = document.get("routes")
    if not isinstance(routes, list):
        raise _broken_baseline(place, "routes")
    try:
        rows = _BaselineRows(document.get(_SLICES), document.get(_METRICS))
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise _broken_baseline(place, _SLICES) from error
    for number, route in enumerate(routes):
        try:
            rows.add_route(route)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _broken_baseline(place, f"routes[{number}]") from error
    try:
        return rows.build_baseline(document)
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise _broken_baseline(place, "its head") from error


def _broken_baseline(path: str, where: str) -> InputError:
    return InputError(
        f"{path} is no baseline of apilog: {where}", "make it again with `apilog baseline`"
    )


class _BaselineRows:
    """The rows of a baseline's frames, filled route by route."""

    def __init__(self, slices: Mapping[str, Any] | None, metrics: object) -> None:
        """`slices` is the head's account of numbers over time, `metrics` that of definitions."""
        self._own = OwnBaselineRows(metrics)
        self._step = None if slices is None else parse_step(slices["step"])
        self._length = parse_duration(self._step) if self._step else timedelta()
        self._first = _parse_instant(slices["first"]) if slices else None
        self._slices: list[tuple[object, ...]] = []
        self._counts: list[tuple[object, ...]] = []
        self._sums: list[tuple[object, ...]] = []
        self._histograms: dict[str, list[tuple[object, ...]]] = {c: [] for c in DURATION_COLUMNS}

    def add_route(self, route: dict[str, Any]) -> None:
        names = [route[name] for name in ENDPOINT_COLUMNS]
        if not all(name is None or isinstance(name, str) for name in names):
            raise TypeError
        key = (*names, not route.get("folded", False))
        for status, n in route["statuses"].items():
            number = None if status == _NO_STATUS else int(status)
            self._counts.append((*key, number, _parse_count(n)))
        for status, numbers in route.get(_OVER_TIME, {}).items():
            number = None if status == _NO_STATUS else int(status)
            if self._first is None:
                raise ValueError
            indexed = enumerate(numbers) if isinstance(numbers, list) else numbers.items()
            for index, n in indexed:
                if _parse_count(n):
                    self._slices.append((*key, number, self._first + int(index) * self._length, n))
        sums: list[object] = []
        for column, accumulators in DURATION_ACCUMULATORS.items():
            latency = route.get(_SHORT[column], {})
            for accumulator in accumulators:
                value = latency.get(_short_name(column, accumulator.name))
                empty = 0 if accumulator.merge is MergeRule.SUM else None
                sums.append(empty if value is None else _parse_count(value))
            for ms, n in route.get(f"{_SHORT[column]}_ms", {}).items():
                self._histograms[column].append((*key, bucket_of(float(ms)), _parse_count(n)))
        self._sums.append((*key, *sums))
        self._own.add_route(key, route, self._first, self._length)

    def build_baseline(self, document: Mapping[str, Any]) -> SavedBaseline:
        """Return the baseline of all routes that were added."""
        where = document.get("where")
        window, recorded = (
            TimeWindow(
                since=_parse_instant(document.get(since)), until=_parse_instant(document.get(until))
            )
            for since, until in (("since", "until"), ("first", "last"))
        )
        return SavedBaseline(
            version=str(document.get("version", "")),
            window=window,
            # Earlier versions wrote no times of requests.
            recorded=recorded if recorded.is_limited else window,
            formats=tuple(map(str, document.get("formats", ()))),
            where=None if where is None else str(where),
            counts=pl.DataFrame(self._counts, schema=_COUNTS, orient="row"),
            durations=pl.DataFrame(self._sums, schema=_SUMS, orient="row"),
            histograms={
                column: pl.DataFrame(rows, schema=_HISTOGRAM, orient="row")
                for column, rows in self._histograms.items()
            },
            slices=pl.DataFrame(self._slices, schema=_SLICE_ROWS, orient="row"),
            step=self._step,
            templates=RouteTemplates.from_json(document.get(_TEMPLATES, [])),
            own=self._own.build(),
        )


def _parse_count(value: object) -> int:
    """Return a count of the file; raises TypeError for anything else, also for true."""
    # Not isinstance: True is an int. Beyond 2**53 a double, which other programs may read the
    # file with, is no longer exact (https://www.rfc-editor.org/rfc/rfc8259#section-6).
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise TypeError
    return value


def _parse_instant(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment
