"""Syslog as files and collectors hold it: RFC 3164, RFC 5424, and ISO times as rsyslog writes them.

See https://www.rfc-editor.org/rfc/rfc3164 and https://www.rfc-editor.org/rfc/rfc5424.

A syslog stream is shared. A line counts as inside only if its program is a web server or its text
looks like an access line; `is_of_another_program` is for all the rest.
"""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta

import polars as pl

from apilog.schema import TIMESTAMP
from apilog.transport.envelope import (
    LOOKS_LIKE_ACCESS,
    SAMPLE_LINE,
    Envelope,
    EnvelopeSample,
    is_mostly_true,
    unwrap_lines,
)
from apilog.values.times import parse_iso_times, parse_times

_YEARS = 9
"""A 29 February may be eight years ago."""
_AHEAD = timedelta(days=1)
"""Clocks and zones differ: no more than this later than now is not the future yet."""
_SHAPE = r"^([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9:.]+)$"


def parse_yearless_times(texts: pl.Series, now: datetime | None = None) -> pl.Series:
    """Return the latest time not after `now` that each text can mean; it is taken as UTC.

    A text with a year, or any other time, is what it says; what is no time is null.
    """
    limit = (now or datetime.now(UTC)) + _AHEAD
    is_yearless = texts.str.contains(_SHAPE).fill_null(value=False)
    times = parse_times(texts.set(is_yearless, None))
    for year in range(limit.year, limit.year - _YEARS, -1):
        missing = (is_yearless & times.is_null()).arg_true()
        if not len(missing):
            break
        dated = texts.gather(missing).str.replace(_SHAPE, f"$1 $2 {year} $3")
        in_year = parse_times(dated)
        times = times.scatter(missing, in_year.set(in_year > limit, None).cast(TIMESTAMP))
    return times


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
_SYSLOG_TAG = r"^[A-Za-z0-9_.@/+-]{1,128}(?:\[[^\[\]\s]*\])?$"

_ELEMENT = r'\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\]'
_BOM = "\ufeff"
_HEADER_5424 = r"^<[0-9]{1,3}>[1-9][0-9]? [^ ]+ [^ ]+ "
_REST_5424 = (
    r"^[^ ]+ [^ ]+ "  # process and message ids
    rf"(?:-(?: |$)|(?:{_ELEMENT})+(?: |$|{_BOM})?)"
    # Loggly wants its token as an element, which programs put before their message:
    # https://documentation.solarwinds.com/en/success_center/loggly/content/admin/streaming-syslog-without-using-files.htm
    rf"(?:\[[^\]@\s]+@[0-9]+(?: [^\]]*)?\] ?)?{_BOM}?"
)


# Heroku leaves the structured data out:
# https://devcenter.heroku.com/articles/log-drains#log-drain-message-format
_REST_OF_HEROKU = r"^[a-z][a-z0-9_-]*(?:\.[0-9]+)? - "

_STAMP = rf"{_PRIORITY}({_BSD_TIME}|{_ISO_TIME}) "
_STAMP_5424 = r"^<[0-9]{1,3}>[1-9][0-9]? ([^ ]+) "
SYSLOG_HEADED = rf"^(?:[0-9]{{1,7}} )?(?:<[0-9]{{1,3}}>|{_BSD_TIME}|{_ISO_TIME} )"
"""What every line of syslog begins with; cheaper than taking it apart."""


def is_of_another_program(lines: pl.Series) -> pl.Series:
    """Return which lines are syslog of a program that is no web server, and no access lines."""
    is_headed = lines.str.contains(SYSLOG_HEADED)
    rows = is_headed.arg_true()
    if not len(rows):
        return is_headed
    lines = _without_count(lines.gather(rows))
    tags, texts = _split_3164(lines)
    newer_tags, newer_texts = _split_5424(lines)
    tags = tags.zip_with(texts.is_not_null(), newer_tags)
    texts = texts.zip_with(texts.is_not_null(), newer_texts)
    # An ISO time may begin a line of any log; without a tag only the older time means syslog.
    is_syslog = texts.is_not_null() | lines.str.contains(_PRIORITY + _BSD_TIME)
    is_other = keep_access_lines(tags, texts.fill_null(lines)).is_null()
    return is_headed.scatter(rows, is_syslog & is_other)


def keep_access_lines(programs: pl.Series, texts: pl.Series) -> pl.Series:
    """Return the texts, null where no web server wrote one that is no access line."""
    others = ~programs.str.contains(_WEB_SERVERS).fill_null(False)
    if not others.any():
        return texts
    foreign = others.arg_true()
    unlike = ~texts.gather(foreign).str.contains(LOOKS_LIKE_ACCESS).fill_null(False)
    return texts.clone().scatter(foreign.filter(unlike), None)


def _without_count(lines: pl.Series) -> pl.Series:
    return lines.str.replace(_COUNT, "<")


def _split_3164(lines: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return tags and texts, null where the line has no header or no tag."""
    rest = lines.str.replace(_HEADER, "")
    tags, texts = _split_once(rest, ": ")
    headed = (rest.str.len_bytes() < lines.str.len_bytes()) & tags.str.contains(_SYSLOG_TAG)
    return tags.set(~headed, None), texts.set(~headed, None)


def _split_5424(lines: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return application names and messages, null where the line has no header."""
    rest = lines.str.replace(_HEADER_5424, "")
    tags, after = _split_once(rest, " ")
    texts = after.str.replace(_REST_5424, "")
    if (tags == "heroku").any() or (tags == "app").any():
        texts = texts.zip_with(
            (texts.str.len_bytes() < after.str.len_bytes()).fill_null(False),
            after.str.replace(_REST_OF_HEROKU, ""),
        )
    headed = (rest.str.len_bytes() < lines.str.len_bytes()) & (
        texts.str.len_bytes() < after.str.len_bytes()
    ).fill_null(False)
    return tags.set(~headed, None), texts.set(~headed, None)


def _split_once(texts: pl.Series, separator: str) -> tuple[pl.Series, pl.Series]:
    parts = texts.to_frame("text").select(pl.col("text").str.splitn(separator, 2).alias("parts"))
    before, after = parts.unnest("parts").get_columns()
    return before, after


SYSLOG_3164 = Envelope(
    name="syslog",
    title="syslog (RFC 3164, and with ISO times)",
    unwrap=lambda lines: unwrap_lines(keep_access_lines(*_split_3164(_without_count(lines)))),
    first_characters="<" + string.digits + string.ascii_uppercase,
    detect=lambda head: is_mostly_true(_split_3164(_without_count(head))[1].is_not_null()),
    times=lambda lines: parse_yearless_times(_without_count(lines).str.extract(_STAMP, 1)),
    samples=(
        EnvelopeSample(
            (
                f"<190>Oct 10 13:55:36 web1 nginx: {SAMPLE_LINE}",
                "Oct 10 13:55:37 web1 sshd[812]: Accepted publickey for root",
                f"Oct  1 13:55:37 web1 nginx-access[4711]: {SAMPLE_LINE}",
                f"2026-10-10T13:55:38.123456+00:00 web1 nginx: {SAMPLE_LINE}",
            ),
            (SAMPLE_LINE, SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)

SYSLOG_5424 = Envelope(
    name="syslog5424",
    title="syslog (RFC 5424)",
    unwrap=lambda lines: unwrap_lines(keep_access_lines(*_split_5424(_without_count(lines)))),
    first_characters="<" + string.digits,
    detect=lambda head: is_mostly_true(_split_5424(_without_count(head))[1].is_not_null()),
    times=lambda lines: parse_iso_times(_without_count(lines).str.extract(_STAMP_5424, 1)),
    samples=(
        EnvelopeSample(
            (
                f"<190>1 2026-10-10T13:55:36.003Z web1 nginx 4711 - - \ufeff{SAMPLE_LINE}",
                '<190>1 2026-10-10T13:55:36Z web1 nginx - ID47 [a@1 b="c\\"]d"][e@1] '
                + SAMPLE_LINE,
                "<86>1 2026-10-10T13:55:36Z web1 sshd 812 - - Accepted publickey for root",
            ),
            (SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)
