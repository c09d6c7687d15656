"""Whether a baseline can be compared with: what is refused, and why."""

from __future__ import annotations

from collections.abc import Sequence

from apilog.checks.baseline import SavedBaseline
from apilog.checks.measure import Measurable, Window
from apilog.checks.reading import Reading
from apilog.checks.threshold import GATEWAYS, Threshold
from apilog.errors import UsageError
from apilog.metrics import Kind
from apilog.units import format_duration

_ALIKE = 0.01
"""Windows are equally long if they differ by no more than this share."""


def check_before(
    thresholds: Sequence[Threshold],
    window: Window,
    baseline: SavedBaseline | Window | None,
    reading: Reading,
) -> None:
    """Raise UsageError for what can be refused before anything is read."""
    compared = [threshold for threshold in thresholds if threshold.is_comparison]
    match baseline:
        case None:
            if compared:
                raise UsageError(
                    f"{str(compared[0])!r} needs a baseline",
                    "give --baseline FILE as `apilog baseline` writes it, or --baseline-since",
                )
        case Window():
            _check_apart(window, baseline)
        case SavedBaseline():
            _check_alike(baseline.where, reading.where.text if reading.where else None)
            for threshold in compared:
                baseline.check(threshold.subject)


def check_measured(thresholds: Sequence[Threshold], current: Measurable, base: Measurable) -> None:
    """Raise UsageError if the logs are of other gateways, or counts of another length of time."""
    ours, theirs = (_gateways(side) for side in (current, base))
    if ours and theirs and not ours & theirs:
        raise UsageError(
            f"the baseline is of {_listed(theirs)}, the requests checked are of {_listed(ours)}",
            "gateways measure differently: make a baseline from logs of the same one",
        )
    for threshold in thresholds:
        if threshold.is_comparison and threshold.metric.kind is Kind.COUNT:
            now, then = (side.of(threshold.subject).seconds for side in (current, base))
            if not _are_alike(now, then):
                raise UsageError(
                    f"{str(threshold)!r} compares {_spoken(now)} with a baseline of "
                    f"{_spoken(then)}",
                    "compare request_rate or a rate of errors, or windows of the same length",
                )


def _check_apart(window: Window, baseline: Window) -> None:
    ends_before = baseline.until and window.since and baseline.until <= window.since
    begins_after = baseline.since and window.until and window.until <= baseline.since
    if not (ends_before or begins_after):
        raise UsageError(
            "the time that is checked and that of the baseline overlap",
            "end the one where the other begins: --since, --until, --baseline-since, "
            "--baseline-until",
        )


def _check_alike(of_baseline: str | None, given: str | None) -> None:
    if of_baseline != given:
        made = f"--where {of_baseline!r}" if of_baseline else "no --where"
        raise UsageError(
            f"the baseline was made with {made}, this is asked with "
            f"{f'--where {given!r}' if given else 'none'}",
            "choose the same requests on both sides",
        )


def _gateways(side: Measurable) -> frozenset[str]:
    return frozenset(str(gateway) for (gateway,) in side.of(GATEWAYS).samples)


def _listed(names: frozenset[str]) -> str:
    return " and ".join(sorted(names))


def _are_alike(now: float | None, then: float | None) -> bool:
    if now is None or then is None:
        return True
    return abs(now - then) <= _ALIKE * max(now, then)


def _spoken(seconds: float | None) -> str:
    return format_duration(None if seconds is None else seconds * 1000)
