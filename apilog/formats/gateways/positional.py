"""A gateway's records as lines of text: values in a fixed order, with no header that names them.

Such logs grow at their end: a version of the gateway adds values behind those that were there. How
many a file has is told by its head; a line with more or fewer is read as well, but for a last one
that has fewer and no newline of its own: it is cut off, and ends in a part of a value.

Invariant: a line is a record only if it begins as the layout says, has as many values as the first
version had, and nothing of it stands outside of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from apilog.formats.contract import MatchFailure
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.gateway import (
    Gateway,
    TextLayout,
    has_fingerprint,
    locate_values,
)
from apilog.values.csv_cells import CellLayout, text_schema
from apilog.values.event_lines import EventLines

_SHOWN_LINES = 25
"""How many lines show whether a layout is to be tried at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionalFormat(GatewayFormat):
    """A gateway's records as values in a fixed order."""

    locations: Mapping[str, tuple[int, ...]]
    layout: TextLayout
    field_count: int
    """How many values most lines have."""

    def _key_of(self, name: str) -> str:
        return name

    def places_by_key(self) -> Mapping[str, int]:
        return {name: position for name, (position, *_) in self.locations.items()}

    def explain(self, line: str) -> MatchFailure:
        begun = _compile(self.layout.look).match(line)
        if begun is None:
            return MatchFailure(0, f"the beginning of {self.name}")
        return MatchFailure(begun.end(), f"{self.layout.least} values or more of {self.name}")

    def _read_locations(
        self, lines: EventLines, locations: list[int]
    ) -> tuple[Mapping[int, pl.Series], pl.Series]:
        texts = lines.series
        begins = texts.str.contains(self.layout.look)
        # A quote that a backslash escapes opens or closes nothing, which readers of tables don't
        # know; and what is no line of the log may have any quotes.
        is_plain = begins
        # Bytes are found many times as fast as pairs of them.
        if b"\\" in lines.data and b'\\"' in lines.data:
            is_plain = begins & ~texts.str.contains('\\"', literal=True)
        cells = _null_cells(lines.count, locations)
        plain = is_plain.arg_true()
        if len(plain):
            chosen = lines if len(plain) == lines.count else lines.gather(plain)
            usual = [at for at in locations if at < self.field_count]
            read = CellLayout(self.layout.separator, self.field_count).read(chosen, usual)
            further = (f"f{at}" for at in locations if at >= self.field_count)
            read = read.with_columns(pl.lit(None, pl.String).alias(name) for name in further)
            cells = read if len(plain) == lines.count else _scatter(cells, plain, read)
        odd = (begins & ~cells["ok"]).arg_true()
        if len(odd):
            cells = _scatter(cells, odd, self._read_odd(texts.gather(odd), locations))
        ok = cells["ok"]
        if len(may_be_cut := lines.find_open()):
            counts = _split(texts.gather(may_be_cut).str.strip_suffix("\r"), self.layout.separator)
            is_short = counts.list.len() < self.field_count
            ok = ok.scatter(may_be_cut.filter(is_short), False)
        return {at: cells[f"f{at}"] for at in locations}, ok

    def _read_odd(self, texts: pl.Series, locations: Sequence[int]) -> pl.DataFrame:
        """Return the values, and `ok`, of lines with escapes or with another number of values."""
        bare = texts.str.strip_suffix("\r")
        fields = _split(bare, self.layout.separator)

        def text(position: int) -> pl.Expr:
            field = pl.col("fields").list.get(position, null_on_oob=True)
            field = field.str.strip_prefix(self.layout.separator) if position else field
            inner = field.str.slice(1).str.strip_suffix('"').str.replace_all(r"\\(.)", "$1")
            value = pl.when(field.str.starts_with('"')).then(inner).otherwise(field)
            return pl.when(value != "").then(value).alias(f"f{position}")

        lengths = pl.col("fields").list.eval(pl.element().str.len_bytes()).list.sum()
        is_whole = lengths == pl.col("line").str.len_bytes()
        has_enough = pl.col("fields").list.len() >= self.layout.least
        return pl.DataFrame([bare.alias("line"), fields.alias("fields")]).select(
            *map(text, locations), ok=(is_whole & has_enough).fill_null(value=False)
        )

    def _unread_reasons(self, lines: EventLines) -> str:
        return f"not {self.name}"


def infer_positional(gateway: Gateway, head: pl.Series) -> PositionalFormat | None:
    """Return the format of a log of this gateway that has lines like these, if it is one."""
    if not gateway.layouts:
        return None
    head = head.drop_nulls()
    shown = head.gather_every(max(1, len(head) // _SHOWN_LINES)).to_list()
    for layout in gateway.layouts:
        # A few lines tell: Polars keeps but some compiled expressions.
        if not any(map(_compile(layout.look).match, shown)):
            continue
        lines = head.filter(head.str.contains(layout.look)).str.strip_suffix("\r")
        counts = _split(lines, layout.separator).list.len()
        counts = counts.filter(counts >= layout.least)
        if not len(counts):
            continue
        # A later version of the format has more values: its lines may be few here.
        names = layout.names[: int(str(counts.max()))]
        return PositionalFormat(
            spec=gateway,
            locations={name: (at,) for at, name in enumerate(names) if name},
            layout=layout,
            field_count=int(str(counts.mode().max())),
        ).fitted(lines)
    return None


def positional_format(
    gateway: Gateway, keys: Sequence[str], separator: str
) -> PositionalFormat | None:
    """Return the format of lines whose values have these names, if they are this gateway's."""
    located = locate_values(gateway, [(key,) for key in keys])
    if not has_fingerprint(gateway, located):
        return None
    log_format = PositionalFormat(
        spec=gateway,
        locations={name: tuple(keys.index(k) for (k, *_) in p) for name, p in located.items()},
        layout=TextLayout(look="^", names=tuple(keys), least=len(keys), separator=separator),
        field_count=len(keys),
    )
    return log_format if "timestamp" in log_format.columns else None


def are_bare(layouts: Collection[TextLayout], head: pl.Series) -> bool:
    """Return whether most lines begin as one of the layouts says, with nothing before."""
    shown = head.drop_nulls().gather_every(max(1, len(head) // _SHOWN_LINES)).to_list()
    begun = (any(_compile(layout.look).match(line) for layout in layouts) for line in shown)
    return 2 * sum(begun) > len(shown)


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    # The patterns are apilog's own, and have one way to match only.
    return re.compile(pattern)


def _split(lines: pl.Series, separator: str) -> pl.Series:
    """Return the values of lines, quotes and the separators before them included."""
    quoted = r'"(?:[^"\\]|\\.)*"'
    return lines.str.extract_all(rf'(?:^|{separator})(?:{quoted}|[^"{separator}][^{separator}]*|)')


def _null_cells(count: int, locations: Sequence[int]) -> pl.DataFrame:
    values = [pl.Series(name, [None], dtype) for name, dtype in text_schema(locations).items()]
    columns = [value.new_from_index(0, count) for value in values]
    return pl.DataFrame([*columns, pl.repeat(False, count, eager=True).alias("ok")])


def _scatter(cells: pl.DataFrame, rows: pl.Series, read: pl.DataFrame) -> pl.DataFrame:
    """Return the cells with those that were read put into these rows."""
    return pl.DataFrame(
        [column.clone().scatter(rows, read[column.name]) for column in cells.iter_columns()]
    )
