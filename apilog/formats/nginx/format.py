"""Formats that a `log_format` string describes: fields of text, or a JSON object.

Invariant: every line is accounted for, as a record or as a reject. A record has a time, unless its
format is known to have none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.contract import Format, MatchFailure, ParsedRecords
from apilog.formats.field_entry import VariableSource
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
from apilog.formats.nginx.words import plan_words
from apilog.schema import TIMESTAMP
from apilog.values.convert import blank_to_null
from apilog.values.dictionary import ColumnConverter, map_texts
from apilog.values.escapes import (
    decode_apache_escapes,
    decode_haproxy_escapes,
    decode_hex_escapes,
    decode_json_escapes,
)
from apilog.values.event_lines import EventLines
from apilog.values.json_text import KeyPath, decode_paths, lines_from_texts


def _keep_escapes(texts: pl.Series) -> pl.Series:
    return texts


def _decode_default_escapes(texts: pl.Series) -> pl.Series:
    r"""Decode nginx's escapes; nginx writes no `\"`, so where one stands Apache wrote the line."""

    def decode(values: pl.Series) -> pl.Series:
        by_apache = values.str.contains(r"\"", literal=True).fill_null(value=False)
        if not by_apache.any():
            return decode_hex_escapes(values)
        return decode_apache_escapes(values).zip_with(by_apache, decode_hex_escapes(values))

    return map_texts(texts, decode)


_DECODERS: Mapping[EscapeMode, ColumnConverter] = {
    "default": _decode_default_escapes,
    "apache": decode_apache_escapes,
    "json": decode_json_escapes,
    "none": _keep_escapes,
    "envoy": _keep_escapes,
    "haproxy": decode_haproxy_escapes,
}
_ESCAPE_SIGNS: Mapping[EscapeMode, bytes] = {"haproxy": b"#"}
"""What escapes begin with, where it is no backslash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxFormat:
    """A named `log_format`."""

    name: str
    log_format: LogFormat
    gateway: str | None = "nginx"
    mark: str = ""
    """What its gateway writes and others of the same layout do not (a pattern); where no line has
    it, nothing tells who wrote them."""
    title: str = ""
    url: str = "https://nginx.org/en/docs/http/ngx_http_log_module.html"
    samples: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    own_sources: Mapping[str, tuple[VariableSource, ...]] = field(default_factory=dict)
    """What columns are made of in this log, see `VariableMapper.own`."""
    relatives: Mapping[str, str] = field(default_factory=dict)
    """A pattern of other lines of software that writes its access lines alike, to its gateway."""
    writes_whole_us: bool = False
    """Whether durations behind its lines that are whole numbers are microseconds."""
    lacks_time: bool = False
    """Whether its lines tell no time: then a record has that of its envelope, or none."""
    mapper: VariableMapper = field(init=False)
    expression: LineExpression = field(init=False)
    """Reads what the format's own server and its relatives write."""
    strict_expression: LineExpression = field(init=False)
    """Reads what its own server writes, to tell formats apart."""
    token_plan: TokenPlan | None = field(init=False)

    def __post_init__(self) -> None:
        mapper = VariableMapper(
            frozenset(self.log_format.variables),
            _DECODERS[self.log_format.escape],
            self.own_sources,
        )
        set_field = object.__setattr__
        set_field(self, "mapper", mapper)
        set_field(self, "expression", compile_expression(self.log_format))
        set_field(self, "strict_expression", compile_expression(self.log_format, strict=True))
        set_field(self, "token_plan", plan_tokens(self.log_format))

    @property
    def columns(self) -> frozenset[str]:
        return self.mapper.columns

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        wanted = dict.fromkeys([*columns, "timestamp"])
        values = self._read_values(lines, self.mapper.needed_variables(wanted))
        ok = values["ok"]
        if not ok.all():
            values = values.filter(ok)
        sign = _ESCAPE_SIGNS.get(self.log_format.escape, b"\\")
        records = self.mapper.build_columns(values, wanted, escaped=sign in lines.data)
        return _parse_result(
            records, ok, lines, columns, f"not {self.name}", lacks_time=self.lacks_time
        )

    def explain(self, line: str) -> MatchFailure:
        return self.expression.explain(line)

    def sample_variables(
        self, lines: pl.Series, variables: Collection[str]
    ) -> Mapping[str, pl.Series]:
        """Return the raw values (String) of variables; null in lines that are not read."""
        values = self.expression.read_values(lines, variables)
        return {name: values[name] for name in variables}

    def _read_values(self, lines: EventLines, variables: set[str]) -> pl.DataFrame:
        """Return one row per line: raw values by variable, and `ok`."""
        if not self.token_plan and (words := plan_words(self.log_format, self.expression)):
            return words.read_values(lines.series, variables)
        values = self.token_plan.read_values(lines, variables) if self.token_plan else None
        if values is None:
            return self.expression.read_values(lines.series, variables)
        if values["ok"].all():
            return values
        # The few lines that plan A could not read are read by plan B, and put in their places.
        odd = (~values["ok"]).arg_true()
        odd_values = self.expression.read_values(lines.series.gather(odd), variables)
        if not odd_values["ok"].any():
            return values
        if "time_local_zone" in odd_values.columns and "time_local_zone" not in values.columns:
            joined = pl.concat_str("time_local", "time_local_zone", separator=" ")
            odd_values = odd_values.with_columns(time_local=joined).drop("time_local_zone")
        columns = []
        for texts in odd_values.iter_columns():
            column, patch = values[texts.name], texts
            # Plan A reads some variables as numbers, plan B reads texts.
            if column.dtype.is_numeric():
                patch = texts.cast(column.dtype, strict=False)
                if patch.null_count() != blank_to_null(texts).null_count():
                    # An odd line has a list where others have a number.
                    column, patch = column.cast(pl.String), texts
            columns.append(column.scatter(odd, patch))
        return pl.DataFrame(columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTemplateFormat:
    """A `log_format` that writes JSON objects."""

    name: str
    value_formats: Mapping[KeyPath, LogFormat]
    """Path of keys to the parts of the value there."""
    gateway: str | None = "nginx"
    doubts: tuple[str, ...] = ()
    own_sources: Mapping[str, tuple[VariableSource, ...]] = field(default_factory=dict)
    """What columns are made of in this log, see `VariableMapper.own`."""
    mapper: VariableMapper = field(init=False)

    def __post_init__(self) -> None:
        variables = frozenset(v for value in self.value_formats.values() for v in value.variables)
        mapper = VariableMapper(variables, _keep_escapes, self.own_sources)
        object.__setattr__(self, "mapper", mapper)

    @property
    def columns(self) -> frozenset[str]:
        return self.mapper.columns

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        wanted = dict.fromkeys([*columns, "timestamp"])
        frame, ok = self._read_variables(lines, self.mapper.needed_variables(wanted))
        records = self.mapper.build_columns(frame, wanted)
        return _parse_result(records, ok, lines, columns, "no JSON object")

    def sample_variables(
        self, lines: pl.Series, variables: Collection[str]
    ) -> Mapping[str, pl.Series]:
        """Return the raw values (String) of variables in the lines that are read."""
        values, _ = self._read_variables(lines_from_texts(lines), {*variables})
        return {name: values[name] for name in variables}

    def _read_variables(
        self, lines: EventLines, variables: set[str]
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Return the raw values by variable of the lines that are objects, and which are."""
        paths = [p for p, value in self.value_formats.items() if variables & {*value.variables}]
        texts, ok = decode_paths(lines, paths)
        values: dict[str, pl.Series] = {}
        for path, series in texts.items():
            value_format = self.value_formats[path]
            given = series if ok.all() else series.filter(ok)
            if len(value_format.parts) == 1:
                values.setdefault(value_format.variables[0], given)
                continue
            parts = compile_expression(value_format).read_values(given, variables).drop("ok")
            for part in parts.iter_columns():
                values.setdefault(part.name, part)
        return pl.DataFrame([series.alias(name) for name, series in values.items()]), ok

    def explain(self, line: str) -> MatchFailure:
        try:
            json.loads(line)
        except json.JSONDecodeError as error:
            return MatchFailure(error.pos, "JSON")
        return MatchFailure(len(line), "a time")


def _parse_result(
    built: dict[str, pl.Series],
    ok: pl.Series,
    lines: EventLines,
    columns: Collection[str],
    mismatch: str,
    *,
    lacks_time: bool = False,
) -> ParsedRecords:
    """Return the records whose time is known; every other line is a reject.

    `built` are columns of the lines that are `ok`; `mismatch` says what the others are. With
    `lacks_time` every line that is `ok` is a record, with the time that came with it or without.
    """
    if "timestamp" not in built:  # a format without a time, for lines that come with one
        times = lines.times
        if times is None:
            times = pl.Series([None], dtype=TIMESTAMP).new_from_index(0, lines.count)
        built = {**built, "timestamp": times.filter(ok).alias("timestamp")}
    has_time = built["timestamp"].is_not_null()
    if lacks_time:
        has_time = pl.repeat(value=True, n=len(has_time), eager=True)
    asked = [name for name in built if name in columns]
    if has_time.all() and ok.all():
        return ParsedRecords(records=pl.DataFrame(built).select_seq(asked))
    is_record = ok.clone().scatter(ok.arg_true().filter(~has_time), False)
    reason = pl.when(ok).then(pl.lit("no time that can be understood")).otherwise(pl.lit(mismatch))
    records = pl.DataFrame(built).filter(has_time).select_seq(asked)
    return ParsedRecords.with_rejects(records, is_record, reason)


_NO_VARIABLES_OF_NGINX = frozenset(
    {"ident", "source_ip", "time_any", "request_duration"}
    | {f"request_time_{unit}" for unit in ("ms", "us", "ns", "any")}
    | {f"upstream_response_time_{unit}" for unit in ("ms", "us", "ns", "any")}
)


def compile_log_format(
    log_format: LogFormat, *, name: str | None = None, gateway: str | None = "nginx"
) -> Format:
    """Return the format that reads a `log_format`; its name is the string itself by default."""
    name = name or log_format.string
    if not _NO_VARIABLES_OF_NGINX.isdisjoint(log_format.variables) and gateway == "nginx":
        gateway = None  # the string describes the log of something else
    if log_format.string.lstrip().startswith("{") and (
        template := parse_json_template(log_format, name, gateway)
    ):
        return template
    return NginxFormat(name=name, log_format=log_format, gateway=gateway)


_VARIABLE_MARK = re.compile("\x01(\\d+)\x01")


def parse_json_template(
    log_format: LogFormat, name: str, gateway: str | None
) -> JsonTemplateFormat | None:
    """Return the format of a string that is a JSON object; None if it is none."""
    variables: list[FormatVariable] = []
    text = ""
    # Variables become marks, in quotes of their own where they stand for a number, so that the
    # template itself can be read as JSON.
    for part in log_format.parts:
        if isinstance(part, LiteralText):
            text += part.text
            continue
        mark = f"\x01{len(variables)}\x01"
        in_text = len(re.findall(r'(?<!\\)"', text)) % 2 == 1
        text += mark if in_text else f'"{mark}"'
        variables.append(part)
    try:
        template = json.loads(text, strict=False)
    except json.JSONDecodeError:
        return None
    if not isinstance(template, dict):
        return None

    def parse_value(value: str) -> tuple[FormatPart, ...]:
        pieces = enumerate(_VARIABLE_MARK.split(value))  # texts and numbers of marks in turn
        parts = (variables[int(p)] if i % 2 else LiteralText(p) for i, p in pieces)
        return tuple(p for p in parts if isinstance(p, FormatVariable) or p.text)

    value_formats = {
        path: LogFormat(parts, "none")
        for path, value in _template_texts(template, ())
        if (parts := parse_value(value)) and any(isinstance(p, FormatVariable) for p in parts)
    }
    if not value_formats:
        return None
    return JsonTemplateFormat(name=name, value_formats=value_formats, gateway=gateway)


def _template_texts(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _template_texts(inner, (*path, key))
    elif isinstance(value, str):
        yield path, value
