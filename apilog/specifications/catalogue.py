"""The operations of all specifications together, and which of them each record is of."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from apilog.errors import UsageError
from apilog.specifications.operations import (
    METHODS,
    Operation,
    Specification,
    read_specification,
)
from apilog.specifications.path_automaton import PathAutomaton
from apilog.specifications.templates import PathTemplate

UNDOCUMENTED, IMPLIED = -1, -2
"""Numbers of a record's operation: none that a specification has; and OPTIONS of a path that has
other methods, by which browsers ask (https://fetch.spec.whatwg.org/#cors-preflight-fetch)."""

_SELECTED = re.compile(r"([A-Za-z0-9_.*:-]+)=(.+)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SpecificationChoice:
    """A file, and which requests it is about."""

    file: str
    of: str | None = None
    """A gateway or a host; None for all requests that no other file chooses."""


def parse_choice(text: str) -> SpecificationChoice:
    """Read `FILE`, or `NAME=FILE` with the name of a gateway or a host.

    >>> parse_choice("nginx=api.yaml")
    SpecificationChoice(file='api.yaml', of='nginx')
    """
    if not text:
        raise UsageError("--openapi names no file", "write --openapi FILE, or NAME=FILE")
    match = _SELECTED.match(text)
    if match is None or os.path.exists(text):
        return SpecificationChoice(text)
    return SpecificationChoice(match[2], match[1].lower())


@dataclass(frozen=True)
class OperationCatalogue:
    """Specifications with their choice; plain data that can be sent to other processes."""

    parts: tuple[tuple[str | None, Specification], ...]
    """In the order in which they were given; where two have an operation, the first counts."""

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All operations; their places are their numbers."""
        return tuple(o for _, part in self.parts for o in part.operations)

    @cached_property
    def routes(self) -> frozenset[str]:
        """Every template."""
        return frozenset(route.text for o in self.operations for route in o.routes)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The documents, in their order."""
        return tuple(part.file for _, part in self.parts)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns of a record by which its operation is told."""
        chosen = {"gateway", "host"} if any(of for of, _ in self.parts) else set()
        return frozenset({"method", "path", "route", *chosen})

    @cached_property
    def groups(self) -> tuple[OperationGroup, ...]:
        """The operations by the requests that they are about, those of all requests last."""
        by_choice: dict[str | None, list[tuple[int, Operation]]] = {}
        number = 0
        for of, part in self.parts:
            for operation in part.operations:
                by_choice.setdefault(of, []).append((number, operation))
                number += 1
        ordered = sorted(by_choice.items(), key=lambda item: item[0] is None)
        return tuple(OperationGroup(of, operations) for of, operations in ordered)

    @cached_property
    def are_deprecated(self) -> pl.Series:
        """Whether each operation is deprecated."""
        return pl.Series([o.is_deprecated for o in self.operations], dtype=pl.Boolean)

    @cached_property
    def names(self) -> pl.Series:
        """The operationId of each operation, null where it has none."""
        return pl.Series([o.name for o in self.operations], dtype=pl.String)

    @cached_property
    def reachable(self) -> frozenset[int]:
        """The numbers of the operations that no other before them hides."""
        return frozenset(n for group in self.groups for n in group.numbers)

    @cached_property
    def is_undeclared(self) -> UndeclaredStatuses:
        """Tells of an operation and a status whether the operation declares it."""
        return UndeclaredStatuses(self.operations)

    def __hash__(self) -> int:
        """Return a hash that is quick: plans are compared for every chunk."""
        return hash(self.files)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made from the rest: an automaton has a lock."""
        return {"parts": self.parts}


class OperationGroup:
    """The operations of the specifications that are about the same requests."""

    def __init__(self, of: str | None, operations: Sequence[tuple[int, Operation]]) -> None:
        """`of` is a gateway or host, or None for all; operations come with their numbers."""
        self.of = of
        by_shape: dict[str, PathTemplate] = {}
        numbers: dict[tuple[str, str], int] = {}
        for number, operation in operations:
            for route in operation.routes:
                by_shape.setdefault(route.shape, route)
                numbers.setdefault((route.shape, operation.method), number)
        self.templates = tuple(by_shape.values())
        self.automaton = PathAutomaton(self.templates)
        self.routes = pl.Series("route", [t.text for t in self.templates], dtype=pl.String)
        self.numbers = frozenset(numbers.values())
        self._numbers = pl.Series(
            [
                number
                for template in self.templates
                for number in _numbers_by_method(template.shape, numbers)
            ],
            dtype=pl.Int32,
        )

    def operation_numbers(self, templates: pl.Series, methods: pl.Series) -> pl.Series:
        """Return the number of the operation of each template and method.

        It is null where there is no template, or no method and several operations.
        """
        codes = methods.cast(pl.String).cast(_METHODS, strict=False).to_physical()
        codes = (
            codes.cast(pl.Int32)
            .fill_null(_OTHER_METHOD)
            .zip_with(methods.is_not_null(), pl.Series([_NO_METHOD], dtype=pl.Int32))
        )
        return self._numbers.gather(templates * _WIDTH + codes)


_METHOD_NAMES = tuple(method.upper() for method in METHODS)
_METHODS = pl.Enum(_METHOD_NAMES)
_OTHER_METHOD = len(_METHOD_NAMES)
_NO_METHOD = _OTHER_METHOD + 1
_WIDTH = _NO_METHOD + 1


def _numbers_by_method(shape: str, numbers: Mapping[tuple[str, str], int]) -> list[int | None]:
    """Return the operation of a template for each method, then for others, then for none."""
    declared = {m: numbers[shape, m] for m in _METHOD_NAMES if (shape, m) in numbers}
    # https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2: HEAD is GET without a body.
    head = {"HEAD": declared["GET"]} if "GET" in declared else {}
    answered = {"OPTIONS": IMPLIED, **head, **declared}
    only = next(iter(declared.values())) if len(declared) == 1 else None
    return [*(answered.get(m, UNDOCUMENTED) for m in _METHOD_NAMES), UNDOCUMENTED, only]


class UndeclaredStatuses:
    """Tells which statuses operations do not declare."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        pairs = [
            number * _STATUSES + status
            for number, operation in enumerate(operations)
            for status in operation.statuses
        ]
        self._declared = pl.Series(sorted(pairs) or [-1], dtype=pl.Int64)
        self._declares_all = pl.Series([o.declares_all for o in operations], dtype=pl.Boolean)

    def __call__(self, numbers: pl.Series, statuses: pl.Series) -> pl.Series:
        """Return whether each operation, by its number, has that status without declaring it.

        It is false where there is no operation or no status.
        """
        known = numbers.set(numbers < 0, None)
        pairs = known.cast(pl.Int64) * _STATUSES + statuses
        places = self._declared.search_sorted(pairs).clip(0, len(self._declared) - 1)
        is_declared = self._declared.gather(places) == pairs
        return (~(is_declared | self._declares_all.gather(known))).fill_null(value=False)


_STATUSES = 1000
"""More than any status."""


def load_specifications(texts: Iterable[str]) -> OperationCatalogue | None:
    """Return the catalogue of these files; None for none.

    Raises UsageError for what can't be read or is no valid specification.
    """
    stamped = []
    for text in texts:
        choice = parse_choice(text)
        try:
            status = Path(os.path.expanduser(choice.file)).stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = (0, 0)
        stamped.append((choice, stamp))
    return _load(tuple(stamped)) if stamped else None


@lru_cache(maxsize=4)
def _load(
    stamped: tuple[tuple[SpecificationChoice, tuple[int, int]], ...],
) -> OperationCatalogue:
    parts = tuple((choice.of, read_specification(choice.file)) for choice, _ in stamped)
    return OperationCatalogue(parts)
