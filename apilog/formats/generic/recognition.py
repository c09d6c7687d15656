"""The inference of which field of a log is which, from its name and the shape of its values.

Invariant: a field is used for one thing, and never against the look of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.generic.synonyms import SYNONYMS, FieldPath, candidate_paths, normalise_name
from apilog.values.convert import (
    blank_to_null,
    durations_to_ms,
    to_floats,
    to_integers,
    to_statuses,
)
from apilog.values.times import parse_times

_YEAR_2000 = 946_684_800_000_000
_ADDRESS_LIST = r"^\s*(?:unix:|\[?[0-9A-Fa-f]*[.:][0-9A-Fa-f:.]+\]?(?::\d+)?(?:\s*,|\s*$))"
_REQUEST_LINE = r"^[A-Z][A-Z_-]* +\S"
_UNITS = ("s", "ms", "us", "ns")

FieldPaths = Mapping[str, FieldPath]
"""What a field is used for, and its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LogDialect:
    """What is known of the logs of one gateway."""

    names: frozenset[str]
    """Names of fields that they have, all of them."""
    gateway: str
    unit: str
    """Of durations whose name does not tell it."""


_DIALECTS = (
    _LogDialect(names=frozenset({"downstreamstatus"}), gateway="traefik", unit="ns"),
    _LogDialect(names=frozenset({"originduration"}), gateway="traefik", unit="ns"),
    _LogDialect(names=frozenset({"requestcount", "duration"}), gateway="traefik", unit="ns"),
    _LogDialect(names=frozenset({"upstreamservicetime"}), gateway="nginx", unit="ms"),
    _LogDialect(names=frozenset({"responseflags"}), gateway="nginx", unit="ms"),
    _LogDialect(names=frozenset({"logger", "ts", "duration"}), gateway="nginx", unit="s"),
)


def recognise_fields(values: Mapping[FieldPath, pl.Series]) -> tuple[FieldPaths, str] | None:
    """What each field is used for, and the gateway, told from the first values (String).

    None if there is no time, or neither a request, a path nor a status.
    """
    given = {path: blank_to_null(s).drop_nulls() for path, s in values.items()}
    dialect = _find_dialect(given)
    fields: dict[str, FieldPath] = {}
    for family in dict.fromkeys(map(_target_family, SYNONYMS)):
        free = {path: s for path, s in given.items() if path not in fields.values()}
        if chosen := _choose_field(family, free):
            target, path = chosen
            fields[_with_unit(target, given[path], dialect)] = path
    if "time" not in fields or not fields.keys() & {"request", "request_uri", "status"}:
        return None
    return fields, dialect.gateway if dialect else "nginx"


def _find_dialect(paths: Collection[FieldPath]) -> _LogDialect | None:
    names = {normalise_name("".join(path)) for path in paths}
    return next((dialect for dialect in _DIALECTS if dialect.names <= names), None)


def _choose_field(
    family: str, given: Mapping[FieldPath, pl.Series]
) -> tuple[str, FieldPath] | None:
    """The best target of the family and field for it whose values look right."""
    looks_right = _LOOKS.get(family, _is_anything)
    fitting = [
        (target, path)
        for target in SYNONYMS
        if _target_family(target) == family
        for path in candidate_paths(target, given)
        if looks_right(given[path])
    ]
    # A better name does not make up for a value that few lines have.
    often = max((len(given[path]) for _, path in fitting), default=0)
    return next((found for found in fitting if 4 * len(given[found[1]]) >= often), None)


def _target_family(target: str) -> str:
    """The target without the unit in its name."""
    name, _, unit = target.rpartition("_")
    return name if unit in _UNITS else target


def _with_unit(target: str, values: pl.Series, dialect: _LogDialect | None) -> str:
    if target not in ("duration", "upstream_duration"):
        return target
    return f"{target}_{dialect.unit if dialect else _likely_unit(values)}"


def _likely_unit(values: pl.Series) -> str:
    """The unit in which durations are likely to be, by their size.

    Fractions are seconds unless they are large; whole numbers are milliseconds, or finer
    where half of them would be over 100 s, or 5000 s in microseconds.
    """
    numbers = to_floats(values)
    middle = numbers.filter(numbers > 0).median()
    size = middle if isinstance(middle, float) else 0.0
    if ((numbers % 1) != 0).any():
        return "s" if size < 50 else "ms"
    if not len(numbers) or numbers.null_count() == len(numbers):
        return "s"
    return "ms" if size < 1e5 else "us" if size < 5e6 else "ns"


def _holds_for_most(matches: pl.Series) -> bool:
    return 2 * int(matches.sum()) > len(matches)


def _is_time(values: pl.Series) -> bool:
    """Numbers may be anything, so they have to lie in this millennium."""
    written_out = values.str.contains("[-/:]")
    found = parse_times(values)
    recent = found.to_physical() >= _YEAR_2000
    return _holds_for_most(found.is_not_null() & (written_out | recent))


def _is_request_line(values: pl.Series) -> bool:
    return _holds_for_most(values.str.contains(_REQUEST_LINE))


def _is_target(values: pl.Series) -> bool:
    return _holds_for_most(values.str.contains("/", literal=True)) and not _is_request_line(values)


def _is_status(values: pl.Series) -> bool:
    # 0 is nginx's 000: the client had gone before there was an answer.
    return _holds_for_most(
        to_statuses(values).is_not_null() | (to_integers(values) == 0).fill_null(value=False)
    )


def _is_duration(values: pl.Series) -> bool:
    return not len(values) or _holds_for_most(durations_to_ms(values).is_not_null())


def _is_address(values: pl.Series) -> bool:
    return _holds_for_most(values.str.contains(_ADDRESS_LIST))


def _is_route(values: pl.Series) -> bool:
    return _holds_for_most(values.str.starts_with("/"))


def _is_anything(values: pl.Series) -> bool:
    return True


_LOOKS: Mapping[str, Callable[[pl.Series], bool]] = {
    "time": _is_time,
    "request": _is_request_line,
    "request_uri": _is_target,
    "status": _is_status,
    "duration": _is_duration,
    "client_ip": _is_address,
    "route": _is_route,
}
