"""Syslog, as files and collectors hold it: RFC 3164, with ISO times as rsyslog writes them,
and RFC 5424.

A syslog stream is shared. A line counts as inside only if its program is a web server or
its text looks like an access line; `is_of_another_program` is for all the rest.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.envelopes.base import (
    LOOKS_LIKE_ACCESS,
    Envelope,
    Sample,
    Unwrapped,
    mostly,
    unwrapped,
)
from apilog.formats.envelopes.yearless import yearless_times
from apilog.formats.times import iso_times

_WEB_SERVERS = (
    r"(?i)nginx|openresty|angie|tengine|apache|httpd|traefik|haproxy|caddy|envoy|kong|varnish"
    r"|ingress|gateway|access"
)
"""Found in the tag of programs whose every line is taken to be theirs."""

_COUNT = r"^[0-9]{1,7} <"
"""The length that goes before a message in a TCP stream."""
_PRIORITY = r"^(?:<[0-9]{1,3}>)?"
_BSD_TIME = r"[A-Z][a-z]{2} [ 0-9][0-9] (?:[0-9]{4} )?[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
_ISO_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9:.,]+(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_HOST = r"[A-Za-z0-9_.:%/-]*[A-Za-z0-9_.%/-]"
_HEADER = rf"{_PRIORITY}(?:{_BSD_TIME}|{_ISO_TIME}) (?:{_HOST} )?"
"""Up to the tag; the host may be missing, as in what nginx sends with `nohostname`."""
_TAG = r"^[A-Za-z0-9_.@/+-]{1,128}(?:\[[^\[\]\s]*\])?$"

_HEADER_5424 = r"^<[0-9]{1,3}>[1-9][0-9]? [^ ]+ [^ ]+ "
_REST_5424 = (
    r"^[^ ]+ [^ ]+ "  # process and message ids
    r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+)(?: |$)'
    "\ufeff?"
)


_STAMP = rf"{_PRIORITY}({_BSD_TIME}|{_ISO_TIME}) "
_STAMP_5424 = r"^<[0-9]{1,3}>[1-9][0-9]? ([^ ]+) "
_HEADED = rf"^(?:[0-9]{{1,7}} )?(?:<[0-9]{{1,3}}>|{_BSD_TIME}|{_ISO_TIME} )"
"""What every line of syslog begins with; cheaper than to take it apart."""


def unwrap_3164(lines: pl.Series) -> Unwrapped:
    """The texts after `time host tag:`."""
    tags, texts = _split_3164(_without_count(lines))
    return unwrapped(keep_access(tags, texts))


def unwrap_5424(lines: pl.Series) -> Unwrapped:
    """The messages."""
    tags, texts = _split_5424(_without_count(lines))
    return unwrapped(keep_access(tags, texts))


def _times_3164(lines: pl.Series) -> pl.Series:
    return yearless_times(_without_count(lines).str.extract(_STAMP, 1))


def _times_5424(lines: pl.Series) -> pl.Series:
    return iso_times(_without_count(lines).str.extract(_STAMP_5424, 1))


def is_of_another_program(lines: pl.Series) -> pl.Series:
    """Which lines are syslog of a program that is no web server, and no access lines."""
    headed = lines.str.contains(_HEADED)
    rows = headed.arg_true()
    return headed.scatter(rows, _is_foreign(lines.gather(rows))) if len(rows) else headed


def _is_foreign(lines: pl.Series) -> pl.Series:
    lines = _without_count(lines)
    tags, texts = _split_3164(lines)
    newer_tags, newer_texts = _split_5424(lines)
    tags = tags.zip_with(texts.is_not_null(), newer_tags)
    texts = texts.zip_with(texts.is_not_null(), newer_texts)
    # An ISO time may begin a line of any log; without a tag only the older time tells syslog.
    headed = texts.is_not_null() | lines.str.contains(_PRIORITY + _BSD_TIME)
    return headed & keep_access(tags, texts.fill_null(lines)).is_null()


def keep_access(programs: pl.Series, texts: pl.Series) -> pl.Series:
    """The texts, null where a program that is no web server wrote what is no access line."""
    others = ~programs.str.contains(_WEB_SERVERS).fill_null(False)
    if not others.any():
        return texts
    foreign = others.arg_true()
    unlike = ~texts.gather(foreign).str.contains(LOOKS_LIKE_ACCESS).fill_null(False)
    return texts.clone().scatter(foreign.filter(unlike), None)


def _without_count(lines: pl.Series) -> pl.Series:
    return lines.str.replace(_COUNT, "<")


def _split_3164(lines: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Tags and texts, null where the line has no header or no tag."""
    rest = lines.str.replace(_HEADER, "")
    tags, texts = _split_once(rest, ": ")
    headed = (rest.str.len_bytes() < lines.str.len_bytes()) & tags.str.contains(_TAG)
    return tags.set(~headed, None), texts.set(~headed, None)


def _split_5424(lines: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Application names and messages, null where the line has no header."""
    rest = lines.str.replace(_HEADER_5424, "")
    tags, after = _split_once(rest, " ")
    texts = after.str.replace(_REST_5424, "")
    headed = (rest.str.len_bytes() < lines.str.len_bytes()) & (
        texts.str.len_bytes() < after.str.len_bytes()
    ).fill_null(False)
    return tags.set(~headed, None), texts.set(~headed, None)


def _split_once(texts: pl.Series, separator: str) -> tuple[pl.Series, pl.Series]:
    parts = texts.to_frame("text").select(pl.col("text").str.splitn(separator, 2).alias("parts"))
    before, after = parts.unnest("parts").get_columns()
    return before, after


def _detect_3164(head: pl.Series) -> bool:
    return mostly(_split_3164(_without_count(head))[1].is_not_null())


def _detect_5424(head: pl.Series) -> bool:
    return mostly(_split_5424(_without_count(head))[1].is_not_null())


_LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'

SYSLOG_3164 = Envelope(
    name="syslog",
    title="syslog (RFC 3164, and with ISO times)",
    unwrap=unwrap_3164,
    detect=_detect_3164,
    times=_times_3164,
    samples=(
        Sample(
            (
                f"<190>Oct 10 13:55:36 web1 nginx: {_LINE}",
                "Oct 10 13:55:37 web1 sshd[812]: Accepted publickey for root",
                f"Oct  1 13:55:37 web1 nginx-access[4711]: {_LINE}",
                f"2026-10-10T13:55:38.123456+00:00 web1 nginx: {_LINE}",
            ),
            (_LINE, _LINE, _LINE),
        ),
    ),
)

SYSLOG_5424 = Envelope(
    name="syslog5424",
    title="syslog (RFC 5424)",
    unwrap=unwrap_5424,
    detect=_detect_5424,
    times=_times_5424,
    samples=(
        Sample(
            (
                f"<190>1 2026-10-10T13:55:36.003Z web1 nginx 4711 - - \ufeff{_LINE}",
                f'<190>1 2026-10-10T13:55:36Z web1 nginx - ID47 [a@1 b="c\\"]d"][e@1] {_LINE}',
                "<86>1 2026-10-10T13:55:36Z web1 sshd 812 - - Accepted publickey for root",
            ),
            (_LINE, _LINE),
        ),
    ),
)
