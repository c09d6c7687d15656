"""Who wrote a log without fixed names, told by its keys, and what that software is known to mean.

Each entry says which names together betray the software, in which units it writes durations, and
which fields make a column where its names would mislead. Nothing is said of the gateway where no
entry matches.

Invariant: an entry matches by names and by the look of telling values, never by one name that
others use, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.field_map import FieldEntry, candidate_paths, entry_named
from apilog.values.json_text import KeyPath


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDialect:
    """A software that writes JSON, LTSV or key=value, by the names of its fields."""

    name: str
    gateway: str | None
    """The value of the column `gateway`; None: what writes it is none of them."""
    names: tuple[frozenset[str], ...]
    """Sets of names: a log that has all names of one set is of this software."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Names to what most of their values match, for names that tell nothing alone."""
    units: tuple[str, ...] = ()
    """The units of durations that it may be set to write, the default first."""
    fields: Mapping[str, tuple[FieldEntry, ...]] = field(default_factory=dict)
    """Columns to the fields that make them; empty: none does."""
    access_lines: Mapping[str, str] = field(default_factory=dict)
    """Names to what their values match on access lines; other lines are of another log."""
    url: str


def _all_of(*names: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(given.split()) for given in names)


DIALECTS: tuple[LogDialect, ...] = (
    LogDialect(
        name="traefik",
        gateway="traefik",
        names=_all_of("downstreamstatus", "originduration", "requestcount duration"),
        # Durations are Go's.
        units=("ns",),
        url="https://doc.traefik.io/traefik/observe/logs-and-access-logs/",
    ),
    LogDialect(
        name="caddy",
        gateway="caddy",
        names=_all_of("logger ts requesturi", "logger duration requesturi"),
        values={"logger": r"^http\."},
        units=("s", "ms", "ns"),
        access_lines={"logger": r"^http\.log\.access"},
        url="https://caddyserver.com/docs/caddyfile/directives/log",
    ),
    LogDialect(
        name="envoy",
        gateway="envoy",
        names=_all_of(
            "upstreamservicetime upstreamcluster",
            "xenvoyupstreamservicetime",
            "responseflags responsecode",
            "responseflags upstreamhost",
        ),
        units=("ms",),
        url="https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage",
    ),
)
"""The first that matches counts."""


def find_dialect(values: Mapping[KeyPath, pl.Series]) -> LogDialect | None:
    """Return the software that fields with these values (String, no nulls) are of."""
    return next((d for d in DIALECTS if _is_of(d, values)), None)


def _is_of(dialect: LogDialect, values: Mapping[KeyPath, pl.Series]) -> bool:
    if not any(all(_first_path((n,), values) for n in names) for names in dialect.names):
        return False
    for name, pattern in dialect.values.items():
        path = _first_path((name,), values)
        if path is None or 2 * int(values[path].str.contains(pattern).sum()) < len(values[path]):
            return False
    return True


def _first_path(names: Iterable[str], paths: Collection[KeyPath]) -> KeyPath | None:
    found = candidate_paths(tuple(names), paths)
    return found[0][2] if found else None


__all__ = ["DIALECTS", "LogDialect", "entry_named", "find_dialect"]
