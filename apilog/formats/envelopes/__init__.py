"""Envelopes: what log drivers, collectors and shells put around the lines of a gateway."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.formats.envelopes import cloudlogging, cloudwatch
from apilog.formats.envelopes.base import Envelope, Sample, Unwrapped
from apilog.formats.envelopes.journal import JOURNALD
from apilog.formats.envelopes.objects import DOCKER, OBJECT
from apilog.formats.envelopes.prefixes import CRI, QUOTES, SOURCE
from apilog.formats.envelopes.syslog import SYSLOG_3164, SYSLOG_5424
from apilog.formats.envelopes.tagged import TAGGED

__all__ = [
    "ENVELOPES",
    "Envelope",
    "Sample",
    "Unwrapped",
    "detect_envelope",
    "detect_envelopes",
    "unwrap",
]

ENVELOPES = (
    *cloudwatch.ENVELOPES,
    *cloudlogging.ENVELOPES,
    CRI,
    SYSLOG_5424,
    SYSLOG_3164,
    DOCKER,
    JOURNALD,
    OBJECT,
    SOURCE,
    QUOTES,
    TAGGED,
)
"""All of them, the most particular first."""

_DEEPEST = 3
_SAMPLE = 100
"""How many lines are looked at."""


def detect_envelopes(lines: pl.Series) -> tuple[Envelope, ...]:
    """The envelopes that most of these lines are in, each within the one before."""
    found: list[Envelope] = []
    while len(found) < _DEEPEST and (envelope := detect_envelope(lines)):
        found.append(envelope)
        lines = envelope.unwrap(lines).texts["text"]
    return tuple(found)


def unwrap(envelopes: Sequence[Envelope], lines: pl.Series) -> pl.Series:
    """The texts inside all of the envelopes."""
    for envelope in envelopes:
        lines = envelope.unwrap(lines).texts["text"]
    return lines


def detect_envelope(lines: pl.Series) -> Envelope | None:
    """The envelope that most of these lines are in; None for bare lines.

    Blank lines do not count.
    """
    head = lines.filter(lines.str.contains(r"\S"))
    head = head.gather_every(max(1, len(head) // _SAMPLE))
    return next((envelope for envelope in ENVELOPES if envelope.detect(head)), None)
