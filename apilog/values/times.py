"""Text to points in time, a column at a time.

The first text tells the layout, by which the whole column is parsed at once; what does not fit it
is parsed again with more care.

Invariant: the result is UTC to the microsecond, and a text that is no time, or lies
outside the years 1900 to 2261, is null. A time without a zone is taken as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from apilog.schema import TIMESTAMP
from apilog.values.dictionary import encode_texts, map_categories, map_runs, retry_nulls
from apilog.values.integers import takes_integers

_LOCAL = pl.Datetime("us")
# From 1900 to 2261: what nanoseconds in 64 bits can hold, for those who read Parquet files so.
_FIRST_US, _LAST_US = -2_208_988_800_000_000, 9_214_646_400_000_000
_MINUTE_US = 60_000_000
_CLF_LAYOUT = "%d/%b/%Y:%H:%M:%S"
_CLF_LENGTH = len("28/Sep/1970:12:00:00")
_CLF_SHAPE = re.compile(r"\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d( [+-]\d{4})?", re.ASCII)
_CLF_FRACTION = r"\.([0-9]{1,9})(?: |$)"
_ISO_SHAPE = re.compile(
    r"\d{4}([-/])\d\d\1\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d|)", re.ASCII
)
_ISO_PARTS = (
    r"^(?<date>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2})[Tt ] ?(?<time>[0-9]{2}:[0-9]{2})"
    r"(?::(?<second>[0-9]{2})(?:[.,](?<fraction>[0-9]+))?)?"
    r"\s*(?:[Zz]|UTC|GMT|(?<zone>[+-][0-9]{2}(?::?[0-9]{2})?))?$"
)
ZONED_LAYOUT = re.compile(r"%(?::{0,3}z|#z|s|\+)")
"""Layouts of which a time has its zone, or needs none."""
_ZONE_AT_END = r"(?:[Zz]|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})\]?\s*$|^\s*[0-9.]+\s*$"
_EPOCH_UNITS = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}
"""How microseconds are made of numbers since 1970: a factor and a divisor."""
_EPOCH_SHAPE = re.compile(r"\d+(\.\d+)?", re.ASCII)
_OTHER_LAYOUTS = (
    "%d %b %Y %H:%M:%S",
    "%b %e %H:%M:%S %Y",
    "%b %e %Y %H:%M:%S",
    "%d/%b/%Y %H:%M:%S",
    "%m/%d/%Y, %I:%M:%S%.f %p",
    "%b %e, %Y @ %H:%M:%S%.f",
    "%Y%m%dT%H%M%S%.f",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M%S%3f",
    "%Y%m%d %H:%M:%S%.f",
)
"""As `date`, mail, Apache's error log, Azure's portal, Kibana and ISO 8601's basic form do, and
digits alone."""
_COMPACT = r"^([0-9]{8})T([0-9]{6}(?:\.[0-9]+)?)(Z|[+-][0-9]{2}:?[0-9]{2})$"
_WEEKDAY = r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+"
_TRAILING_ZONE = r"\s+(?<zone>[+-][0-9]{2}:?[0-9]{2}|GMT|UTC|Z)$"


def parse_clf_times(local: pl.Series, zone: pl.Series) -> pl.Series:
    """Parse times such as `28/Sep/1970:12:00:00` with their zones, such as `+0600`."""
    return _to_utc(_strptime(local.cast(pl.String), _CLF_LAYOUT), _zone_offsets(zone))


def parse_joined_clf_times(s: pl.Series) -> pl.Series:
    """Parse times such as `28/Sep/1970:12:00:00 +0600`."""
    texts = s.cast(pl.String)
    match = _CLF_SHAPE.fullmatch(_first_given(texts))
    # A zone that is written into the layout costs a third of parsing it on every line.
    zone = (match[1] or "") if match else ""
    times = _to_utc(_strptime(texts, _CLF_LAYOUT + zone), _zone_minutes(zone) * _MINUTE_US)
    return retry_nulls(texts, times, _parse_clf_any_zone)


def parse_unzoned_clf_times(s: pl.Series) -> pl.Series:
    """Parse times such as `28/Sep/1970:12:00:00.066`, in UTC, or in any of the ways below."""
    texts = s.cast(pl.String)
    seconds = _strptime(texts.str.slice(0, _CLF_LENGTH), _CLF_LAYOUT).to_physical()
    rest = texts.str.slice(_CLF_LENGTH)
    # A sign would be a part of a number, too.
    digits = rest.str.strip_prefix(".").set(~rest.str.contains(r"^\.[0-9]{3}$"), None)
    millis = digits.cast(pl.Int64, strict=False)
    times = _to_utc(seconds + 1000 * millis.set(rest == "", 0))
    return retry_nulls(texts, times, parse_times)


def parse_iso_times(s: pl.Series) -> pl.Series:
    """Parse ISO 8601 times: `T` or a blank, any fraction, `Z`, `+01:00`, `+0100`, `+01` or no zone.

    `2026/11/21 13:02:31` is one, too. Finer fractions than microseconds are cut off.
    """
    texts = s.cast(pl.String)
    match = _ISO_SHAPE.fullmatch(_first_given(texts))
    if not match:
        return retry_nulls(texts, _all_null(texts), _parse_any_iso)
    day, between, fraction, zone = match.groups()
    layout = f"%Y{day}%m{day}%d{between}%H:%M:%S"
    local = (
        _parse_iso_fractions(texts, layout, zone) if fraction else _strptime(texts, layout + zone)
    )
    return retry_nulls(texts, _to_utc(local, _zone_minutes(zone) * _MINUTE_US), _parse_any_iso)


@takes_integers
def parse_epoch_times(s: pl.Series) -> pl.Series:
    """Parse seconds, milli-, micro- or nanoseconds since 1970, told apart by magnitude."""

    def parse_fractions(missed: pl.Series) -> pl.Series:
        numbers = missed.str.strip_chars().cast(pl.Float64, strict=False)
        numbers = numbers.set(~numbers.is_finite(), None)
        rounded = _scale_epochs(numbers, lambda n, up, down: (n * up / down).round())
        return _to_utc(rounded.cast(pl.Int64, strict=False))

    if s.dtype.is_integer():
        times = _parse_whole_epochs(s)
        if times.null_count() == s.null_count():
            return times
    texts = s.cast(pl.String)
    whole = texts.cast(pl.Int64, strict=False)
    return retry_nulls(texts, _parse_whole_epochs(whole), parse_fractions)


def _parse_whole_epochs(whole: pl.Series) -> pl.Series:
    return _to_utc(_scale_epochs(whole, lambda n, up, down: n * up // down))


@takes_integers
def parse_times(s: pl.Series) -> pl.Series:
    """Parse times in any of the ways above, bracketed or not, and as mail and `date` write them."""
    if s.dtype.is_integer():
        times = parse_epoch_times(s)
        # What is no such number may be a date in digits.
        return times if times.null_count() == s.null_count() else parse_times(s.cast(pl.String))
    texts = s.cast(pl.String)
    times = _all_null(texts)
    first = _first_given(texts)
    parsers = [parse_iso_times, parse_joined_clf_times, parse_epoch_times, _parse_other_times]
    if _CLF_SHAPE.fullmatch(first.strip("[]")):
        parsers.insert(0, parsers.pop(1))
    elif _EPOCH_SHAPE.fullmatch(first):
        parsers.insert(0, parsers.pop(2))
    for parse in parsers:
        times = retry_nulls(texts, times, parse)
    return times


def parse_split_times(dates: pl.Series, clocks: pl.Series) -> pl.Series:
    """Parse times whose date stands apart from the time of day."""
    return parse_times(dates.cast(pl.String) + " " + clocks.cast(pl.String))


def join_second_parts(seconds: pl.Series, nanos: pl.Series) -> pl.Series:
    """Return the times of whole seconds since 1970 and of nanoseconds beside them."""
    micros = nanos.cast(pl.String).cast(pl.Int64, strict=False) // 1000
    return _to_utc(parse_epochs_of(seconds, "s").to_physical() + micros.fill_null(0))


def parse_epochs_of(s: pl.Series, unit: str) -> pl.Series:
    """Parse numbers since 1970 in `s`, `ms`, `us` or `ns`."""
    up, down = _EPOCH_UNITS[unit]
    texts = s.cast(pl.String).str.strip_chars()
    whole = texts.cast(pl.Int64, strict=False)
    fits = whole.is_between(0, 2**62 // up).fill_null(value=False)
    numbers = texts.cast(pl.Float64, strict=False)
    numbers = numbers.set(~numbers.is_between(0, 1e19).fill_null(value=False), None)
    rounded = (numbers * up / down).round().cast(pl.Int64, strict=False)
    return _to_utc((whole.set(~fits, None) * up // down).fill_null(rounded))


def parse_layout(s: pl.Series, layout: str, zone: str | None = None) -> pl.Series:
    """Parse times that are written in a layout of strftime, in a zone unless they have their own.

    Of an hour that a clock shows twice the first one is taken.
    """
    texts = s.cast(pl.String).str.strip_chars("[] ")
    if ZONED_LAYOUT.search(layout):
        return _to_utc(texts.str.strptime(TIMESTAMP, layout, strict=False))
    return _from_zone(texts.str.strptime(_LOCAL, layout, strict=False), zone or "UTC")


def parse_times_of_zone(s: pl.Series, zone: str) -> pl.Series:
    """Parse times in any of the ways above; those without a zone are of this one."""
    texts, times = s.cast(pl.String), parse_times(s)
    is_zoned = texts.str.contains(_ZONE_AT_END).fill_null(value=False)
    return times.zip_with(is_zoned, _from_zone(times.dt.replace_time_zone(None), zone))


def _from_zone(local: pl.Series, zone: str) -> pl.Series:
    plausible = _to_utc(local).dt.replace_time_zone(None)
    placed = plausible.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return placed.dt.convert_time_zone("UTC")


def _first_given(s: pl.Series) -> str:
    """Return the first text that is neither missing nor blank, or an empty one."""
    if s.len() and s[0] not in (None, "", "-"):
        return str(s[0])
    given = s.filter((s != "-") & (s != "")).head(1)
    return str(given[0]) if len(given) else ""


def _all_null(s: pl.Series) -> pl.Series:
    return pl.Series(s.name, [None], dtype=TIMESTAMP).new_from_index(0, len(s))


def _strptime(s: pl.Series, layout: str) -> pl.Series:
    return map_runs(s, lambda texts: texts.str.strptime(_LOCAL, layout, strict=False))


def _to_utc(local: pl.Series, offset_us: pl.Series | int = 0) -> pl.Series:
    """Return UTC times of local ones (any type that counts microseconds); implausible ones null."""
    moments = local.to_physical() - offset_us
    is_plausible = moments.is_between(_FIRST_US, _LAST_US, closed="left")
    if not is_plausible.all():
        moments = moments.set(~is_plausible, None)
    return moments.cast(TIMESTAMP)


def _zone_minutes(zone: str) -> int:
    """Return the minutes east of Greenwich of `+0600`, `+06:00`, ` +06` or `Z`."""
    digits = zone.strip().replace(":", "")
    if digits[:1] not in ("+", "-"):
        return 0
    minutes = int(digits[1:3]) * 60 + int(digits[3:5] or 0)
    return -minutes if digits[0] == "-" else minutes


def _zone_offsets(zone: pl.Series) -> pl.Series | int:
    """Return microseconds east of Greenwich, as one number where all lines have the same zone."""
    zone = zone.cast(pl.String)
    first = _first_given(zone)
    if re.fullmatch(r"[+-]\d{4}", first, re.ASCII) and (zone == first).all(ignore_nulls=False):
        return _zone_minutes(first) * _MINUTE_US
    return map_categories(encode_texts(zone), _parse_offsets)


def _parse_offsets(zones: pl.Series) -> pl.Series:
    """Return the microseconds of texts such as `+0600`, `+06:00`, `+06`, `Z` and `GMT`."""
    parts = zones.str.extract_groups(r"^(?<sign>[+-])(?<hour>[0-9]{2})(?::?(?<minute>[0-9]{2}))?$")
    minute = pl.col("hour").cast(pl.Int64) * 60 + pl.col("minute").cast(pl.Int64).fill_null(0)
    signed = pl.when(pl.col("sign") == "-").then(-minute).otherwise(minute)
    universal = pl.when(pl.col("zone").is_in(["Z", "z", "GMT", "UTC"])).then(0)
    frame = parts.struct.unnest().with_columns(zones.alias("zone"))
    return frame.select(pl.coalesce(signed, universal) * _MINUTE_US).to_series()


def _parse_clf_any_zone(s: pl.Series) -> pl.Series:
    bare = s.str.strip_chars("[]")
    # HAProxy adds milliseconds: https://docs.haproxy.org/3.0/configuration.html#8.2.3
    fractions = bare.str.extract(_CLF_FRACTION, 1)
    if fractions.null_count() < len(fractions):
        whole = bare.str.replace(r"\.[0-9]{1,9}( |$)", "$1")
        micros = fractions.str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64, strict=False)
        times = _parse_clf_any_zone(whole).to_physical() + micros.fill_null(0)
        return times.cast(TIMESTAMP)
    zoned = bare.str.strptime(TIMESTAMP, _CLF_LAYOUT + " %z", strict=False)
    return _to_utc(zoned.fill_null(_to_utc(_strptime(bare, _CLF_LAYOUT))))


def _parse_iso_fractions(s: pl.Series, layout: str, zone: str) -> pl.Series:
    """Return local times with a fraction, all of them in one zone.

    Date and fraction apart take half the time of Polars' `%.f`: equal neighbours share their date.
    """
    whole = _strptime(s.str.slice(0, 19), layout)
    rest = s.str.slice(19)
    fraction = rest.str.strip_suffix(zone) if zone else rest
    fraction = fraction.str.slice(0, 10).cast(pl.Float64, strict=False)
    # Nine digits are exact as a float up to 1e-7 µs, so a hair more makes cutting safe.
    cut = (fraction * 1e6 + 1e-4).floor().cast(pl.Int64, strict=False)
    is_sound = rest.str.starts_with(".") & rest.str.ends_with(zone) & (fraction < 1.0)
    return whole.to_physical() + cut.set(~is_sound, None)


def _parse_any_iso(s: pl.Series) -> pl.Series:
    """Parse ISO times of mixed shapes by their parts, once per distinct text."""

    def parse_parts(texts: pl.Series) -> pl.Series:
        parts = texts.str.extract_groups(_ISO_PARTS).struct.unnest()
        date = parts["date"].str.replace_all("/", "-", literal=True)
        whole = date + " " + parts["time"] + ":" + parts["second"].fill_null("00")
        micros = parts["fraction"].str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64, strict=False)
        local = _strptime(whole, "%Y-%m-%d %H:%M:%S").to_physical() + micros.fill_null(0)
        return _to_utc(local, _parse_offsets(parts["zone"].fill_null("Z")))

    return map_categories(encode_texts(s.str.strip_chars("[] ")), parse_parts)


def _scale_epochs(n: pl.Series, scale: Callable[[pl.Series, int, int], pl.Series]) -> pl.Series:
    """Return microseconds of epoch numbers: seconds up to the year 5138, then finer and finer.

    `scale` multiplies by its second argument and divides by its third.
    """
    result = scale(n, 1, 1000)
    for limit, up, down in ((10**17, 1, 1), (10**14, 1000, 1), (10**11, 1_000_000, 1)):
        is_coarser = n < limit
        if is_coarser.any():
            # Those of other magnitudes are 0 meanwhile, or they would overflow.
            result = scale(n.set(~is_coarser, 0), up, down).zip_with(is_coarser, result)
    return result.set(n < 0, None)


# As Go's Time.String writes it: https://pkg.go.dev/time#Time.String
_GO_ZONE_NAME = r"( [+-][0-9]{4}) [A-Z]{2,5}(?: m=[+-][0-9.]+)?$"


# As Java's ZonedDateTime does: https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/time/ZonedDateTime.html
_NAMED_ZONE = r"(Z|[+-][0-9]{2}:[0-9]{2})\[[A-Za-z0-9/_+-]+\]$"


def _parse_other_times(s: pl.Series) -> pl.Series:
    """Parse times with a month's name, of Azure's portal or of Go, each by its own layout."""

    def parse_layouts(texts: pl.Series) -> pl.Series:
        by_go = parse_iso_times(
            texts.str.replace(_GO_ZONE_NAME, "$1").str.replace(_NAMED_ZONE, "$1")
        )
        if not by_go.null_count():
            return by_go
        plain = texts.str.strip_chars("[] ").str.replace(_WEEKDAY, "").str.replace_all(r"\s+", " ")
        plain = plain.str.replace(_COMPACT, "${1}T$2 $3")
        zone = plain.str.extract(_TRAILING_ZONE, 1).fill_null("Z")
        bare = plain.str.replace(_TRAILING_ZONE, "")
        local = _strptime(bare, _OTHER_LAYOUTS[0])
        for layout in _OTHER_LAYOUTS[1:]:
            local = local.fill_null(_strptime(bare, layout))
        return by_go.fill_null(_to_utc(local, _parse_offsets(zone)))

    return map_categories(encode_texts(s), parse_layouts)
