"""The inference of which field of a log is which, from its name and the look of its values.

Invariant: a field is used for one thing, and never against the look of its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import partial

import polars as pl

from apilog.formats.column_sources import ColumnSource
from apilog.formats.duration_units import duration_converter
from apilog.formats.field_entry import FieldEntry
from apilog.formats.field_map import DURATION_COLUMNS, KEYS
from apilog.formats.generic.dialect import JoinedNames, LogDialect, find_path
from apilog.formats.generic.dialects import find_dialect
from apilog.formats.generic.unit_evidence import ChosenField, DurationUnits
from apilog.formats.key_paths import candidate_paths
from apilog.formats.own.client_address import choose_client, find_forwarded
from apilog.formats.own.conversions import (
    KeyConversion,
    convert_key,
    encode_first_address,
    join_values,
)
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.options import ColumnMapping
from apilog.values import looks
from apilog.values.convert import blank_to_null
from apilog.values.json_text import KeyPath, parse_indexed_key
from apilog.values.local_times import decide_local_times, describe_order, local_time_converter
from apilog.values.times import parse_split_times, parse_times

TELLING_COLUMNS = ("path", "status", "method")
"""One of the fields of these has to say something, or a line is no request."""
# Lines of several programs in one stream may have other fields for the same; but who called, and
# what a route or an API is called, must not be mixed of several meanings.
_ALTERNATING = frozenset(
    {"timestamp", "method", "path", "query", "protocol", "status", "host", "error_type"}
    | {"upstream_status", "referer", "user_agent", "request_bytes", "response_bytes"}
    | DURATION_COLUMNS
)
_PAIR_KEYS = (
    *KEYS["request_id"][0].names,
    *KEYS["trace_id"][0].names,
    *("id", "requestnumber", "connectionid", "spanid"),
)
_BLANKS = ("-", "", '"-"', '""', "null")
_NO_TIME = (
    "the lines have no time, so that `--since`, `--until` and the traffic leave them out; "
    "`--column timestamp=KEY` names a field that has one"
)
_LIKELY_TIME = (
    "`{}` is read as the time of the request, by its look; it may be another one: "
    "`--column timestamp=KEY` names the field"
)
_DATES = ("date", "logdate", "requestdate", "eventdate", "day")
_CLOCKS = ("time", "logtime", "requesttime", "eventtime", "timeofday", "clock")
_CALLED_A_TIME = re.compile(r"(?i)time|date|stamp|epoch|(?:^|[_.-])(?:ts|at)$|[a-z](?:Ts|At)$")
_RECEIVED = ("upstreambytesreceived", "upstreamheadertime")
_PROCESS_KEYS = ("pid", "hostname")


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
) -> tuple[Mapping[KeyPath, pl.Series], _OwnFields, _FieldChoice]:
    """Return the values of lines about requests, and the fields that were chosen by them."""
    values = {path: blank_to_null(s, _BLANKS) for path, s in values.items()}
    own_fields = _OwnFields(hints, values)
    chosen = _FieldChoice(values, own_fields)
    telling = [c.path for column in TELLING_COLUMNS for c in chosen.columns.get(column, ())]
    telling += [p[0] for c, (_, p) in chosen.find_joined(values).items() if c in TELLING_COLUMNS]
    telling += [p for c, p in own_fields.paths.items() if c in TELLING_COLUMNS and p in values]
    if telling:
        # Lines about something else have no say.
        tells = pl.DataFrame([values[path].alias(str(at)) for at, path in enumerate(telling)])
        is_request = tells.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        if not is_request.all():
            values = {path: s.filter(is_request) for path, s in values.items()}
            own_fields = _OwnFields(hints, values)
            chosen = _FieldChoice(values, own_fields)
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
        doubts += [doubt] if doubt else []
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


class _OwnFields:
    """The fields that the user named for columns."""

    def __init__(self, hints: KeyHints, values: Mapping[KeyPath, pl.Series]) -> None:
        self.columns = frozenset(mapping.column for mapping in hints.columns)
        self.paths: dict[str, KeyPath] = {}
        self.missing: dict[str, str] = {}
        self.undecided: dict[str, KeyPath] = {}
        """Durations without a unit."""
        self.joined: dict[str, tuple[KeyPath, ...]] = {}
        """Times that are made of a date and a time of day."""
        self.kinds: dict[KeyPath, str] = {}
        self._conversions: dict[str, KeyConversion] = {}
        by_name = {".".join(path): path for path in reversed([*values])}
        nothing = pl.Series([], dtype=pl.String)
        for mapping in hints.columns:
            if not mapping.key:
                continue  # the column is to stay empty
            path = by_name.get(mapping.key)
            if path is None and (both := _find_both(mapping, by_name)):
                self.paths[mapping.column] = both[0]
                self.joined[mapping.column] = both
                self.kinds |= dict.fromkeys(both, "named by the user")
                self._conversions[mapping.column] = convert_key(mapping, nothing)
                continue
            if path is None and (indexed := parse_indexed_key(mapping.key)) in values:
                path = indexed
            if path is None or values[path].null_count() == len(values[path]):
                self.missing[mapping.column] = mapping.key
            path = path or tuple(mapping.key.split("."))
            if mapping.column in DURATION_COLUMNS and mapping.unit is None and path in values:
                # Its unit is decided with the others.
                self.undecided[mapping.column] = path
                self.kinds[path] = "named by the user"
                continue
            conversion = convert_key(mapping, values.get(path, nothing))
            self.paths[mapping.column] = path
            self._conversions[mapping.column] = conversion
            self.kinds[path] = conversion.kind or "named by the user"

    @property
    def all_paths(self) -> list[KeyPath]:
        """The fields of all columns."""
        return [*self.paths.values(), *(p for paths in self.joined.values() for p in paths)]

    def make_sources(self) -> tuple[dict[str, tuple[ColumnSource, ...]], list[str]]:
        """Return the sources by column, and the doubts about them."""
        sources: dict[str, tuple[ColumnSource, ...]] = {
            column: (conversion.source_of(".".join(self.paths[column])),)
            for column, conversion in self._conversions.items()
        }
        for column, paths in self.joined.items():
            convert = partial(join_values, convert=self._conversions[column].convert)
            sources[column] = (ColumnSource(tuple(".".join(path) for path in paths), convert),)
        return sources, [c.doubt for c in self._conversions.values() if c.doubt]


def _find_both(mapping: ColumnMapping, by_name: Mapping[str, KeyPath]) -> tuple[KeyPath, ...]:
    """Return the fields of a time that is made of two, as `date+clock` names them."""
    names = mapping.key.split("+") if mapping.column == "timestamp" else ()
    both = tuple(by_name[name.strip()] for name in names if name.strip() in by_name)
    return both if len(both) == len(names) == 2 else ()


class _FieldChoice:
    """The fields that were chosen for each column that the user did not name one for."""

    def __init__(self, values: Mapping[KeyPath, pl.Series], own: _OwnFields) -> None:
        self._values = values
        self._given = {path: s.drop_nulls() for path, s in values.items()}
        self._looks: dict[tuple[object, KeyPath], bool] = {}
        self._kinds: dict[KeyPath, str] = dict(own.kinds)
        self._own_columns = frozenset(own.paths)
        self.dialect = find_dialect(self._given)
        self.columns: dict[str, tuple[ChosenField, ...]] = {}
        for column in KEYS:
            if column in own.undecided:
                named = ChosenField(own.undecided[column], KEYS[column][-1])
                self.columns[column] = (named,)
            if column in own.columns:
                continue
            if fields := self._choose(column):
                self.columns[column] = fields
                for path, entry in fields:
                    self._kinds[path] = entry.kind or column

    def add_joined(
        self,
        values: Mapping[KeyPath, pl.Series],
        sources: dict[str, tuple[ColumnSource, ...]],
        places: dict[str, KeyPath],
    ) -> None:
        """Add columns that several fields make, where none makes them alone."""
        for column, (joined, paths) in self.find_joined(values).items():
            if column in sources:
                continue
            # A key that no line has is None for the conversion.
            more = [(name, find_path(name, values)) for name in joined.optional]
            found = {".".join(path) if path else name: path for name, path in more}
            names = tuple(".".join(path) for path in paths)
            sources[column] = (ColumnSource(names, joined.convert, tuple(found)),)
            places |= dict(zip(names, paths, strict=True))
            places |= {name: path for name, path in found.items() if path}

    def find_joined(
        self, values: Mapping[KeyPath, pl.Series]
    ) -> Mapping[str, tuple[JoinedNames, list[KeyPath]]]:
        """Return the columns that several fields make, and these, where all of them are there."""
        found: dict[str, tuple[JoinedNames, list[KeyPath]]] = {}
        for column, joined in (self.dialect.joined if self.dialect else {}).items():
            paths = [path for name in joined.names if (path := find_path(name, values))]
            if len(paths) == len(joined.names):
                found[column] = joined, paths
        return found

    def find_access_lines(self) -> Mapping[KeyPath, str]:
        """Return the fields that tell access lines, and what their values match."""
        rules = self.dialect.access_lines if self.dialect else {}
        found = ((find_path(name, self._given), pattern) for name, pattern in rules.items())
        return {path: pattern for path, pattern in found if path}

    def find_time(self, *, is_timed: bool) -> tuple[tuple[KeyPath, ...], ColumnSource | None]:
        """Return the fields of the time where none is named for it, and what it is made of."""
        if "timestamp" in (self.columns.keys() | self._own_columns):
            return (), None
        if paths := self.find_split_time():
            return paths, ColumnSource(tuple(".".join(p) for p in paths), parse_split_times)
        if not is_timed and (likely := self.find_likely_time()):
            return (likely,), ColumnSource((".".join(likely),), parse_times)
        return (), None

    def find_split_time(self) -> tuple[KeyPath, ...]:
        """Return the field of the date and that of the time of day, if a log has two."""
        found = []
        for names, look in ((_DATES, looks.is_date), (_CLOCKS, looks.is_clock)):
            paths = (path for _, _, path in candidate_paths(names, self._given))
            is_like = (p for p in paths if len(self._given[p]) and look(self._given[p]).all())
            found += [path for path in is_like if path not in found][:1]
        return tuple(found) if len(found) == 2 else ()

    def find_likely_time(self) -> KeyPath | None:
        """Return the field of every line that looks like a time, if there is one alone.

        Of several, one alone may be called a time.
        """
        likely = [
            path
            for path, given in self._given.items()
            if len(given) == len(self._values[path]) > 0
            and path not in self._kinds
            and looks.is_moment(given).all()
        ]
        called = [path for path in likely if _CALLED_A_TIME.search(path[-1])]
        alone = likely if len(likely) == 1 else called
        return alone[0] if len(alone) == 1 else None

    def find_pairing(self) -> tuple[KeyPath, ...]:
        """Return the fields that tie the two lines of a request together, if there are two.

        The one at the beginning has the request and no status, the one at the end a status and no
        path. An id is the same in both; restarted processes begin to count anew.
        """
        given = {
            column: self._any_given(self.columns.get(column, ())) for column in TELLING_COLUMNS
        }
        begins = (given["path"] | given["method"]) & ~given["status"]
        ends = given["status"] & ~given["path"]
        both = int((given["status"] & given["path"]).sum())
        if not begins.any() or both > int(ends.sum()):
            return ()
        if not ends.any():
            # A log of a moment, in which no request has ended.
            waits = self._are_begin_lines(begins)
            return (*self._find_named(_PAIR_KEYS)[:1], *self._find_named(_PROCESS_KEYS)) * waits
        for path in self._find_named(_PAIR_KEYS):
            ids = self._values[path]
            ending = ids.filter(ends).drop_nulls()
            begun = ids.filter(begins).drop_nulls().unique()
            # Of the first and the last requests of a head, one line may lie outside of it.
            if len(ending) and 2 * int(ending.is_in(begun.implode()).sum()) >= len(ending):
                return (path, *self._find_named(_PROCESS_KEYS))
        return ()

    def _are_begin_lines(self, begins: pl.Series) -> bool:
        """Whether lines are such as the software writes at the beginning of requests."""
        rules = self.dialect.begin_lines if self.dialect else {}
        found = ((find_path(name, self._given), pattern) for name, pattern in rules.items())
        return bool(rules) and all(
            path and self._values[path].filter(begins).str.contains(pattern).all()
            for path, pattern in found
        )

    def _any_given(self, fields: Iterable[ChosenField]) -> pl.Series:
        count = len(next(iter(self._values.values()), ()))
        given = pl.repeat(value=False, n=count, eager=True)
        for field in fields:
            given |= self._values[field.path].is_not_null()
        return given

    def _find_named(self, names: tuple[str, ...]) -> list[KeyPath]:
        """Return the fields of these names, also if they are used for a column."""
        return [path for _, _, path in candidate_paths(names, self._given)]

    def _choose(self, column: str) -> tuple[ChosenField, ...]:
        fitting = list(self._iterate_fitting(column))
        # A better name does not make up for a value that few lines have.
        often = max((len(self._given[path]) for path, _ in fitting), default=0)
        likely = [field for field in fitting if 4 * len(self._given[field.path]) >= often]
        if not likely:
            return ()
        first = self._prefer_changing(likely) if column == "path" else likely[0]
        more = self._find_alternates(first, fitting) if column in _ALTERNATING else ()
        return (first, *more)

    def _iterate_fitting(self, column: str) -> Iterator[ChosenField]:
        """Yield the fields that can make a column, the best first, each once."""
        own = self.dialect.fields.get(column) if self.dialect else None
        entries = KEYS[column] if own is None else own
        ranked = [
            (order, cut, rank, path)
            for order, entry in enumerate(entries)
            for cut, rank, path in candidate_paths(
                entry.names, self._given, with_unit=entry.is_duration
            )
            if self._kinds.get(path) in (None, entry.kind or column) and self._has_look(entry, path)
        ]
        # What is documented counts in its order; other names count more the more of the path
        # they are.
        ranked.sort(key=lambda r: r[:3] if own is not None else (r[1], r[0], r[2]))
        seen: set[KeyPath] = set()
        for order, _, _, path in ranked:
            if path not in seen:
                seen.add(path)
                yield ChosenField(path, entries[order])

    def _has_look(self, entry: FieldEntry, path: KeyPath) -> bool:
        """Return whether most values have the look; a duration may be missing in every line."""
        key = (entry.look, path)
        if key not in self._looks:
            given = self._given[path]
            matches = entry.look(given).fill_null(value=False)
            self._looks[key] = 2 * int(matches.sum()) >= len(given) > 0
        return self._looks[key]

    def _prefer_changing(self, fields: list[ChosenField]) -> ChosenField:
        """Return the first field, or the next that changes if it is one path in every line."""
        first = fields[0]
        if len(self._given[first.path]) < 5 or self._given[first.path].n_unique() > 1:
            return first
        changing = (f for f in fields if self._given[f.path].n_unique() > 1)
        return next(changing, first)

    def _find_alternates(
        self, first: ChosenField, fitting: Iterable[ChosenField]
    ) -> Iterator[ChosenField]:
        """Yield fields that are there on lines that lack the first, and on no others."""
        missing = self._values[first.path].is_null()
        for other in fitting:
            if other.path == first.path or not missing.any():
                continue
            is_given = self._values[other.path].is_not_null()
            both = int((is_given & ~missing).sum())
            if int((is_given & missing).sum()) > 0 and 20 * both <= int(is_given.sum()):
                missing &= ~is_given
                yield other
