"""Formats that a `log_format` string describes: fields of text, or a JSON object.

Invariant: every line is accounted for, as a record with a time or as a reject.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.contract import ROW_REJECTS_SCHEMA, Format, MatchFailure, ParsedRecords
from apilog.formats.nginx.expression import LineExpression, compile_expression
from apilog.formats.nginx.grammar import (
    EscapeMode,
    FormatPart,
    FormatVariable,
    LiteralText,
    LogFormat,
)
from apilog.formats.nginx.tokens import TokenPlan, plan_tokens
from apilog.formats.nginx.variables import VariableMapper
from apilog.schema import TIMESTAMP
from apilog.values import convert
from apilog.values.dictionary import map_texts
from apilog.values.escapes import decode_apache_escapes, decode_hex_escapes, decode_json_escapes
from apilog.values.event_lines import EventLines
from apilog.values.json_text import decode_paths


def parse_result(
    records: pl.DataFrame,
    rows: pl.Series | None,
    count: int,
    name: str,
    asked: set[str],
    *,
    wants: str = "",
) -> ParsedRecords:
    """Records whose time is known; every other line is a reject."""
    timed = records["timestamp"].is_not_null()
    if rows is None and timed.all():
        return ParsedRecords(records=_select_asked(records, asked))
    lines = all_rows(count) if rows is None else rows
    return ParsedRecords(
        records=_select_asked(records.filter(timed), asked),
        rows=lines.filter(timed),
        rejects=pl.concat(
            [
                _reject_rows(missing_rows(lines, count), wants or f"not {name}"),
                _reject_rows(lines.filter(~timed), "no time that can be understood"),
            ]
        ).sort("row"),
    )


def _select_asked(records: pl.DataFrame, asked: set[str]) -> pl.DataFrame:
    return records.select_seq(c for c in records.columns if c in asked)


def all_rows(count: int) -> pl.Series:
    """The indexes of so many lines."""
    return pl.int_range(count, dtype=pl.UInt32, eager=True)


def missing_rows(rows: pl.Series, count: int) -> pl.Series:
    """The indexes of lines that are not among these."""
    absent = pl.repeat(value=True, n=count, dtype=pl.Boolean, eager=True)
    return all_rows(count).filter(absent.scatter(rows, values=False) if len(rows) else absent)


def _reject_rows(rows: pl.Series, reason: str) -> pl.DataFrame:
    return pl.DataFrame({"row": rows}, schema={"row": ROW_REJECTS_SCHEMA["row"]}).with_columns(
        pl.lit(reason).alias("reason")
    )


_VARIABLE_MARK = re.compile("\x01(\\d+)\x01")

_KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTemplateFormat:
    """A `log_format` that writes JSON objects."""

    name: str
    value_formats: Mapping[_KeyPath, LogFormat]
    """Path of keys to the parts of the value there."""
    gateway: str = "nginx"
    mapper: VariableMapper = field(init=False)

    def __post_init__(self) -> None:
        variables = frozenset(v for value in self.value_formats.values() for v in value.variables)
        object.__setattr__(self, "mapper", VariableMapper(variables, lambda texts: texts))

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return self.mapper.columns

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        """See `Format.parse`."""
        asked = [c for c in columns if c in self.columns]
        needed = self.mapper.needed_variables({*asked, "timestamp"})
        paths = [p for p, value in self.value_formats.items() if needed & set(value.variables)]
        texts, ok = decode_paths(lines, paths)
        values = self._values_by_variable(texts, needed)
        records = self.mapper.build_columns(values, [*dict.fromkeys([*asked, "timestamp"])])
        rows = None if ok.all() else pl.int_range(len(ok), dtype=pl.UInt32, eager=True).filter(ok)
        frame = pl.DataFrame(records)
        if rows is not None:
            frame = frame.filter(ok)
        return parse_result(frame, rows, lines.count, self.name, set(asked), wants="no JSON object")

    def explain(self, line: str) -> MatchFailure:
        """See `Format.explain`."""
        try:
            json.loads(line)
        except json.JSONDecodeError as error:
            return MatchFailure(error.pos, "JSON")
        return MatchFailure(len(line), "a time")

    def _values_by_variable(
        self, texts: Mapping[_KeyPath, pl.Series], needed: set[str]
    ) -> pl.DataFrame:
        found: dict[str, pl.Series] = {}
        for path, series in texts.items():
            value = self.value_formats[path]
            if len(value.parts) == 1:
                found.setdefault(value.variables[0], series)
                continue
            parts: LineExpression = compile_expression(value)
            for column in parts.read_values(series, needed).drop("ok"):
                found.setdefault(column.name, column)
        return pl.DataFrame([series.alias(name) for name, series in found.items()])


def parse_json_template(log_format: LogFormat, name: str) -> JsonTemplateFormat | None:
    """The format of a string that is a JSON object; None if it is none."""
    variables: list[FormatVariable] = []
    text = ""
    for part in log_format.parts:
        if isinstance(part, LiteralText):
            text += part.text
            continue
        mark = f"\x01{len(variables)}\x01"
        in_text = len(re.findall(r'(?<!\\)"', text)) % 2 == 1
        text += mark if in_text else f'"{mark}"'
        variables.append(part)
    try:
        parsed = json.loads(text, strict=False)
    except json.JSONDecodeError:
        return None
    if not isinstance(parsed, dict):
        return None
    values = {
        path: LogFormat(parts, "none")
        for path, value in _template_leaves(parsed, ())
        if (parts := _marked_parts(value, variables))
        and any(isinstance(p, FormatVariable) for p in parts)
    }
    return JsonTemplateFormat(name=name, value_formats=values) if values else None


def _template_leaves(value: object, path: _KeyPath) -> Iterator[tuple[_KeyPath, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _template_leaves(inner, (*path, key))
    elif isinstance(value, str):
        yield path, value


def _marked_parts(text: str, variables: list[FormatVariable]) -> tuple[FormatPart, ...]:
    pieces = _VARIABLE_MARK.split(text)  # text and mark numbers in turn
    parts = (variables[int(p)] if i % 2 else LiteralText(p) for i, p in enumerate(pieces))
    return tuple(p for p in parts if isinstance(p, FormatVariable) or p.text)


def _decode_default_escapes(texts: pl.Series) -> pl.Series:
    r"""nginx writes no `\"`; where one stands, Apache wrote the line."""
    return map_texts(texts, _decode_nginx_or_apache)


def _decode_nginx_or_apache(texts: pl.Series) -> pl.Series:
    apaches = texts.str.contains(r"\"", literal=True).fill_null(value=False)
    if not apaches.any():
        return decode_hex_escapes(texts)
    return decode_apache_escapes(texts).zip_with(apaches, decode_hex_escapes(texts))


_UNESCAPE: dict[EscapeMode, Callable[[pl.Series], pl.Series]] = {
    "default": _decode_default_escapes,
    "apache": decode_apache_escapes,
    "json": decode_json_escapes,
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
    mapper: VariableMapper = field(init=False)
    expression: LineExpression = field(init=False)
    strict: LineExpression = field(init=False)
    tokens: TokenPlan | None = field(init=False)

    def __post_init__(self) -> None:
        unescape = _UNESCAPE[self.log_format.escape]
        set_field = object.__setattr__
        set_field(self, "mapper", VariableMapper(frozenset(self.log_format.variables), unescape))
        set_field(self, "expression", compile_expression(self.log_format))
        set_field(self, "strict", compile_expression(self.log_format, strict=True))
        set_field(self, "tokens", plan_tokens(self.log_format))

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return self.mapper.columns

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        """See `Format.parse`."""
        asked = [c for c in columns if c in self.columns or c == "timestamp"]
        needed = self.mapper.needed_variables({*asked, "timestamp"})
        values, rows = self._read_values(lines, needed)
        wanted = [*dict.fromkeys([*asked, "timestamp"])]
        records = self.mapper.build_columns(values, wanted, escaped=b"\\" in lines.data)
        if "timestamp" not in records:
            records["timestamp"] = _times_beside_lines(lines, rows)
        return parse_result(pl.DataFrame(records), rows, lines.count, self.name, set(asked))

    def explain(self, line: str) -> MatchFailure:
        """See `Format.explain`."""
        return self.expression.explain(line)

    def _read_values(
        self, lines: EventLines, variables: set[str]
    ) -> tuple[pl.DataFrame, pl.Series | None]:
        """Raw values by variable, and the lines they are of (None: all of them)."""
        values = self.tokens.read_values(lines, variables) if self.tokens else None
        if values is None:
            values = self.expression.read_values(lines.series, variables)
        elif not values["ok"].all():
            values = self._with_odd_lines(lines, variables, values)
        ok = values["ok"]
        if ok.all():
            return values, None
        return values.filter(ok), all_rows(lines.count).filter(ok)

    def _with_odd_lines(
        self, lines: EventLines, variables: set[str], values: pl.DataFrame
    ) -> pl.DataFrame:
        """The values, those of lines that plan A could not read replaced by plan B's."""
        odd = (~values["ok"]).arg_true()
        found = self.expression.read_values(lines.series.gather(odd), variables)
        if "time_local_zone" in found.columns and "time_local_zone" not in values.columns:
            joined = pl.concat_str("time_local", "time_local_zone", separator=" ")
            found = found.with_columns(joined.alias("time_local")).drop("time_local_zone")
        return pl.DataFrame(
            [_scatter_values(found[name], odd, values[name]) for name in found.columns]
            if found["ok"].any()
            else values
        )


def _times_beside_lines(lines: EventLines, rows: pl.Series | None) -> pl.Series:
    """The times that came with the lines, for a format that has none of its own."""
    given = lines.times
    if given is None:
        given = pl.Series([None], dtype=TIMESTAMP).new_from_index(0, lines.count)
    return (given if rows is None else given.gather(rows)).alias("timestamp")


def _scatter_values(texts: pl.Series, rows: pl.Series, values: pl.Series) -> pl.Series:
    """The values with others put into some rows."""
    if values.dtype.is_numeric():
        numbers = texts.cast(values.dtype, strict=False)
        if numbers.null_count() == convert.blank_to_null(texts).null_count():
            return values.scatter(rows, numbers)
        values = values.cast(pl.String)  # an odd line has a list where others have a number
    return values.scatter(rows, texts)


def compile_log_format(log_format: LogFormat, *, name: str | None = None) -> Format:
    """The format that reads a `log_format`; its name is the string itself by default."""
    name = name or log_format.string
    if log_format.string.lstrip().startswith("{") and (
        found := parse_json_template(log_format, name)
    ):
        return found
    return NginxFormat(name=name, log_format=log_format)
