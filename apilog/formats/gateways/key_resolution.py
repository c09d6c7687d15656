"""Which value of a record goes by which name.

Invariant: a name has one path; what else is the same but for case and the ending that tells
its type stands in for it where it is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from apilog.formats.gateways.gateway import Gateway
from apilog.formats.generic.synonyms import FieldPath, normalise_name


def resolve_keys(gateway: Gateway, fields: Iterable[FieldPath]) -> dict[str, FieldPath]:
    """The names that fields go by, and their paths.

    Of several fields with one name the one whose whole path it is counts, then the outermost.
    """
    seen = (path for path in dict.fromkeys(fields) if not _is_ignored(gateway, path))
    paths = sorted(seen, key=len)
    inner = [path for path in paths if not _is_in_nested_scope(gateway, path)]
    held = [
        path for path in paths if path[1:] and normalise_name(path[0]) in gateway.record_wrappers
    ]
    ways = (
        ((normalise_name("".join(path[1:])), path) for path in held),
        ((normalise_name("".join(path)), path) for path in paths),
        ((normalise_name(path[-1]), path) for path in inner),
        (
            (normalise_name("".join(_without_type_suffix(gateway, key) for key in path)), path)
            for path in paths
        ),
        ((normalise_name(_without_type_suffix(gateway, path[-1])), path) for path in inner),
    )
    found: dict[str, FieldPath] = {}
    for name, path in chain.from_iterable(ways):
        found.setdefault(name, path)
    return found


def find_alternates(
    gateway: Gateway, fields: Iterable[FieldPath], paths: Mapping[str, FieldPath]
) -> dict[str, tuple[FieldPath, ...]]:
    """For each of these names the paths that are the same as its own but for case and ending."""
    alike: dict[FieldPath, dict[FieldPath, None]] = {}
    for path in fields:
        alike.setdefault(_fold_path(gateway, path), {})[path] = None
    if not any(len(several) > 1 for several in alike.values()):
        return {}
    found = {
        name: tuple(other for other in alike[_fold_path(gateway, path)] if other != path)
        for name, path in paths.items()
    }
    return {name: others for name, others in found.items() if others}


def has_fingerprint(gateway: Gateway, names: Collection[str]) -> bool:
    """Whether a record with these names is this gateway's."""
    return any(marker <= set(names) for marker in gateway.fingerprint_keys)


def _fold_path(gateway: Gateway, path: FieldPath) -> FieldPath:
    return tuple(normalise_name(_without_type_suffix(gateway, key)) for key in path)


def _is_ignored(gateway: Gateway, path: FieldPath) -> bool:
    return any(
        normalise_name(_without_type_suffix(gateway, key)) in gateway.ignored_keys for key in path
    )


def _is_in_nested_scope(gateway: Gateway, path: FieldPath) -> bool:
    return any(normalise_name(key) in gateway.nested_scopes for key in path[:-1])


def _without_type_suffix(gateway: Gateway, key: str) -> str:
    """The key without the ending that tells its type."""
    return next((key.removesuffix(s) for s in gateway.type_suffixes if key.endswith(s)), key)
