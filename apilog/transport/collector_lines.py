"""Envelopes of collectors that put a time, a tag or labels before an event, on one line.

What follows them is the event: an object of JSON, or one that is written as Ruby writes it, or the
line that a program wrote.
"""

from __future__ import annotations

import string

import polars as pl

from apilog.transport.envelope import (
    SAMPLE_LINE,
    Envelope,
    EnvelopeSample,
    is_mostly_true,
    unwrap_lines,
)
from apilog.values.times import parse_epoch_times, parse_iso_times

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_ZONE = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
_TIME = rf"{_DATE}T{_CLOCK}{_ZONE}"
_OBJECT = r"(\{.*\})"

# A label is `name="value"`; https://grafana.com/docs/loki/latest/query/logcli/.
_LABELS = r'\{(?:[A-Za-z_][A-Za-z0-9_.]*="(?:[^"\\]|\\.)*"(?:, ?)?)*\}'
_LOGCLI = rf"^({_TIME}) +{_LABELS}[ \t]+"

# https://docs.fluentd.org/output/file, https://docs.fluentd.org/output/stdout
_FLUENTD = rf"^(?:({_DATE}T{_CLOCK}{_ZONE})\t[^\t]*\t|({_DATE} {_CLOCK} {_ZONE}) [^ ]+: ){_OBJECT}$"

# https://docs.fluentbit.io/manual/data-pipeline/outputs/standard-output
# https://docs.fluentbit.io/manual/data-pipeline/outputs/file
_EPOCH = r"[0-9]+(?:\.[0-9]+)?"
_FLUENT_BIT = (
    rf"^(?:\[[0-9]+\] )?[^ ]+: \[(?:({_EPOCH})|\[({_EPOCH}), \{{[^{{}}]*\}}\]), {_OBJECT}\]$"
)
# Within a text a quote has a backslash before it.
_ARROW = r'([^\\]")=>'
_NIL = r'([^\\]":)nil([,}])'


def _arrows_to_colons(texts: pl.Series) -> pl.Series:
    """Return objects as JSON that have arrows between keys and values."""
    if not texts.str.contains('"=>', literal=True).any():
        return texts
    colons = texts.str.replace_all(_ARROW, "${1}:")
    return colons.str.replace_all(_NIL, "${1}null$2")


def _logcli_texts(lines: pl.Series) -> pl.Series:
    rest = lines.str.replace(_LOGCLI, "")
    return rest.set(rest.str.len_bytes() == lines.str.len_bytes(), None)


def _first_group(lines: pl.Series, pattern: str) -> pl.Series:
    """Return the first group or else the second one."""
    return lines.str.extract(pattern, 1).fill_null(lines.str.extract(pattern, 2))


_QUOTED = SAMPLE_LINE.replace('"', r"\"")

LOGCLI = Envelope(
    name="logcli",
    title="logcli query: time, labels and line",
    unwrap=lambda lines: unwrap_lines(_logcli_texts(lines)),
    first_characters=string.digits,
    detect=lambda head: is_mostly_true(head.str.contains(_LOGCLI)),
    times=lambda lines: parse_iso_times(lines.str.extract(_LOGCLI, 1)),
    samples=(
        EnvelopeSample(
            (
                f'2026-10-10T13:55:36Z {{app="web", host="a"}} {SAMPLE_LINE}',
                f"2026-10-10T13:55:36+02:00 {{}}          {SAMPLE_LINE}",
            ),
            (SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)

FLUENTD = Envelope(
    name="fluentd",
    title="fluentd's outputs file and stdout: time, tag and an object",
    unwrap=lambda lines: unwrap_lines(lines.str.extract(_FLUENTD, 3)),
    first_characters=string.digits,
    detect=lambda head: is_mostly_true(head.str.contains(_FLUENTD)),
    times=lambda lines: parse_iso_times(_first_group(lines, _FLUENTD)),
    samples=(
        EnvelopeSample(
            (
                '2026-10-10T13:55:36+00:00\tweb.access\t{"method":"GET"}',
                '2026-10-10 13:55:36.123456789 +0000 web.access: {"method":"GET"}',
            ),
            ('{"method":"GET"}', '{"method":"GET"}'),
        ),
    ),
)

FLUENT_BIT = Envelope(
    name="fluent-bit",
    title="Fluent Bit's outputs stdout and file: tag, time and an object",
    unwrap=lambda lines: unwrap_lines(_arrows_to_colons(lines.str.extract(_FLUENT_BIT, 3))),
    detect=lambda head: is_mostly_true(head.str.contains(_FLUENT_BIT)),
    times=lambda lines: parse_epoch_times(_first_group(lines, _FLUENT_BIT)),
    samples=(
        EnvelopeSample(
            (
                f'[0] kube.web: [[1791640536.618000031, {{}}], {{"log"=>"{_QUOTED}", "n"=>nil}}]',
                f'[1] kube.web: [1791640536.618000031, {{"log"=>"{_QUOTED}"}}]',
                f'web.access: [1791640536.618000031, {{"log":"{_QUOTED}"}}]',
            ),
            (
                f'{{"log":"{_QUOTED}", "n":null}}',
                f'{{"log":"{_QUOTED}"}}',
                f'{{"log":"{_QUOTED}"}}',
            ),
        ),
    ),
)
