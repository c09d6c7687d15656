"""How small files that are pieces of one log are parsed: all by one plan, where that is right.

They are read as if they were joined, so that what the few lines of one leave open is told by those
of all. A piece that differs in any way that shows is planned alone, as a file of another log is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import polars as pl

from apilog.formats.contract import ParsedRecords
from apilog.formats.detect import HEAD_LINES
from apilog.formats.file_plan import FileSample, FormatChoice, choose_plan
from apilog.formats.gateways import REFUSALS
from apilog.formats.line_shapes import find_usual_shapes, shape_of_line
from apilog.formats.own.key_hints import NO_KEY_HINTS
from apilog.formats.own.tailored_plan import tailor_plan
from apilog.formats.parse_plan import ParsePlan, iterate_formats, parse_lines, spread_lines
from apilog.text.counting import count_byte
from apilog.values.event_lines import EventLines

_LF = ord("\n")
_DURATIONS = ("duration_ms", "upstream_duration_ms")
_ODD_POWER = 2.7
"""Of ten: a little less than the 1000 that lie between two units."""


def plan_pieces(
    samples: Sequence[FileSample], choice: FormatChoice | None = None
) -> list[ParsePlan | None]:
    """Return how to parse whole files that are pieces of one log; None for one to be planned alone.

    Those whose lines have the shape of most share one plan, of one format that reads every line but
    for those that a piece has as most others do, such as a table's header. A piece with another
    line, without a record, or whose durations seem to be in another unit, is planned alone; all
    are, if together they are of several formats.
    """
    shapes = [shape_of_line(_first_line(sample)) for sample in samples]
    is_usual = find_usual_shapes(shapes)
    alike = [sample for sample, usual in zip(samples, is_usual, strict=True) if usual]
    plans: list[ParsePlan | None] = [None] * len(alike)
    if len(alike) > 1:
        plans = _plan_alike(alike, choice)
    found = iter(plans)
    return [next(found) if usual else None for usual in is_usual]


def _first_line(sample: FileSample) -> str:
    return sample.first[: sample.first.find(b"\n")].decode("utf-8", "replace")


def _plan_alike(
    samples: Sequence[FileSample], choice: FormatChoice | None
) -> list[ParsePlan | None]:
    """Return the shared plan of each piece of those whose lines have one shape."""
    alone: list[ParsePlan | None] = [None] * len(samples)
    lines = EventLines(b"".join(sample.first for sample in samples))
    voters = spread_lines(lines.series, HEAD_LINES)
    if choice is None and any(r.holds and r.holds(voters) for r in REFUSALS):
        return alone
    plan = choose_plan(voters, choice, is_open=False)
    if plan is None or plan.joins_lines or plan.pairs_lines:
        return alone
    is_chosen = choice is not None and not choice.is_open
    if not is_chosen and sum(1 for _ in iterate_formats(plan)) != 1:
        return alone
    plan = tailor_plan(plan, voters, choice.hints.keys if choice else NO_KEY_HINTS)
    plan = replace(plan, saw_all=not is_chosen)
    parsed = parse_lines(lines, plan, ["row", *_DURATIONS])
    edges = [0, *accumulate(count_byte(sample.first, _LF) for sample in samples)]
    counts = _count_between(parsed.records["row"], edges)
    rejects = _count_between(parsed.rejects["row"], edges)
    skipped = _skipped_lines(lines.series, parsed, edges)
    usual, _ = Counter(skipped).most_common(1)[0]
    odd = set() if is_chosen else _find_odd_pieces(parsed.records, edges)
    return [
        plan if count and not rejected and others == usual and at not in odd else None
        for at, (count, rejected, others) in enumerate(zip(counts, rejects, skipped, strict=True))
    ]


def _count_between(rows: pl.Series, edges: Sequence[int]) -> list[int]:
    """Return how many of the rows, which ascend, lie between each two edges."""
    return rows.search_sorted(pl.Series(edges, dtype=pl.UInt32)).diff()[1:].to_list()


def _skipped_lines(
    lines: pl.Series, parsed: ParsedRecords, edges: Sequence[int]
) -> list[tuple[str, ...]]:
    """Return the lines of each piece that are no records."""
    if not parsed.skipped:
        return [()] * (len(edges) - 1)
    is_other = pl.repeat(value=True, n=len(lines), eager=True)
    is_other = is_other.scatter(parsed.records["row"], False)
    return [tuple(lines[start:end].filter(is_other[start:end])) for start, end in pairwise(edges)]


def _find_odd_pieces(records: pl.DataFrame, edges: Sequence[int]) -> set[int]:
    """Return the positions of the pieces whose usual duration is far from that of the others.

    A unit is guessed by the size of the numbers, and the next one is a thousand times as large: a
    program that was changed while its log went on would be read wrongly from there.
    """
    pieces = pl.Series(edges[1:], dtype=pl.UInt32)
    piece = pieces.search_sorted(records["row"], side="right").alias("piece")
    odd: set[int] = set()
    for column in _DURATIONS:
        known = pl.DataFrame([piece, records[column].alias("ms")]).filter(pl.col("ms") > 0)
        middles = known.group_by("piece").agg(pl.col("ms").median())
        usual = middles["ms"].quantile(0.5, "lower")
        off = (pl.col("ms") / usual).log(10).abs()
        odd.update(middles.filter(off >= _ODD_POWER)["piece"] if known.height else ())
    # Of so many nothing tells which are the odd ones.
    return odd if 4 * len(odd) < len(pieces) else set(range(len(pieces)))
