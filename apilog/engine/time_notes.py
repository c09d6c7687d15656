"""What is said of requests whose times the window leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from apilog.aggregate.record_times import RecordTimes, StrayTimes
from apilog.time import TimeWindow, parse_zone


def describe_strays(found: Iterable[StrayTimes | None], timezone: str) -> Iterator[str]:
    """Say how many requests are at stray times, the same ones once."""
    for strays in dict.fromkeys(found):
        if strays is None:
            continue
        first, last = (_format_time(at, timezone) for at in (strays.first, strays.last))
        many = strays.requests > 1
        yield (
            f"{strays.requests:,} request{'s' if many else ''} at {first}"
            f"{f' to {last}' if last != first else ''}, far from all others: counted, but the "
            f"window and the traffic leave {'them' if many else 'it'} out; --since and --until set "
            "a window"
        )


def describe_clock(clock: str, timezone: str) -> Iterator[str]:
    """Say by whose clocks usual hours were found, if they are not those of the report."""
    if clock:
        yield (
            f"anomalies: hours are compared by the clocks of {clock}, which were changed "
            f"meanwhile: by those of {timezone} more would seem unusual; --tz says whose they are"
        )


def describe_emptiness(
    window: TimeWindow, times: RecordTimes, stored: Sequence[datetime], timezone: str
) -> Iterator[str]:
    """Say when requests were, if the window leaves out all of them.

    `stored` are the first and last times of files of stores, which may not have been read.
    """
    known = [at for at in (times.oldest, times.newest, *stored) if at]
    if not times.cells.is_empty() or not window.is_limited or not known:
        return
    oldest, newest = min(known), max(known)
    ends = [("newest", newest)]
    if window.until is not None and newest >= window.until:
        ends = [("oldest", oldest)]
        if oldest < window.until:
            ends.append(("newest", newest))
    when = ", the ".join(f"{end} is of {_format_time(at, timezone)}" for end, at in ends)
    yield f"no request lies within --since and --until; the {when}"


def _format_time(at: datetime, timezone: str) -> str:
    return at.astimezone(parse_zone(timezone)).isoformat(timespec="seconds").replace("+00:00", "Z")
