"""Envelopes: what log drivers, collectors and shells put around the lines of a gateway."""

from __future__ import annotations

import polars as pl

from apilog.formats.envelopes.base import Envelope, Sample, Unwrapped
from apilog.formats.envelopes.journal import JOURNALD
from apilog.formats.envelopes.objects import DOCKER, OBJECT
from apilog.formats.envelopes.prefixes import CRI, QUOTES, SOURCE
from apilog.formats.envelopes.syslog import SYSLOG_3164, SYSLOG_5424

__all__ = ["ENVELOPES", "Envelope", "Sample", "Unwrapped", "detect_envelope"]

ENVELOPES = (CRI, SYSLOG_5424, SYSLOG_3164, DOCKER, JOURNALD, OBJECT, SOURCE, QUOTES)
"""All of them, the most particular first."""


def detect_envelope(lines: pl.Series) -> Envelope | None:
    """The envelope that most of these lines are in; None for bare lines.

    Blank lines do not count.
    """
    head = lines.filter(lines.str.contains(r"\S"))
    return next((envelope for envelope in ENVELOPES if envelope.detect(head)), None)
