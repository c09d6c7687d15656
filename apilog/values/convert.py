"""Text to numbers, a column at a time.

Invariant: no text makes a conversion raise. A missing value (null, empty or `-`) and one
that can't be understood are null; whoever needs the column rejects those lines.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce
from operator import or_

import polars as pl

from apilog.schema import NO_RESPONSE, NO_UPSTREAM
from apilog.values.dictionary import encode_texts, map_categories, map_texts, retry_nulls
from apilog.values.integers import takes_integers

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
    "d": 86400e3,
}
_MS_PER_WORD = {
    word: _MS_PER_UNIT[unit]
    for unit, words in {
        "ns": "ns nsec nanos nanosecond nanoseconds",
        "us": "us µs μs usec micros microsecond microseconds",
        "ms": "ms msec msecs millis millisecond milliseconds",
        "s": "s sec secs second seconds",
        "m": "m min mins minute minutes",
    }.items()
    for word in words.split()
}
"""The words that may stand behind the number of a duration, in lower case."""
# A comma that can't set thousands apart is a decimal one.
_NUMBER_AND_UNIT = (
    r"^(?<number>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+)"
    r"\s*(?<unit>[A-Za-zµμ]+)$"
)
_STATUS_AND_REASON = r"^([1-9][0-9]{2}) [A-Za-z]"
_BYTES = r"^\s*([0-9]{1,16}) ?(?i:B|bytes?|octets?)\s*$"
_LIST_AND_UNIT = r"^(?<list>[0-9.,: -]*[0-9])\s*(?<unit>[A-Za-zµμ]+)$"
_COMPOUND_DURATIONS = (
    # As Go's Duration prints itself: https://pkg.go.dev/time#Duration.String
    r"^(?:(?<h>[0-9]+)h)?(?:(?<m>[0-9]+)m)?(?:(?<s>[0-9.]+)s)?$",
    # ISO 8601, as Java's Duration does: https://docs.oracle.com/javase/8/docs/api/java/time/Duration.html
    r"^P(?:(?<d>[0-9]+)D)?(?:T(?:(?<h>[0-9]+)H)?(?:(?<m>[0-9]+)M)?(?:(?<s>[0-9.]+)S)?)?$",
    # As .NET's TimeSpan does: https://learn.microsoft.com/dotnet/standard/base-types/standard-timespan-format-strings
    r"^(?:(?<d>[0-9]+)\.)?(?<h>[0-9]{1,2}):(?<m>[0-9]{2}):(?<s>[0-9]{2}(?:\.[0-9]+)?)$",
)


def blank_to_null(s: pl.Series, blanks: Collection[str] = ("-", "")) -> pl.Series:
    """Return the texts, encoded or not, with those that stand for nothing as null."""
    if isinstance(s.dtype, pl.Categorical):
        return map_categories(s, lambda texts: blank_to_null(texts, blanks))
    is_blank = reduce(or_, (s == blank for blank in blanks))
    return s.set(is_blank, None) if is_blank.any() else s


def encode_given(s: pl.Series, blanks: Collection[str] = ("-", "")) -> pl.Series:
    """Return texts that repeat, dictionary-encoded, with those that stand for nothing as null."""
    return blank_to_null(encode_texts(s), blanks)


@takes_integers
def to_integers(s: pl.Series) -> pl.Series:
    """Parse whole numbers (Int64); `12.0` is one, `12.5` and what does not fit are null."""
    if s.dtype.is_numeric():
        return s.cast(pl.Int64, strict=False)

    def parse_any(texts: pl.Series) -> pl.Series:
        bare = texts.str.strip_chars()
        numbers = bare.cast(pl.Float64, strict=False)
        whole = numbers.set(~((numbers % 1) == 0), None).cast(pl.Int64, strict=False)
        # A float has 53 bits for its digits: what is an integer as text is read as one.
        return bare.cast(pl.Int64, strict=False).fill_null(whole)

    return map_texts(s, lambda t: retry_nulls(t, t.cast(pl.Int64, strict=False), parse_any))


@takes_integers
def to_floats(s: pl.Series) -> pl.Series:
    """Parse numbers (Float64), blanks around them ignored; NaN and infinities are null."""
    if s.dtype.is_numeric():
        numbers = s.cast(pl.Float64)
        return numbers.set(~numbers.is_finite(), None)

    def parse(texts: pl.Series) -> pl.Series:
        numbers = retry_nulls(
            texts,
            texts.cast(pl.Float64, strict=False),
            lambda missed: missed.str.strip_chars().cast(pl.Float64, strict=False),
        )
        return numbers.set(~numbers.is_finite(), None)

    return map_texts(s, parse)


@takes_integers
def to_statuses(s: pl.Series) -> pl.Series:
    """Parse status codes (Int16); 0, 000 and what is not within 100 to 999 are null.

    A reason may stand behind the code, as in `404 Not Found`.
    """
    codes = to_integers(s)
    if not s.dtype.is_numeric():
        codes = retry_nulls(
            s.cast(pl.String),
            codes,
            lambda missed: missed.str.extract(_STATUS_AND_REASON, 1).cast(pl.Int64, strict=False),
        )
    return codes.set(~codes.is_between(100, 999), None).cast(pl.Int16)


@takes_integers
def to_sizes(s: pl.Series) -> pl.Series:
    """Parse sizes in bytes (Int64); negative and absurd ones are null."""
    sizes = to_integers(s)
    return sizes.set(~sizes.is_between(0, LARGEST_BYTES), None)


@takes_integers
def sizes_with_unit(s: pl.Series) -> pl.Series:
    """Parse sizes in bytes that may end in their unit: `120B`, `120 bytes`.

    Sizes in larger units are rounded, and null.
    """
    if s.dtype.is_numeric():
        return to_sizes(s)

    def parse_with_unit(missed: pl.Series) -> pl.Series:
        return missed.str.extract(_BYTES, 1).cast(pl.Int64, strict=False)

    sizes = retry_nulls(s.cast(pl.String), to_integers(s), parse_with_unit)
    return sizes.set(~sizes.is_between(0, LARGEST_BYTES), None)


@takes_integers
def to_counts(s: pl.Series) -> pl.Series:
    """Parse small counts (Int16), such as those of attempts; negative and absurd ones are null."""
    counts = to_integers(s)
    return counts.set(~counts.is_between(0, 32_767), None).cast(pl.Int16)


def attempts_of_retries(retries: pl.Series, server: pl.Series) -> pl.Series:
    """Return how often HAProxy tried to connect (Int16): once more than it retried.

    A `+` before the number says that the last one was to another server. Null without a server.
    """
    tried = to_counts(retries.str.strip_prefix("+")) + 1
    is_none = server.is_in(["-", "", "<NOSRV>", "<STATS>"]).fill_null(value=True)
    return tried.set(is_none, None).cast(pl.Int16)


def upstream_status_by_details(details: pl.Series, status: pl.Series) -> pl.Series:
    """Return the status (Int16) where Envoy says that the upstream set it: `via_upstream`.

    See https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details
    """
    is_upstreams = (details == "via_upstream").fill_null(value=False)
    return to_statuses(status).set(~is_upstreams, None)


def seconds_to_ms(s: pl.Series) -> pl.Series:
    """Convert seconds as text to milliseconds, rounded to microseconds: `0.057` is 57.0."""
    return scale_to_ms(to_floats(s), 1e3)


def seconds_or_ms(s: pl.Series) -> pl.Series:
    """Parse durations that are seconds if they have a point, and milliseconds otherwise."""
    is_seconds = s.str.contains(".", literal=True).fill_null(value=False)
    return seconds_to_ms(s).zip_with(is_seconds, durations_to_ms(s, "ms"))


@takes_integers
def durations_to_ms(s: pl.Series, unit: str = "s") -> pl.Series:
    """Convert durations as text to milliseconds: `12ms`, `1.5s`, `250us`, `42,64 ms`, `1m30s`.

    A number without a unit is in `unit`, one of ns, us, ms, s, m and h.
    """
    factor = _MS_PER_UNIT[unit]
    if s.dtype.is_numeric():
        return scale_to_ms(s.cast(pl.Float64), factor)

    def parse(texts: pl.Series) -> pl.Series:
        plain = scale_to_ms(texts.cast(pl.Float64, strict=False), factor)
        return retry_nulls(texts, plain, lambda missed: _parse_with_unit(missed, factor))

    return map_texts(s, parse)


def sum_seconds(*parts: pl.Series) -> pl.Series:
    """Return the milliseconds of durations one after the other; null if one is missing or -1."""
    in_ms = pl.DataFrame(
        [durations_to_ms(part, "s").alias(str(at)) for at, part in enumerate(parts)]
    )
    total = pl.sum_horizontal(pl.all()).round(3)
    return in_ms.select(pl.when(pl.all_horizontal(pl.all().is_not_null())).then(total)).to_series()


def join_duration_parts(seconds: pl.Series, nanos: pl.Series) -> pl.Series:
    """Return the milliseconds of whole seconds and of nanoseconds beside them.

    ProtoJSON leaves out the part that is 0; a value with neither is null.
    """
    parts = pl.DataFrame(
        [durations_to_ms(seconds, "s").alias("s"), durations_to_ms(nanos, "ns").alias("ns")]
    )
    is_any = pl.any_horizontal(pl.all().is_not_null())
    return parts.select(pl.when(is_any).then(pl.sum_horizontal("s", "ns"))).to_series()


@takes_integers
def positive_sizes(s: pl.Series) -> pl.Series:
    """Return sizes where 0 stands for one that is not known."""
    sizes = to_sizes(s)
    return sizes.set((sizes == 0).fill_null(value=False), None)


@takes_integers
def positive_milliseconds(s: pl.Series) -> pl.Series:
    """Return durations in milliseconds where 0 stands for one that is not known."""
    ms = durations_to_ms(s, "ms")
    return ms.set((ms == 0.0).fill_null(value=False), None)


def durations_with_unit(s: pl.Series) -> pl.Series:
    """Convert durations that carry their unit: `12ms`, `0.024 s`, `3 seconds`, `1m30s`.

    Without a unit a number is nothing but a number: only 0 is the same in all units.
    """

    def parse(texts: pl.Series) -> pl.Series:
        ms = durations_to_ms(texts.str.replace(r"(m?)sec(?:ond)?s?$", "${1}s"), "s")
        has_unit = texts.str.contains(r"[a-zµμ]$").fill_null(value=False)
        return ms.set(~(has_unit | (ms == 0.0).fill_null(value=False)), None)

    return map_categories(encode_texts(s.cast(pl.String)), parse)


@takes_integers
def sum_upstream_ms(s: pl.Series, unit: str = "s") -> pl.Series:
    """Sum the milliseconds of all attempts in an nginx list such as `0.100, - : 0.300`.

    Attempts `-` count nothing. With nothing else the sum is null, and so it is for a list with
    an entry that is no duration. A number without a unit is in `unit`.
    """
    if s.dtype.is_numeric():
        return scale_to_ms(to_floats(s), _MS_PER_UNIT[unit])

    def sum_attempts(lists: pl.Series) -> pl.Series:
        # A unit behind the list, as in `0.001, 0.050 s`, is that of every attempt.
        listed = lists.str.replace(r"^\s*\[?(.*?)\]?\s*$", "$1")
        words = listed.str.extract_groups(_LIST_AND_UNIT).struct.unnest()
        entries = _split_attempts(words["list"].fill_null(listed))
        entry = pl.element().str.strip_chars().str.strip_chars('"')
        given = entries.list.eval(entry.filter((entry != "-") & (entry != "")))
        row = pl.int_range(len(given), dtype=pl.UInt32, eager=True)
        flat = pl.DataFrame({"row": row, "entry": given, "unit": words["unit"]}).explode("entry")
        flat = flat.filter(pl.col("entry").is_not_null())
        texts = flat["entry"] + flat["unit"].fill_null("")
        in_ms = flat.with_columns(durations_to_ms(texts, unit).alias("ms"))
        sums = in_ms.group_by("row").agg(
            pl.when(pl.col("ms").null_count() == 0).then(pl.col("ms").sum())
        )
        total = row.to_frame("row").join(sums, on="row", how="left", maintain_order="left")["ms"]
        return _plausible_ms((total * 1e3).round() / 1e3)

    def parse(texts: pl.Series) -> pl.Series:
        single = scale_to_ms(texts.cast(pl.Float64, strict=False), _MS_PER_UNIT[unit])
        return retry_nulls(texts, single, lambda t: map_categories(encode_texts(t), sum_attempts))

    return map_texts(s, parse)


@takes_integers
def last_upstream_status(s: pl.Series) -> pl.Series:
    """Parse the last status (Int16) of an nginx list such as `502, 404 : 200`; `-` is null."""
    if s.dtype.is_numeric():
        return to_statuses(s)

    def last_status(lists: pl.Series) -> pl.Series:
        return to_integers(_split_attempts(lists).list.last().str.strip_chars())

    def parse(texts: pl.Series) -> pl.Series:
        single = texts.cast(pl.Int64, strict=False)
        codes = retry_nulls(texts, single, lambda t: map_categories(encode_texts(t), last_status))
        return codes.set(~codes.is_between(100, 999), None).cast(pl.Int16)

    return map_texts(s, parse)


def mark_no_upstream(
    status: pl.Series, upstream_status: pl.Series, received: pl.Series | None = None
) -> pl.Series:
    """Return `NO_UPSTREAM` and `NO_RESPONSE` where a proxy answered 5xx on its own.

    All values come as texts. A log that has a field for the upstream's status tells by its
    absence that no upstream was contacted. `received` is what came from it, as bytes or as the time
    of the header, one per attempt: nginx gives 502 or 504 as the status of one that sent nothing.
    """
    contacted = (~upstream_status.is_in(["", "-", "0"])).fill_null(value=False)
    failed = to_statuses(status).is_between(500, 599).fill_null(value=False)
    flags = pl.DataFrame({"alone": failed & ~contacted, "silent": failed & contacted})
    if received is None or not flags["silent"].any():
        flags = flags.with_columns(silent=False)
    else:
        answers = last_upstream_status(upstream_status.filter(flags["silent"]))
        is_none = last_attempt(received.filter(flags["silent"])).is_in(["-", "0"])
        rows = flags["silent"].arg_true()
        is_silent = (answers.is_in([502, 504]) & is_none).fill_null(value=False)
        flags = flags.with_columns(flags["silent"].scatter(rows, is_silent))
    marks = pl.when("alone").then(pl.lit(NO_UPSTREAM)).when("silent").then(pl.lit(NO_RESPONSE))
    return flags.select(marks).to_series()


def last_attempt(s: pl.Series) -> pl.Series:
    """Return the last text of an nginx list such as `10.0.0.1:80, 10.0.0.2:80 : [::1]:81`."""
    texts = s.cast(pl.String)
    is_list = texts.str.contains(", ", literal=True) | texts.str.contains(" : ", literal=True)
    if not is_list.any():
        return s

    def last(lists: pl.Series) -> pl.Series:
        groups = lists.str.split(" : ").list.last()
        return groups.str.split(", ").list.last().str.strip_chars()

    return map_categories(encode_texts(s), last)


def encode_last_attempt(s: pl.Series) -> pl.Series:
    """Return what a list of attempts says of the last one, encoded."""
    return blank_to_null(last_attempt(encode_given(s)))


def count_attempts(s: pl.Series) -> pl.Series:
    """Count the entries (Int16) of an nginx list of upstreams; `-`, empty and null are null."""

    def count(lists: pl.Series) -> pl.Series:
        return lists.str.count_matches(", ", literal=True) + lists.str.count_matches(
            " : ", literal=True
        )

    return (map_categories(encode_given(s), count) + 1).cast(pl.Int16)


def scale_to_ms(numbers: pl.Series, factor: float) -> pl.Series:
    """Multiply durations (Float64) and round them to the microsecond; negative ones are null."""
    # Polars divides by one number by multiplying with its inverse, which is off by a bit: 57.0
    # has to be the double that a reader of `57.0` gets.
    exact = (numbers * (factor * 1e3)).round() / pl.repeat(1e3, len(numbers), eager=True)
    return _plausible_ms(exact)


def _plausible_ms(exact: pl.Series) -> pl.Series:
    # Comparisons with NaN and null are no match, so both end as null.
    return exact.set(~exact.is_between(0.0, LONGEST_MS).fill_null(value=False), None)


def _parse_with_unit(s: pl.Series, factor: float) -> pl.Series:
    """Parse durations that carry a unit, or blanks around a plain number."""
    texts = s.str.strip_chars()
    result = scale_to_ms(texts.cast(pl.Float64, strict=False), factor)
    words = texts.str.extract_groups(_NUMBER_AND_UNIT).struct.unnest()
    factors = words["unit"].str.to_lowercase().replace_strict(_MS_PER_WORD, default=None)
    if factors.null_count() < len(factors):
        plain = words["number"].str.replace(",", ".", literal=True)
        numbers = plain.cast(pl.Float64, strict=False)
        exact = (numbers * (factors * 1e3)).round() / pl.repeat(1e3, len(numbers), eager=True)
        result = result.fill_null(_plausible_ms(exact))
    return retry_nulls(texts, result, lambda t: map_categories(encode_texts(t), _parse_compound))


def _parse_compound(s: pl.Series) -> pl.Series:
    """Parse durations such as `1h2m3.5s`, `PT1M0.2S` and `00:01:02.5`."""
    parts = [s.str.extract_groups(pattern).struct.unnest() for pattern in _COMPOUND_DURATIONS]
    by_unit = pl.DataFrame(
        [
            reduce(pl.Series.fill_null, (p[unit] for p in parts if unit in p.columns)).alias(unit)
            for unit in "dhms"
        ]
    )
    total = pl.sum_horizontal(
        pl.col(unit).cast(pl.Float64, strict=False) * _MS_PER_UNIT[unit] for unit in "dhms"
    )
    is_any = pl.any_horizontal(pl.col(unit).is_not_null() for unit in "dhms")
    return scale_to_ms(by_unit.select(pl.when(is_any).then(total)).to_series(), 1.0)


def _split_attempts(s: pl.Series) -> pl.Series:
    """Split lists of values, one per attempt: `, ` sets servers apart, ` : ` groups of them.

    See https://nginx.org/en/docs/http/ngx_http_upstream_module.html#var_upstream_addr
    """
    return s.str.replace_all(":", ",", literal=True).str.split(",")
