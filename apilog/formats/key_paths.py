"""The names that nested keys go by.

Invariant: names are compared without case and without `_ - . $ @ : ( )` and blanks, so that
`http_host`, `httpHost` and `$http_host` are one name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from apilog.values.json_text import KeyPath

_IGNORED_CHARACTERS = str.maketrans("", "", "_-.$@:() ")


def normalise_name(name: str) -> str:
    """Return the form in which names are compared."""
    return name.lower().translate(_IGNORED_CHARACTERS)


SCOPES = frozenset(
    {
        *("agent", "args", "cloud", "container", "ecs", "env", "geo", "host", "input"),
        *("kubernetes", "k8s", "labels", "log", "metadata", "params", "process", "query"),
        *("querystring", "resource", "server", "service", "tags", "tls", "upstream", "tries"),
        *("route", "respheaders", "responseheaders", "resheaders", "cookies", "body"),
    }
)
"""Objects that are about the machine, the collector, the service behind, or the caller's own
parameters: what they hold goes by its whole path alone."""
_FLATTENED = re.compile(
    r"(?i)^(jsonpayload|protopayload|payload|httprequest|httpresponse|fields|attributes|attrs)_(?=.)"
)
"""Objects whose members tables have as columns, as BigQuery's exports do: `httpRequest_status`."""
_UNITS = (
    *("s", "sec", "secs", "second", "seconds", "ms", "msec", "msecs", "milli", "millis"),
    *("millisec", "milliseconds", "us", "usec", "usecs", "micro", "micros", "microsec"),
    *("microseconds", "ns", "nsec", "nsecs", "nano", "nanos", "nanosec", "nanoseconds"),
)
_RESPONSES = frozenset(["res", "resp", "response", "httpresponse", "upstream"])


def candidate_paths(
    names: Collection[str], paths: Collection[KeyPath], *, with_unit: bool = False
) -> list[tuple[int, int, KeyPath]]:
    """Return the fields that go by one of the names, the best first, each with two ranks.

    A field goes by its whole path, and by the path without its beginning, `with_unit` also without
    the unit at its end; the first rank is how much was left out, the second the place of its name.
    A key with dots is a path, too.
    """
    rank = _rank_names(tuple(names), with_unit=with_unit)
    ranked: list[tuple[int, int, KeyPath]] = []
    for path in paths:
        for cut, name in enumerate(names_of_path(path)):
            position = rank.get(name)
            if position is not None:
                ranked.append((cut, position, path))
                break
    return sorted(ranked, key=lambda entry: entry[:2])


@lru_cache(maxsize=4096)
def names_of_path(path: KeyPath) -> tuple[str, ...]:
    """Return the names that a field goes by: its whole path, and less and less of its beginning."""
    parts = [part for key in path for part in _split_key(key)]
    keys = [name for part in parts if (name := normalise_name(part))]
    scope = next((at for at in range(len(keys) - 1) if _is_scope(keys, at)), len(keys) - 1)
    return tuple("".join(keys[cut:]) for cut in range(scope + 1))


def _split_key(key: str) -> list[str]:
    """Return the keys that a key is made of, set apart by dots or as tables name members."""
    parts: list[str] = []
    while match := _FLATTENED.match(key):
        parts.append(match[1])
        key = key[match.end() :]
    return [*parts, *key.split(".")]


@lru_cache(maxsize=512)
def _rank_names(names: tuple[str, ...], *, with_unit: bool) -> Mapping[str, int]:
    """Return the places of names, also with a unit at their end."""
    units = ("", *_UNITS, *(f"in{unit}" for unit in _UNITS)) if with_unit else ("",)
    ranks: dict[str, int] = {}
    for unit in units:
        for position, name in enumerate(names):
            ranks.setdefault(name + unit, position)
    return ranks


def _is_scope(keys: list[str], at: int) -> bool:
    if keys[at] == "headers":
        return at > 0 and keys[at - 1] in _RESPONSES
    return keys[at] in SCOPES
