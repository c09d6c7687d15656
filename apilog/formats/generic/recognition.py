"""The inference of which field of a log is which, from its name and the shape of its values.

Invariant: a field is used for one thing, and never against the look of its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.generic.synonyms import SYNONYMS, candidate_paths, normalise_name
from apilog.values.convert import (
    blank_to_null,
    durations_to_ms,
    to_floats,
    to_integers,
    to_statuses,
)
from apilog.values.json_text import KeyPath
from apilog.values.times import parse_times

_YEAR_2000 = 946_684_800_000_000
_ADDRESS_LIST = r"^\s*(?:unix:|\[?[0-9A-Fa-f]*[.:][0-9A-Fa-f:.]+\]?(?::\d+)?(?:\s*,|\s*$))"
_REQUEST_LINE = r"^[A-Z][A-Z_-]* +\S"
DURATION_UNITS = ("s", "ms", "us", "ns")

FieldPaths = Mapping[str, KeyPath]
"""What each field is used for (a target of `SYNONYMS`, durations with their unit), and its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LogDialect:
    """Names of fields that tell the gateway that wrote them."""

    names: frozenset[str]
    """The names, all of which a log has."""
    gateway: str
    unit: str
    """The unit of durations whose name does not tell it."""


_DIALECTS = (
    # https://doc.traefik.io/traefik/observability/access-logs/: durations are Go's, in nanoseconds.
    _LogDialect(names=frozenset({"downstreamstatus"}), gateway="traefik", unit="ns"),
    _LogDialect(names=frozenset({"originduration"}), gateway="traefik", unit="ns"),
    _LogDialect(names=frozenset({"requestcount", "duration"}), gateway="traefik", unit="ns"),
    # Envoy: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
    _LogDialect(names=frozenset({"upstreamservicetime"}), gateway="nginx", unit="ms"),
    _LogDialect(names=frozenset({"responseflags"}), gateway="nginx", unit="ms"),
    # Caddy: https://caddyserver.com/docs/logging
    _LogDialect(names=frozenset({"logger", "ts", "duration"}), gateway="nginx", unit="s"),
)


def recognise_fields(values: Mapping[KeyPath, pl.Series]) -> tuple[FieldPaths, str] | None:
    """Return what each field is used for, and the gateway, told from the first values (String).

    None if there is no time, or neither a request, a path nor a status.
    """
    given = {path: blank_to_null(s).drop_nulls() for path, s in values.items()}
    names = {normalise_name("".join(path)) for path in given}
    dialect = next((dialect for dialect in _DIALECTS if dialect.names <= names), None)
    fields: dict[str, KeyPath] = {}
    # In the order of the table: a field that one target has taken is not there for the next.
    for family in dict.fromkeys(map(_target_family, SYNONYMS)):
        free = {path: s for path, s in given.items() if path not in fields.values()}
        fitting = [
            (target, path)
            for target in SYNONYMS
            if _target_family(target) == family
            for path in candidate_paths(target, free)
            if _looks_right(family, free[path])
        ]
        # A better name does not make up for a value that few lines have.
        often = max((len(free[path]) for _, path in fitting), default=0)
        choice = next((choice for choice in fitting if 4 * len(free[choice[1]]) >= often), None)
        if choice is not None:
            target, path = choice
            if target in ("duration", "upstream_duration"):  # a name that does not tell the unit
                target += f"_{dialect.unit if dialect else _likely_unit(given[path])}"
            fields[target] = path
    if "time" not in fields or not fields.keys() & {"request", "request_uri", "status"}:
        return None
    return fields, dialect.gateway if dialect else "nginx"


def _target_family(target: str) -> str:
    """Return the target without the unit in its name."""
    name, _, unit = target.rpartition("_")
    return name if unit in DURATION_UNITS else target


def _likely_unit(values: pl.Series) -> str:
    """Return the unit in which durations are likely to be, by their size.

    Fractions are seconds unless they are large; whole numbers are milliseconds, or finer
    where half of them would be over 100 s, or 5000 s in microseconds.
    """
    # The median of those that took any time: cached answers of 0 s would hide the size.
    numbers = to_floats(values)
    middle = numbers.filter(numbers > 0).median()
    size = middle if isinstance(middle, float) else 0.0
    if ((numbers % 1) != 0).any():
        return "s" if size < 50 else "ms"
    if not len(numbers) or numbers.null_count() == len(numbers):
        return "s"
    return "ms" if size < 1e5 else "us" if size < 5e6 else "ns"


def _looks_right(family: str, values: pl.Series) -> bool:
    """Return whether most of the values look like what the family is."""
    match family:
        case "time":
            times = parse_times(values)
            is_written_out = values.str.contains("[-/:]")
            # Numbers may be anything, so they have to lie in this millennium.
            is_recent = times.to_physical() >= _YEAR_2000
            matches = times.is_not_null() & (is_written_out | is_recent)
        case "request":
            matches = values.str.contains(_REQUEST_LINE)
        case "request_uri":
            if _looks_right("request", values):
                return False
            matches = values.str.contains("/", literal=True)
        case "status":
            # 0 is nginx's 000: the client had gone before there was an answer.
            is_zero = (to_integers(values) == 0).fill_null(value=False)
            matches = to_statuses(values).is_not_null() | is_zero
        case "duration":
            if not len(values):
                return True
            matches = durations_to_ms(values).is_not_null()
        case "client_ip":
            matches = values.str.contains(_ADDRESS_LIST)
        case "route":
            matches = values.str.starts_with("/")
        case _:
            return True
    return 2 * int(matches.sum()) > len(matches)
