"""Envelopes that show where a line begins: CRI, compose, kubectl, quotes, names of programs."""

from __future__ import annotations

import polars as pl

from apilog.transport.envelope import (
    SAMPLE_LINE,
    Envelope,
    EnvelopeSample,
    UnwrappedEvents,
    holds_access_lines,
    is_mostly_true,
    unwrap_lines,
    unwrap_pieces,
)
from apilog.transport.syslog import keep_access_lines
from apilog.values.times import parse_iso_times

_TIME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_CRI = rf"^{_TIME} (?:stdout|stderr) [FP](?::\S*)? ?"
_CRI_PARTIAL = rf"^{_TIME} std(?:out|err) P"
_CRI_ERRORS = rf"^{_TIME} stderr"
_COMPOSE = rf"^(?:[A-Za-z0-9._-]*[A-Za-z_][A-Za-z0-9._-]* +\| |\[pod/[^\] ]+\] )(?:{_TIME} )?"
_QUOTE_NOT_DOUBLED = r'^(?:[^"]|"")*"(?:[^"]|$)'
_QUOTE_NOT_ESCAPED = r'^(?:[^"\\]|\\.)*"'
_LAST_QUOTE_ESCAPED = r"^(?:[^\\]|\\.)*\\$"


def unwrap_cri(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after `time stream tag`; pieces (tag P) are joined."""
    texts = _strip_prefix(_CRI, lines)
    complete = ~lines.str.contains(_CRI_PARTIAL)
    if complete.all():
        return unwrap_lines(texts)
    return unwrap_pieces(texts, lines.str.contains(_CRI_ERRORS), complete)


def unwrap_compose(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after `container  | ` or `[pod/name/container] `."""
    return unwrap_lines(_strip_prefix(_COMPOSE, lines))


def unwrap_quotes(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap lines that are one quoted string, its inner quotes doubled or escaped."""
    quoted = lines.str.starts_with('"') & lines.str.ends_with('"')
    inner = lines.str.slice(1).str.strip_suffix('"').set(~quoted, None)
    undoubled = inner.str.replace_all('""', '"', literal=True)
    is_escaped = inner.str.contains(_QUOTE_NOT_DOUBLED).fill_null(False)
    if not is_escaped.any():
        return unwrap_lines(undoubled)
    broken = inner.str.contains(_QUOTE_NOT_ESCAPED) | inner.str.contains(_LAST_QUOTE_ESCAPED)
    unescaped = inner.str.replace_all(r'\\(["\\])', "$1").set(broken.fill_null(True), None)
    return unwrap_lines(unescaped.zip_with(is_escaped, undoubled))


def _strip_prefix(prefix: str, lines: pl.Series) -> pl.Series:
    """Return the lines after the prefix; null for those that do not start with it."""
    rest = lines.str.replace(prefix, "")
    return rest.set(rest.str.len_bytes() == lines.str.len_bytes(), None)


CRI = Envelope(
    name="cri",
    title="Kubernetes container log (CRI)",
    unwrap=unwrap_cri,
    detect=lambda head: is_mostly_true(head.str.contains(_CRI)),
    times=lambda lines: parse_iso_times(lines.str.extract(rf"^({_TIME}) ", 1)),
    joins_lines=True,
    samples=(
        EnvelopeSample(
            (
                f"2026-10-10T13:55:36.123456789Z stdout F {SAMPLE_LINE}",
                f"2026-10-10T13:55:36.123456789Z stdout P {SAMPLE_LINE[:40]}",
                "2026-10-10T13:55:36.123456790Z stderr F oops",
                f"2026-10-10T13:55:36.123456791+02:00 stdout F {SAMPLE_LINE[40:]}",
            ),
            (SAMPLE_LINE, SAMPLE_LINE, "oops"),
        ),
    ),
)

COMPOSE = Envelope(
    name="compose",
    title="docker compose logs, kubectl logs --prefix",
    unwrap=unwrap_compose,
    detect=lambda head: holds_access_lines(unwrap_compose(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                f"web-1  | {SAMPLE_LINE}",
                f"web-1  | 2026-10-10T13:55:36.123456789Z {SAMPLE_LINE}",
                f"[pod/web-7d4b9c6f5d-x2x9z/nginx] {SAMPLE_LINE}",
            ),
            (SAMPLE_LINE, SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)

QUOTES = Envelope(
    name="quoted",
    title="lines wrapped whole in quotes",
    unwrap=unwrap_quotes,
    detect=lambda head: holds_access_lines(unwrap_quotes(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                '"' + SAMPLE_LINE.replace('"', '""') + '"',
                '"' + SAMPLE_LINE.replace('"', r"\"") + '"',
                '"/a" "GET"',
            ),
            (SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)


_PROGRAM_TAG = (
    r"^(?:[A-Za-z0-9_.-]+ )?([A-Za-z0-9_.@/+-]*[A-Za-z][A-Za-z0-9_.@/+-]*)(?:\[[0-9]+\])?: "
)
_NO_PROGRAMS = ("unix", "requestId")
"""An address and a key, although a colon follows them."""


def unwrap_tagged(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after `program: ` or `host program[1]: `.

    Only those of web servers, and others that look like an access line.
    """
    tags = lines.str.extract(_PROGRAM_TAG, 1)
    inside = tags.is_not_null() & ~tags.is_in(_NO_PROGRAMS).fill_null(value=False)
    return unwrap_lines(
        keep_access_lines(tags, lines.str.replace(_PROGRAM_TAG, "").set(~inside, None))
    )


TAGGED = Envelope(
    name="tagged",
    title="lines after the name of their program",
    unwrap=unwrap_tagged,
    detect=lambda head: holds_access_lines(unwrap_tagged(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                f"nginx: {SAMPLE_LINE}",
                f"web1 nginx[4711]: {SAMPLE_LINE}",
                "web1 sshd[812]: Accepted publickey for root",
            ),
            (SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)
