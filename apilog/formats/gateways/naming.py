"""Which value of a record goes by which name.

Invariant: a name has one path; what else is the same but for case and the ending that tells
its type stands in for it where it is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from apilog.formats.gateways.gateway import Gateway
from apilog.formats.synonyms import Path, normalise


def named(gateway: Gateway, fields: Iterable[Path]) -> dict[str, Path]:
    """The names that fields go by, and their paths.

    Of several fields with one name the one whose whole path it is counts, then the outermost.
    """
    seen = (path for path in dict.fromkeys(fields) if not _is_ignored(gateway, path))
    paths = sorted(seen, key=len)
    inner = [path for path in paths if not _is_apart(gateway, path)]
    held = [path for path in paths if path[1:] and normalise(path[0]) in gateway.wrappers]
    ways = (
        ((normalise("".join(path[1:])), path) for path in held),
        ((normalise("".join(path)), path) for path in paths),
        ((normalise(path[-1]), path) for path in inner),
        ((normalise("".join(_bare(gateway, key) for key in path)), path) for path in paths),
        ((normalise(_bare(gateway, path[-1])), path) for path in inner),
    )
    found: dict[str, Path] = {}
    for name, path in chain.from_iterable(ways):
        found.setdefault(name, path)
    return found


def spares(
    gateway: Gateway, fields: Iterable[Path], paths: Mapping[str, Path]
) -> dict[str, tuple[Path, ...]]:
    """For each of these names the paths that are the same as its own but for case and ending."""
    alike: dict[Path, dict[Path, None]] = {}
    for path in fields:
        alike.setdefault(_folded(gateway, path), {})[path] = None
    if not any(len(several) > 1 for several in alike.values()):
        return {}
    found = {
        name: tuple(other for other in alike[_folded(gateway, path)] if other != path)
        for name, path in paths.items()
    }
    return {name: others for name, others in found.items() if others}


def is_marked(gateway: Gateway, names: Collection[str]) -> bool:
    """Whether a record with these names is this gateway's."""
    return any(marker <= set(names) for marker in gateway.markers)


def _folded(gateway: Gateway, path: Path) -> Path:
    return tuple(normalise(_bare(gateway, key)) for key in path)


def _is_ignored(gateway: Gateway, path: Path) -> bool:
    return any(normalise(_bare(gateway, key)) in gateway.ignored for key in path)


def _is_apart(gateway: Gateway, path: Path) -> bool:
    return any(normalise(key) in gateway.apart for key in path[:-1])


def _bare(gateway: Gateway, key: str) -> str:
    """The key without the ending that tells its type."""
    return next((key.removesuffix(s) for s in gateway.suffixes if key.endswith(s)), key)
