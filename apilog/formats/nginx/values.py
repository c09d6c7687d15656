"""What values of nginx's variables and of their kin mean: lists, quotes around texts, times.

Source: https://nginx.org/en/docs/varindex.html
"""

from __future__ import annotations

import polars as pl

from apilog.values.addresses import first_addresses
from apilog.values.convert import blank_to_null, encode_given
from apilog.values.dictionary import encode_texts, map_categories
from apilog.values.requests import target_query
from apilog.values.times import parse_layout, parse_times


def encode_header_address(values: pl.Series) -> pl.Series:
    """Return the first address of lists, encoded."""
    return map_categories(encode_texts(values), first_addresses)


def encode_unbracketed(values: pl.Series) -> pl.Series:
    """Return texts without the brackets that a field of ingress-nginx may come in."""
    return blank_to_null(map_categories(encode_texts(values), lambda s: s.str.strip_chars("[]")))


def encode_message(values: pl.Series) -> pl.Series:
    """Return texts without the quotes that may be part of them."""
    return map_categories(encode_given(values), lambda s: blank_to_null(s.str.strip_chars('" ')))


def parse_gin_times(values: pl.Series) -> pl.Series:
    """Return the times of texts like `2026/11/20 - 09:15:11`, which tell no zone, as UTC."""
    return parse_times(values.str.replace(" - ", " ", literal=True))


def parse_short_times(values: pl.Series) -> pl.Series:
    """Return the times of texts like `261120 09:15:11`, which tell no zone, as UTC."""
    return parse_layout(values, "%y%m%d %H:%M:%S")


def parse_joined_times(values: pl.Series) -> pl.Series:
    """Return the times of texts like `261120/091511.123`, in UTC."""
    return parse_layout(values, "%y%m%d/%H%M%S%.3f")


def parse_month_first(values: pl.Series) -> pl.Series:
    """Return times such as `11/21/26, 7:55:20`, which have no zone, as UTC."""
    of_century = parse_layout(values, "%m/%d/%Y, %H:%M:%S")
    short = values.str.contains("^[0-9]+/[0-9]+/[0-9]{2},").fill_null(value=False)
    return parse_layout(values, "%m/%d/%y, %H:%M:%S").zip_with(short, of_century)


def encode_host_behind(values: pl.Series) -> pl.Series:
    """Return addresses; Envoy once wrote `tcp://` before them, HAProxy `-:-` for none."""
    given = encode_given(values, ("-", "", "-:-"))
    return map_categories(given, lambda s: s.str.strip_prefix("tcp://"))


def encode_query_string(values: pl.Series) -> pl.Series:
    """Return `$args`, which has no question mark of its own, with the values of secrets masked."""
    return map_categories(encode_given(values), lambda s: target_query("?" + s))
