"""Every envelope, and which of them a file is in."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.transport.cloudwatch import CLOUDWATCH_ENVELOPES
from apilog.transport.collector_lines import FLUENT_BIT, FLUENTD, LOGCLI
from apilog.transport.csv_messages import CSV_MESSAGES, infer_csv_envelope
from apilog.transport.envelope import Envelope, begins_as_in
from apilog.transport.json_envelopes import CLOUD_LOGGING, DOCKER, JOURNALD, JSON_WRAPPED
from apilog.transport.line_prefixes import COMPOSE, CRI, PM2, PM2_TIMED, QUOTES, STAMPED, TAGGED
from apilog.transport.logger_prefixes import (
    CONTEXT,
    ELIXIR_CLOCK,
    ELIXIR_LOGGER,
    JAVA_LOGGING,
    NEST,
    PINO_PRETTY,
    PYTHON_BASIC,
    PYTHON_LOGGING,
    RAILS_TAGS,
    RUBY_LOGGER,
    SPRING_LOGGING,
    WSO2_METRICS,
    ZAP_CONSOLE,
    ZEROLOG_CLOCK,
    ZEROLOG_CONSOLE,
)
from apilog.transport.nested_objects import NESTED_ENVELOPES
from apilog.transport.syslog import SYSLOG_3164, SYSLOG_5424

ENVELOPES = (
    CSV_MESSAGES,
    LOGCLI,
    *CLOUDWATCH_ENVELOPES,
    CLOUD_LOGGING,
    CRI,
    FLUENTD,
    FLUENT_BIT,
    SYSLOG_5424,
    SYSLOG_3164,
    DOCKER,
    JOURNALD,
    *NESTED_ENVELOPES,
    JSON_WRAPPED,
    COMPOSE,
    PM2,
    PM2_TIMED,
    RUBY_LOGGER,
    RAILS_TAGS,
    WSO2_METRICS,
    ZAP_CONSOLE,
    ZEROLOG_CONSOLE,
    ZEROLOG_CLOCK,
    PINO_PRETTY,
    ELIXIR_LOGGER,
    ELIXIR_CLOCK,
    NEST,
    SPRING_LOGGING,
    JAVA_LOGGING,
    PYTHON_BASIC,
    PYTHON_LOGGING,
    STAMPED,
    QUOTES,
    TAGGED,
    CONTEXT,
)
"""All of them, the most particular first."""

_MOST_NESTED = 3
_SAMPLE_SIZE = 100
"""How many lines are looked at."""


def detect_envelopes(lines: pl.Series, whole: pl.Series | None = None) -> tuple[Envelope, ...]:
    """Return the envelopes that most of these lines are in, each within the one before.

    `whole` is the same lines with all that is skipped, such as the header of a table.
    """
    envelopes: list[Envelope] = []
    headed = lines if whole is None else whole
    if table := infer_csv_envelope(headed):
        envelopes.append(table)
        lines = table.unwrap(headed).texts["text"]
    while len(envelopes) < _MOST_NESTED and (envelope := detect_envelope(lines)):
        envelopes.append(envelope)
        lines = envelope.unwrap(lines).texts["text"]
    return tuple(envelopes)


def unwrap_texts(envelopes: Sequence[Envelope], lines: pl.Series) -> pl.Series:
    """Return the texts inside all of the envelopes."""
    for envelope in envelopes:
        lines = envelope.unwrap(lines).texts["text"]
    return lines


def detect_envelope(lines: pl.Series) -> Envelope | None:
    """Return the envelope that most of these lines are in; None for bare lines.

    Blank lines do not count.
    """
    head = lines.filter(lines.str.contains(r"\S"))
    head = head.gather_every(max(1, len(head) // _SAMPLE_SIZE))
    lines_of_head = head.to_list()
    envelope = next(
        (e for e in ENVELOPES if begins_as_in(e, lines_of_head) and e.detect(head)), None
    )
    return infer_csv_envelope(head) if envelope is CSV_MESSAGES else envelope
