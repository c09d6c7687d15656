"""The section `[checks]`: what `apilog check` is asked for unless its options say otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apilog.config.table import Table

INCONCLUSIVE = ("pass", "fail", "3")
"""What becomes of the exit code where too little was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksConfig:
    """None is a setting that the file does not have."""

    thresholds: tuple[str, ...] = ()
    """As they are written; not yet parsed."""
    baseline: Path | None = None
    min_requests: int | None = None
    confidence: float | None = None
    inconclusive: str | None = None


def read_checks(table: Table) -> ChecksConfig:
    """The section. Raises UsageError for a value that is none of its kind."""
    return ChecksConfig(
        thresholds=table.texts("thresholds") or (),
        baseline=table.file("baseline"),
        min_requests=table.integer("min_requests", least=0),
        confidence=table.number("confidence"),
        inconclusive=table.choice("inconclusive", INCONCLUSIVE),
    )
