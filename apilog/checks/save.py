"""`baseline`: sources measured, to be compared with later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from apilog.checks.baseline import SavedBaseline, baseline_measurement
from apilog.checks.measure import Window
from apilog.checks.reading import Reading, notes, read
from apilog.model import Report
from apilog.version import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBaseline:
    """A baseline, and the account of what it was made from."""

    baseline: SavedBaseline
    report: Report
    """Without tables."""


def make_baseline(
    sources: Sequence[str | os.PathLike[str]], window: Window, reading: Reading
) -> MadeBaseline:
    """The baseline of the requests in a window."""
    measurement = baseline_measurement(window, reading.max_routes)
    done = read(sources, [measurement], reading)
    baseline = SavedBaseline.from_measures(
        done.measures[0],
        version=__version__,
        formats=done.formats,
        where=reading.where.text if reading.where else None,
    )
    report = Report(
        version=__version__,
        command="baseline",
        since=baseline.window.since,
        until=baseline.window.until,
        input=done.input,
        tables={},
        notes=notes(done.input, kept=reading.rejects is not None),
    )
    return MadeBaseline(baseline=baseline, report=report)
