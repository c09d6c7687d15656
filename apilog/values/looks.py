"""What texts look like: a time, a request line, an address, a size.

Each function takes a series of texts and returns which of them have the look. Names of fields are
unreliable; a text that does not have the look of a column is never put there.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from apilog.values.convert import (
    durations_to_ms,
    sizes_with_unit,
    to_floats,
    to_integers,
    to_statuses,
)
from apilog.values.requests import first_of_json_list
from apilog.values.times import parse_times

ValueLook = Callable[[pl.Series], pl.Series]
"""Takes texts, none of them null, and returns which have the look (Boolean)."""

_YEAR_2000 = 946_684_800_000_000
_YEAR_2100 = 4_102_444_800_000_000
_ADDRESS = (
    r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.%a-z0-9]*:[0-9A-Fa-f:.]*\]?)"
)
_ADDRESS_LIST = rf'^\s*(?:\["?)?(?:unix:|{_ADDRESS}(?::[0-9]{{1,5}})?(?:\s*,|"|\s*$))'
_REQUEST_LINE = r"^[A-Z][A-Z_-]{1,31} +\S"
_METHOD = r"^[A-Za-z][A-Za-z_-]{1,31}$"
_COMMON_METHOD = r"^(?i:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$"
_TARGET = r"^(?:/|\*$|[A-Za-z][A-Za-z0-9+.-]{0,15}://|[A-Za-z0-9._-]+(?::[0-9]{1,5})?/)[^\s]*"
_PROTOCOL = r"^(?:(?i:https?|http|spdy|h2c?|h3|grpc|ws|wss|tcp|tls)\b.*|[0-9](?:\.[0-9])?)$"
_HOST = (
    r"^(?:\[?[0-9A-Fa-f:.%]+\]?|[A-Za-z0-9_*](?:[A-Za-z0-9_.*-]*[A-Za-z0-9_*.])?)(?::[0-9]{1,5})?$"
)
_STATUS_LIST = r"^(?:[0-9]{1,3}|-)(?:(?:\s*,\s*|\s+:\s+)(?:[0-9]{1,3}|-))*$"
_UPSTREAM_LIST = r"^\s*(?:[0-9]+(?:\.[0-9]+)?|-)(?:(?:\s*,\s*|\s+:\s+)(?:[0-9]+(?:\.[0-9]+)?|-))+"
_UPSTREAM = (
    r"^(?:unix:\S+|(?:[a-z][a-z0-9+.-]*://)?[A-Za-z0-9._-]+:[0-9]{1,5}(?:[/,\s].*)?"
    r"|(?:[a-z][a-z0-9+.-]*://)?\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}.*|[a-z][a-z0-9+.-]*://\S+"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:[/,\s].*)?)$"
)
_IDENTIFIER = r'^(?:[^\s{\[][^\s]*|\["[^\s"]+".*\])$'
"""One word, or a list of such in JSON, as Go writes headers."""
_WORDY = r"[A-Za-z0-9]"


def is_text(s: pl.Series) -> pl.Series:
    """Return which texts are no objects and no switches."""
    return ~(s.str.starts_with("{") | s.is_in(["true", "false"]))


def is_time(s: pl.Series) -> pl.Series:
    """Return which texts are times; numbers may be anything, so they lie in this century."""
    times = parse_times(s)
    is_written_out = s.str.contains("[-/:]")
    is_recent = times.to_physical().is_between(_YEAR_2000, _YEAR_2100)
    return times.is_not_null() & (is_written_out | is_recent)


def is_yearless_time(s: pl.Series) -> pl.Series:
    """Return which texts are times like `Nov 20 12:00:01`."""
    return s.str.contains(r"^[A-Z][a-z]{2} +[0-9]{1,2} [0-9:.]{8,}$")


def is_moment(s: pl.Series) -> pl.Series:
    """Return which texts are times, whatever they are called.

    They are a date with a time of day, or seconds and finer from 2001 to 2033.
    """
    is_written_out = s.str.contains(r"[0-9]{4}.*[0-9]{2}:[0-9]{2}|[0-9]{2}:[0-9]{2}.*[0-9]{4}")
    is_epoch = s.str.contains(r"^1[0-9]{9}(?:\.[0-9]{1,6}|[0-9]{3}(?:[0-9]{3}){0,2})?$")
    may_be = is_written_out | is_epoch
    # Parsing in every way that there is takes a hundred times as long as these looks.
    return may_be & is_time(s) if may_be.any() else may_be


def is_date(s: pl.Series) -> pl.Series:
    """Return which texts are dates alone, the year first."""
    return s.str.contains(r"^[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}$")


def is_clock(s: pl.Series) -> pl.Series:
    """Return which texts are times of day alone."""
    return s.str.contains(r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z?$")


def is_request_line(s: pl.Series) -> pl.Series:
    """Return which texts begin like `GET /path`."""
    return s.str.contains(_REQUEST_LINE)


def is_target(s: pl.Series) -> pl.Series:
    """Return which texts are paths or URLs, also `host/path`."""
    return s.str.contains(_TARGET) & ~is_request_line(s)


def is_url_with_host(s: pl.Series) -> pl.Series:
    """Return which texts are URLs that name a host, also `host/path`."""
    return is_target(s) & ~s.str.contains(r"^[/*]")


def is_path(s: pl.Series) -> pl.Series:
    """Return which texts begin with a slash."""
    return s.str.starts_with("/")


def is_method(s: pl.Series) -> pl.Series:
    """Return which texts are one word of letters."""
    return s.str.contains(_METHOD)


def is_common_method(s: pl.Series) -> pl.Series:
    """Return which texts are the verbs that APIs use, whatever the field is called."""
    return s.str.contains(_COMMON_METHOD)


def are_concrete_paths(s: pl.Series) -> pl.Series:
    """Return which texts are paths if the field holds no templates; none if it does, or may.

    A number as a segment, or a query, stands in no template; braces, colons and stars do.
    """
    is_concrete = s.str.contains(r"^/\S*(?:\?|/[0-9]+(?:/|$))").any()
    is_template = s.str.contains(r"[{}<>*]|/:").any()
    return is_path(s) & bool(is_concrete and not is_template)


def is_method_or_code(s: pl.Series) -> pl.Series:
    """Return which texts are methods or the numbers of methods."""
    return is_method(s) | s.str.contains(r"^[0-9]{1,2}$")


def is_protocol(s: pl.Series) -> pl.Series:
    """Return which texts are protocols such as `HTTP/1.1`, `h2`, `https` or `1.1`."""
    return s.str.contains(_PROTOCOL)


def is_host(s: pl.Series) -> pl.Series:
    """Return which texts are names or addresses of hosts, with or without a port."""
    return first_of_json_list(s).str.contains(_HOST)


def is_status(s: pl.Series) -> pl.Series:
    """Return which texts are status codes; 0 is that of a client that had gone."""
    is_zero = (to_integers(s) == 0).fill_null(value=False)
    return to_statuses(s).is_not_null() | is_zero


def is_status_list(s: pl.Series) -> pl.Series:
    """Return which texts are status codes, one per attempt."""
    return is_status(s) | s.str.contains(_STATUS_LIST)


def is_duration(s: pl.Series) -> pl.Series:
    """Return which texts are numbers or durations with a unit; -1 stands for none."""
    # Numbers of any size: the unit is not known yet.
    return to_floats(s).is_not_null() | durations_to_ms(s).is_not_null()


def is_duration_list(s: pl.Series) -> pl.Series:
    """Return which texts are durations, one per attempt."""
    return is_duration(s) | s.str.contains(_UPSTREAM_LIST)


def is_size(s: pl.Series) -> pl.Series:
    """Return which texts are sizes; -1 stands for one that is not known."""
    return sizes_with_unit(s).is_not_null() | (s == "-1")


def is_address(s: pl.Series) -> pl.Series:
    """Return which texts are IP addresses, with or without a port, or lists of them."""
    return s.str.contains(_ADDRESS_LIST)


def is_upstream(s: pl.Series) -> pl.Series:
    """Return which texts are addresses of services, one per attempt."""
    return s.str.contains(_UPSTREAM)


def is_identifier(s: pl.Series) -> pl.Series:
    """Return which texts are one word, such as ids have it."""
    return s.str.contains(_IDENTIFIER)


def is_wordy(s: pl.Series) -> pl.Series:
    """Return which texts hold a letter or a digit and are no objects."""
    return s.str.contains(_WORDY) & is_text(s)
