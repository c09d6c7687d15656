"""What `apilog check` decides, and how: out of its options and the configuration.

What an option gives goes before what is configured.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from apilog.cli import success_checks
from apilog.cli.lifecycle import parse_window
from apilog.errors import UsageError
from apilog.time import TimeWindow

if TYPE_CHECKING:
    from apilog.checks import DecisionPolicy, Threshold
    from apilog.checks.baseline import SavedBaseline
    from apilog.config import ChecksConfig


def collect_thresholds(given: list[str] | None, settings: ChecksConfig) -> list[Threshold]:
    """The configured thresholds and those given, each once; UsageError for none."""
    from apilog.checks import ANOMALY_METRICS, REQUEST_METRICS, parse_threshold

    texts = [*settings.thresholds, *(given or ())]
    if not texts:
        raise UsageError(
            "there is no threshold to check",
            'give -t "error_rate < 1%", or thresholds in [checks] of apilog.toml',
        )
    catalogues = (REQUEST_METRICS, ANOMALY_METRICS, success_checks.success_catalogue())
    return [*dict.fromkeys(parse_threshold(text, catalogues) for text in texts)]


def choose_policy(
    min_requests: int | None, confidence: float | None, settings: ChecksConfig
) -> DecisionPolicy:
    """What is given, else what is configured, else the defaults."""
    from apilog.checks import DecisionPolicy

    usual = DecisionPolicy()
    numbers = (min_requests, settings.min_requests, usual.min_requests)
    confidences = (confidence, settings.confidence, usual.confidence)
    return DecisionPolicy(
        min_requests=next(n for n in numbers if n is not None),
        confidence=next(c for c in confidences if c is not None),
    )


def choose_windows(
    since: str | None,
    until: str | None,
    baseline_since: str | None,
    baseline_until: str | None,
    tz: str,
) -> tuple[TimeWindow, TimeWindow | None]:
    """The time that is checked, and that of the baseline, which ends where the other begins."""
    if baseline_since is None and baseline_until is None:
        return parse_window(since, until, tz), None
    if since is None and baseline_until is None:
        raise UsageError(
            "--baseline-since alone does not say where the baseline ends",
            "give --since, where what is checked begins, or --baseline-until",
        )
    window = parse_window(since or baseline_until, until, tz)
    try:
        earlier = parse_window(baseline_since, baseline_until or since, tz)
    except UsageError as error:
        told = re.sub("--(since|until)", r"--baseline-\1", str(error))
        raise UsageError(told, error.hint) from error
    return window, earlier


def choose_baseline(
    file: Path | None, earlier: TimeWindow | None, settings: ChecksConfig
) -> SavedBaseline | TimeWindow | None:
    """The baseline: of a file, or the same sources at an earlier time."""
    from apilog.checks.baseline_file import read_baseline

    if file and earlier:
        raise UsageError(
            "--baseline and --baseline-since both give a baseline", "leave one of them out"
        )
    path = file or (None if earlier else settings.baseline)
    return read_baseline(path) if path else earlier
