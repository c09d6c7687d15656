"""Templates applied to a column of routes: one segment of all rows at a time, by joins.

What the positions say is laid out as tables, so that the cost grows with the rows and not with the
rows times the positions. Says of each segment what `LearnedPosition.replace_segment` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import polars as pl

from apilog.routes.positions import (
    AFFIXES,
    ANY_TAIL,
    END,
    LEADS,
    MAY_HAVE_AFFIXES,
    NUMBERS,
    PLACEHOLDER,
    VERSION_SEGMENT,
    LearnedPosition,
    may_be_versioned,
)

_NODE = pl.UInt32
_POSITIONS = {
    "place": _NODE,
    "position": pl.UInt32,
    "name": pl.String,
    "is_open": pl.Boolean,
    "has_any_tail": pl.Boolean,
    "has_masks": pl.Boolean,
    "has_version": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class _Level:
    """The positions of segments at one depth. A node is a prefix of that depth."""

    positions: pl.DataFrame
    """`_POSITIONS`: `place` is that of a node and lead; `has_version` if a segment there may be the
    version of an API."""
    literals: pl.DataFrame
    """`position`, `segment`."""
    masks: pl.DataFrame
    """`position`, `mask`."""
    tails: pl.DataFrame
    """`position`, `tail`."""
    children: pl.DataFrame
    """`node`, `segment` after it, and the `child` that both are: a node of the next depth."""


def rename_values(positions: tuple[LearnedPosition, ...], routes: pl.Series) -> pl.Series:
    """Return each route with the values at these positions replaced; nulls stay."""
    if not positions:
        return routes
    # Most routes have nothing to do with any position.
    begins = {position.prefix.partition("{")[0] or "/" for position in positions}
    begins = {b for b in begins if not any(b != c and b.startswith(c) for c in begins)}
    touched = pl.any_horizontal(pl.col("route").str.starts_with(f"{b}") for b in sorted(begins))
    rows = routes.to_frame("route").select(touched.fill_null(value=False))
    places = rows.to_series().arg_true()
    if not len(places):
        return routes
    is_all = len(places) == len(routes)
    renamed = _rename_touched(_lay_out(positions), routes if is_all else routes.gather(places))
    if is_all and renamed.height == len(routes):
        return renamed["route"].alias(routes.name)
    return routes.clone().scatter(places.gather(renamed["row"]), renamed["route"])


def _rename_touched(levels: Sequence[_Level], routes: pl.Series) -> pl.DataFrame:
    """Return `row` and `route` of those routes that change."""
    # What is before the first slash, a segment for each level, one that follows, and all the rest.
    count = len(levels) + 3
    segments = [f"field_{i}" for i in range(1, count)]
    split = routes.str.splitn("/", count).struct.unnest().with_row_index("row")
    alive = split.select("row", pl.lit(0, _NODE).alias("node"))
    if routes.is_empty() or (split["field_0"] != "").any():
        alive = alive.filter(split["field_0"] == "")
    changed = [alive["row"].clear()]
    for level, segment, following in zip(levels, segments, segments[1:], strict=False):
        here = alive.hstack(
            [
                split[segment].gather(alive["row"]).alias("segment"),
                split[following].gather(alive["row"]).alias("following"),
            ]
        )
        values = _find_values(level, here.filter(pl.col("segment") != ""))
        changed.append(values["row"])
        split = split.with_columns(split[segment].clone().scatter(values["row"], values["name"]))
        if level.children.is_empty():
            break
        alive = (
            alive.with_columns(split[segment].gather(alive["row"]).alias("segment"))
            .join(level.children, on=["node", "segment"])
            .select("row", node="child")
        )
    rows = pl.concat(changed).unique().sort()
    split = split if len(rows) == split.height else split[rows]
    whole = pl.concat_str(pl.lit("/"), pl.concat_str(segments, separator="/", ignore_nulls=True))
    return split.select("row", whole.alias("route"))


def _find_values(level: _Level, rows: pl.DataFrame) -> pl.DataFrame:
    """Return `row` and `name`, what stands for its segment, of those that hold a value."""
    place = _place(pl.col("node"), "")
    for lead in LEADS:
        begins = pl.col("segment").str.starts_with(lead)
        place = pl.when(begins).then(_place(pl.col("node"), lead)).otherwise(place)
    rows = rows.with_columns(place.cast(_NODE).alias("place")).join(level.positions, on="place")
    if level.literals.height:
        rows = rows.join(level.literals, on=["position", "segment"], how="anti")
    if rows["has_version"].any():
        is_version = pl.col("segment").str.contains(VERSION_SEGMENT)
        rows = rows.filter(~(pl.col("has_version") & is_version))
    if level.masks.height:
        masked = pl.when("has_masks").then(pl.col("segment").str.replace_all(NUMBERS, "#"))
        rows = rows.with_columns(masked.alias("mask")).join(
            level.masks.with_columns(is_masked=True), on=["position", "mask"], how="left"
        )
        rows = rows.filter(~pl.col("has_masks") | pl.col("is_masked"))
    rows = rows.with_columns(pl.col("following").fill_null(END).alias("tail")).join(
        level.tails.with_columns(is_tail=True), on=["position", "tail"], how="left"
    )
    has_any = pl.col("has_any_tail") & pl.col("following").is_not_null()
    has_tail = (pl.col("is_tail") | has_any).fill_null(value=False)
    rows = rows.with_columns(has_tail.alias("has_tail"))
    rows = _split_segments(rows.filter(pl.col("has_tail") | pl.col("is_open")))
    has_kind = rows["heart"].str.contains(PLACEHOLDER)
    if has_kind.any():
        is_kind = rows["heart"].str.contains(f"^{PLACEHOLDER}$")
        # `Products({id})` names more than a value.
        rows = rows.filter(~has_kind | (is_kind & rows["has_tail"]))
    return rows.select("row", pl.concat_str("name", "ending").alias("name"))


def _split_segments(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the `heart` of their segments and the `ending` that stays."""
    # Most segments have neither, and the expression takes longer than all else.
    may_have = rows["segment"].str.contains(MAY_HAVE_AFFIXES)
    segment, nothing = pl.col("segment"), pl.lit("")
    if not may_have.any():
        return rows.with_columns(heart=segment, ending=nothing)
    odd = rows.filter(may_have).with_columns(
        heart=segment.str.extract(AFFIXES, 2), ending=segment.str.extract(AFFIXES, 3)
    )
    is_heartless = pl.col("heart") == ""
    odd = odd.with_columns(
        heart=pl.when(is_heartless).then(segment).otherwise("heart"),
        ending=pl.when(is_heartless).then(nothing).otherwise("ending"),
    )
    plain = rows.filter(~may_have).with_columns(heart=segment, ending=nothing)
    return pl.concat([plain, odd])


N = TypeVar("N", int, pl.Expr)


def _place(node: N, lead: str) -> N:
    """Return a number for a node and what leads values there: joins of one integer are quick."""
    return node * (len(LEADS) + 1) + (LEADS.index(lead) + 1 if lead else 0)


@lru_cache(maxsize=8)
def _lay_out(positions: tuple[LearnedPosition, ...]) -> tuple[_Level, ...]:
    """Return the levels of positions, from the first segment on, as deep as there are any."""
    prefixes: list[dict[str, int]] = [{"": 0}]
    """The node of each prefix, by depth."""
    for position in positions:
        segments = position.prefix.split("/")[1:]
        while len(prefixes) <= len(segments):
            prefixes.append({})
        for depth in range(1, len(segments) + 1):
            here = prefixes[depth]
            here.setdefault("/".join(["", *segments[:depth]]), len(here))
    by_depth = [[p for p in positions if p.prefix in nodes] for nodes in prefixes]
    below = [*prefixes[1:], {}]
    return tuple(map(_lay_out_level, by_depth, prefixes, below))


def _lay_out_level(
    positions: Sequence[LearnedPosition], nodes: Mapping[str, int], below: Mapping[str, int]
) -> _Level:
    rows = [
        (
            _place(nodes[position.prefix], position.lead),
            number,
            position.name,
            position.is_open,
            ANY_TAIL in position.tails,
            bool(position.masks),
            may_be_versioned(position.prefix),
        )
        for number, position in enumerate(positions)
    ]
    parents = [prefix.rpartition("/") for prefix in below]
    children = {
        "node": pl.Series([nodes[parent] for parent, _, _ in parents], dtype=_NODE),
        "segment": pl.Series([segment for _, _, segment in parents], dtype=pl.String),
        "child": pl.Series(below.values(), dtype=_NODE),
    }
    return _Level(
        pl.DataFrame(rows, schema=_POSITIONS, orient="row"),
        _texts_of((p.literals for p in positions), "segment"),
        _texts_of((p.masks for p in positions), "mask"),
        _texts_of((p.tails for p in positions), "tail"),
        pl.DataFrame(children),
    )


def _texts_of(texts: Iterable[frozenset[str]], name: str) -> pl.DataFrame:
    """Return the texts of each position, one a row."""
    pairs = [(number, text) for number, several in enumerate(texts) for text in several]
    return pl.DataFrame(pairs, schema={"position": pl.UInt32, name: pl.String}, orient="row")
