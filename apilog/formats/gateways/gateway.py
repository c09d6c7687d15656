"""The declaration of a gateway, and the resolution of a record's keys to the names in it.

Invariant: names of values are those of `normalise_name`, so that case and separators make no
difference. A name has one path; paths that are the same but for case and the ending that tells
the type are its alternates, for records that lack it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import polars as pl

from apilog.formats.column_sources import ColumnSource as ColumnSource
from apilog.formats.contract import Refusal, SkipRule
from apilog.formats.key_paths import normalise_name
from apilog.formats.nginx.format import NginxFormat
from apilog.values.convert import blank_to_null, durations_to_ms, encode_given
from apilog.values.dictionary import ColumnConverter, map_categories
from apilog.values.json_text import KeyPath
from apilog.values.times import parse_times


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayout:
    """Lines of text with values in a fixed order, in double quotes where they may hold blanks."""

    look: str
    """A pattern, anchored, of how a line begins."""
    names: tuple[str, ...]
    """The names of the values, in their order, those of the newest version; empty: never read."""
    least: int
    """How many there were in the oldest version."""
    separator: str = " "


def names_of(text: str) -> tuple[str, ...]:
    """Return names that are written with blanks between them."""
    return tuple(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A log of named values that a gateway writes, as JSON objects or as a table.

    An instance in `apilog.formats.gateways.GATEWAYS` is all that detection, parsing, `apilog
    formats` and `apilog detect` need.
    """

    name: str
    """The name of the format, as `--log-format` takes it."""
    gateway: str
    """The value of the column `gateway`: one of `apilog.schema.GATEWAYS`."""
    title: str
    url: str
    """The gateway's own documentation of the log."""
    samples: tuple[str, ...]

    # How records are recognised.
    fingerprint_keys: tuple[frozenset[str], ...]
    """Sets of names: a record that has all names of one set is this gateway's."""
    optional_keys: tuple[str, ...] = ()
    """Keys, as they are written, that the first records of a log may lack; they stand beside
    the fingerprint's."""
    is_own_record: tuple[ColumnSource, ...] = ()
    """Sources of whether a record is this gateway's (Boolean); where they are null, it is."""
    is_foreign_record: tuple[ColumnSource, ...] = ()
    """Sources of whether a line belongs to another log and is skipped (Boolean)."""

    # How records become columns.
    column_sources: Mapping[str, tuple[ColumnSource, ...]]
    """Column to its sources, best first; `timestamp` is required of every record."""
    omits_unset_values: bool = False
    """Whether a record lacks the keys that have no value, so that a log without a key tells that
    it was never set."""
    required_columns: tuple[str, ...] = ("status", "method", "path", "route", "operation")
    """A record has at least one of these columns, or it is a reject."""

    head_doubts: Mapping[str | tuple[str, ...], Callable[[pl.Series, str], str | None]] = field(
        default_factory=dict
    )
    """Names to functions of their values in the head of a file, and of their key, that return what
    these leave in doubt. Of several names the values are those of the first, if a file has all."""

    # How keys become names.
    record_wrappers: frozenset[str] = frozenset()
    """Names of objects that hold the record: values in them go by their path within."""
    nested_scopes: frozenset[str] = frozenset()
    """Names of objects about something else than the request as a whole: values in them go by
    their whole path alone."""
    ignored_keys: frozenset[str] = frozenset()
    """Names of values that are never read: headers, bodies."""
    type_suffixes: tuple[str, ...] = ()
    """Endings of keys that only tell the type of the value."""
    repair_json: ColumnConverter | None = None
    """Turns lines that are not JSON into JSON where the gateway's slips can be recognised."""
    repairable: str = r"^\s*\{"
    """A pattern of the lines that this may help."""

    # What lies beside the records, and what to tell the user.
    layouts: tuple[TextLayout, ...] = ()
    """Its records as lines of text."""
    text_formats: tuple[NginxFormat, ...] = ()
    skip_rules: tuple[SkipRule, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    """Logs of the same gateway that are no access logs."""
    advice: Mapping[str, str] = field(default_factory=dict)
    """Column to what to log, or to change, so that the column is filled."""
    template: str = ""
    """What to put into the gateway so that its log fills every column that it can."""


@dataclass(frozen=True, slots=True)
class UnsetWords:
    """The texts by which a vendor's logs say that a value is not set."""

    words: tuple[str, ...]

    def to_null(self, s: pl.Series) -> pl.Series:
        """Return the texts, encoded or not, with the unset ones as null."""
        return blank_to_null(s, self.words)

    def encode(self, s: pl.Series) -> pl.Series:
        """Return the texts dictionary-encoded, with the unset ones as null."""
        return encode_given(s, self.words)

    # Dictionary encoding pays where values repeat: identifiers are left as plain texts.

    def first_known(self, *names: str) -> tuple[ColumnSource, ...]:
        """Return the sources of a text that many records share, one per name."""
        return first_of(self.encode, *names)

    def first_id(self, *names: str) -> tuple[ColumnSource, ...]:
        """Return the sources of a text that every record has for itself, one per name."""
        return first_of(self.to_null, *names)

    def map_set(self, s: pl.Series, function: ColumnConverter) -> pl.Series:
        """Apply a function to the texts that are set, once per distinct text."""
        return map_categories(self.encode(s), function)


def first_of(convert: ColumnConverter, *names: str) -> tuple[ColumnSource, ...]:
    """Return sources that one function converts, one per name, best first."""
    return tuple(ColumnSource((name,), convert) for name in names)


def first_time(*names: str) -> tuple[ColumnSource, ...]:
    """Return the sources of a time in any notation, one per name."""
    return first_of(parse_times, *names)


def first_duration_ms(*names: str, unit: str = "ms") -> tuple[ColumnSource, ...]:
    """Return the sources of a duration that is logged in `unit`, one per name."""
    return first_of(partial(durations_to_ms, unit=unit), *names)


def resolve_keys(gateway: Gateway, fields: Iterable[KeyPath]) -> dict[str, KeyPath]:
    """Return the names that fields go by, and the path of each.

    Of several fields with one name the one whose whole path it is counts, then the outermost.
    """
    paths = sorted(
        (
            path
            for path in dict.fromkeys(fields)
            if gateway.ignored_keys.isdisjoint(_fold_path(gateway, path))
        ),
        key=len,
    )
    # A status within `authorizer` is not the request's: such values have no short name.
    unscoped = [
        path for path in paths if gateway.nested_scopes.isdisjoint(map(normalise_name, path[:-1]))
    ]
    wrapped = (p for p in paths if p[1:] and normalise_name(p[0]) in gateway.record_wrappers)
    candidates = chain(
        (("".join(path[1:]), path) for path in wrapped),
        (("".join(path), path) for path in paths),
        ((path[-1], path) for path in unscoped),
        (("".join(_fold_path(gateway, path)), path) for path in paths),
        ((_without_type_suffix(gateway, path[-1]), path) for path in unscoped),
    )
    resolved: dict[str, KeyPath] = {}
    for name, path in candidates:
        resolved.setdefault(normalise_name(name), path)
    return resolved


def locate_values(gateway: Gateway, fields: Collection[KeyPath]) -> dict[str, tuple[KeyPath, ...]]:
    """Return the names that fields go by, and where their values stand: the path, alternates."""
    alike: dict[KeyPath, dict[KeyPath, None]] = {}
    for path in fields:
        alike.setdefault(_fold_path(gateway, path), {})[path] = None
    return {
        name: (path, *(other for other in alike[_fold_path(gateway, path)] if other != path))
        for name, path in resolve_keys(gateway, fields).items()
    }


def has_fingerprint(gateway: Gateway, names: Iterable[str]) -> bool:
    """Return whether a record with these names is this gateway's."""
    present = set(names)
    return any(keys <= present for keys in gateway.fingerprint_keys)


def may_hold_fingerprint(gateway: Gateway, text: str) -> bool:
    """Return whether keys that stand in a text, apart from one another, may be this gateway's."""
    text = normalise_name(text)
    return any(all(name in text for name in keys) for keys in gateway.fingerprint_keys)


def _fold_path(gateway: Gateway, path: KeyPath) -> KeyPath:
    return tuple(normalise_name(_without_type_suffix(gateway, key)) for key in path)


def _without_type_suffix(gateway: Gateway, key: str) -> str:
    suffixes = (suffix for suffix in gateway.type_suffixes if key.endswith(suffix))
    return key.removesuffix(next(suffixes, ""))
