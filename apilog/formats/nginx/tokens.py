r"""Plan A: the fields of a log format as the columns of a CSV file, for speed.

A format whose variables are set apart by one separator (a blank, a tab, a bar) is such a file, and
Polars splits it with SIMD and skips the fields that nobody asks for. This is a few times faster
than an expression, but right only while quotes balance (https://www.rfc-editor.org/rfc/rfc4180),
which attackers and Apache's `\"` do not care about. So a row is taken only if it is surely whole;
what is not is left to the expression of plan B: a plan here never guesses.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from apilog.formats.nginx.grammar import FormatVariable, LiteralText, LogFormat
from apilog.text.counting import count_byte
from apilog.values.event_lines import EventLines, as_polars_text

_SEPARATORS = (" ", "\t", "|", ";", ",")
_EXTRA_FIELDS = ("extra", "more")
"""Fields after the last one; the first alone is empty where two blanks follow."""
_END_MARK = "\x01"
"""What is set behind a last field in quotes that is mostly empty, and so no sign of a whole row."""
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

_UNSPLIT_VARIABLES = frozenset(
    {"time_month_first", "time_any", "request_time_any", "upstream_response_time_any"}
)
"""Variables that may hold blanks in some lines and none in others, so that fields can't be told
by their number."""

_NumberTypes = Mapping[str, type[pl.DataType]]

_CHECKED_VARIABLES = frozenset({"time_local", "time_local_zone", "time_iso8601", "msec", "status"})
"""Variables whose shape shows that the fields of a row are not shifted."""


@dataclass(frozen=True, slots=True)
class LineToken:
    """One field: a value between fixed affixes, or a literal alone."""

    variable: str | None
    prefix: str = ""
    suffix: str = ""
    quoted: bool = False
    length: int | None = None
    """Bytes of the value, where that is fixed."""


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """Reads lines as separated fields."""

    separator: str
    tokens: tuple[LineToken, ...]
    quote_count: int
    """The number of double quotes in each line."""

    def read_values(self, lines: EventLines, variables: Collection[str]) -> pl.DataFrame | None:
        """Return one row per line: the raw values of these variables, and `ok`.

        A row that is not `ok` has to be read otherwise; None: all of them have.
        """
        numbers = _NUMERIC_VARIABLES
        # The right number of quotes in all: no value holds one, unless others lack as many.
        expected = self.quote_count * lines.count
        if not self.quote_count or count_byte(lines.data, ord('"')) == expected:
            try:
                frame = self._scan_csv(lines.data, variables, numbers)
                if frame.height == lines.count:
                    return self._check_rows(frame)
            except _SCAN_ERRORS:  # a list where a number is expected, or no UTF-8
                numbers = {}
        # A CSV reader takes a newline within quotes for a part of the value, so that one stray
        # quote would swallow every line up to the next one: lines whose quotes are not where they
        # belong are left blank.
        data = lines.utf8
        if self.quote_count:
            s = pl.escape_regex(self.separator)
            quoted = rf'(?:[^"]*{s})?"[^"]*"'
            is_odd = ~lines.series.str.contains(
                rf'^{quoted}(?:{s}{quoted}){{{self.quote_count // 2 - 1}}}(?:{s}[^"]*)?$'
            )
            if is_odd.any():
                data = EventLines.from_series(lines.series.set(is_odd, "")).data
        for types in (numbers, {}) if numbers else ({},):
            try:
                frame = self._scan_csv(data, variables, types)
            except _SCAN_ERRORS:
                continue
            return self._check_rows(frame) if frame.height == lines.count else None
        return None

    def _scan_csv(
        self, data: bytes, variables: Collection[str], numbers: _NumberTypes
    ) -> pl.DataFrame:
        """Return the fields asked for, those that show a row is whole, and those too many."""
        types: dict[str, type[pl.DataType]] = {}
        needed: list[str] = []
        for i, token in enumerate(self.tokens):
            name, variable = f"f{i}", token.variable or ""
            is_last = i == len(self.tokens) - 1
            is_bare = not (token.prefix or token.suffix)
            # The last field is text, so that null means that it is missing.
            is_number = variable in numbers and is_bare and not is_last
            types[name] = numbers[variable] if is_number else pl.String
            if (
                variable.removesuffix("_zone") in variables
                or variable in variables
                or variable in _CHECKED_VARIABLES
                or variable in _NUMERIC_VARIABLES
                or not variable
                or is_last
                or not is_bare
            ):
                needed.append(name)
        if self.tokens[-1].prefix == _END_MARK:
            data = data.replace(b'"\n', f'"{self.separator}{_END_MARK}\n'.encode())
        text, skipped = as_polars_text(data)
        return (
            pl.scan_csv(
                text,
                skip_lines=skipped,
                has_header=False,
                separator=self.separator,
                quote_char='"' if self.quote_count else None,
                schema=types | dict.fromkeys(_EXTRA_FIELDS, pl.String),
                null_values={name: "-" for name, dtype in types.items() if dtype != pl.String},
                truncate_ragged_lines=True,
                # Fields are counted on the first line, which may have any number of them.
                missing_columns="insert",
                extra_columns="ignore",
            )
            .select(*needed, *_EXTRA_FIELDS)
            .collect()
        )

    def _check_rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return values by variable, affixes taken off, and `ok`."""
        values: dict[str, pl.Expr] = {}
        # Fields are missing from the end, so that the last one stands for all.
        last = f"f{len(self.tokens) - 1}"
        checks = [pl.col(last).is_not_null()] if frame[last].null_count() else []
        checks += [
            pl.col(c).is_null() for c in _EXTRA_FIELDS if frame[c].null_count() < frame.height
        ]
        for name in frame.columns:
            if name not in _EXTRA_FIELDS:
                token = self.tokens[int(name[1:])]
                value, field_checks = _check_field(frame[name], token)
                checks += field_checks
                if token.variable:
                    values.setdefault(token.variable, value)
        every_row = pl.repeat(value=True, n=frame.height, dtype=pl.Boolean)
        is_whole = pl.all_horizontal(every_row, *checks).fill_null(value=False)
        # The frame comes in ten pieces or so, and everything after would pay for that.
        return frame.select_seq(is_whole.alias("ok"), **values).rechunk()


def _check_field(values: pl.Series, token: LineToken) -> tuple[pl.Expr, list[pl.Expr]]:
    """Return the bare value of a field, and the checks that it is what the token says."""
    field = pl.col(values.name)
    if (token.length or token.variable is None) and len(values) and not values.null_count():
        first = values[0]
        # One zone or literal in all rows, as is usual, is checked once instead of in each row.
        if first == values[-1] and (values == first).all():
            field = pl.lit(first)
    if token.variable is None:
        return field, [(field if token.prefix else field.fill_null("")) == token.prefix]
    checks = []
    value = field
    if token.prefix:
        checks.append(field.str.starts_with(token.prefix))
    if token.suffix:
        checks.append(field.str.ends_with(token.suffix))
    if token.length:
        length = token.length + len(token.prefix) + len(token.suffix)
        checks.append(field.str.len_bytes() == length)
        value = field.str.slice(len(token.prefix), token.length)
    else:
        if token.prefix:
            value = value.str.strip_prefix(token.prefix)
        if token.suffix:
            value = value.str.strip_suffix(token.suffix)
    number_type = _NUMERIC_VARIABLES.get(token.variable)
    if number_type:
        is_text = values.dtype == pl.String
        number = value.cast(number_type, strict=False) if is_text else value
        is_given = (value != "-") & (value != "") if is_text else value.is_not_null()
        of_number = [number.is_not_null() | ~is_given] if is_text else []
        if token.variable == "status":
            of_number.append((number == 0) | number.is_between(100, 999) | ~is_given)
        # A missing number is no mistake, while nulls fail the other checks.
        checks += [check.fill_null(value=True) for check in of_number]
    return value, checks


@lru_cache(maxsize=512)
def plan_tokens(log_format: LogFormat) -> TokenPlan | None:
    """Return the plan for a log format; None if its fields are not set apart by one separator."""
    if not _UNSPLIT_VARIABLES.isdisjoint(log_format.variables):
        return None
    for separator in _SEPARATORS:
        words: list[list[LiteralText | FormatVariable]] = [[]]
        quoted = False  # a separator within quotes belongs to its field
        for part in log_format.parts:
            if isinstance(part, FormatVariable):
                words[-1].append(part)
                continue
            # Quotes and separators alone, and what stands between them.
            for piece in re.findall(rf'["{separator}]|[^"{separator}]+', part.text):
                quoted ^= piece == '"'
                if piece == separator and not quoted:
                    words.append([])
                else:
                    words[-1].append(LiteralText(piece))
        while words and not words[-1]:
            words.pop()  # separators at the end
        if quoted or len(words) < 2:
            continue
        tokens: list[LineToken] = []
        for word in words:
            quoted = len(word) >= 2 and word[0] == word[-1] == LiteralText('"')
            inner = word[1:-1] if quoted else word
            variables = [part for part in inner if isinstance(part, FormatVariable)]
            if LiteralText('"') in inner or len(variables) > 1:
                break
            at = inner.index(variables[0]) if variables else len(inner)
            prefix, suffix = (
                "".join(part.text for part in parts if isinstance(part, LiteralText))
                for parts in (inner[:at], inner[at + 1 :])
            )
            token = LineToken(variables[0].name if variables else None, prefix, suffix, quoted)
            # A variable that holds one blank, where blanks separate, is two fields.
            if separator == " " and token.variable == "time_local" and not token.quoted:
                length = len("28/Sep/1970:12:00:00")
                tokens.append(LineToken("time_local", token.prefix, length=length))
                token = LineToken("time_local_zone", "", token.suffix, length=len("+0600"))
            tokens.append(token)
        else:
            if log_format.escape == "haproxy" and tokens[-1].quoted:
                tokens.append(LineToken(None, _END_MARK))
            return TokenPlan(separator, tuple(tokens), 2 * sum(token.quoted for token in tokens))
    return None
