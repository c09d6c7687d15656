"""Times of accounts as people and programs write them: ISO 8601, `23.01.2026`, `1/23/2026 3:04 PM`.

Whether `02/11/2026` is a day in November or in February is decided over its column, else over the
other columns of the table, never for one value by itself; what nothing decides is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from apilog.developer_success.accounts.cell_texts import (
    ConvertedColumn,
    column_as_text,
    null_unless,
    remove_nothings,
    show_value,
)
from apilog.errors import InputError

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_ENDLESS_US = 253_402_300_800_000_000
"""The year 10000, in microseconds since 1970."""
_PATTERN = "%Y-%m-%dT%H:%M:%S%.f%:z"
_CLOCK = (
    r"(?:(?:[Tt]|,? )(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2}))?"
    r"(?<fraction>[.,]\d{1,9})? ?(?<half>[AaPp]\.?[Mm]\.?)?"
    r"(?: ?(?<zone>[Zz]|UTC|GMT|(?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?)"
    # As JavaScript, Java and Go write it: `GMT+0100 (…)`, `+01:00[Europe/Berlin]`, `+0000 UTC`.
    r"(?: ?\([^()]*\)|\[[^\[\]]*\]| UTC)?)?)?$"
)
# As programs write it: most tables have nothing else, and this is told in one look.
_PLAIN = (
    r"^\d{4}-\d{2}-\d{2}[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
    r"(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?$"
)
_SECOND_LENGTH = len("2026-11-21T10:00:00")
_WEEKDAY = r"^(?:\p{L}{2,10}\.?,? )?"
_FORMS = (
    r"^(?<year>\d{4})(?:-|/|\. ?|年 ?)(?<month>\d{1,2})(?:-|/|\. ?|月 ?)(?<day>\d{1,2})(?:\.|日)?",
    r"^(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})",
    r"^(?<first>\d{1,2})(?<mark>[./-]) ?(?<second_place>\d{1,2})[./-] ?(?<year>\d{4}|\d{2})",
    _WEEKDAY + r"(?<day>\d{1,2})(?:st|nd|rd|th)?(?: de |[ .-]{1,2})(?<name>\p{L}{3,10})"
    r"(?: de |[ .,-]{1,2})(?<year>\d{4}|\d{2})",
    _WEEKDAY + r"(?<name>\p{L}{3,10})\.? (?<day>\d{1,2})(?:st|nd|rd|th)?,? (?<year>\d{4})",
)
"""Dates: year first, without marks, year last, and with the month's name in two orders."""
_PARTS = (
    *("year", "month", "day", "first", "mark", "second_place", "name"),
    *("hour", "minute", "second", "fraction", "half", "zone"),
)
_UNIX = r"^\d{10}(?:\.\d{1,6})?$|^\d{13}$"
_MILLISECONDS_FROM = 1e11

# English, German, French, Spanish, Portuguese, Italian and Dutch, each with its short forms.
_MONTHS: Mapping[str, int] = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar janvier janv enero ene janeiro gennaio gen januari",
            "feb february februar février févr fév febrero fevereiro fev febbraio februari",
            "mar march märz mär mrz mars marzo março maart mrt",
            "apr april avril avr abril abr aprile",
            "may mai mayo maio maggio mag mei",
            "jun june juni juin junio junho giugno giu",
            "jul july juli juillet juil julio julho luglio lug",
            "aug august août aoû agosto ago augustus",
            "sep sept september septembre septiembre setembro set settembre",
            "oct october oktober okt octobre octubre outubro out ottobre ott",
            "nov november novembre noviembre novembro",
            "dec december dezember dez décembre déc diciembre dic dezembro dicembre",
        ),
        1,
    )
    for name in names.split()
}
_DAY_FIRST, _MONTH_FIRST = "day", "month"


@dataclass(frozen=True, slots=True)
class AccountTimes:
    """The columns of times, each in UTC, and what was assumed of them."""

    columns: tuple[ConvertedColumn, ...]
    notes: tuple[str, ...]


def read_times(columns: Sequence[pl.Series]) -> AccountTimes:
    """Convert the columns of times of one table, whose names messages show.

    Times before 1970 are bad. Raises InputError for dates that can be read either way, and for a
    column in which some have the day first and some the month.
    """
    texts = {
        column.name: remove_nothings(column_as_text(column))
        for column in columns
        if not isinstance(column.dtype, pl.Date | pl.Datetime)
    }
    plain = {name: text.str.contains(_PLAIN) for name, (text, _) in texts.items()}
    # What has only one meaning tells nothing of the rest.
    parts = {
        name: _take_apart(null_unless(text, ~plain[name])) for name, (text, _) in texts.items()
    }
    evidence = {name: _find_order(name, taken) for name, taken in parts.items()}
    converted = []
    reasons: dict[str, list[str]] = {}
    for column in columns:
        if column.name not in texts:
            converted.append(_convert_typed(column))
            continue
        name, (text, nothing) = column.name, texts[column.name]
        order = ""
        if (first := _first_undecided(parts[name])) is not None:
            order, example = evidence[name] or _order_of_others(name, first, evidence)
            reason = f"{show_value(first)} has the {order} first, as {show_value(example)} tells"
            reasons.setdefault(reason, []).append(name)
        elif found := evidence[name]:
            order = found[0]
        rest = _convert_parts(text, parts[name], order, nothing)
        converted.append(_with_plain(rest, text, plain[name]))
    notes = [f"accounts: {reason} ({', '.join(names)})" for reason, names in reasons.items()]
    return AccountTimes(tuple(converted), tuple(notes))


def _convert_typed(column: pl.Series) -> ConvertedColumn:
    """Convert a column of dates or times."""
    zone = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
    moments = column.cast(pl.Datetime("us", zone), strict=False)
    # `infinity` of PostgreSQL never comes, `-infinity` is no time either.
    is_endless = (moments.to_physical().abs() > _ENDLESS_US).fill_null(value=False)
    moments = null_unless(moments, ~is_endless)
    values = moments.dt.convert_time_zone("UTC") if zone else moments.dt.replace_time_zone("UTC")
    values = null_unless(values, values >= _EARLIEST)
    bad = column.is_not_null() & values.is_null() & ~is_endless
    nothing = "infinity" if is_endless.any() else None
    lacks_zone = zone is None and column.count() > 0
    return ConvertedColumn(values, bad, nothing, lacks_zone)


def _take_apart(texts: pl.Series) -> pl.DataFrame:
    """Return the `text` of each date at its `row`, taken apart, and of each count of seconds."""
    left = texts.to_frame("text").with_row_index("row").drop_nulls()
    left = left.with_columns(same=pl.col("text").str.replace_all(r"\s+", " "))
    found = [
        left.clear().select("row", "text", *(pl.lit("").alias(part) for part in _PARTS)),
    ]
    if left.is_empty():
        return found[0]
    for form in _FORMS:
        if left.is_empty():
            break
        groups = left["same"].str.extract_groups(form + _CLOCK).struct.unnest()
        matches = groups["year"].is_not_null()
        missing = [pl.lit(None, pl.String).alias(p) for p in _PARTS if p not in groups.columns]
        taken = left.hstack(groups).filter(matches).with_columns(missing)
        found.append(taken.select("row", "text", *_PARTS))
        left = left.filter(~matches)
    seconds = left.filter(pl.col("same").str.contains(_UNIX))
    missing = [pl.lit(None, pl.String).alias(part) for part in _PARTS]
    found.append(seconds.select("row", "text", *missing))
    return pl.concat(found)


def _find_order(name: str, parts: pl.DataFrame) -> tuple[str, str] | None:
    """Return what comes first in the dates of a column, and one that tells; None if none does.

    With points the day always comes first, so that these tell nothing of the others.
    """
    if parts.is_empty():
        return None
    first, second = (pl.col(part).cast(pl.Int8) for part in ("first", "second_place"))
    marked = parts.filter(pl.col("mark").is_in(["/", "-"]))
    # `26/01/10` may begin with its year.
    tells_day = (first > 12) & (second <= 12) & ~_has_short_year()
    tells_month = (first <= 12) & (second > 12)
    day, month = (
        marked.filter(tells)["text"].head(1).to_list() for tells in (tells_day, tells_month)
    )
    if day and month:
        shown = f"{show_value(day[0])} and {show_value(month[0])}"
        raise InputError(
            f"{name} of the account table has dates in two orders: {shown}",
            "write them all alike, such as 2026-11-21",
        )
    if day:
        return _DAY_FIRST, day[0]
    return (_MONTH_FIRST, month[0]) if month else None


def _first_undecided(parts: pl.DataFrame) -> str | None:
    """Return the first date of a column that can be read either way."""
    if parts.is_empty():
        return None
    first, second = (pl.col(part).cast(pl.Int8) for part in ("first", "second_place"))
    undecided = parts.filter(
        pl.col("mark").is_in(["/", "-"]) & (first <= 12) & (second <= 12) & (first != second)
    )
    return str(undecided["text"][0]) if undecided.height else None


def _order_of_others(
    name: str, undecided: str, evidence: Mapping[str, tuple[str, str] | None]
) -> tuple[str, str]:
    """Return what comes first in the other columns of the table; raises InputError if none tells.

    One table is written by one program, so that its columns have one order.
    """
    orders = [order for order in evidence.values() if order]
    if len({order for order, _ in orders}) == 1:
        return orders[0]
    raise InputError(
        f"{name} {show_value(undecided)} of the account table may have the day first or the "
        "month, and no other date tells",
        "write dates such as 2026-11-21",
    )


def _convert_parts(
    texts: pl.Series, parts: pl.DataFrame, order: str, nothing: str | None
) -> ConvertedColumn:
    """Convert the dates of a column, of which the `order` is known where it matters."""
    if parts.is_empty():
        values = pl.Series(texts.name, [None] * len(texts), pl.Datetime("us", "UTC"))
        return ConvertedColumn(values, texts.is_not_null(), nothing=nothing, lacks_zone=False)
    month_first = pl.col("mark").is_in(["/", "-"]).fill_null(value=False) & (order == _MONTH_FIRST)
    # `26-01-10` may begin with the year: two digits are one only where it can't be first.
    is_short = _has_short_year() & pl.col("mark").is_in(["/", "-"]).fill_null(value=False)
    short = pl.col("year").cast(pl.Int16)
    # As POSIX has it: https://pubs.opengroup.org/onlinepubs/9799919799/functions/strptime.html
    century = pl.when(short < 69).then(2000).otherwise(1900)
    year = pl.when(_has_short_year()).then(short + century).otherwise(short)
    name = pl.col("name").str.to_lowercase().replace_strict(_MONTHS, default=None)
    numbered = pl.when(month_first).then("first").otherwise("second_place")
    month = pl.coalesce(pl.col("month"), numbered, name.cast(pl.String))
    day = pl.coalesce("day", pl.when(month_first).then("second_place").otherwise("first"))
    date = pl.concat_str(
        year.cast(pl.String), pl.lit("-"), month.str.zfill(2), pl.lit("-"), day.str.zfill(2)
    )
    instants = (
        pl.concat_str(date, pl.lit("T"), _clock(), _offset())
        .str.to_datetime(_PATTERN, time_unit="us", strict=False)
        .alias("instant")
    )
    count = pl.col("text").cast(pl.Float64, strict=False)
    micros = (count * pl.when(count < _MILLISECONDS_FROM).then(1e6).otherwise(1e3)).round()
    unix = micros.cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
    is_date = pl.col("year").is_not_null()
    found = parts.select(
        "row",
        pl.when(~is_date).then(unix).when(~is_short | month_first).then(instants).alias("instant"),
        lacks=is_date & pl.col("zone").is_null(),
    ).filter(pl.col("instant") >= _EARLIEST)
    rows = texts.to_frame("text").with_row_index("row")
    values = rows.join(found, on="row", how="left", maintain_order="left")["instant"]
    return ConvertedColumn(
        values.alias(texts.name),
        texts.is_not_null() & values.is_null(),
        nothing=nothing,
        lacks_zone=bool(found["lacks"].any()),
    )


def _with_plain(rest: ConvertedColumn, texts: pl.Series, is_plain: pl.Series) -> ConvertedColumn:
    """Add the times that are written plainly to the others of a column."""
    frame = pl.DataFrame({"text": texts, "rest": rest.values, "is_plain": is_plain})
    plain = frame.with_row_index("row").filter("is_plain")
    if plain.is_empty():
        return rest
    text, tail = pl.col("text"), pl.col("tail")
    day, clock = text.str.slice(0, 10), text.str.slice(11, 8)
    cut = plain.select(
        "row",
        second=pl.concat_str(day, pl.lit("T"), clock).str.to_datetime(
            "%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False
        ),
        tail=text.str.slice(_SECOND_LENGTH),
    )
    # Fractions of a microsecond are cut off, and offsets taken off: few of either are distinct.
    zone = tail.str.extract("(Z|[+-].*)$")
    offset = zone.str.extract(r"^[+-](\d{2})").cast(pl.Int64) * 3600
    offset += zone.str.extract(r"(\d{2})$").cast(pl.Int64) * 60
    signed = pl.when(zone.str.starts_with("-")).then(-offset).otherwise(offset).fill_null(0)
    digits = tail.str.extract(r"^\.(\d{1,6})").str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
    tails = cut.select(pl.col("tail").unique()).select(
        "tail", micros=digits - signed * 1_000_000, lacks=zone.is_null()
    )
    joined = cut.join(tails, on="tail", how="left", maintain_order="left")
    moment = pl.col("second") + pl.duration(microseconds="micros")
    found = joined.select("row", "lacks", instant=moment.dt.replace_time_zone("UTC")).filter(
        pl.col("instant") >= _EARLIEST
    )
    values = rest.values.scatter(found["row"], found["instant"]) if found.height else rest.values
    return ConvertedColumn(
        values,
        texts.is_not_null() & values.is_null(),
        nothing=rest.nothing,
        lacks_zone=rest.lacks_zone or bool(found["lacks"].any()),
    )


def _has_short_year() -> pl.Expr:
    return pl.col("year").str.len_chars() == 2


def _clock() -> pl.Expr:
    """Return the time of day as `HH:MM:SS.f`, midnight without one; null if there is none such."""
    hour, half = pl.col("hour").cast(pl.Int8), pl.col("half").str.to_lowercase()
    afternoon = pl.when(half.str.starts_with("p")).then(12).otherwise(0)
    is_of_half = half.is_null() | hour.is_between(1, 12)
    of_day = pl.when(half.is_null()).then(hour).otherwise(hour % 12 + afternoon)
    text = pl.concat_str(
        pl.when(is_of_half).then(of_day).cast(pl.String).str.zfill(2),
        pl.lit(":"),
        pl.col("minute"),
        pl.lit(":"),
        pl.col("second").fill_null("00"),
        pl.col("fraction").fill_null("").str.replace(",", "."),
    )
    return pl.when(pl.col("hour").is_null()).then(pl.lit("00:00:00")).otherwise(text)


def _offset() -> pl.Expr:
    """Return the offset from UTC as `+HH:MM`; a time without a zone is taken as UTC."""
    zone = pl.col("zone").str.replace(r"^(?:UTC|GMT|[Zz])", "")
    return (
        pl.when(zone.is_null() | (zone == ""))
        .then(pl.lit("+00:00"))
        .when(zone.str.len_chars() == 3)
        .then(zone + ":00")
        .otherwise(zone.str.replace(r"^(...)(\d\d)$", "$1:$2"))
    )
