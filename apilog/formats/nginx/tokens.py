"""Plan A: the fields of a log format as the columns of a CSV file, for speed.

A format whose variables are set apart by one separator (a blank, a tab, a bar) is such a
file. What can't be read so is left to the expression of plan B: a plan here never guesses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.nginx.grammar import FormatVariable, LiteralText, LogFormat
from apilog.text.counting import count_byte
from apilog.values.event_lines import EventLines, as_polars_text

_SEPARATORS = (" ", "\t", "|", ";", ",")
_EXTRA_FIELDS = ("extra", "more")
"""Fields after the last one; the first alone is empty where two blanks follow."""
_SCAN_ERRORS = (pl.exceptions.PolarsError, OSError)
"""The second, for bytes that Polars takes for a compressed stream."""
_NUMERIC_VARIABLES: Mapping[str, type[pl.DataType]] = {
    "status": pl.Int64,
    "body_bytes_sent": pl.Int64,
    "bytes_sent": pl.Int64,
    "request_length": pl.Int64,
    "request_time": pl.Float64,
    "upstream_response_time": pl.Float64,
}
"""Variables that are nearly always a number or a dash: cheaper to read as one."""


@dataclass(frozen=True, slots=True)
class LineToken:
    """One field: a value between fixed affixes, or a literal alone."""

    variable: str | None
    prefix: str = ""
    suffix: str = ""
    quoted: bool = False
    length: int | None = None
    """Bytes of the value, where that is fixed."""

    @property
    def number_type(self) -> type[pl.DataType] | None:
        """The type of a value that is a number or a dash."""
        return _NUMERIC_VARIABLES.get(self.variable or "")

    @property
    def is_bare(self) -> bool:
        """Whether the field is the value, with nothing around it."""
        return not (self.prefix or self.suffix)


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """Reads lines as separated fields."""

    separator: str
    tokens: tuple[LineToken, ...]

    @property
    def quote_count(self) -> int:
        """How many double quotes each line has."""
        return 2 * sum(t.quoted for t in self.tokens)

    def read_values(self, lines: EventLines, variables: Collection[str]) -> pl.DataFrame | None:
        """One row a line: the raw values of these variables, and `ok`.

        A row that is not `ok` has to be read otherwise; None: all of them have.
        """
        columns = self._needed_fields(variables)
        numbers = _NUMERIC_VARIABLES
        if self._seems_regular(lines):
            try:
                frame = self._scan_csv(lines.data, columns, numbers)
                if frame.height == lines.count:
                    return self._check_rows(frame)
            except _SCAN_ERRORS:  # a list where a number is expected, or no UTF-8
                numbers = {}
        return self._read_regular(lines, columns, numbers)

    def _seems_regular(self, lines: EventLines) -> bool:
        """Whether no value holds a quote, unless others lack as many."""
        return (
            not self.quote_count
            or count_byte(lines.data, ord('"')) == self.quote_count * lines.count
        )

    def _read_regular(
        self, lines: EventLines, columns: list[int], numbers: Mapping[str, type[pl.DataType]]
    ) -> pl.DataFrame | None:
        """Like `read`, with lines left blank whose quotes are not where they belong."""
        data = self._blank_odd_lines(lines)
        for types in (numbers, {}) if numbers else ({},):
            try:
                frame = self._scan_csv(data, columns, types)
            except _SCAN_ERRORS:
                continue
            return self._check_rows(frame) if frame.height == lines.count else None
        return None

    def _blank_odd_lines(self, lines: EventLines) -> bytes:
        if not self.quote_count:
            return lines.utf8
        s = pl.escape_regex(self.separator)
        quoted = rf'(?:[^"]*{s})?"[^"]*"'
        odd = ~lines.series.str.contains(
            rf'^{quoted}(?:{s}{quoted}){{{self.quote_count // 2 - 1}}}(?:{s}[^"]*)?$'
        )
        return EventLines.from_series(lines.series.set(odd, "")).data if odd.any() else lines.utf8

    def _needed_fields(self, variables: Collection[str]) -> list[int]:
        """The fields to materialise: what is asked for, and what shows that a row is whole."""
        last = len(self.tokens) - 1
        return [
            i
            for i, token in enumerate(self.tokens)
            if token.variable in variables
            or token.variable in _CHECKED_VARIABLES
            or token.variable is None
            or token.number_type
            or i == last
            or token.prefix
            or token.suffix
            or (token.variable and token.variable.removesuffix("_zone") in variables)
        ]

    def _scan_csv(
        self, data: bytes, columns: list[int], numbers: Mapping[str, type[pl.DataType]]
    ) -> pl.DataFrame:
        """These fields, and what follows the last one in lines that have too many."""
        types = self._field_types(numbers)
        text, skipped = as_polars_text(data)
        return (
            pl.scan_csv(
                text,
                skip_lines=skipped,
                has_header=False,
                separator=self.separator,
                quote_char='"' if self.quote_count else None,
                schema=types,
                null_values={name: "-" for name, dtype in types.items() if dtype != pl.String},
                truncate_ragged_lines=True,
                # Fields are counted on the first line, which may have any number of them.
                missing_columns="insert",
                extra_columns="ignore",
            )
            .select(*(f"f{i}" for i in columns), *_EXTRA_FIELDS)
            .collect()
        )

    def _field_types(
        self, numbers: Mapping[str, type[pl.DataType]]
    ) -> dict[str, type[pl.DataType]]:
        """Types of the fields; the last one is text, so that null means that it is missing."""
        types: dict[str, type[pl.DataType]] = {}
        for i, token in enumerate(self.tokens):
            is_number = token.variable in numbers and token.is_bare and token != self.tokens[-1]
            types[f"f{i}"] = numbers[str(token.variable)] if is_number else pl.String
        return types | dict.fromkeys(_EXTRA_FIELDS, pl.String)

    def _check_rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Values by variable, affixes taken off, and `ok`."""
        values: dict[str, pl.Expr] = {}
        # Fields are missing from the end, so that the last one stands for all.
        last = f"f{len(self.tokens) - 1}"
        ok = [pl.col(last).is_not_null()] if frame[last].null_count() else []
        ok += [pl.col(c).is_null() for c in _EXTRA_FIELDS if frame[c].null_count() < frame.height]
        for name in frame.columns:
            if name not in _EXTRA_FIELDS:
                token = self.tokens[int(name[1:])]
                field = _field_expression(frame[name], token)
                value = _strip_affixes(field, token)
                ok += _affix_checks(field, token)
                if token.number_type:
                    is_text = frame.schema[name] == pl.String
                    ok += _number_checks(value, token, token.number_type, is_text=is_text)
                if token.variable:
                    values.setdefault(token.variable, value)
        every = pl.repeat(value=True, n=frame.height, dtype=pl.Boolean)
        whole = pl.all_horizontal(every, *ok).fill_null(value=False)
        # It comes in ten pieces or so, and everything after would pay for that.
        return frame.select_seq(whole.alias("ok"), **values).rechunk()


_CHECKED_VARIABLES = frozenset({"time_local", "time_local_zone", "time_iso8601", "msec", "status"})
"""Variables whose shape shows that the fields of a row are not shifted."""


def _field_expression(values: pl.Series, token: LineToken) -> pl.Expr:
    """The field, as a literal if it is a text of known length that is the same in all rows."""
    if (token.length or token.variable is None) and values.len() and not values.null_count():
        first = values[0]
        if first == values[-1] and (values == first).all():
            return pl.lit(first)
    return pl.col(values.name)


def _affix_checks(field: pl.Expr, token: LineToken) -> list[pl.Expr]:
    if token.variable is None:
        return [(field if token.prefix else field.fill_null("")) == token.prefix]
    checks = []
    if token.prefix:
        checks.append(field.str.starts_with(token.prefix))
    if token.suffix:
        checks.append(field.str.ends_with(token.suffix))
    if token.length:
        length = token.length + len(token.prefix) + len(token.suffix)
        checks.append(field.str.len_bytes() == length)
    return checks


def _number_checks(
    value: pl.Expr, token: LineToken, dtype: type[pl.DataType], *, is_text: bool
) -> list[pl.Expr]:
    """That it is what `_scan` takes for a number or a missing one where it reads numbers."""
    number = value.cast(dtype, strict=False) if is_text else value
    given = (value != "-") & (value != "") if is_text else value.is_not_null()
    checks = [number.is_not_null() | ~given] if is_text else []
    if token.variable == "status":
        checks.append((number == 0) | number.is_between(100, 999) | ~given)
    return [check.fill_null(value=True) for check in checks]


def _strip_affixes(field: pl.Expr, token: LineToken) -> pl.Expr:
    if token.length:
        return field.str.slice(len(token.prefix), token.length)
    if token.prefix:
        field = field.str.strip_prefix(token.prefix)
    return field.str.strip_suffix(token.suffix) if token.suffix else field


def plan_tokens(log_format: LogFormat) -> TokenPlan | None:
    """The plan for a log format, or None where its fields are not set apart by one separator."""
    for separator in _SEPARATORS:
        words = _split_words(log_format, separator)
        while words and not words[-1]:
            words.pop()  # separators at the end
        if words is None or len(words) < 2:
            continue
        tokens = [_parse_token(word) for word in words]
        if all(tokens):
            expanded = tuple(t for token in tokens if token for t in _expand_time(token, separator))
            return TokenPlan(separator, expanded)
    return None


def _split_words(
    log_format: LogFormat, separator: str
) -> list[list[LiteralText | FormatVariable]] | None:
    """The parts of each field; a separator within quotes belongs to its field."""
    words: list[list[LiteralText | FormatVariable]] = [[]]
    quoted = False
    for part in log_format.parts:
        if isinstance(part, FormatVariable):
            words[-1].append(part)
            continue
        for piece in _cut_at_marks(part.text, separator):
            quoted ^= piece == '"'
            if piece == separator and not quoted:
                words.append([])
            else:
                words[-1].append(LiteralText(piece))
    return None if quoted else words


def _cut_at_marks(text: str, separator: str) -> list[str]:
    """The text cut so that quotes and separators stand alone."""
    for mark in ('"', separator):
        text = text.replace(mark, f"\0{mark}\0")
    return [piece for piece in text.split("\0") if piece]


def _parse_token(word: list[LiteralText | FormatVariable]) -> LineToken | None:
    quoted = len(word) >= 2 and word[0] == word[-1] == LiteralText('"')
    inner = word[1:-1] if quoted else word
    if LiteralText('"') in inner:
        return None
    variables = [p for p in inner if isinstance(p, FormatVariable)]
    if len(variables) > 1:
        return None
    if not variables:
        return LineToken(
            None, "".join(p.text for p in inner if isinstance(p, LiteralText)), quoted=quoted
        )
    at = inner.index(variables[0])
    before, after = inner[:at], inner[at + 1 :]
    return LineToken(
        variables[0].name,
        "".join(p.text for p in before if isinstance(p, LiteralText)),
        "".join(p.text for p in after if isinstance(p, LiteralText)),
        quoted,
    )


def _expand_time(token: LineToken, separator: str) -> tuple[LineToken, ...]:
    """A variable that holds one blank, where blanks separate, is two fields."""
    if separator != " " or token.quoted or token.variable != "time_local":
        return (token,)
    return (
        LineToken("time_local", token.prefix, length=len("28/Sep/1970:12:00:00")),
        LineToken("time_local_zone", "", token.suffix, length=len("+0600")),
    )
