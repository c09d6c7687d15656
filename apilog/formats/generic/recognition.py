"""The inference of which field of a log is which, from its name and the look of its values.

Invariant: a field is used for one thing, and never against the look of its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field

import polars as pl

from apilog.formats.answer_fields import DURATION_COLUMNS
from apilog.formats.column_sources import ColumnSource
from apilog.formats.duration_units import duration_converter
from apilog.formats.generic.dialect import LogDialect
from apilog.formats.generic.field_choice import TELLING_COLUMNS, FieldChoice
from apilog.formats.generic.own_fields import OwnFields
from apilog.formats.generic.unit_evidence import ChosenField, DurationUnits, doubt_unread
from apilog.formats.key_paths import candidate_paths
from apilog.formats.own.client_address import choose_client, find_forwarded
from apilog.formats.own.conversions import (
    encode_first_address,
)
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.values.convert import blank_to_null
from apilog.values.json_text import KeyPath
from apilog.values.local_times import decide_local_times, describe_order, local_time_converter

_BLANKS = ("-", "", '"-"', '""', "null")
_NO_TIME = (
    "the lines have no time, so that `--since`, `--until` and the traffic leave them out; "
    "`--column timestamp=KEY` names a field that has one"
)
_LIKELY_TIME = (
    "`{}` is read as the time of the request, by its look; it may be another one: "
    "`--column timestamp=KEY` names the field"
)
_RECEIVED = ("upstreambytesreceived", "upstreamheadertime")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedFields:
    """What the fields of a log are used for."""

    sources: Mapping[str, tuple[ColumnSource, ...]]
    """Column to what makes it; the names are keys of `places`."""
    places: Mapping[str, KeyPath]
    """The names of fields, as `--column` takes them, and their paths."""
    dialect: LogDialect | None
    gateway: str | None
    doubts: tuple[str, ...]
    access_lines: Mapping[str, str]
    """Names of fields to what their values match on access lines."""
    lacks_time: bool = False
    """Whether its lines tell no time, as its software is known to write them."""
    pair_names: tuple[str, ...] = ()
    """Fields by which the line at the beginning of a request is found for that at its end; none
    where one line tells of a request."""
    received_name: str = ""
    """The field that tells whether anything came from a service behind, if there is one."""
    telling: tuple[str, ...] = TELLING_COLUMNS
    """Columns of which a record has one."""
    missing: Mapping[str, str] = dataclass_field(default_factory=dict)
    """Keys that the user named for columns, by column, where no line has them."""
    names: tuple[str, ...] = ()
    """The names of all fields that the lines have."""
    hints: KeyHints = NO_KEY_HINTS
    """What the user said of them."""

    @property
    def time_name(self) -> str:
        """The first field that holds the time; empty if times come with the lines."""
        return next((name for s in self.sources.get("timestamp", ()) for name in s.names), "")


def recognise_fields(
    values: Mapping[KeyPath, pl.Series], hints: KeyHints = NO_KEY_HINTS, *, is_timed: bool = False
) -> RecognisedFields | None:
    """Return what each field is used for, told from the first values (String, null: missing).

    `hints` are what the user says, which wins over what names and values tell. None if there is no
    time, or neither a request, a path nor a status. `is_timed` says that times come with the lines,
    so that they need none of their own.
    """
    values, own_fields, chosen = _choose_fields(values, hints)
    columns = chosen.columns
    known = {*columns, *own_fields.paths, *chosen.find_joined(values)}
    # Who names keys has looked at the log: then less makes a request.
    least = (
        {"path", "status"}
        if not hints.columns
        else {*TELLING_COLUMNS, *own_fields.paths} - {"timestamp"}
    )
    if not known & least:
        return None
    time_fields, time_source = chosen.find_time(is_timed=is_timed)
    lacks_time = not ("timestamp" in known or time_fields or is_timed)
    if lacks_time and not (chosen.dialect and chosen.dialect.lacks_time):
        return None
    if not ("timestamp" in known or time_fields or hints.columns or least <= known):
        return None
    sources, doubts = own_fields.make_sources()
    places = {".".join(path): path for path in (*own_fields.all_paths, *time_fields)}
    if time_source:
        sources["timestamp"] = (time_source,)
    doubts += [_LIKELY_TIME.format(".".join(p)) for p in time_fields if len(time_fields) == 1]
    doubts += [_NO_TIME] if lacks_time else []
    units = FieldUnits(values, DurationUnits(values, chosen.dialect, columns))
    for column, fields in columns.items():
        made = [_make_source(column, chosen_field, units, doubts) for chosen_field in fields]
        # A dot in a key makes two paths look alike.
        is_first = [places.setdefault(".".join(p), p) == p for p, _ in fields]
        sources[column] = tuple(s for s, first in zip(made, is_first, strict=True) if first)
    if "client_ip" not in own_fields.columns:
        _choose_client(values, hints.client_ip, sources, places, doubts)
    chosen.add_joined(values, sources, places)
    rules = chosen.find_access_lines()
    pairing = chosen.find_pairing()
    received = [path for _, _, path in candidate_paths(_RECEIVED, values)][:1]
    places |= {".".join(path): path for path in (*rules, *pairing, *received)}
    return RecognisedFields(
        access_lines={".".join(path): pattern for path, pattern in rules.items()},
        lacks_time=lacks_time,
        pair_names=tuple(".".join(path) for path in pairing),
        received_name=next((".".join(path) for path in received), ""),
        telling=TELLING_COLUMNS if known & {*TELLING_COLUMNS} else tuple(least),
        missing=own_fields.missing,
        names=tuple(".".join(path) for path in values),
        hints=hints,
        sources=sources,
        places=places,
        dialect=chosen.dialect,
        gateway=chosen.dialect.gateway if chosen.dialect else None,
        doubts=tuple(dict.fromkeys([*doubts, *(chosen.dialect.doubts if chosen.dialect else ())])),
    )


def _choose_fields(
    values: Mapping[KeyPath, pl.Series], hints: KeyHints
) -> tuple[Mapping[KeyPath, pl.Series], OwnFields, FieldChoice]:
    """Return the values of lines about requests, and the fields that were chosen by them."""
    values = {path: blank_to_null(s, _BLANKS) for path, s in values.items()}
    own_fields = OwnFields(hints, values)
    chosen = FieldChoice(values, own_fields)
    telling = [c.path for column in TELLING_COLUMNS for c in chosen.columns.get(column, ())]
    telling += [p[0] for c, (_, p) in chosen.find_joined(values).items() if c in TELLING_COLUMNS]
    telling += [p for c, p in own_fields.paths.items() if c in TELLING_COLUMNS and p in values]
    if telling:
        # Lines about something else have no say.
        tells = pl.DataFrame([values[path].alias(str(at)) for at, path in enumerate(telling)])
        is_request = tells.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        if not is_request.all():
            values = {path: s.filter(is_request) for path, s in values.items()}
            own_fields = OwnFields(hints, values)
            chosen = FieldChoice(values, own_fields)
    return values, own_fields, chosen


@dataclass(frozen=True, slots=True)
class FieldUnits:
    """What decides how numbers and times are read."""

    values: Mapping[KeyPath, pl.Series]
    durations: DurationUnits


def _make_source(
    column: str, chosen: ChosenField, units: FieldUnits, doubts: list[str]
) -> ColumnSource:
    path, entry = chosen
    convert = entry.convert
    if column in DURATION_COLUMNS:
        unit, doubt = units.durations.decide(column, path, entry)
        convert = duration_converter(column, unit)
        unread = doubt_unread(units.values[path], ".".join(path), convert)
        doubts += [each for each in (doubt, unread) if each]
    elif entry.is_local_time:
        local = decide_local_times(units.values[path].drop_nulls())
        convert = local_time_converter(day_first=local.day_first)
        doubt = describe_order(local, ".".join(path))
        doubts += [doubt] if doubt else []
    return ColumnSource((".".join(path),), convert, request_part=entry.request_part)


def _choose_client(
    values: Mapping[KeyPath, pl.Series],
    client_ip: str | None,
    sources: dict[str, tuple[ColumnSource, ...]],
    places: dict[str, KeyPath],
    doubts: list[str],
) -> None:
    """Have `client_ip` made of the address that is the client's, where there are several."""
    named = {".".join(path): path for path in reversed([*values])}
    found = [source.names[0] for source in sources.get("client_ip", ())]
    peers = [name for name in found if name not in find_forwarded(found)]
    choice = choose_client(
        client_ip, [*named], peers, lambda names: {name: values[named[name]] for name in names}
    )
    if choice is None:
        return
    if choice.keys:
        sources["client_ip"] = tuple(
            ColumnSource((name,), encode_first_address) for name in choice.keys
        )
        places |= {name: named[name] for name in choice.keys}
    doubts += [choice.doubt] if choice.doubt else []
