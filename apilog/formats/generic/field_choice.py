"""The choice of the field that makes a column, by its name and the look of its values.

Invariant: a field is used for one thing, and never against the look of its values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import polars as pl

from apilog.formats.answer_fields import DURATION_COLUMNS
from apilog.formats.column_sources import ColumnSource
from apilog.formats.field_entry import FieldEntry
from apilog.formats.field_map import KEYS
from apilog.formats.generic.dialect import JoinedNames, find_path
from apilog.formats.generic.dialects import find_dialect
from apilog.formats.generic.own_fields import OwnFields
from apilog.formats.generic.unit_evidence import ChosenField
from apilog.formats.key_paths import candidate_paths, normalise_name
from apilog.values import looks
from apilog.values.convert import join_duration_parts
from apilog.values.json_text import KeyPath
from apilog.values.times import join_second_parts, parse_split_times, parse_times

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
_DATES = ("date", "logdate", "requestdate", "eventdate", "day")
_CLOCKS = ("time", "logtime", "requesttime", "eventtime", "timeofday", "clock")
_CALLED_A_TIME = re.compile(r"(?i)time|date|stamp|epoch|(?:^|[_.-])(?:ts|at)$|[a-z](?:Ts|At)$")
_PROCESS_KEYS = ("pid", "hostname")


_SECOND_PARTS = (("secs", "nanos"), ("seconds", "nanos"), ("sec", "nsec"), ("secs", "nsecs"))
_SPLIT_SECONDS = {"timestamp": join_second_parts, "duration": join_duration_parts}


class FieldChoice:
    """The fields that were chosen for each column that the user did not name one for."""

    def __init__(self, values: Mapping[KeyPath, pl.Series], own: OwnFields) -> None:
        self._values = values
        self._given = {path: s.drop_nulls() for path, s in values.items()}
        self._looks: dict[tuple[object, KeyPath], bool] = {}
        self._kinds: dict[KeyPath, str] = dict(own.kinds)
        self._own_columns = frozenset(own.paths)
        self.dialect = find_dialect(self._given)
        self.columns: dict[str, tuple[ChosenField, ...]] = {}
        self._split_seconds = self._find_split_seconds(own.columns)
        for paths in self._split_seconds.values():
            self._kinds |= dict.fromkeys(paths, "seconds and their fraction")
        for column in KEYS:
            if column in self._split_seconds:
                continue
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
        for column, (whole, fraction) in self._split_seconds.items():
            read = _SPLIT_SECONDS["timestamp" if column == "timestamp" else "duration"]
            found[column] = JoinedNames((), read), [whole, fraction]
        return found

    def _find_split_seconds(self, own: Collection[str]) -> Mapping[str, tuple[KeyPath, KeyPath]]:
        """Return the fields of whole seconds and of nanoseconds that are one value, by column.

        So Rust's serde writes a Duration, and ProtoJSON of some languages a Timestamp.
        """
        parts: dict[KeyPath, dict[str, KeyPath]] = {}
        for path, given in self._given.items():
            if len(path) > 1 and len(given):
                parts.setdefault(path[:-1], {})[normalise_name(path[-1])] = path
        whole_and_fraction = {
            parent: (names[whole], names[fraction])
            for parent, names in parts.items()
            for whole, fraction in _SECOND_PARTS
            if names.keys() == {whole, fraction} and self._are_numbers(names.values())
        }
        found: dict[str, tuple[KeyPath, KeyPath]] = {}
        for column in ("timestamp", *DURATION_COLUMNS):
            names = [name for entry in KEYS[column] for name in entry.names]
            ranked = candidate_paths(names, whole_and_fraction)
            taken = [
                path for _, _, path in ranked if whole_and_fraction[path] not in found.values()
            ]
            if taken and column not in own:
                found[column] = whole_and_fraction[taken[0]]
        return found

    def _are_numbers(self, paths: Iterable[KeyPath]) -> bool:
        return all(looks.is_duration(self._given[path]).all() for path in paths)

    def find_access_lines(self) -> Mapping[KeyPath, str]:
        """Return the fields that tell access lines, and what their values match."""
        rules = self.dialect.access_lines if self.dialect else {}
        found = ((find_path(name, self._given), pattern) for name, pattern in rules.items())
        return {path: pattern for path, pattern in found if path}

    def find_time(self, *, is_timed: bool) -> tuple[tuple[KeyPath, ...], ColumnSource | None]:
        """Return the fields of the time where none is named for it, and what it is made of."""
        if "timestamp" in (self.columns.keys() | self._own_columns | self._split_seconds.keys()):
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
