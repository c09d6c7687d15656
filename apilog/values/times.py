"""Text to points in time, a column at a time.

Invariant: the result is UTC to the microsecond, and a text that is no time, or lies
outside the years 1900 to 2261, is null. A time without a zone is taken as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from apilog.schema import TIMESTAMP
from apilog.values.dictionary import encode_texts, map_categories, map_runs

_LOCAL = pl.Datetime("us")
_FIRST_US, _LAST_US = -2_208_988_800_000_000, 9_214_646_400_000_000
_MINUTE_US = 60_000_000
_CLF_LAYOUT = "%d/%b/%Y:%H:%M:%S"
_CLF_SHAPE = re.compile(r"\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d( [+-]\d{4})?")
_ISO_SHAPE = re.compile(
    r"\d{4}([-/])\d\d\1\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d|)", re.ASCII
)
_ISO_PARTS = (
    r"^(?<date>\d{4}[-/]\d\d[-/]\d\d)[Tt ] ?(?<time>\d\d:\d\d)(?::(?<second>\d\d)"
    r"(?:[.,](?<fraction>\d+))?)?\s*(?:[Zz]|UTC|GMT|(?<zone>[+-]\d\d(?::?\d\d)?))?$"
)
_EPOCH_SHAPE = re.compile(r"\d+(\.\d+)?")
_OTHER_LAYOUTS = (
    "%d %b %Y %H:%M:%S",
    "%b %e %H:%M:%S %Y",
    "%b %e %Y %H:%M:%S",
    "%d/%b/%Y %H:%M:%S",
    "%m/%d/%Y, %I:%M:%S%.f %p",
)
_WEEKDAY = r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+"
_TRAILING_ZONE = r"\s+(?<zone>[+-]\d\d:?\d\d|GMT|UTC|Z)$"


def parse_clf_times(local: pl.Series, zone: pl.Series) -> pl.Series:
    """Times such as `28/Sep/1970:12:00:00` with their zones, such as `+0600`."""
    return _to_utc(_strptime(_as_texts(local), _CLF_LAYOUT), _zone_offsets(_as_texts(zone)))


def parse_joined_clf_times(s: pl.Series) -> pl.Series:
    """Times such as `28/Sep/1970:12:00:00 +0600`."""
    texts = _as_texts(s)
    head = _CLF_SHAPE.fullmatch(_first_given(texts))
    # One zone written into the format costs a third of parsing it on every line.
    zone = (head[1] or "") if head else ""
    found = _to_utc(_strptime(texts, _CLF_LAYOUT + zone), _zone_minutes(zone) * _MINUTE_US)
    return _retry_nulls(texts, found, _parse_clf_any_zone)


def parse_iso_times(s: pl.Series) -> pl.Series:
    """ISO 8601 times: `T` or a blank, any fraction, `Z`, `+01:00`, `+0100`, `+01` or no
    zone; also `2026/11/21 13:02:31`. Finer fractions than microseconds are cut off.
    """
    texts = _as_texts(s)
    head = _ISO_SHAPE.fullmatch(_first_given(texts))
    if not head:
        return _retry_nulls(texts, _all_null(texts), _parse_any_iso)
    day, between, fraction, zone = head.groups()
    layout = f"%Y{day}%m{day}%d{between}%H:%M:%S"
    found = (
        _parse_iso_fractions(texts, layout, zone) if fraction else _strptime(texts, layout + zone)
    )
    return _retry_nulls(texts, _to_utc(found, _zone_minutes(zone) * _MINUTE_US), _parse_any_iso)


def parse_epoch_times(s: pl.Series) -> pl.Series:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by magnitude."""
    texts = _as_texts(s)
    whole = texts.cast(pl.Int64, strict=False)
    exact = _scale_epochs(whole, lambda n, up, down: n * up // down)
    return _retry_nulls(texts, _null_implausible(exact), _parse_epoch_fractions)


def parse_times(s: pl.Series) -> pl.Series:
    """Times in any of the ways above, bracketed or not, and as mail and `date` write them."""
    texts = _as_texts(s)
    result = _all_null(texts)
    first = _first_given(texts)
    ways = [parse_iso_times, parse_joined_clf_times, parse_epoch_times, _parse_other_times]
    if _CLF_SHAPE.fullmatch(first.strip("[]")):
        ways.insert(0, ways.pop(1))
    elif _EPOCH_SHAPE.fullmatch(first):
        ways.insert(0, ways.pop(2))
    for way in ways:
        result = _retry_nulls(texts, result, way)
    return result


def _as_texts(s: pl.Series) -> pl.Series:
    return s if s.dtype == pl.String else s.cast(pl.String)


def _first_given(s: pl.Series) -> str:
    """The first text that is given, or an empty one."""
    given = s.head(1) if s.len() and s[0] not in (None, "", "-") else s.filter(_is_given(s)).head(1)
    return str(given[0]) if len(given) else ""


def _is_given(s: pl.Series) -> pl.Series:
    return ((s != "-") & (s != "")).fill_null(value=False)


def _all_null(s: pl.Series) -> pl.Series:
    return pl.Series(s.name, [None], dtype=TIMESTAMP).new_from_index(0, len(s))


def _strptime(s: pl.Series, layout: str) -> pl.Series:
    return map_runs(s, lambda texts: texts.str.strptime(_LOCAL, layout, strict=False))


def _to_utc(local: pl.Series, offset_us: pl.Series | int) -> pl.Series:
    """UTC times of local ones (any type counting microseconds) and their offsets."""
    return _null_implausible(local.to_physical() - offset_us)


def _null_implausible(microseconds: pl.Series) -> pl.Series:
    inside = microseconds.is_between(_FIRST_US, _LAST_US, closed="left")
    if not inside.all():
        microseconds = microseconds.set(~inside, None)
    return microseconds.cast(TIMESTAMP)


def _zone_minutes(zone: str) -> int:
    """Minutes east of Greenwich of `+0600`, `+06:00`, ` +06` or `Z`."""
    digits = zone.strip().replace(":", "")
    if digits[:1] not in ("+", "-"):
        return 0
    minutes = int(digits[1:3]) * 60 + int(digits[3:5] or 0)
    return -minutes if digits[0] == "-" else minutes


def _zone_offsets(zone: pl.Series) -> pl.Series | int:
    """Microseconds east of Greenwich; null where the zone can't be understood."""
    first = _first_given(zone)
    if re.fullmatch(r"[+-]\d{4}", first, re.ASCII) and (zone == first).all(ignore_nulls=False):
        return _zone_minutes(first) * _MINUTE_US
    return map_categories(encode_texts(zone), _parse_offsets)


def _parse_offsets(zones: pl.Series) -> pl.Series:
    """Microseconds of texts such as `+0600`, `+06:00`, `+06`, `Z` and `GMT`."""
    parts = zones.str.extract_groups(r"^(?<sign>[+-])(?<hour>\d\d)(?::?(?<minute>\d\d))?$")
    minute = pl.col("hour").cast(pl.Int64) * 60 + pl.col("minute").cast(pl.Int64).fill_null(0)
    signed = pl.when(pl.col("sign") == "-").then(-minute).otherwise(minute)
    universal = pl.when(pl.col("zone").is_in(["Z", "z", "GMT", "UTC"])).then(0)
    frame = parts.struct.unnest().with_columns(zones.alias("zone"))
    return frame.select(pl.coalesce(signed, universal) * _MINUTE_US).to_series()


def _retry_nulls(
    s: pl.Series, result: pl.Series, way: Callable[[pl.Series], pl.Series]
) -> pl.Series:
    """The result, with the times that it lacks read another way."""
    if result.null_count() == s.null_count():
        return result
    left = result.is_null() & _is_given(s)
    if not left.any():
        return result
    position = (left.cum_sum() - 1).cast(pl.UInt32).set(~left, None)
    return way(s.filter(left)).gather(position).zip_with(left, result)


def _parse_clf_any_zone(s: pl.Series) -> pl.Series:
    bare = s.str.strip_chars("[]")
    zoned = bare.str.strptime(TIMESTAMP, _CLF_LAYOUT + " %z", strict=False)
    return _null_implausible(
        zoned.fill_null(_to_utc(_strptime(bare, _CLF_LAYOUT), 0)).to_physical()
    )


def _parse_iso_fractions(s: pl.Series, layout: str, zone: str) -> pl.Series:
    """Local times with a fraction, all of them in one zone."""
    whole = _strptime(s.str.slice(0, 19), layout)
    rest = s.str.slice(19)
    fraction = rest.str.strip_suffix(zone) if zone else rest
    fraction = fraction.str.slice(0, 10).cast(pl.Float64, strict=False)
    # Nine digits are exact as a float up to 1e-7 µs, so a hair more makes cutting safe.
    cut = (fraction * 1e6 + 1e-4).floor().cast(pl.Int64, strict=False)
    sound = rest.str.starts_with(".") & rest.str.ends_with(zone) & (fraction < 1.0)
    return whole.to_physical() + cut.set(~sound, None)


def _parse_any_iso(s: pl.Series) -> pl.Series:
    return map_categories(encode_texts(s.str.strip_chars("[] ")), _parse_iso_parts)


def _parse_iso_parts(s: pl.Series) -> pl.Series:
    parts = s.str.extract_groups(_ISO_PARTS).struct.unnest()
    date = parts["date"].str.replace_all("/", "-", literal=True)
    whole = date + " " + parts["time"] + ":" + parts["second"].fill_null("00")
    digits = parts["fraction"].str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64, strict=False)
    local = _strptime(whole, "%Y-%m-%d %H:%M:%S").to_physical() + digits.fill_null(0)
    return _to_utc(local, _parse_offsets(parts["zone"].fill_null("Z")))


def _scale_epochs(n: pl.Series, times: Callable[[pl.Series, int, int], pl.Series]) -> pl.Series:
    """Microseconds of epoch numbers: seconds up to the year 5138, then finer and finer."""
    result = times(n, 1, 1000)
    for limit, up, down in ((10**17, 1, 1), (10**14, 1000, 1), (10**11, 1_000_000, 1)):
        small = n < limit
        if small.any():
            result = times(n.set(~small, 0), up, down).zip_with(small, result)
    return result.set(n < 0, None)


def _parse_epoch_fractions(s: pl.Series) -> pl.Series:
    numbers = s.str.strip_chars().cast(pl.Float64, strict=False)
    numbers = numbers.set(~numbers.is_finite(), None)
    exact = _scale_epochs(numbers, lambda n, up, down: (n * up / down).round())
    return _null_implausible(exact.cast(pl.Int64, strict=False))


def _parse_other_times(s: pl.Series) -> pl.Series:
    return map_categories(encode_texts(s), _parse_other_parts)


def _parse_other_parts(s: pl.Series) -> pl.Series:
    """Times with a month's name, or of Azure's portal, each by its own format."""
    plain = s.str.strip_chars("[] ").str.replace(_WEEKDAY, "").str.replace_all(r"\s+", " ")
    zone = plain.str.extract(_TRAILING_ZONE, 1).fill_null("Z")
    local = plain.str.replace(_TRAILING_ZONE, "")
    found = _strptime(local, _OTHER_LAYOUTS[0])
    for layout in _OTHER_LAYOUTS[1:]:
        found = found.fill_null(_strptime(local, layout))
    return _to_utc(found, _parse_offsets(zone))
