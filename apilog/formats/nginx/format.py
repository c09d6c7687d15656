"""A log format compiled to Polars: fast fields first, an expression for the odd lines."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import polars as pl

from apilog.formats import convert
from apilog.formats.base import Format, Lines, Parsed, Stop
from apilog.formats.dictionary import over_texts
from apilog.formats.escapes import decode_backslashes, decode_hex_escapes, decode_json
from apilog.formats.nginx.account import accounted, every
from apilog.formats.nginx.expression import Expression, expression
from apilog.formats.nginx.grammar import Escape, LogFormat
from apilog.formats.nginx.template import template
from apilog.formats.nginx.tokens import TokenPlan, token_plan
from apilog.formats.nginx.variables import Mapper
from apilog.schema import TIMESTAMP


def _decode_default(texts: pl.Series) -> pl.Series:
    r"""nginx writes no `\"`; where one stands, Apache wrote the line."""
    return over_texts(texts, _decode_either)


def _decode_either(texts: pl.Series) -> pl.Series:
    apaches = texts.str.contains(r"\"", literal=True).fill_null(value=False)
    if not apaches.any():
        return decode_hex_escapes(texts)
    return decode_backslashes(texts).zip_with(apaches, decode_hex_escapes(texts))


_UNESCAPE: dict[Escape, Callable[[pl.Series], pl.Series]] = {
    "default": _decode_default,
    "apache": decode_backslashes,
    "json": decode_json,
    "none": lambda texts: texts,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxFormat:
    """A named `log_format`."""

    name: str
    log_format: LogFormat
    gateway: str = "nginx"
    title: str = ""
    url: str = "https://nginx.org/en/docs/http/ngx_http_log_module.html"
    samples: tuple[str, ...] = ()
    mapper: Mapper = field(init=False)
    expression: Expression = field(init=False)
    strict: Expression = field(init=False)
    tokens: TokenPlan | None = field(init=False)

    def __post_init__(self) -> None:
        unescape = _UNESCAPE[self.log_format.escape]
        set_field = object.__setattr__
        set_field(self, "mapper", Mapper(frozenset(self.log_format.variables), unescape))
        set_field(self, "expression", expression(self.log_format))
        set_field(self, "strict", expression(self.log_format, strict=True))
        set_field(self, "tokens", token_plan(self.log_format))

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return self.mapper.columns

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """See `Format.parse`."""
        asked = [c for c in columns if c in self.columns or c == "timestamp"]
        needed = self.mapper.needed({*asked, "timestamp"})
        values, rows = self._values(lines, needed)
        wanted = [*dict.fromkeys([*asked, "timestamp"])]
        records = self.mapper.records(values, wanted, escaped=b"\\" in lines.data)
        if "timestamp" not in records:
            records["timestamp"] = _given_times(lines, rows)
        return accounted(pl.DataFrame(records), rows, lines.count, self.name, set(asked))

    def explain(self, line: str) -> Stop:
        """See `Format.explain`."""
        return self.expression.explain(line)

    def _values(self, lines: Lines, variables: set[str]) -> tuple[pl.DataFrame, pl.Series | None]:
        """Raw values by variable, and the lines they are of (None: all of them)."""
        values = self.tokens.read(lines, variables) if self.tokens else None
        if values is None:
            values = self.expression.read(lines.series, variables)
        elif not values["ok"].all():
            values = self._with_odd_lines(lines, variables, values)
        ok = values["ok"]
        if ok.all():
            return values, None
        return values.filter(ok), every(lines.count).filter(ok)

    def _with_odd_lines(
        self, lines: Lines, variables: set[str], values: pl.DataFrame
    ) -> pl.DataFrame:
        """The values, those of lines that plan A could not read replaced by plan B's."""
        odd = (~values["ok"]).arg_true()
        found = self.expression.read(lines.series.gather(odd), variables)
        if "time_local_zone" in found.columns and "time_local_zone" not in values.columns:
            joined = pl.concat_str("time_local", "time_local_zone", separator=" ")
            found = found.with_columns(joined.alias("time_local")).drop("time_local_zone")
        return pl.DataFrame(
            [_placed(found[name], odd, values[name]) for name in found.columns]
            if found["ok"].any()
            else values
        )


def _given_times(lines: Lines, rows: pl.Series | None) -> pl.Series:
    """The times that came with the lines, for a format that has none of its own."""
    given = lines.times
    if given is None:
        given = pl.Series([None], dtype=TIMESTAMP).new_from_index(0, lines.count)
    return (given if rows is None else given.gather(rows)).alias("timestamp")


def _placed(texts: pl.Series, rows: pl.Series, values: pl.Series) -> pl.Series:
    """The values with others put into some rows."""
    if values.dtype.is_numeric():
        numbers = texts.cast(values.dtype, strict=False)
        if numbers.null_count() == convert.blank_to_null(texts).null_count():
            return values.scatter(rows, numbers)
        values = values.cast(pl.String)  # an odd line has a list where others have a number
    return values.scatter(rows, texts)


def compiled(log_format: LogFormat, *, name: str | None = None) -> Format:
    """The format that reads a `log_format`; its name is the string itself by default."""
    name = name or log_format.string
    if log_format.string.lstrip().startswith("{") and (found := template(log_format, name)):
        return found
    return NginxFormat(name=name, log_format=log_format)
