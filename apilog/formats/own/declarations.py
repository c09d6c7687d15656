"""The declaration of columns and formats, checked as far as it can be without a log.

A wrong declaration is refused where it is read, with the nearest name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import polars as pl

from apilog.errors import DeclarationError, UsageError
from apilog.formats.languages import FIELD_LANGUAGES, FORMAT_LANGUAGES
from apilog.formats.registry import FORMAT_INFOS
from apilog.options import ColumnMapping, OwnFormat
from apilog.schema import SCHEMA
from apilog.text import did_you_mean
from apilog.values.times import ZONED_LAYOUT

KEYED_LINES = ("json", "logfmt", "ltsv", "csv")
"""How lines may be written whose values have names of their own."""
LANGUAGES = tuple(sorted({**FORMAT_LANGUAGES, **FIELD_LANGUAGES}))
"""Languages that describe a line by one string, with its variables, directives or names in it."""
PATTERN_LINES = ("regex", *LANGUAGES)
LINES = (*KEYED_LINES, *PATTERN_LINES)

UNITS = ("ns", "us", "ms", "s")
DURATIONS = ("duration_ms", "upstream_duration_ms")
_UNIT_COLUMNS = ("timestamp", *DURATIONS)
_NOT_MAPPED = {
    "gateway": "a format's gateway is `gateway` of `[formats.NAME]`",
    "source": "apilog fills it",
    "line_number": "apilog fills it",
}
MAPPED_COLUMNS = tuple(column for column in SCHEMA if column not in _NOT_MAPPED)
"""The columns that a key can be named for."""

_UNIT_WORDS = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("msec", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("usec", "micros", "microsecond", "microseconds", "µs", "μs"), "us"),
    **dict.fromkeys(("nsec", "nanos", "nanosecond", "nanoseconds"), "ns"),
}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_UNIT_LIKE = re.compile(r"[A-Za-zµμ]{1,12}\Z")


def parse_columns(
    given: Sequence[str | ColumnMapping] | Mapping[str, object],
) -> tuple[ColumnMapping, ...]:
    """Return what `--column` says; of several for a column the last counts.

    Raises `UsageError` for what names no column, or a unit that there is not.
    """
    if isinstance(given, Mapping):
        return _declare_columns(given, ())
    mappings: dict[str, ColumnMapping] = {}
    for item in given:
        try:
            mapping = _check(item, ()) if isinstance(item, ColumnMapping) else _parse_column(item)
        except DeclarationError as error:
            text = item if isinstance(item, str) else f"{item.column}={item.key}"
            raise UsageError(f"--column {text}: {error}", error.hint) from error
        mappings[mapping.column] = mapping
    return tuple(mappings.values())


def _parse_column(text: str) -> ColumnMapping:
    column, is_mapping, key = text.partition("=")
    if not is_mapping:
        raise DeclarationError(
            (text,), "names no key", "write COLUMN=KEY or COLUMN=KEY:UNIT, such as status=code"
        )
    column, key = column.strip(), key.strip()
    if column == "timestamp" and ":%" in key:
        key, _, layout = key.partition(":%")
        return _check(ColumnMapping(column, key, format=f"%{layout}"), ())
    before, _, unit = key.rpartition(":")
    if before and column in _UNIT_COLUMNS and _UNIT_LIKE.match(unit):
        return _check(ColumnMapping(column, before, unit), ())
    return _check(ColumnMapping(column, key), ())


def declare_formats(
    formats: Mapping[str, OwnFormat | Mapping[str, object]],
) -> dict[str, OwnFormat]:
    """Return the user's formats by name; raises `UsageError` for one that can't be."""
    declared: dict[str, OwnFormat] = {}
    for name, given in formats.items():
        if isinstance(given, OwnFormat):
            declared[name] = given
            continue
        try:
            declared[name] = declare_format(name, given)
        except DeclarationError as error:
            raise error.within("formats", name) from error
    return declared


def declare_format(name: str, values: Mapping[str, object]) -> OwnFormat:
    """Return a format from its section; raises `DeclarationError` for one that can't be."""
    if not _NAME.match(name):
        raise DeclarationError((), "has a name with odd characters", "letters and digits will do")
    if name in FORMAT_INFOS:
        raise DeclarationError((), "has the name of a format that apilog has", "call it otherwise")
    known = ("lines", "pattern", "gateway", "columns")
    for key in values:
        if key not in known:
            hint = did_you_mean(key, known, f"a format has {', '.join(known)}", at_most=1)
            raise DeclarationError((key,), "is no setting", hint)
    lines, pattern = _text(values, "lines"), _text(values, "pattern")
    gateway = _text(values, "gateway")
    if lines is None:
        raise DeclarationError(("lines",), "is missing", f"it is one of {', '.join(LINES)}")
    if lines not in LINES and lines not in FORMAT_INFOS:
        choices = f"it is one of {', '.join(LINES)}, or a name from `apilog formats`"
        near = did_you_mean(lines, [*LINES, *FORMAT_INFOS], choices, at_most=1)
        raise DeclarationError(("lines",), f"is {lines!r}", near)
    if gateway and not gateway.strip():
        raise DeclarationError(("gateway",), "is blank", 'write gateway = "" for none')
    columns = values.get("columns", {})
    if not isinstance(columns, Mapping):
        raise DeclarationError(("columns",), "is not a table", f"write [formats.{name}.columns]")
    own = OwnFormat(
        name=name,
        lines=lines,
        pattern=pattern or "",
        gateway=gateway,
        columns=_declare_columns(columns, ("columns",)),
    )
    _check_keys(own, _check_pattern(own))
    return own


def _text(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    if value is None or isinstance(value, str):
        return value
    raise DeclarationError((key,), "is not a text", f'write {key} = "…"')


def _declare_columns(
    columns: Mapping[str, object], place: tuple[str, ...]
) -> tuple[ColumnMapping, ...]:
    return tuple(_declare_column(name, value, (*place, name)) for name, value in columns.items())


def _declare_column(column: str, value: object, place: tuple[str, ...]) -> ColumnMapping:
    if isinstance(value, str):
        return _check(ColumnMapping(column, value), place)
    if not isinstance(value, Mapping):
        raise DeclarationError(
            place, "names no key", f'write {column} = "…" or {column} = {{key = "…"}}'
        )
    known = ("key", "unit", "format", "tz")
    for key in value:
        if key not in known:
            hint = did_you_mean(str(key), known, f"it may have {', '.join(known)}", at_most=1)
            raise DeclarationError((*place, str(key)), "is no setting", hint)
    texts: dict[str, str] = {}
    for key in known:
        text = value.get(key)
        if isinstance(text, str):
            texts[key] = text
        elif text is not None:
            raise DeclarationError((*place, key), "is not a text", f'write {key} = "…"')
    if "key" not in texts:
        raise DeclarationError((*place, "key"), "is missing", 'write {key = "…"}')
    return _check(ColumnMapping(column, **texts), place)


def _check(mapping: ColumnMapping, place: tuple[str, ...]) -> ColumnMapping:
    """Return the mapping in its usual form; raises `DeclarationError` for one that can't be."""
    column = mapping.column
    place = place or (column,)
    if column not in MAPPED_COLUMNS:
        if column in _NOT_MAPPED:
            raise DeclarationError(place, "is read from no key", _NOT_MAPPED[column])
        hint = did_you_mean(column, MAPPED_COLUMNS, "`apilog schema` lists them", at_most=1)
        raise DeclarationError(place, "is no column", hint)
    unit = mapping.unit
    if unit is not None:
        if column not in _UNIT_COLUMNS:
            units = f"units are for {', '.join(_UNIT_COLUMNS)}"
            raise DeclarationError((*place, "unit"), f"is {unit!r}, but {column} has none", units)
        if unit not in UNITS:
            word = _UNIT_WORDS.get(unit.lower())
            hint = f"did you mean {word}? " if word else ""
            hint += f"units are {', '.join(UNITS)}"
            raise DeclarationError((*place, "unit"), f"is {unit!r}, which is no unit", hint)
    if (mapping.format or mapping.tz) is not None and column != "timestamp":
        wrong = "tz" if mapping.format is None else "format"
        raise DeclarationError((*place, wrong), "is for timestamp alone")
    if unit is not None and (mapping.format or mapping.tz) is not None:
        raise DeclarationError(
            (*place, "unit"),
            "does not go with format or tz",
            "a time since 1970 has a unit; one that is written out has a format, and may have a tz",
        )
    if mapping.format is not None:
        _check_time_format(mapping.format, mapping.tz, place)
    if mapping.tz is not None:
        _check_zone(mapping.tz, place)
    return mapping


def _check_time_format(layout: str, tz: str | None, place: tuple[str, ...]) -> None:
    """Refuse a layout that would not give back the time that it wrote."""
    sample = pl.Series([datetime(2026, 11, 21, 13, 14, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC"))
    is_zoned = ZONED_LAYOUT.search(layout) is not None
    try:
        written = sample.dt.strftime(layout)
        dtype = pl.Datetime("us", "UTC") if is_zoned else pl.Datetime("us")
        again = written.str.strptime(dtype, layout, strict=False)
    except pl.exceptions.PolarsError:
        again = None
    where = (*place, "format")
    hint = 'such as "%d.%m.%Y %H:%M:%S", see https://docs.rs/chrono/latest/chrono/format/strftime/'
    if again is None or "%" not in layout:
        raise DeclarationError(where, f"is {layout!r}, which no time is written in", hint)
    if again.to_physical().to_list() != sample.to_physical().to_list():
        problem = f"is {layout!r}, which does not hold a whole time: year, month, day, hour, minute"
        raise DeclarationError(where, problem, hint)
    if is_zoned and tz is not None:
        raise DeclarationError((*place, "tz"), "does not go with a format that has a zone", "")


def _check_zone(tz: str, place: tuple[str, ...]) -> None:
    from zoneinfo import available_timezones

    try:
        pl.Series([None], dtype=pl.Datetime("us")).dt.replace_time_zone(tz)
    except pl.exceptions.PolarsError as error:
        hint = did_you_mean(tz, available_timezones(), 'such as "Europe/Berlin"', at_most=1)
        raise DeclarationError((*place, "tz"), f"is {tz!r}, which is no time zone", hint) from error


def _check_pattern(own: OwnFormat) -> tuple[str, ...] | None:
    """Return the names that the pattern gives to values; None if the log has names of its own."""
    if own.lines not in PATTERN_LINES:
        if own.pattern and own.lines != "csv":
            hint = f"a pattern is for {', '.join(PATTERN_LINES)}"
            raise DeclarationError(("pattern",), f"does not go with lines of {own.lines}", hint)
        return None
    fields = FIELD_LANGUAGES.get(own.lines)
    if not own.pattern and (own.lines in FORMAT_INFOS or (fields and fields.lacks_names)):
        return None
    if not own.pattern:
        raise DeclarationError(("pattern",), "is missing", f"lines of {own.lines} need one")
    if own.lines == "regex":
        return named_groups(own.pattern)
    language = fields or FORMAT_LANGUAGES[own.lines]
    list_values = fields.parse_names if fields else FORMAT_LANGUAGES[own.lines].list_values
    try:
        values = list_values(own.pattern)
        if not values:
            raise UsageError("it has no variable in it", language.example)
        return values
    except UsageError as error:
        raise DeclarationError(("pattern",), f"is no format: {error}", error.hint) from error


def named_groups(pattern: str) -> tuple[str, ...]:
    """Return the groups of a regular expression that have names.

    Raises `DeclarationError` for an expression that takes more than linear time, or is none.
    """
    try:
        groups = pl.Series([""]).str.extract_groups(pattern).struct.fields
    except pl.exceptions.PolarsError as error:
        text = str(error)
        reasons = re.findall(r"^error: (.*)$|regex error: (Compiled.*)", text, re.MULTILINE)
        reason = next((one or two for one, two in reasons), "it can't be understood").rstrip(".")
        hint = "see https://docs.rs/regex/latest/regex/#syntax"
        if "look-around" in reason or "backreference" in reason:
            hint = f"what can take more than linear time on some lines is left out: {hint}"
        raise DeclarationError(("pattern",), f"is no regular expression: {reason}", hint) from error
    names = tuple(name for name in groups if not name.isdecimal())
    if not names:
        raise DeclarationError(
            ("pattern",), "has no group with a name", "such as (?<status>[0-9]{3})"
        )
    return names


def _check_keys(own: OwnFormat, names: Iterable[str] | None) -> None:
    """Refuse keys that the pattern does not have."""
    if names is None:
        return
    known = [*names]
    for mapping in own.columns:
        key = mapping.key.removeprefix("$")
        parts = key.split("+") if mapping.column == "timestamp" else ()
        is_known = key in known or (len(parts) > 1 and all(part in known for part in parts))
        is_known |= key.startswith(("%", "context.")) and key in own.pattern
        if key and not is_known:
            hint = did_you_mean(key, known, f"it has {', '.join(known)}", at_most=1)
            raise DeclarationError(
                ("columns", mapping.column),
                f"is {mapping.key!r}, which is not in the pattern",
                hint,
            )
