"""Text to numbers, a column at a time.

Invariant: no text makes a conversion raise. A missing value (null, empty or `-`) and one
that can't be understood are null; whoever needs the column rejects those lines.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from apilog.values.dictionary import encode_texts, map_categories, map_texts
from apilog.values.times import (
    parse_clf_times,
    parse_epoch_times,
    parse_iso_times,
    parse_joined_clf_times,
    parse_times,
)

__all__ = [
    "blank_to_null",
    "durations_to_ms",
    "last_upstream_status",
    "parse_clf_times",
    "parse_epoch_times",
    "parse_iso_times",
    "parse_joined_clf_times",
    "parse_times",
    "seconds_to_ms",
    "sum_upstream_ms",
    "to_floats",
    "to_integers",
    "to_sizes",
    "to_statuses",
]

LONGEST_MS = 1e11
"""Durations over three years are no durations; they would overflow sums."""
LARGEST_BYTES = 2**53
"""Sizes over 9 PB are no sizes; they would overflow sums."""

_MS_PER_UNIT = {
    "ns": 1e-6,
    "us": 1e-3,
    "µs": 1e-3,
    "μs": 1e-3,
    "ms": 1.0,
    "s": 1e3,
    "m": 60e3,
    "h": 3600e3,
}
_COMPOUND_DURATION = r"^(?:(?<h>\d+)h)?(?:(?<m>\d+)m)?(?:(?<s>[\d.]+)s)?$"


def blank_to_null(s: pl.Series) -> pl.Series:
    """The texts, encoded or not, with empty ones and `-` as null."""
    return map_texts(s, _null_blanks)


def to_integers(s: pl.Series) -> pl.Series:
    """Whole numbers (Int64); `12.0` is one, `12.5` and what does not fit are null."""
    if s.dtype.is_numeric():
        return s.cast(pl.Int64, strict=False)
    return map_texts(
        s,
        lambda texts: _retry_nulls(texts, texts.cast(pl.Int64, strict=False), _parse_whole_floats),
    )


def to_floats(s: pl.Series) -> pl.Series:
    """Numbers (Float64), blanks around them ignored; NaN and infinities are null."""
    if s.dtype.is_numeric():
        numbers = s.cast(pl.Float64)
        return numbers.set(~numbers.is_finite(), None)
    return map_texts(s, _parse_floats)


def to_statuses(s: pl.Series) -> pl.Series:
    """Status codes (Int16); 0, 000 and what is not within 100 to 999 are null."""
    codes = to_integers(s)
    return codes.set(~codes.is_between(100, 999), None).cast(pl.Int16)


def to_sizes(s: pl.Series) -> pl.Series:
    """Sizes in bytes (Int64); negative and absurd ones are null."""
    found = to_integers(s)
    return found.set(~found.is_between(0, LARGEST_BYTES), None)


def seconds_to_ms(s: pl.Series) -> pl.Series:
    """Seconds as text to milliseconds, rounded to microseconds: `0.057` is 57.0."""
    return scale_to_ms(to_floats(s), 1e3)


def durations_to_ms(s: pl.Series, unit: str = "s") -> pl.Series:
    """Durations as text to milliseconds: `12ms`, `1.5s`, `250us`, `1m30s`.

    A number without a unit is in `unit`, one of ns, us, ms, s, m and h.
    """
    factor = _MS_PER_UNIT[unit]

    def convert(texts: pl.Series) -> pl.Series:
        plain = scale_to_ms(texts.cast(pl.Float64, strict=False), factor)
        return _retry_nulls(texts, plain, lambda rest: _parse_with_unit(rest, factor))

    return map_texts(s, convert)


def sum_upstream_ms(s: pl.Series) -> pl.Series:
    """Milliseconds over all attempts of an nginx list such as `0.100, - : 0.300`.

    Entries `-` count nothing; with nothing else the sum is null, as it is for a list
    with an entry that is no number.
    """

    if s.dtype.is_numeric():
        return seconds_to_ms(s)

    def convert(texts: pl.Series) -> pl.Series:
        single = scale_to_ms(texts.cast(pl.Float64, strict=False), 1e3)
        return _retry_nulls(texts, single, lambda lists: _per_distinct(lists, _sum_attempts))

    return map_texts(s, convert)


def last_upstream_status(s: pl.Series) -> pl.Series:
    """The last status (Int16) of an nginx list such as `502, 404 : 200`; `-` is null."""

    def convert(texts: pl.Series) -> pl.Series:
        codes = texts.cast(pl.Int64, strict=False)
        codes = _retry_nulls(texts, codes, lambda lists: _per_distinct(lists, _last_attempt_status))
        return codes.set(~codes.is_between(100, 999), None).cast(pl.Int16)

    return map_texts(s, convert)


def mark_no_upstream(status: pl.Series, upstream_status: pl.Series) -> pl.Series:
    """`no_upstream` where a proxy answered 5xx and had contacted no upstream; texts of both.

    A log that tells the upstream's status tells by its absence that the proxy itself failed.
    """
    contacted = (~upstream_status.is_in(["", "-", "0"])).fill_null(value=False)
    failed = to_statuses(status).is_between(500, 599).fill_null(value=False)
    return (
        pl.DataFrame({"failed": failed & ~contacted})
        .select(pl.when("failed").then(pl.lit("no_upstream")).cast(pl.String))
        .to_series()
    )


def scale_to_ms(numbers: pl.Series, factor: float) -> pl.Series:
    """Durations (Float64) times a factor, to the microsecond; negative ones are null."""
    # Polars divides by one number as it multiplies by its inverse, which is off by a bit.
    exact = (numbers * (factor * 1e3)).round() / pl.repeat(1e3, len(numbers), eager=True)
    # Comparisons with NaN and null are no match, so both end as null.
    return exact.set(~exact.is_between(0.0, LONGEST_MS).fill_null(value=False), None)


def _null_blanks(s: pl.Series) -> pl.Series:
    blank = (s == "-") | (s == "")
    return s.set(blank, None) if blank.any() else s


def _retry_nulls(
    s: pl.Series, result: pl.Series, parse: Callable[[pl.Series], pl.Series]
) -> pl.Series:
    """The result, with values that it lacks parsed another way."""
    if result.null_count() == s.null_count():
        return result
    left = result.is_null() & (s != "-") & (s != "")
    left = left.fill_null(value=False)
    if not left.any():
        return result
    position = (left.cum_sum() - 1).cast(pl.UInt32).set(~left, None)
    return parse(s.filter(left)).gather(position).zip_with(left, result)


def _per_distinct(s: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    return map_categories(encode_texts(s), function)


def _parse_floats(s: pl.Series) -> pl.Series:
    found = _retry_nulls(
        s,
        s.cast(pl.Float64, strict=False),
        lambda rest: rest.str.strip_chars().cast(pl.Float64, strict=False),
    )
    return found.set(~found.is_finite(), None)


def _parse_whole_floats(s: pl.Series) -> pl.Series:
    numbers = s.str.strip_chars().cast(pl.Float64, strict=False)
    numbers = numbers.set(~((numbers % 1) == 0), None)
    return (
        s.str.strip_chars()
        .cast(pl.Int64, strict=False)
        .fill_null(numbers.cast(pl.Int64, strict=False))
    )


def _parse_with_unit(s: pl.Series, factor: float) -> pl.Series:
    """Milliseconds of durations that carry a unit, or blanks around a plain number."""
    texts = s.str.strip_chars()
    result = scale_to_ms(texts.cast(pl.Float64, strict=False), factor)
    for unit in ("ns", "us", "µs", "μs", "ms", "s"):
        chosen = texts.str.ends_with(unit) & result.is_null()
        if chosen.any():
            numbers = texts.str.strip_suffix(unit).str.strip_chars_end()
            found = scale_to_ms(numbers.cast(pl.Float64, strict=False), _MS_PER_UNIT[unit])
            result = found.zip_with(chosen, result)
    return _retry_nulls(texts, result, lambda rest: _per_distinct(rest, _parse_compound))


def _parse_compound(s: pl.Series) -> pl.Series:
    """Milliseconds of durations such as `1h2m3.5s`."""
    parts = s.str.extract_groups(_COMPOUND_DURATION).struct.unnest()
    total = pl.sum_horizontal(
        pl.col(unit).cast(pl.Float64, strict=False) * _MS_PER_UNIT[unit] for unit in "hms"
    )
    known = pl.any_horizontal(pl.col(unit).is_not_null() for unit in "hms")
    return scale_to_ms(parts.select(pl.when(known).then(total)).to_series(), 1.0)


def _split_attempts(s: pl.Series) -> pl.Series:
    return s.str.replace_all(":", ",", literal=True).str.split(",")


def _sum_attempts(s: pl.Series) -> pl.Series:
    entry = pl.element().str.strip_chars()
    given = pl.element().filter((entry != "-") & (entry != "")).str.strip_chars()
    numbers = _split_attempts(s).list.eval(given.cast(pl.Float64, strict=False))
    total = scale_to_ms(numbers.list.sum(), 1e3)
    sound = (numbers.list.len() > 0) & ~numbers.list.contains(None)
    return total.set(~sound, None)


def _last_attempt_status(s: pl.Series) -> pl.Series:
    return to_integers(_split_attempts(s).list.last().str.strip_chars())
