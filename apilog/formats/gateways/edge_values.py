"""Values that load balancers and content delivery networks of all vendors write alike.

Functions take a column and return one. What is missing is an empty text or a dash.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.formats.gateways.gateway import ColumnSource, UnsetWords
from apilog.values.convert import durations_to_ms
from apilog.values.dictionary import ColumnConverter
from apilog.values.requests import (
    target_host,
    target_path,
    target_query,
)

UNSET = UnsetWords(("-", ""))

_PRINTABLE = {f"%{code:02X}": chr(code) for code in range(0x20, 0x7F) if chr(code) != "%"}
_ENCODED_SLASH = "(?i)%2F"


def decode_percents(texts: pl.Series) -> pl.Series:
    """Return texts with the escapes of printable characters decoded, encoded.

    A percent sign that is escaped itself is decoded last. What is beyond ASCII and what controls
    terminals stays as it is written.
    """

    def decode(values: pl.Series) -> pl.Series:
        if not values.str.contains("%", literal=True).any():
            return values
        # https://url.spec.whatwg.org/#application/x-www-form-urlencoded: a slash that is escaped
        # shows that a blank is a plus.
        is_form = values.str.contains(_ENCODED_SLASH).fill_null(value=False)
        spaced = values.str.replace_all("+", " ", literal=True).zip_with(is_form, values)
        plain = spaced.to_frame("text").select(
            pl.col("text").str.replace_many(_PRINTABLE, ascii_case_insensitive=True)
        )
        return plain.to_series().str.replace_all("%25", "%", literal=True)

    return UNSET.map_set(texts, decode)


def _as_it_is(texts: pl.Series) -> pl.Series:
    return texts


def request_part(
    *names: str, part: str = "asked", convert: ColumnConverter = _as_it_is
) -> tuple[ColumnSource, ...]:
    """Return the sources of a part of request lines, one per name.

    A line without a method is no request.
    """
    return tuple(ColumnSource((name,), convert, request_part=part) for name in names)


request_method = partial(request_part, part="method")
request_protocol = partial(request_part, part="protocol")
request_path = partial(request_part, convert=target_path)
request_query = partial(request_part, convert=target_query)
request_host = partial(request_part, convert=target_host)


def sum_durations_ms(*durations: pl.Series | None, unit: str = "ms") -> pl.Series:
    """Return the sums of durations in `unit`, as milliseconds; null where one of them is.

    A negative one says that there was no such phase.
    """
    total: pl.Series | None = None
    for texts in durations:
        if texts is None:
            continue
        part = durations_to_ms(texts, unit=unit)
        total = part if total is None else total + part
    if total is None:
        message = "no durations"
        raise ValueError(message)
    # Sums of binary fractions are off by less than the microsecond that durations are exact to.
    return total.round(3)


sum_seconds = partial(sum_durations_ms, unit="s")


def last_words(texts: pl.Series) -> pl.Series:
    """Return what stands behind the last slash of names of resources, encoded."""
    return UNSET.map_set(texts, lambda s: s.str.extract(r"([^/]+)/?$", 1))
