"""Which of many templates a path is of, for a column of paths at once.

The templates are one tree of segments; a set of its nodes is a state of an automaton (the subset
construction, Rabin and Scott 1959, https://doi.org/10.1147/rd.32.0114), so that each path takes
one step a segment, however many templates there are and however they overlap.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from apilog.errors import UsageError
from apilog.specifications.templates import (
    GREEDY,
    MIXED,
    PARAMETER,
    PathTemplate,
    spellings,
)

MOST_STATES = 500_000
"""More states than these take templates that overlap in ever new ways."""
_DEAD = 0
_EMPTY = 0
"""The code of the segment between two slashes, and after the last one."""


@dataclass(slots=True)
class _Node:
    number: int
    literals: dict[str, _Node] = field(default_factory=dict)
    mixed: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    greedy: int | None = None
    """The template whose rest is here, if one ends so."""
    template: int | None = None


class PathAutomaton:
    """Matches paths with templates. It may be used by several threads."""

    def __init__(self, templates: Sequence[PathTemplate]) -> None:
        """Build it; raises UsageError for templates that overlap without end."""
        self._templates = templates
        order = sorted(range(len(templates)), key=lambda i: templates[i].rank)
        self._ranks = {template: rank for rank, template in enumerate(order)}
        self._nodes: list[_Node] = []
        root = self._new_node()
        for number, template in enumerate(templates):
            self._plant(root, template, number)
        self._tolerate_slashes()
        words = {word for node in self._nodes for word in node.literals}
        self._words = ["", *sorted(words - {""})]
        self._codes = {word: code for code, word in enumerate(self._words)}
        self._vocabulary = pl.Enum(self._words)
        self._unknown = len(self._words)
        self._width = self._unknown + 1
        self._states: dict[frozenset[int], int] = {frozenset(): _DEAD}
        self._members: list[frozenset[int]] = [frozenset()]
        self._edges: dict[int, int] = {}
        self._defaults: list[int] = [_DEAD]
        self._patterns: dict[int, list[str]] = {}
        self._pattern_steps: dict[tuple[int, tuple[bool, ...]], int] = {}
        self._lock = threading.Lock()
        self._start = self._state_of(frozenset({root.number}))
        self._expand_all(1)
        self._freeze()

    def match(self, paths: pl.Series) -> pl.Series:
        """Return the number of the template of each path (Int32), null where there is none.

        The paths are without query strings.
        """
        rows = paths.len()
        result = pl.repeat(None, rows, dtype=pl.Int32, eager=True)
        rooted = paths.str.starts_with("/").fill_null(value=False).arg_true()
        if not len(rooted):
            return result
        lists = paths.gather(rooted).str.split("/")
        lengths = lists.list.len().cast(pl.UInt32)
        segments = lists.explode(empty_as_null=True)
        codes = segments.cast(self._vocabulary, strict=False).to_physical().cast(pl.UInt32)
        codes = codes.fill_null(self._unknown)
        walk = pl.DataFrame(
            {
                "row": rooted,
                "at": lengths.cum_sum() - lengths + 1,
                "left": lengths - 1,
                "state": pl.repeat(self._start, len(rooted), dtype=pl.UInt32, eager=True),
            }
        )
        while walk.height:
            states = self._step(walk["state"], codes.gather(walk["at"]), segments, walk["at"])
            with self._lock:
                accepts, rests = self._accepts, self._rests
            walk = walk.select("row", pl.col("at") + 1, pl.col("left") - 1, states.alias("state"))
            is_done = (walk["left"] == 0) | rests.gather(states)
            if is_done.any():
                done = walk.filter(is_done)
                result = result.scatter(done["row"], accepts.gather(done["state"]))
            walk = walk.filter(~is_done & (walk["state"] != _DEAD))
        return result

    def _step(
        self, states: pl.Series, codes: pl.Series, segments: pl.Series, at: pl.Series
    ) -> pl.Series:
        """Return the states after one more segment each."""
        with self._lock:
            keys, targets, defaults = self._keys, self._targets, self._default_series
            patterned = self._patterned
        key = states.cast(pl.UInt64) * self._width + codes
        found = keys.search_sorted(key).clip(0, len(keys) - 1)
        is_edge = keys.gather(found) == key
        # An empty segment is no parameter.
        otherwise = defaults.gather(states).zip_with(
            codes != _EMPTY, pl.Series([_DEAD], dtype=pl.UInt32)
        )
        result = targets.gather(found).zip_with(is_edge, otherwise)
        if patterned is None:
            return result
        rows = (~is_edge & (codes != _EMPTY) & states.is_in(patterned.implode())).arg_true()
        if not len(rows):
            return result
        texts = segments.gather(at.gather(rows))
        return result.scatter(rows, self._step_by_patterns(states.gather(rows), texts))

    def _step_by_patterns(self, states: pl.Series, texts: pl.Series) -> pl.Series:
        """Return the states after segments that no literal is, where parts of one may be."""
        result = pl.repeat(_DEAD, len(states), dtype=pl.UInt32, eager=True)
        for state in states.unique():
            rows = (states == state).arg_true()
            own = texts.gather(rows)
            patterns = enumerate(self._patterns[state])
            matches = pl.DataFrame([own.str.contains(p).alias(f"{i}") for i, p in patterns])
            flags = matches.columns
            for group in matches.with_columns(row=rows).partition_by(flags):
                target = self._step_with(state, group.select(flags).row(0))
                result = result.scatter(group["row"], target)
        return result

    def _step_with(self, state: int, flags: tuple[bool, ...]) -> int:
        """Return the state after a segment that matches those patterns of a state."""
        with self._lock:
            if (state, flags) not in self._pattern_steps:
                pairs = zip(self._patterns[state], flags, strict=True)
                chosen = [pattern for pattern, is_match in pairs if is_match]
                first = len(self._members)
                target = self._state_of(self._next_nodes(state, None, chosen))
                self._expand_all(first)
                if len(self._members) > first:
                    self._freeze()
                self._pattern_steps[state, flags] = target
            return self._pattern_steps[state, flags]

    def _new_node(self) -> _Node:
        self._nodes.append(_Node(len(self._nodes)))
        return self._nodes[-1]

    def _plant(self, node: _Node, template: PathTemplate, number: int) -> None:
        """Add a template to the tree; the first one of a shape stays."""
        for segment in template.segments:
            match segment.kind:
                case kind if kind == GREEDY:
                    node.greedy = number if node.greedy is None else node.greedy
                    return
                case kind if kind == PARAMETER:
                    node.parameter = node.parameter or self._new_node()
                    node = node.parameter
                case kind if kind == MIXED:
                    if segment.text not in node.mixed:
                        node.mixed[segment.text] = self._new_node()
                    node = node.mixed[segment.text]
                case _:
                    node = self._literal_child(node, segment.text)
        node.template = number if node.template is None else node.template

    def _literal_child(self, node: _Node, text: str) -> _Node:
        """Return the node behind a literal segment, however it is spelt."""
        words = spellings(text)
        present = next((node.literals[word] for word in words if word in node.literals), None)
        child = present or self._new_node()
        node.literals.update(dict.fromkeys(words, child))
        return child

    def _tolerate_slashes(self) -> None:
        """Let a slash at the end make no difference where only one of both is declared."""
        for node in tuple(self._nodes):
            empty = node.literals.get("")
            if empty is None:
                if node.template is not None:
                    node.literals[""] = self._new_node()
                    node.literals[""].template = node.template
            elif node.template is None:
                node.template = empty.template

    def _state_of(self, nodes: frozenset[int]) -> int:
        if nodes not in self._states:
            if len(self._members) >= MOST_STATES:
                raise UsageError(
                    f"{len(self._templates):,} path templates overlap in more than "
                    f"{MOST_STATES:,} ways",
                    "give fewer specifications at once",
                )
            self._states[nodes] = len(self._members)
            self._members.append(nodes)
            self._defaults.append(_DEAD)
        return self._states[nodes]

    def _expand_all(self, first: int) -> None:
        """Follow all segments from the states from this one on, and from those found so."""
        state = first
        while state < len(self._members):
            own = [self._nodes[n] for n in self._members[state] if n >= 0]
            for word in {word for node in own for word in node.literals} | {""}:
                target = self._state_of(self._next_nodes(state, word))
                if target:
                    self._edges[state * self._width + self._codes[word]] = target
            patterns = sorted({pattern for node in own for pattern in node.mixed})
            if patterns:
                self._patterns[state] = patterns
            else:
                self._defaults[state] = self._state_of(self._next_nodes(state, None))
            state += 1

    def _next_nodes(
        self, state: int, word: str | None, patterns: Sequence[str] = ()
    ) -> frozenset[int]:
        """Return the nodes after a segment: a word, or a text that matches these patterns."""
        found: set[int] = set()
        for number in self._members[state]:
            if number < 0:
                found.add(number)
                continue
            node = self._nodes[number]
            if node.greedy is not None:
                found.add(-1 - node.greedy)
            if word is not None and word in node.literals:
                found.add(node.literals[word].number)
            if word != "":
                if node.parameter:
                    found.add(node.parameter.number)
                for pattern, child in node.mixed.items():
                    if pattern in patterns if word is None else re.search(pattern, word):
                        found.add(child.number)
        return frozenset(found)

    def _freeze(self) -> None:
        """Make columns of what was found."""
        edges = sorted(self._edges.items())
        self._keys = pl.Series([key for key, _ in edges] or [0], dtype=pl.UInt64)
        self._targets = pl.Series([to for _, to in edges] or [_DEAD], dtype=pl.UInt32)
        self._default_series = pl.Series(self._defaults, dtype=pl.UInt32)
        accepts = [self._accepted(nodes) for nodes in self._members]
        self._accepts = pl.Series(accepts, dtype=pl.Int32)
        rests = [bool(nodes) and all(n < 0 for n in nodes) for nodes in self._members]
        self._rests = pl.Series(rests, dtype=pl.Boolean)
        patterned = sorted(self._patterns)
        self._patterned = pl.Series(patterned, dtype=pl.UInt32) if patterned else None

    def _accepted(self, nodes: frozenset[int]) -> int | None:
        """Return the most concrete template that ends in one of the nodes."""
        ended = [-1 - n if n < 0 else self._nodes[n].template for n in nodes]
        return min((t for t in ended if t is not None), key=self._ranks.__getitem__, default=None)
