"""SQL as written, made to count and divide as databases do, before Polars reads it.

Polars keeps the narrow types of what it works on, and wraps around in silence: an hour times 60
is a byte, so that 23 × 60 is 100, and 3 − LENGTH('abcd') is 4,294,967,295. It takes `1.0` for a
decimal number of one digit, whose quotients get seven. Here whole numbers become BIGINT, and
numbers with a point become DOUBLE, which are what PostgreSQL and DuckDB calculate such things
in, or wider. Only such texts are changed; strings, quoted names and comments stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

_TOKEN = re.compile(
    r"""(?P<gap>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`)
    |(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d]\w*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_NARROW_FUNCTIONS = frozenset(
    [
        "ARRAY_LENGTH",
        "BIT_COUNT",
        "BIT_LENGTH",
        "CHARACTER_LENGTH",
        "CHAR_LENGTH",
        "LENGTH",
        "OCTET_LENGTH",
        "STRPOS",
    ]
)
"""Functions whose values Polars keeps in 32 bits without a sign."""
_DATE_FUNCTIONS = frozenset({"DATE_PART", "EXTRACT"})
_NARROW_PARTS = frozenset(
    [
        "CENTURY",
        "DAY",
        "DECADE",
        "DOW",
        "DOY",
        "HOUR",
        "ISODOW",
        "ISOWEEK",
        "ISOYEAR",
        "MILLENNIUM",
        "MINUTE",
        "MONTH",
        "QUARTER",
        "SECOND",
        "WEEK",
        "YEAR",
    ]
)
"""Parts of a time that Polars keeps in 8 to 32 bits; the others are DOUBLE or a time."""
_WIDE_TYPES = {
    **dict.fromkeys(
        ["INT", "INT2", "INT4", "INTEGER", "MEDIUMINT", "SMALLINT", "TINYINT"], "BIGINT"
    ),
    **dict.fromkeys(["DEC", "DECIMAL", "FLOAT4", "NUMERIC", "REAL"], "DOUBLE"),
}
"""By types of narrow numbers, and of decimals without a length, what they are read as."""
_COMPARISONS = frozenset(
    ["=", "<", ">", "!", "AND", "BETWEEN", "ILIKE", "IN", "IS", "LIKE", "NOT", "OR", "RLIKE"]
)
_CLAUSES = frozenset(
    [
        "FROM",
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "QUALIFY",
    ]
)


class _Token:
    """A piece of a statement, with the texts that are written before and after it."""

    __slots__ = ("after", "before", "kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind, self.text = kind, text
        self.before, self.after = "", ""

    @property
    def word(self) -> str:
        """The token in upper case, empty if it is quoted: as keywords are compared."""
        return "" if self.kind == "quoted" else self.text.upper()


def widen_numbers(sql: str) -> str:
    """Return the statement or expression with its numbers as wide as databases have them.

    >>> widen_numbers("1.0 * EXTRACT(HOUR FROM timestamp)")
    '1.0e0 * CAST(EXTRACT(HOUR FROM timestamp) AS BIGINT)'
    """
    tokens, said = _tokenize(sql)
    for place, token in enumerate(said):
        previous = said[place - 1].word if place else ""
        following = said[place + 1].word if place + 1 < len(said) else ""
        if token.kind == "number":
            if "." in token.text and "e" not in token.text.lower():
                token.text += "0e0" if token.text.endswith(".") else "e0"
            elif token.text.isdecimal() and previous in {"THEN", "ELSE"}:
                _cast(token, token)
        elif token.kind == "word" and following == "(":
            end = _closing(said, place + 1)
            if end < len(said):
                _widen_call(token, said[place + 2 : end], said[end])
        elif token.word in _WIDE_TYPES and (
            (previous == "AS" and following == ")") or (previous == ":" and following != "(")
        ):
            token.text = _WIDE_TYPES[token.word]
    return "".join(token.before + token.text + token.after for token in tokens)


def _widen_call(function: _Token, arguments: Sequence[_Token], closing: _Token) -> None:
    """Mark what of a call is to be cast: its value, its truth values, or its whole numbers."""
    part = arguments[0].text.strip("'").upper() if arguments else ""
    is_date_part = function.word in _DATE_FUNCTIONS and part in _NARROW_PARTS
    if function.word in _NARROW_FUNCTIONS or is_date_part:
        _cast(function, closing)
    elif function.word == "SUM" and _is_condition(arguments):
        _cast(arguments[0], arguments[-1])
    elif function.word == "IF":
        outer = list(_outside_brackets(arguments))
        for place, token in enumerate(outer):
            beside = {other.text for other in (*outer[place - 1 : place], *outer[place + 1 :][:1])}
            if token.text.isdecimal() and beside == {","}:
                _cast(token, token)


def widen_columns(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the frame with whole numbers in 64 bits."""
    return frame.with_columns(pl.selectors.integer().cast(pl.Int64))


def name_counts(sql: str) -> str:
    """Return the statement with a name for each `COUNT(*)` that it selects without one.

    The first of a SELECT is `count`, the next ones `count_2` and so on. What Polars calls them
    depends on what stands beside them: `len`, or the column of a filter. A statement that says
    `len` knows that, and stays as it is.

    >>> name_counts("SELECT route, COUNT(*) FROM requests GROUP BY route")
    'SELECT route, COUNT(*) AS "count" FROM requests GROUP BY route'
    """
    tokens, said = _tokenize(sql)
    taken = {token.text.strip('"`').lower() for token in said}
    if "len" in taken:
        return sql
    for place, token in enumerate(said):
        if token.word == "SELECT":
            number = 0
            for item in _selected_items(said[place + 1 :]):
                if not _is_bare_count(item):
                    continue
                number += 1
                name = "count" if number == 1 else f"count_{number}"
                if number == 1 or name not in taken:
                    item[-1].after += f' AS "{name}"'
    return "".join(token.before + token.text + token.after for token in tokens)


def says_name(sql: str, name: str) -> bool:
    """Whether a statement has the name anywhere, quoted or not."""
    _, said = _tokenize(sql)
    return any(token.text.strip('"`').lower() == name for token in said)


def _tokenize(sql: str) -> tuple[list[_Token], list[_Token]]:
    """Return all tokens, and those that say something: without blanks and comments."""
    tokens = [_Token(match.lastgroup or "", match.group()) for match in _TOKEN.finditer(sql)]
    return tokens, [token for token in tokens if token.kind != "gap"]


def _cast(first: _Token, last: _Token) -> None:
    first.before = f"CAST({first.before}"
    last.after += " AS BIGINT)"


def _closing(said: Sequence[_Token], opening: int) -> int:
    """Return the place of the bracket that closes the one at `opening`; the end without one."""
    depth = 0
    for place in range(opening, len(said)):
        depth += (said[place].text == "(") - (said[place].text == ")")
        if depth == 0:
            return place
    return len(said)


def _outside_brackets(said: Sequence[_Token]) -> Iterator[_Token]:
    depth = 0
    for token in said:
        depth -= token.text == ")"
        if depth == 0:
            yield token
        depth += token.text == "("


def _is_condition(arguments: Sequence[_Token]) -> bool:
    """Whether what is summed is true or false, such as `status >= 500`."""
    words = {token.word for token in _outside_brackets(arguments)}
    return bool(words & _COMPARISONS) and not words & {"CASE", "SELECT", "DISTINCT"}


def _selected_items(said: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Yield the items between a SELECT and what follows them."""
    item: list[_Token] = []
    depth = 0
    for token in said:
        depth += (token.text == "(") - (token.text == ")")
        if depth < 0 or (depth == 0 and token.word in _CLAUSES | {";"}):
            break
        if depth == 0 and token.text == ",":
            yield item
            item = []
        else:
            item.append(token)
    yield item


def _is_bare_count(item: Sequence[_Token]) -> bool:
    """Whether an item is COUNT(*), with FILTER or OVER perhaps, and has no name."""
    head = "".join(token.word for token in item[:4])
    if not (head.startswith(("COUNT(*)", "COUNT(1)"))):
        return False
    rest = " ".join(token.word for token in _outside_brackets(item[4:]))
    return rest in {"", "FILTER ( )", "OVER ( )", "FILTER ( ) OVER ( )"}
