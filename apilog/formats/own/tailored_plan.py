"""How a file is parsed once the user's hints and the file's addresses are taken into account.

Invariant: a key that the user names for a column is read for it by every format that has it; a key
that no line has is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from apilog.errors import UsageError
from apilog.formats.column_sources import ColumnSource
from apilog.formats.contract import Format
from apilog.formats.field_entry import VariableSource
from apilog.formats.field_map import VARIABLES
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.formats.generic.labelled import LogfmtFormat, LtsvFormat
from apilog.formats.generic.named_values import CsvFormat, RegexFormat
from apilog.formats.key_paths import normalise_name
from apilog.formats.nginx.apache_format import parse_apache_format
from apilog.formats.nginx.format import JsonTemplateFormat, NginxFormat
from apilog.formats.own.client_address import (
    choose_client,
    find_forwarded,
    find_named,
    missing_address,
)
from apilog.formats.own.conversions import convert_key, encode_first_address
from apilog.formats.own.key_hints import KeyHints
from apilog.formats.parse_plan import ParsePlan, ParseStage
from apilog.options import ColumnMapping
from apilog.text import nearest_names
from apilog.transport.envelope_registry import unwrap_texts
from apilog.values.addresses import first_addresses
from apilog.values.dictionary import encode_texts
from apilog.values.event_lines import EventLines

_SAMPLE_LINES = 500
_MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class TailoredFormat:
    """A format with what the user says of its keys."""

    format: Format
    missing: frozenset[str] = frozenset()
    """The columns that it has no key for, of those that the user named one for."""
    names: tuple[str, ...] = ()
    """The keys that it has."""


def tailor_plan(plan: ParsePlan, head: pl.Series, hints: KeyHints) -> ParsePlan:
    """Return the plan for a file that begins with these lines, as the user's hints have it."""
    formats = (*plan.fallbacks, *(f for stage in plan.stages for f in stage.formats))
    if not hints and not any(map(_has_addresses, formats)):
        return plan
    stages: list[ParseStage] = []
    tailored: list[TailoredFormat] = []
    for stage in plan.stages:
        unread = unwrap_texts(stage.envelopes, head.head(_SAMPLE_LINES))
        is_timed = any(e.times for e in stage.envelopes)
        own: list[Format] = []
        for log_format in stage.formats:
            tailored.append(tailor_format(log_format, unread, hints, is_timed=is_timed))
            own.append(tailored[-1].format)
            if len(stage.formats) > 1:
                rejects = log_format.parse(EventLines.from_series(unread), ["timestamp"]).rejects
                unread = unread.gather(rejects["row"])
        stages.append(replace(stage, formats=tuple(own)))
    bare = head.head(_SAMPLE_LINES)
    fallbacks = tuple(tailor_format(f, bare, hints).format for f in plan.fallbacks)
    plan = replace(plan, fallbacks=fallbacks)
    if not tailored or not hints.columns:
        return replace(plan, stages=tuple(stages))
    nowhere = frozenset.intersection(*(t.missing for t in tailored))
    names = tuple(dict.fromkeys(name for t in tailored for name in t.names))
    doubts = [describe_missing(m, names) for m in hints.columns if m.column in nowhere]
    first = next(i for i, stage in enumerate(stages) if stage.formats)
    head_format, *others = stages[first].formats
    doubted = (with_doubts(head_format, doubts), *others)
    stages[first] = replace(stages[first], formats=doubted)
    return replace(plan, stages=tuple(stages))


def _has_addresses(log_format: Format) -> bool:
    """Return whether a format has several addresses one of which is the client's."""
    if not isinstance(log_format, (NginxFormat, JsonTemplateFormat)):
        return False  # others have chosen when their keys were found
    return bool(find_forwarded(log_format.mapper.variables))


def tailor_format(
    log_format: Format, texts: pl.Series, hints: KeyHints, *, is_timed: bool = False
) -> TailoredFormat:
    """Return a format for lines of which these are the first, as the hints have it.

    `is_timed` says that times come with the lines.
    """
    match log_format:
        case NginxFormat() | JsonTemplateFormat():
            return _tailor_variables(log_format, texts, hints)
        case JsonLinesFormat() | LtsvFormat() | LogfmtFormat():
            fields = log_format.fields
            wanted = hints.over(fields.hints)
            again = None
            if wanted != fields.hints:
                again = type(log_format).infer(texts, wanted, is_timed=is_timed)
            if again is None:
                return TailoredFormat(log_format, frozenset(fields.missing), fields.names)
            # The gateway may be the user's own word.
            found = replace(again.fields, gateway=fields.gateway)
            renamed = replace(again, name=log_format.name, fields=found)
            return TailoredFormat(renamed, frozenset(found.missing), found.names)
        case CsvFormat() | RegexFormat():
            fields = log_format.fields
            return TailoredFormat(log_format, frozenset(fields.missing), fields.names)
        case GatewayFormat():
            return _tailor_gateway(log_format, texts, hints)
    return TailoredFormat(log_format, frozenset(m.column for m in hints.columns))


def with_doubts(log_format: Format, doubts: Sequence[str]) -> Format:
    """Return the format with more doubts."""
    match log_format:
        case NginxFormat() | JsonTemplateFormat() | GatewayFormat():
            return replace(log_format, doubts=(*log_format.doubts, *doubts))
        case JsonLinesFormat() | LtsvFormat() | LogfmtFormat() | CsvFormat() | RegexFormat():
            fields = log_format.fields
            return replace(log_format, fields=replace(fields, doubts=(*fields.doubts, *doubts)))
    return log_format


def describe_missing(mapping: ColumnMapping, names: Sequence[str]) -> str:
    """Say that no line has the key that the user named for a column, and which keys there are."""
    near = nearest_names(mapping.key, names, at_most=1)
    if near:
        has = f"did you mean `--column {mapping.column}={near[0]}`?"
    elif names:
        shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
        has = f"the lines have {shown}"
    else:
        has = "the values of these lines have no names"
    return f"no line looked at has the key `{mapping.key}` for `{mapping.column}`: {has}"


def _tailor_variables(
    log_format: NginxFormat | JsonTemplateFormat, texts: pl.Series, hints: KeyHints
) -> TailoredFormat:
    own = dict(log_format.own_sources)
    doubts = []
    keys = _variables_by_key(log_format)
    missing = set()
    for mapping in hints.columns:
        variable = keys.get(bare_variable(mapping.key))
        if variable is None and mapping.key:
            missing.add(mapping.column)
            continue
        own[mapping.column] = ()
        if variable is not None:
            sample = log_format.sample_variables(texts, [variable])[variable]
            conversion = convert_key(mapping, sample, _VARIABLE_UNITS.get(variable))
            own[mapping.column] = (conversion.variable_source(variable),)
            doubts += [conversion.doubt] if conversion.doubt else []
    if "client_ip" not in own:
        sources = {s.variable: s for s in VARIABLES["client_ip"]}
        variables = log_format.mapper.variables
        choice = choose_client(
            hints.client_ip,
            sorted(variables),
            [name for name in sources if name in variables and name not in find_forwarded(sources)],
            lambda names: log_format.sample_variables(texts, names),
        )
        if choice and choice.keys:
            own["client_ip"] = tuple(
                sources.get(key, VariableSource(key, encode_texts, first_addresses))
                for key in choice.keys
            )
        doubts += [choice.doubt] if choice and choice.doubt else []
    names = tuple(log_format.mapper.variables)
    if own == log_format.own_sources and not doubts:
        return TailoredFormat(log_format, frozenset(missing), names)
    doubts = [*log_format.doubts, *doubts]
    tailored = replace(log_format, own_sources=own, doubts=tuple(doubts))
    return TailoredFormat(tailored, frozenset(missing), names)


_VARIABLE_UNITS = dict.fromkeys(
    ("request_time", "upstream_response_time", "upstream_connect_time", "upstream_header_time"), "s"
)
"""https://nginx.org/en/docs/http/ngx_http_log_module.html, and of the upstream module"""


def bare_variable(key: str) -> str:
    """Return the name of a variable, also of `$name`, `${name}` and a directive of Apache's."""
    if "%" in key:
        with suppress(UsageError):
            return parse_apache_format(key).variables[0]
    return key.removeprefix("$").strip("{}")


def _variables_by_key(log_format: NginxFormat | JsonTemplateFormat) -> dict[str, str]:
    """Return the variables by their names, and by the keys of a template that have one value."""
    keys = {variable: variable for variable in log_format.mapper.variables}
    if isinstance(log_format, JsonTemplateFormat):
        for path, value in log_format.value_formats.items():
            if len(value.parts) == 1:
                keys[".".join(path)] = value.variables[0]
    return keys


def _tailor_gateway(log_format: GatewayFormat, texts: pl.Series, hints: KeyHints) -> TailoredFormat:
    places = log_format.places_by_key()
    names = tuple(places)
    by_column = {m.column: _find_place(places, m.key) for m in hints.columns if m.key}
    missing = frozenset(column for column, place in by_column.items() if place is None)
    if not hints:
        return TailoredFormat(log_format, missing, names)
    sources = dict(log_format.spec.column_sources)
    locations = dict(log_format.locations)
    doubts = list(log_format.doubts)
    wanted = [place for place in by_column.values() if place is not None]
    samples = log_format.read_places(EventLines.from_series(texts), wanted)
    for mapping in hints.columns:
        if mapping.column in missing:
            continue
        sources[mapping.column] = ()
        if mapping.key:
            place = by_column[mapping.column]
            name = f"{OWN_NAME}{mapping.column}"
            locations[name] = (place,)
            conversion = convert_key(mapping, samples[place])
            sources[mapping.column] = (conversion.source_of(name),)
            doubts += [conversion.doubt] if conversion.doubt else []
    if hints.client_ip and "client_ip" not in by_column:
        keys = find_named(hints.client_ip, names)
        doubts += [] if keys else [missing_address(hints.client_ip, names)]
        own = {f"{OWN_NAME}{key}": (places[key],) for key in keys}
        locations |= own
        first = tuple(ColumnSource((name,), encode_first_address) for name in own)
        sources["client_ip"] = (*first, *sources.get("client_ip", ()))
    spec = replace(log_format.spec, column_sources=sources)
    tailored = replace(log_format, spec=spec, locations=locations, doubts=tuple(doubts))
    return TailoredFormat(tailored, missing, names)


def _find_place(places: Mapping[str, Any], key: str) -> Any:
    """Return the place of a key, also of `$context.key`; None if the lines have no such key."""
    return places.get(key, places.get(normalise_name(key.removeprefix("$context"))))


OWN_NAME = "named by the user: "
"""What the names begin with that keys of the user's have beside those of the gateway."""
