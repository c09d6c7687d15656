"""The resolution of a record's keys to the names that a gateway's declaration uses.

Invariant: a name has one path; paths that are the same but for case and the ending that tells
the type are its alternates, for records that lack it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain

from apilog.formats.gateways.gateway import Gateway
from apilog.formats.generic.synonyms import normalise_name
from apilog.values.json_text import KeyPath


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


def _fold_path(gateway: Gateway, path: KeyPath) -> KeyPath:
    return tuple(normalise_name(_without_type_suffix(gateway, key)) for key in path)


def _without_type_suffix(gateway: Gateway, key: str) -> str:
    suffixes = (suffix for suffix in gateway.type_suffixes if key.endswith(suffix))
    return key.removesuffix(next(suffixes, ""))
