"""Plan A: the fields of a log format as the columns of a CSV file, for speed.

A format whose variables are set apart by one separator (a blank, a tab, a bar) is such a
file. What can't be read so is left to the expression of plan B: a plan here never guesses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.counting import count_byte
from apilog.formats.base import Lines, readable
from apilog.formats.nginx.grammar import LogFormat, Text, Variable

_SEPARATORS = (" ", "\t", "|", ";", ",")
_EXTRA = ("extra", "more")
"""Fields after the last one; the first alone is empty where two blanks follow."""
_UNREADABLE = (pl.exceptions.PolarsError, OSError)
"""The second, for bytes that Polars takes for a compressed stream."""
_NUMBERS: Mapping[str, type[pl.DataType]] = {
    "status": pl.Int64,
    "body_bytes_sent": pl.Int64,
    "bytes_sent": pl.Int64,
    "request_length": pl.Int64,
    "request_time": pl.Float64,
    "upstream_response_time": pl.Float64,
}
"""Variables that are nearly always a number or a dash: cheaper to read as one."""


@dataclass(frozen=True, slots=True)
class Token:
    """One field: a value between fixed affixes, or a literal alone."""

    variable: str | None
    prefix: str = ""
    suffix: str = ""
    quoted: bool = False
    length: int | None = None
    """Bytes of the value, where that is fixed."""

    @property
    def number(self) -> type[pl.DataType] | None:
        """The type of a value that is a number or a dash."""
        return _NUMBERS.get(self.variable or "")

    @property
    def is_bare(self) -> bool:
        """Whether the field is the value, with nothing around it."""
        return not (self.prefix or self.suffix)


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """Reads lines as separated fields."""

    separator: str
    tokens: tuple[Token, ...]

    @property
    def quotes(self) -> int:
        """How many double quotes each line has."""
        return 2 * sum(t.quoted for t in self.tokens)

    def read(self, lines: Lines, variables: Collection[str]) -> pl.DataFrame | None:
        """One row a line: the raw values of these variables, and `ok`.

        A row that is not `ok` has to be read otherwise; None: all of them have.
        """
        columns = self._columns(variables)
        numbers = _NUMBERS
        if self._seems_regular(lines):
            try:
                frame = self._scan(lines.data, columns, numbers)
                if frame.height == lines.count:
                    return self._checked(frame)
            except _UNREADABLE:  # a list where a number is expected, or no UTF-8
                numbers = {}
        return self._read_regular(lines, columns, numbers)

    def _seems_regular(self, lines: Lines) -> bool:
        """Whether no value holds a quote, unless others lack as many."""
        return not self.quotes or count_byte(lines.data, ord('"')) == self.quotes * lines.count

    def _read_regular(
        self, lines: Lines, columns: list[int], numbers: Mapping[str, type[pl.DataType]]
    ) -> pl.DataFrame | None:
        """Like `read`, with lines left blank whose quotes are not where they belong."""
        data = self._regular(lines)
        for types in (numbers, {}) if numbers else ({},):
            try:
                frame = self._scan(data, columns, types)
            except _UNREADABLE:
                continue
            return self._checked(frame) if frame.height == lines.count else None
        return None

    def _regular(self, lines: Lines) -> bytes:
        if not self.quotes:
            return lines.text
        s = pl.escape_regex(self.separator)
        quoted = rf'(?:[^"]*{s})?"[^"]*"'
        odd = ~lines.series.str.contains(
            rf'^{quoted}(?:{s}{quoted}){{{self.quotes // 2 - 1}}}(?:{s}[^"]*)?$'
        )
        return Lines.of(lines.series.set(odd, "")).data if odd.any() else lines.text

    def _columns(self, variables: Collection[str]) -> list[int]:
        """The fields to materialise: what is asked for, and what shows that a row is whole."""
        last = len(self.tokens) - 1
        return [
            i
            for i, token in enumerate(self.tokens)
            if token.variable in variables
            or token.variable in _CHECKED
            or token.variable is None
            or token.number
            or i == last
            or token.prefix
            or token.suffix
            or (token.variable and token.variable.removesuffix("_zone") in variables)
        ]

    def _scan(
        self, data: bytes, columns: list[int], numbers: Mapping[str, type[pl.DataType]]
    ) -> pl.DataFrame:
        """These fields, and what follows the last one in lines that have too many."""
        types = self._types(numbers)
        text, skipped = readable(data)
        return (
            pl.scan_csv(
                text,
                skip_lines=skipped,
                has_header=False,
                separator=self.separator,
                quote_char='"' if self.quotes else None,
                schema=types,
                null_values={name: "-" for name, dtype in types.items() if dtype != pl.String},
                truncate_ragged_lines=True,
                # Fields are counted on the first line, which may have any number of them.
                missing_columns="insert",
                extra_columns="ignore",
            )
            .select(*(f"f{i}" for i in columns), *_EXTRA)
            .collect()
        )

    def _types(self, numbers: Mapping[str, type[pl.DataType]]) -> dict[str, type[pl.DataType]]:
        """Types of the fields; the last one is text, so that null means that it is missing."""
        types: dict[str, type[pl.DataType]] = {}
        for i, token in enumerate(self.tokens):
            is_number = token.variable in numbers and token.is_bare and token != self.tokens[-1]
            types[f"f{i}"] = numbers[str(token.variable)] if is_number else pl.String
        return types | dict.fromkeys(_EXTRA, pl.String)

    def _checked(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Values by variable, affixes taken off, and `ok`."""
        values: dict[str, pl.Expr] = {}
        # Fields are missing from the end, so that the last one stands for all.
        last = f"f{len(self.tokens) - 1}"
        ok = [pl.col(last).is_not_null()] if frame[last].null_count() else []
        ok += [pl.col(c).is_null() for c in _EXTRA if frame[c].null_count() < frame.height]
        for name in frame.columns:
            if name not in _EXTRA:
                token = self.tokens[int(name[1:])]
                field = _field(frame[name], token)
                value = _bare(field, token)
                ok += _checks(field, token)
                if token.number:
                    is_text = frame.schema[name] == pl.String
                    ok += _number_checks(value, token, token.number, is_text=is_text)
                if token.variable:
                    values.setdefault(token.variable, value)
        every = pl.repeat(value=True, n=frame.height, dtype=pl.Boolean)
        whole = pl.all_horizontal(every, *ok).fill_null(value=False)
        # It comes in ten pieces or so, and everything after would pay for that.
        return frame.select_seq(whole.alias("ok"), **values).rechunk()


_CHECKED = frozenset({"time_local", "time_local_zone", "time_iso8601", "msec", "status"})
"""Variables whose shape shows that the fields of a row are not shifted."""


def _field(values: pl.Series, token: Token) -> pl.Expr:
    """The field, as a literal if it is a text of known length that is the same in all rows."""
    if (token.length or token.variable is None) and values.len() and not values.null_count():
        first = values[0]
        if first == values[-1] and (values == first).all():
            return pl.lit(first)
    return pl.col(values.name)


def _checks(field: pl.Expr, token: Token) -> list[pl.Expr]:
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
    value: pl.Expr, token: Token, dtype: type[pl.DataType], *, is_text: bool
) -> list[pl.Expr]:
    """That it is what `_scan` takes for a number or a missing one where it reads numbers."""
    number = value.cast(dtype, strict=False) if is_text else value
    given = (value != "-") & (value != "") if is_text else value.is_not_null()
    checks = [number.is_not_null() | ~given] if is_text else []
    if token.variable == "status":
        checks.append((number == 0) | number.is_between(100, 999) | ~given)
    return [check.fill_null(value=True) for check in checks]


def _bare(field: pl.Expr, token: Token) -> pl.Expr:
    if token.length:
        return field.str.slice(len(token.prefix), token.length)
    if token.prefix:
        field = field.str.strip_prefix(token.prefix)
    return field.str.strip_suffix(token.suffix) if token.suffix else field


def token_plan(log_format: LogFormat) -> TokenPlan | None:
    """The plan for a log format, or None where its fields are not set apart by one separator."""
    for separator in _SEPARATORS:
        words = _split(log_format, separator)
        while words and not words[-1]:
            words.pop()  # separators at the end
        if words is None or len(words) < 2:
            continue
        tokens = [_token(word) for word in words]
        if all(tokens):
            expanded = tuple(t for token in tokens if token for t in _expand(token, separator))
            return TokenPlan(separator, expanded)
    return None


def _split(log_format: LogFormat, separator: str) -> list[list[Text | Variable]] | None:
    """The parts of each field; a separator within quotes belongs to its field."""
    words: list[list[Text | Variable]] = [[]]
    quoted = False
    for part in log_format.parts:
        if isinstance(part, Variable):
            words[-1].append(part)
            continue
        for piece in _pieces(part.text, separator):
            quoted ^= piece == '"'
            if piece == separator and not quoted:
                words.append([])
            else:
                words[-1].append(Text(piece))
    return None if quoted else words


def _pieces(text: str, separator: str) -> list[str]:
    """The text cut so that quotes and separators stand alone."""
    for mark in ('"', separator):
        text = text.replace(mark, f"\0{mark}\0")
    return [piece for piece in text.split("\0") if piece]


def _token(word: list[Text | Variable]) -> Token | None:
    quoted = len(word) >= 2 and word[0] == word[-1] == Text('"')
    inner = word[1:-1] if quoted else word
    if Text('"') in inner:
        return None
    variables = [p for p in inner if isinstance(p, Variable)]
    if len(variables) > 1:
        return None
    if not variables:
        return Token(None, "".join(p.text for p in inner if isinstance(p, Text)), quoted=quoted)
    at = inner.index(variables[0])
    before, after = inner[:at], inner[at + 1 :]
    return Token(
        variables[0].name,
        "".join(p.text for p in before if isinstance(p, Text)),
        "".join(p.text for p in after if isinstance(p, Text)),
        quoted,
    )


def _expand(token: Token, separator: str) -> tuple[Token, ...]:
    """A variable that holds one blank, where blanks separate, is two fields."""
    if separator != " " or token.quoted or token.variable != "time_local":
        return (token,)
    return (
        Token("time_local", token.prefix, length=len("28/Sep/1970:12:00:00")),
        Token("time_local_zone", "", token.suffix, length=len("+0600")),
    )
