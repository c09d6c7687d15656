"""What a column can be made of: names, the look that values need, how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from apilog.formats.key_paths import normalise_name
from apilog.values import looks
from apilog.values.convert import (
    durations_to_ms,
    durations_with_unit,
    encode_given,
    sizes_with_unit,
    to_sizes,
)
from apilog.values.dictionary import ColumnConverter
from apilog.values.looks import ValueLook
from apilog.values.requests import encode_first, keep_texts

NGINX_URL = "https://nginx.org/en/docs/varindex.html"
ECS_URL = "https://www.elastic.co/docs/reference/ecs/ecs-field-reference"
OTEL_URL = "https://opentelemetry.io/docs/specs/semconv/http/http-spans/"
ENVOY_URL = (
    "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage"
)
_REQUEST_LINES = ("request", "request_line", "http_request", "req", "request_uri", "uri", "path")


@dataclass(frozen=True, slots=True)
class VariableSource:
    """How a column is made of one variable of a format string."""

    variable: str
    convert: ColumnConverter
    part: ColumnConverter | None = None
    """Takes the column out of the converted and unescaped texts, once per distinct text."""


@dataclass(frozen=True, slots=True)
class JoinedSource:
    """How a column is made of several variables at once."""

    variables: tuple[str, ...]
    convert: Callable[..., pl.Series]
    """Takes the raw values of each variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldEntry:
    """Fields that a column can be made of, by their names."""

    names: tuple[str, ...] = ()
    """Names of keys as `normalise_name` gives them, the best first; empty where only format
    strings have such fields."""
    variables: tuple[VariableSource, ...] = ()
    """The same in format strings, the best first."""
    look: ValueLook = looks.is_text
    """What the values of keys have to look like."""
    convert: ColumnConverter
    """For durations, it is replaced by that of their unit."""
    unit: str | None = None
    """The unit in which durations of these names mostly are."""
    is_duration: bool = False
    """Whether the names may end in a unit."""
    is_local_time: bool = False
    """Whether the values are times as people of a place write them, see `values.local_times`."""
    request_part: str = ""
    """The part of request lines that `convert` takes, if they are request lines."""
    kind: str = ""
    """Fields of one kind serve several columns; others serve one."""
    url: str = ""
    """Where the names are documented."""


def fields(
    names: str,
    look: ValueLook,
    convert: ColumnConverter,
    *,
    given: ColumnConverter = encode_given,
    part: ColumnConverter | None = None,
    special: Mapping[str, ColumnConverter] | None = None,
    url: str = "",
    kind: str = "",
) -> FieldEntry:
    """Return an entry for keys, those with `$` being variables of format strings as well.

    `given` converts what variables hold, which needs less than what keys do, `special` that of
    single ones; `part` takes the column out of it.
    """
    words = names.split()
    converters = special or {}
    return FieldEntry(
        names=tuple(dict.fromkeys(map(normalise_name, words))),
        variables=tuple(
            VariableSource(word[1:], converters.get(word[1:], given), part)
            for word in words
            if word[0] == "$"
        ),
        look=look,
        convert=convert,
        url=url,
        kind=kind,
    )


def variables(
    names: str, convert: ColumnConverter = encode_given, part: ColumnConverter | None = None
) -> FieldEntry:
    """Return an entry for what only format strings have, or the translations of other languages."""
    sources = tuple(VariableSource(name, convert, part) for name in names.split())
    return FieldEntry(variables=sources, convert=convert)


def texts(names: str, look: ValueLook = looks.is_wordy) -> FieldEntry:
    """Return an entry for texts."""
    return fields(names, look, encode_first)


def sizes(names: str, given: ColumnConverter = to_sizes) -> FieldEntry:
    """Return an entry for sizes in bytes, or for other whole numbers."""
    convert = sizes_with_unit if given is to_sizes else given
    return fields(names, looks.is_size, convert, given=given)


def durations(
    names: str,
    unit: str | None = None,
    url: str = "",
    given: ColumnConverter = durations_with_unit,
) -> FieldEntry:
    """Return an entry for durations, whose names may end in a unit; `unit` is the usual one."""
    entry = fields(names, looks.is_duration_list, durations_to_ms, given=given, url=url)
    return replace(entry, unit=unit, is_duration=True)


def request_lines(part: str, convert: ColumnConverter = keep_texts) -> FieldEntry:
    """Return an entry for a part of request lines."""
    return FieldEntry(
        names=tuple(map(normalise_name, _REQUEST_LINES)),
        look=looks.is_request_line,
        convert=convert,
        request_part=part,
        kind="request line",
        url=NGINX_URL,
    )


def also(entry: FieldEntry, convert: ColumnConverter) -> FieldEntry:
    """Return the entry for one more column that the same keys make."""
    return replace(entry, variables=(), convert=convert)
