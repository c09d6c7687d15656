"""How a file is read, as sections of the configuration that read it in the same way.

Invariant: a section gives the records that were found, of the lines that it was made of. What it
can't say stands in it as a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Any

import polars as pl

from apilog.formats.answer_fields import DURATION_COLUMNS
from apilog.formats.column_sources import ColumnSource
from apilog.formats.contract import Format
from apilog.formats.detect import as_events
from apilog.formats.gateways.aws.context_format import ContextTextFormat
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.formats.generic.labelled import LogfmtFormat, LtsvFormat
from apilog.formats.generic.named_values import CsvFormat, RegexFormat
from apilog.formats.generic.recognition import RecognisedFields
from apilog.formats.generic.w3c_rows import is_w3c_fields
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.own.declarations import MAPPED_COLUMNS
from apilog.formats.own.own_formats import OwnFormatDetector
from apilog.formats.own.tailored_plan import OWN_NAME
from apilog.formats.parse_plan import ParsePlan
from apilog.formats.registry import FORMAT_INFOS
from apilog.options import ColumnMapping, OwnFormat
from apilog.report_model import FoundFormat
from apilog.transport.envelope_registry import unwrap_texts

_SAMPLE_LINES = 500
_ODD_CHARACTERS = re.compile(r"[^A-Za-z0-9_]+")


def describe_formats(path: str, plan: ParsePlan, head: pl.Series) -> tuple[FoundFormat, ...]:
    """Return the sections for the formats of a file that begins with these lines."""
    found: list[FoundFormat] = []
    # Rows behind such a line come as objects.
    is_w3c = head.head(_SAMPLE_LINES).str.starts_with("#Fields:").any()
    for stage in plan.stages:
        unread = unwrap_texts(stage.envelopes, head.head(_SAMPLE_LINES))
        is_timed = any(envelope.times for envelope in stage.envelopes)
        for log_format in stage.formats:
            parsed = log_format.parse(as_events(unread, is_timed=is_timed), MAPPED_COLUMNS)
            name = _section_name(path, len(found))
            own = _declare(log_format, name)
            if own and own.lines == "json" and is_w3c:
                own = replace(own, lines="w3c")
            section = _describe(own, log_format, unread, parsed.records, is_timed=is_timed)
            found += [section] if section else []
            unread = unread.gather(parsed.rejects["row"])
    return tuple(found)


def _section_name(path: str, number: int) -> str:
    stem = _ODD_CHARACTERS.sub("_", PurePath(path).name.partition(".")[0]).strip("_") or "log"
    name = f"{stem}_{number + 1}" if number else stem
    return f"{name}_log" if name in FORMAT_INFOS else name


def _describe(
    own: OwnFormat | None,
    log_format: Format,
    texts: pl.Series,
    records: pl.DataFrame,
    *,
    is_timed: bool,
) -> FoundFormat | None:
    """Return the section of a format; None if there is none that reads the texts as it does."""
    if own is None:
        return None
    remarks: dict[str, tuple[str, ...]] = dict(_iterate_alternates(log_format))
    own = replace(own, columns=tuple(m for m in own.columns if m.column not in remarks))
    for _ in range(2):
        again = OwnFormatDetector(own).infer(texts, is_timed=is_timed)
        if again is None:
            return None
        if again.gateway != log_format.gateway:
            own = replace(own, gateway=log_format.gateway or "")
        parsed = again.parse(as_events(texts, is_timed=is_timed), MAPPED_COLUMNS).records
        differing = _differing_columns(records, parsed)
        if not differing:
            return FoundFormat(
                name=own.name,
                lines=own.lines,
                pattern=own.pattern or None,
                gateway=own.gateway,
                columns={m.column: _written_mapping(m) for m in own.columns},
                remarks=remarks,
            )
        remarks |= {m.column: (m.key,) for m in own.columns if m.column in differing}
        own = replace(own, columns=tuple(m for m in own.columns if m.column not in differing))
    return None


def _declare(log_format: Format, name: str) -> OwnFormat | None:
    declared = partial(OwnFormat, name=name, gateway=log_format.gateway)
    match log_format:
        case JsonLinesFormat() | LtsvFormat() | LogfmtFormat():
            lines = {JsonLinesFormat: "json", LtsvFormat: "ltsv", LogfmtFormat: "logfmt"}
            columns = tuple(_iterate_mappings(log_format.fields))
            return declared(lines=lines[type(log_format)], columns=columns)
        case CsvFormat():
            columns = tuple(_iterate_mappings(log_format.fields))
            if is_w3c_fields(log_format.header):
                return declared(lines="w3c", pattern=log_format.header, columns=columns)
            return declared(lines="csv", columns=columns)
        case RegexFormat():
            columns = tuple(_iterate_mappings(log_format.fields))
            return declared(lines="regex", pattern=log_format.pattern, columns=columns)
        case NginxFormat():
            columns = tuple(_iterate_variables(log_format))
            if log_format.name in FORMAT_INFOS:
                return declared(lines=log_format.name, columns=columns)
            return declared(lines="nginx", pattern=log_format.log_format.string, columns=columns)
        case ContextTextFormat():
            columns = tuple(_iterate_own(log_format))
            return declared(lines="aws", pattern=log_format.written, columns=columns)
        case GatewayFormat() if log_format.name in FORMAT_INFOS:
            return declared(lines=log_format.name, columns=tuple(_iterate_own(log_format)))
    return None


def _iterate_mappings(fields: RecognisedFields) -> Iterator[ColumnMapping]:
    for column in MAPPED_COLUMNS:
        sources = fields.sources.get(column, ())
        if len(sources) == 1 and len(sources[0].names) == 1:
            yield _mapping_of(column, sources[0].names[0], sources[0].convert)


def _iterate_variables(log_format: NginxFormat) -> Iterator[ColumnMapping]:
    for column in MAPPED_COLUMNS:
        source = log_format.mapper.sources.get(column)
        if source is not None and len(log_format.own_sources.get(column, (source,))) == 1:
            yield _mapping_of(column, source.variable, source.convert)


def _iterate_own(log_format: GatewayFormat) -> Iterator[ColumnMapping]:
    """Yield what the user said of a gateway's records; the rest is the gateway's own."""
    keys = _keys_by_place(log_format)
    for column, sources in log_format.spec.column_sources.items():
        names = [name for source in sources for name in source.names]
        if names == [f"{OWN_NAME}{column}"]:
            place = log_format.locations[names[0]][0]
            yield _mapping_of(column, keys[place], sources[0].convert)


def _keys_by_place(log_format: GatewayFormat) -> dict[Any, str]:
    keys: dict[Any, str] = {}
    for key, place in log_format.places_by_key().items():
        if not key.startswith(OWN_NAME):
            keys.setdefault(place, key)
    return keys


def _mapping_of(column: str, key: str, convert: object) -> ColumnMapping:
    """Return the mapping of a column, with the unit or layout that its converter has."""
    while isinstance(convert, partial) and "convert" in convert.keywords:
        convert = convert.keywords["convert"]
    told = convert.keywords if isinstance(convert, partial) else {}
    if column == "timestamp":
        layout, zone = told.get("layout"), told.get("zone")
        return ColumnMapping(column, key, told.get("unit"), layout, zone)
    unit = told.get("unit") if column in DURATION_COLUMNS else None
    if column in DURATION_COLUMNS and unit is None:
        unit = _UNITS_OF_VARIABLES.get(key)
    return ColumnMapping(column, key, unit)


_UNITS_OF_VARIABLES = {
    "request_time": "s",
    "upstream_response_time": "s",
}


def _iterate_alternates(log_format: Format) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the columns that are made of several fields, and these fields."""
    fields = getattr(log_format, "fields", None)
    if isinstance(fields, RecognisedFields):
        for column, sources in fields.sources.items():
            if len(sources) > 1 and column in MAPPED_COLUMNS:
                yield column, tuple(source.names[0] for source in sources)
    if isinstance(log_format, NginxFormat):
        for column, own in log_format.own_sources.items():
            if len(own) > 1:
                yield column, tuple(source.variable for source in own)
    if isinstance(log_format, GatewayFormat):
        keys = _keys_by_place(log_format)
        declared: Mapping[str, tuple[ColumnSource, ...]] = log_format.spec.column_sources
        for column, sources in declared.items():
            names = [name for s in sources for name in s.names if name in log_format.locations]
            places = [log_format.locations[name][0] for name in names]
            is_own = any(name.startswith(OWN_NAME) for name in names)
            if column in MAPPED_COLUMNS and places and not is_own:
                yield column, tuple(dict.fromkeys(keys[p] for p in places if p in keys))


def _differing_columns(one: pl.DataFrame, other: pl.DataFrame) -> set[str]:
    """Return the columns in which two readings of the same lines differ; all if lines do."""
    names = {*one.columns, *other.columns}
    if one.height != other.height:
        return names
    return {
        name
        for name in names
        if not _texts_of(one, name).equals(_texts_of(other, name), null_equal=True)
    }


def _texts_of(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        return pl.Series(name, [None], dtype=pl.String).new_from_index(0, frame.height)
    return frame[name].cast(pl.String)


def _written_mapping(mapping: ColumnMapping) -> dict[str, str]:
    given = {"key": mapping.key, "unit": mapping.unit, "format": mapping.format, "tz": mapping.tz}
    return {key: text for key, text in given.items() if text is not None}
