"""Rules for baselines: which ones requests can't be compared with, and why."""

from __future__ import annotations

from collections.abc import Sequence

from apilog.checks.baseline import SavedBaseline
from apilog.checks.measurement import SampleSource
from apilog.checks.threshold import GATEWAY_SUBJECT, Threshold
from apilog.errors import UsageError
from apilog.metrics import MetricKind
from apilog.options import ReadOptions
from apilog.text.units import format_duration
from apilog.time import TimeWindow

_LENGTH_TOLERANCE = 0.01
"""The share by which the lengths of two windows may differ."""


def check_before_reading(
    thresholds: Sequence[Threshold],
    window: TimeWindow,
    baseline: SavedBaseline | TimeWindow | None,
    options: ReadOptions,
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
        case TimeWindow():
            ends_before = baseline.until and window.since and baseline.until <= window.since
            begins_after = baseline.since and window.until and window.until <= baseline.since
            if not (ends_before or begins_after):
                raise UsageError(
                    "the time that is checked and that of the baseline overlap",
                    "end the one where the other begins: --since, --until, --baseline-since, "
                    "--baseline-until",
                )
        case SavedBaseline():
            if baseline.where != options.where:
                made = f"--where {baseline.where!r}" if baseline.where else "no --where"
                given = f"--where {options.where!r}" if options.where else "none"
                raise UsageError(
                    f"the baseline was made with {made}, this is asked with {given}",
                    "choose the same requests on both sides",
                )
            for threshold in compared:
                baseline.check_subject(threshold.subject)


def check_after_reading(
    thresholds: Sequence[Threshold], current: SampleSource, base: SampleSource
) -> None:
    """Raise UsageError if the logs are of other gateways, or counts of another length of time."""
    ours, theirs = (
        {str(gateway) for (gateway,) in side.samples_of(GATEWAY_SUBJECT).samples}
        for side in (current, base)
    )
    if ours and theirs and not ours & theirs:
        raise UsageError(
            f"the baseline is of {' and '.join(sorted(theirs))}, "
            f"the requests checked are of {' and '.join(sorted(ours))}",
            "gateways measure differently: make a baseline from logs of the same one",
        )
    for threshold in thresholds:
        if threshold.is_comparison and threshold.metric.kind is MetricKind.COUNT:
            now, then = (side.samples_of(threshold.subject).seconds for side in (current, base))
            if now is None or then is None:
                continue
            if abs(now - then) > _LENGTH_TOLERANCE * max(now, then):
                raise UsageError(
                    f"{str(threshold)!r} compares {format_duration(now * 1000)} with a baseline of "
                    f"{format_duration(then * 1000)}",
                    "compare request_rate or a rate of errors, or windows of the same length",
                )
