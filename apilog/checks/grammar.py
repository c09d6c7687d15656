"""The language of thresholds: `METRIC[{column="value",…}] OP LIMIT [for each COLUMN,…]`.

A limit is a number with a unit, or `baseline`, `baseline + 0.5pp`, `baseline * 1.1`. Everything is
checked against the catalogue before any input is read; errors point at a character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from apilog.checks.threshold import (
    ANOMALY_METRICS,
    REQUEST_METRICS,
    BaselineLimit,
    FixedLimit,
    Limit,
    MetricCatalogue,
    Operator,
    Quantity,
    Threshold,
    allowed_units,
    parse_quantity,
)
from apilog.errors import UsageError
from apilog.metrics import SPECIFIED_METRICS, Metric, Unit, find_metric
from apilog.metrics import MetricKind as MetricKind
from apilog.schema import GATEWAYS, SCHEMA
from apilog.text import did_you_mean

_GOOD_SHARES = {"availability", "uptime", "success_rate", "successrate", "successes"}
"""What people limit from below who mean the share of requests without an error."""
_MISSPELT = 0.8
"""How alike to a known name a gateway's has to be, to be taken for a slip."""
MAX_CHARACTERS = 1000
"""The most characters of a threshold."""


class TokenKind(StrEnum):
    """The kind of a token."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class ThresholdToken:
    """A word, number, text or sign of a threshold; texts are without quotes and escapes."""

    kind: TokenKind
    text: str
    position: int
    """The index of its first character."""

    def __str__(self) -> str:
        return "the end" if self.kind is TokenKind.END else repr(self.text)


# Digits are bounded: longer numbers are no limit of anything, and would overflow.
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\([A-Za-z_][A-Za-z0-9_]*\))?)
    | (?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?(?![0-9.])|\.[0-9]{1,9}(?![0-9.]))
    | "(?P<string>(?:[^"\\]|\\["\\])*)"
    | (?P<sign><=|>=|[<>{}=,+\-*%/])
    )""",
    re.VERBOSE,
)
# Arguments that are no UTF-8 come as lone surrogates: https://peps.python.org/pep-0383/
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r'\\(["\\])')


def tokenize(text: str) -> Iterator[ThresholdToken]:
    """Yield the tokens of a threshold, an END last; raises UsageError at what is none."""
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"a threshold of {len(text):,} characters is too long")
    if (broken := _SURROGATE.search(text)) is not None:
        raise error_at(text, broken.start(), "this is not UTF-8")
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _bad_character_error(text, position)
        found = match[match.lastgroup]
        if match.lastgroup == "string":
            found = _ESCAPE.sub(r"\1", found)
        start = match.end() - len(match[0].lstrip())
        yield ThresholdToken(TokenKind(match.lastgroup), found, start)
        position = match.end()
    yield ThresholdToken(TokenKind.END, "", end)


def error_at(text: str, position: int, problem: str, hint: str = "") -> UsageError:
    """Return the error for that character of a threshold."""
    return UsageError(f"threshold {text!r}, character {position + 1}: {problem}", hint)


def _bad_character_error(text: str, position: int) -> UsageError:
    start = position + len(text[position:]) - len(text[position:].lstrip())
    match text[start]:
        case '"':
            return error_at(
                text, start, "this text has no end", 'close it with "; write \\" and \\\\ in it'
            )
        case "'":
            return error_at(text, start, "texts stand in double quotes", 'write {route="/orders"}')
        case char if char.isdigit() or char == ".":
            return error_at(text, start, "this number can't be read", "write 300 or 0.5")
        case char:
            return error_at(text, start, f"unexpected {char!r}", EXAMPLES)


EXAMPLES = (
    'write such as error_rate < 1%, latency_p95{route="/orders/{id}"} < 300ms, '
    "error_rate <= baseline + 0.5pp for each route"
)


_OPERATORS = " ".join(Operator)
_NO_UNITS = ("for", "and", "or")


def parse_threshold(
    text: str, catalogues: Sequence[MetricCatalogue] = (REQUEST_METRICS, ANOMALY_METRICS)
) -> Threshold:
    """Return the threshold that a text says, its names looked up in the catalogues.

    Raises UsageError that points at the character and names the nearest metric or column.

    >>> threshold = parse_threshold('latency_p95{route="/orders/{id}"} < 0.3s for each method')
    >>> threshold.limit.quantity.value, threshold.each
    (300.0, ('method',))
    >>> str(threshold)
    'latency_p95{route="/orders/{id}"} < 0.3s for each method'
    """
    return _ThresholdParser(text, catalogues).parse()


def parse_thresholds(
    texts: Sequence[str], catalogues: Sequence[MetricCatalogue] = (REQUEST_METRICS, ANOMALY_METRICS)
) -> tuple[Threshold, ...]:
    """Return the thresholds of these texts, each once; raises UsageError if there are none."""
    if not texts:
        raise UsageError(
            "there is no threshold to check",
            'give -t "error_rate < 1%", or thresholds in [checks] of apilog.toml',
        )
    return tuple(dict.fromkeys(parse_threshold(text, catalogues) for text in texts))


class _ThresholdParser:
    """A recursive-descent parser: a method per rule of the grammar."""

    def __init__(self, text: str, catalogues: Sequence[MetricCatalogue]) -> None:
        self._text = text
        self._catalogues = catalogues
        self._tokens = list(tokenize(text))
        self._index = 0

    def parse(self) -> Threshold:
        name = self._expect(TokenKind.NAME, "a metric")
        catalogue = next((c for c in self._catalogues if name.text in c.metrics), None)
        if catalogue is None:
            known = [metric for catalogue in self._catalogues for metric in catalogue.metrics]
            nickname = find_metric(name.text)
            if nickname in known:
                hint = f"did you mean {nickname}?"
            elif name.text in SCHEMA:
                hint = f"{name.text} is a column: choose requests by it with --where"
            elif name.text.casefold() in _GOOD_SHARES:
                hint = "write the share of what failed, such as server_error_rate < 0.1%"
            elif name.text == "apdex":
                hint = "give its target: --apdex 500ms, or [metrics.apdex] of the configuration"
            elif name.text in SPECIFIED_METRICS:
                hint = "name the specification: --openapi FILE, or openapi in [defaults]"
            else:
                hint = did_you_mean(name.text, known, "`apilog metrics` lists them")
            raise self._error_at_token(name, f"there is no metric {name.text!r}", hint)
        metric = catalogue.metrics[name.text]
        if catalogue.default_limit and self._next_token.kind is TokenKind.END:
            operator, limit = catalogue.default_limit
            return Threshold(metric=metric, operator=operator, limit=limit)
        where = self._parse_where(catalogue)
        sign = self._next_token
        if sign.kind is not TokenKind.SIGN or sign.text not in set(Operator):
            raise self._unexpected_error(f"one of {_OPERATORS}")
        self._index += 1
        limit = self._parse_limit(metric)
        each = self._parse_each(catalogue, dict(where))
        if self._next_token.kind is not TokenKind.END:
            raise self._unexpected_error("the end or `for each COLUMN`")
        return Threshold(
            metric=metric, operator=Operator(sign.text), limit=limit, where=where, each=each
        )

    def _parse_where(self, catalogue: MetricCatalogue) -> tuple[tuple[str, str], ...]:
        chosen: dict[str, str] = {}
        if not self._accept("{"):
            return ()
        while not self._accept("}"):
            column = self._parse_column(catalogue, chosen)
            if not self._accept("="):
                raise self._unexpected_error("=")
            value = self._expect(TokenKind.STRING, 'a text such as "/orders"')
            self._check_value(column, value)
            chosen[column] = value.text
            if not self._accept(",") and self._next_token.text != "}":
                raise self._unexpected_error("`,` or `}`")
        return tuple(chosen.items())

    def _parse_each(self, catalogue: MetricCatalogue, chosen: dict[str, str]) -> tuple[str, ...]:
        if not self._accept("for"):
            return ()
        if not self._accept("each"):
            raise self._unexpected_error("`each`")
        columns: dict[str, str] = {}
        while not columns or self._accept(","):
            columns[self._parse_column(catalogue, {**chosen, **columns})] = ""
        return tuple(columns)

    def _parse_column(self, catalogue: MetricCatalogue, used: dict[str, str]) -> str:
        name = self._expect(TokenKind.NAME, "a column")
        if name.text not in catalogue.columns:
            listed = f"it is one of {', '.join(catalogue.columns)}"
            hint = did_you_mean(name.text, catalogue.columns, listed)
            raise self._error_at_token(name, f"there is no column {name.text!r} to choose by", hint)
        if name.text in used:
            raise self._error_at_token(name, f"the column {name.text!r} stands twice")
        return name.text

    def _check_value(self, column: str, value: ThresholdToken) -> None:
        # Formats of the user's own may name others, so that only what looks misspelt is refused.
        if (
            column == "gateway"
            and value.text not in GATEWAYS
            and get_close_matches(value.text, GATEWAYS, cutoff=_MISSPELT)
        ):
            hint = did_you_mean(value.text, GATEWAYS)
            raise self._error_at_token(value, f"there is no gateway {value.text!r}", hint)
        if (
            column.endswith("status")
            and column != "cache_status"
            and not re.fullmatch("[0-9]{3}", value.text)
        ):
            raise self._error_at_token(
                value, f"{value.text!r} is no status", 'write {status="503"}'
            )

    def _parse_limit(self, metric: Metric) -> Limit:
        start = self._next_token
        if not self._accept("baseline"):
            return FixedLimit(quantity=self._parse_quantity(metric, is_margin=False))
        if metric.kind is MetricKind.OTHER:
            problem = f"{metric.name} can't be compared with a baseline"
            raise self._error_at_token(
                start, problem, "chance alone may move it any far: give a number"
            )
        if self._accept("*"):
            number = self._expect(TokenKind.NUMBER, "a factor such as 1.1")
            factor = parse_quantity(number.text, "", {})
            if not factor.value:
                raise self._error_at_token(
                    number, "the factor is 0", "write a limit of 0 without `baseline`"
                )
            return BaselineLimit(times=factor)
        if self._accept("+"):
            return BaselineLimit(plus=self._parse_quantity(metric, is_margin=True))
        if self._accept("-"):
            return BaselineLimit(minus=self._parse_quantity(metric, is_margin=True))
        return BaselineLimit()

    def _parse_quantity(self, metric: Metric, *, is_margin: bool) -> Quantity:
        number = self._expect(
            TokenKind.NUMBER, "a number" if is_margin else "a number or `baseline`"
        )
        units = allowed_units(metric.unit, is_margin=is_margin)
        token = self._next_token
        unit = "%" if self._accept("%") else "/" if self._accept("/") else ""
        word = self._next_token
        # `for` after a number begins `for each`; the others are no part of a threshold.
        if word.kind is TokenKind.NAME and (
            unit == "/" or (not unit and word.text.lower() not in _NO_UNITS)
        ):
            unit += word.text
            self._index += 1
        if unit and unit not in units:
            hint = f"its units are {', '.join(units)}" if units else "write the number alone"
            share = f"{metric.name[:-1]}_rate"
            if unit == "%" and not units and find_metric(share):
                hint += f", or {share} < {number.text}%"
            if unit == "%" and "pp" in units:
                hint = "write 0.5pp for percentage points, or baseline * 1.05"
            raise self._error_at_token(token, f"{metric.name} has no unit {unit!r}", hint)
        quantity = parse_quantity(number.text, unit, units)
        if metric.unit is Unit.RATIO and metric.is_share and quantity.value > 1:
            problem = f"{quantity} is more than 100 %"
            raise self._error_at_token(number, problem, "write 5% or 0.05")
        return quantity

    @property
    def _next_token(self) -> ThresholdToken:
        return self._tokens[self._index]

    def _accept(self, text: str) -> bool:
        """Pass over the next token if it is that text, and return whether it was."""
        token = self._next_token
        is_next = token.kind in (TokenKind.SIGN, TokenKind.NAME) and token.text == text
        self._index += is_next
        return is_next

    def _expect(self, kind: TokenKind, what: str) -> ThresholdToken:
        token = self._next_token
        if token.kind is not kind:
            raise self._unexpected_error(what)
        self._index += 1
        return token

    def _unexpected_error(self, what: str) -> UsageError:
        token, before = self._next_token, self._tokens[max(self._index - 1, 0)]
        hint = EXAMPLES
        if re.match(r"\s*[45]xx\b", self._text, re.IGNORECASE):
            hint = "write server_error_rate for 5xx, client_error_rate for 4xx"
        elif token.text == "," and before.kind is TokenKind.NUMBER:
            hint = f"write {before.text}.5 with a point"
        elif token.text.lower() in ("and", "or"):
            hint = "give each threshold with a -t of its own: all of them have to hold"
        elif token.text == "=":
            hint = "write <= or >="
        elif before.text == "=":
            hint = 'texts stand in double quotes: {route="/orders/{id}"}'
        return self._error_at_token(token, f"expected {what}, found {token}", hint)

    def _error_at_token(self, token: ThresholdToken, problem: str, hint: str = "") -> UsageError:
        return error_at(self._text, token.position, problem, hint)
