"""Whether a log is checked against a baseline of its own requests, which hides each change.

Counted are the requests checked that lie within the time of the baseline: one record with a wrong
clock stretches the time of a log over years, and shares nothing for that.
"""

from __future__ import annotations

from datetime import timedelta

from apilog.checks.baseline import SavedBaseline
from apilog.checks.measurement import Measurement, MeasurementResult
from apilog.errors import UsageError
from apilog.time import TimeWindow

_SHARED_SHARE = 0.01
_SHARED_SHARE_OVER_TIME = 0.001
_SHARED_SECONDS = 60
"""The share of the requests of the smaller side beyond which it is refused: where logs are rotated,
requests that began before are written after. The smaller share is for more than so many seconds."""
_INSTANT = timedelta(microseconds=1)


def shared_measurement(base: SavedBaseline, window: TimeWindow) -> Measurement:
    """Return the measurement of the requests of a window that lie within the baseline's time.

    Those of its first and last instant don't count: a log may begin in the second in which the one
    before ended.
    """
    since = base.recorded.since
    inside = TimeWindow(since=since and since + _INSTANT, until=base.recorded.until)
    return Measurement((), inside.intersect(window))


def refuse_overlap(
    current: MeasurementResult, shared: MeasurementResult, base: SavedBaseline
) -> None:
    """Raise UsageError if the requests checked can be those that the baseline was made of.

    `shared` is the result of `shared_measurement`.
    """
    if base.recorded.seconds is None:
        return  # its requests have no times
    count, smaller = shared.total, min(current.total, base.total)
    is_long = (shared.recorded.seconds or 0) > _SHARED_SECONDS
    share = _SHARED_SHARE_OVER_TIME if is_long else _SHARED_SHARE
    if count > max(1, share * smaller) or _holds_instant(current.recorded, base.recorded):
        raise UsageError(
            f"the baseline and the requests checked overlap in time: "
            f"{_format_span(base.recorded)} and {_format_span(current.recorded)}",
            "make the baseline from an earlier time; `apilog compare` holds two logs of the same "
            "time against each other",
        )


def _holds_instant(current: TimeWindow, base: TimeWindow) -> bool:
    """Whether all requests of a baseline came at once, and at a time of those checked."""
    instant = base.since
    if instant is None or instant != base.until or not (current.since and current.until):
        return False
    return current.since < instant < current.until or current == base


def _format_span(window: TimeWindow) -> str:
    return f"{window.since:%Y-%m-%d %H:%M:%S} – {window.until:%Y-%m-%d %H:%M:%S} UTC"
