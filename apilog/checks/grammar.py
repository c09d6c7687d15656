"""The language of thresholds: `METRIC[{column="value",…}] OP LIMIT [for each COLUMN,…]`.

A limit is a number with a unit, or `baseline`, `baseline + 0.5pp`, `baseline * 1.1`. All is
checked against the catalogue before anything is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from apilog.checks.catalogue import ANOMALIES, REQUESTS, Catalogue
from apilog.checks.quantities import quantity, units_of
from apilog.checks.threshold import Baseline, Fixed, Limit, Operator, Quantity, Threshold
from apilog.checks.tokens import EXAMPLES, Kind, Token, error_at, nearest, tokens
from apilog.errors import UsageError
from apilog.metrics import Kind as MetricKind
from apilog.metrics import Metric, Unit
from apilog.schema import GATEWAYS

_OPERATORS = " ".join(Operator)


def parse_threshold(
    text: str, catalogues: Sequence[Catalogue] = (REQUESTS, ANOMALIES)
) -> Threshold:
    """The threshold that a text says, its names looked up in the catalogues.

    Raises UsageError that points at the character and names the nearest metric or column.

    >>> threshold = parse_threshold('latency_p95{route="/orders/{id}"} < 0.3s for each method')
    >>> threshold.limit.quantity.value, threshold.each
    (300.0, ('method',))
    >>> str(threshold)
    'latency_p95{route="/orders/{id}"} < 0.3s for each method'
    """
    return _Parser(text, catalogues).threshold()


class _Parser:
    """Reads the tokens from left to right."""

    def __init__(self, text: str, catalogues: Sequence[Catalogue]) -> None:
        self._text = text
        self._catalogues = catalogues
        self._tokens = list(tokens(text))
        self._at = 0

    def threshold(self) -> Threshold:
        metric, catalogue = self._metric()
        if catalogue.usual and self._next.kind is Kind.END:
            operator, limit = catalogue.usual
            return Threshold(metric=metric, operator=operator, limit=limit)
        where = self._where(catalogue)
        operator = self._operator()
        limit = self._limit(metric)
        each = self._each(catalogue, dict(where))
        if self._next.kind is not Kind.END:
            raise self._unexpected("the end or `for each COLUMN`")
        return Threshold(metric=metric, operator=operator, limit=limit, where=where, each=each)

    def _metric(self) -> tuple[Metric, Catalogue]:
        name = self._expect(Kind.NAME, "a metric")
        for catalogue in self._catalogues:
            if name.text in catalogue.metrics:
                return catalogue.metrics[name.text], catalogue
        known = [metric for catalogue in self._catalogues for metric in catalogue.metrics]
        problem = f"there is no metric {name.text!r}"
        raise self._error(name, problem, nearest(name.text, known, "`apilog metrics` lists them"))

    def _where(self, catalogue: Catalogue) -> tuple[tuple[str, str], ...]:
        chosen: dict[str, str] = {}
        if not self._take("{"):
            return ()
        while not self._take("}"):
            column = self._column(catalogue, chosen)
            if not self._take("="):
                raise self._unexpected("=")
            value = self._expect(Kind.STRING, 'a text such as "/orders"')
            self._check_value(column, value)
            chosen[column] = value.text
            if not self._take(",") and self._next.text != "}":
                raise self._unexpected("`,` or `}`")
        return tuple(chosen.items())

    def _each(self, catalogue: Catalogue, chosen: dict[str, str]) -> tuple[str, ...]:
        if not self._take("for"):
            return ()
        if not self._take("each"):
            raise self._unexpected("`each`")
        columns: dict[str, str] = {}
        while not columns or self._take(","):
            columns[self._column(catalogue, {**chosen, **columns})] = ""
        return tuple(columns)

    def _column(self, catalogue: Catalogue, used: dict[str, str]) -> str:
        name = self._expect(Kind.NAME, "a column")
        if name.text not in catalogue.columns:
            listed = f"it is one of {', '.join(catalogue.columns)}"
            hint = nearest(name.text, catalogue.columns, listed)
            raise self._error(name, f"there is no column {name.text!r} to choose by", hint)
        if name.text in used:
            raise self._error(name, f"the column {name.text!r} stands twice")
        return name.text

    def _check_value(self, column: str, value: Token) -> None:
        if column == "gateway" and value.text not in GATEWAYS:
            hint = nearest(value.text, GATEWAYS, f"it is one of {', '.join(GATEWAYS)}")
            raise self._error(value, f"there is no gateway {value.text!r}", hint)
        if column.endswith("status") and column != "cache_status" and not _is_status(value.text):
            raise self._error(value, f"{value.text!r} is no status", 'write {status="503"}')

    def _operator(self) -> Operator:
        token = self._next
        if token.kind is Kind.SIGN and token.text in set(Operator):
            self._at += 1
            return Operator(token.text)
        raise self._unexpected(f"one of {_OPERATORS}")

    def _limit(self, metric: Metric) -> Limit:
        start = self._next
        if not self._take("baseline"):
            return Fixed(quantity=self._quantity(metric, is_margin=False))
        if metric.kind is MetricKind.OTHER:
            problem = f"{metric.name} can't be compared with a baseline"
            raise self._error(start, problem, "chance alone may move it any far: give a number")
        if self._take("*"):
            return Baseline(times=self._factor())
        if self._take("+"):
            return Baseline(plus=self._quantity(metric, is_margin=True))
        if self._take("-"):
            return Baseline(minus=self._quantity(metric, is_margin=True))
        return Baseline()

    def _factor(self) -> Quantity:
        number = self._expect(Kind.NUMBER, "a factor such as 1.1")
        factor = quantity(number.text, "", {})
        if not factor.value:
            raise self._error(number, "the factor is 0", "write a limit of 0 without `baseline`")
        return factor

    def _quantity(self, metric: Metric, *, is_margin: bool) -> Quantity:
        number = self._expect(Kind.NUMBER, "a number" if is_margin else "a number or `baseline`")
        units = units_of(metric.unit, is_margin=is_margin)
        token = self._next
        unit = self._unit()
        if unit and unit not in units:
            raise self._error(token, f"{metric.name} has no unit {unit!r}", _hint(units, unit))
        found = quantity(number.text, unit, units)
        if metric.unit is Unit.RATIO and found.value > 1:
            raise self._error(number, f"{found} is more than 100 %", "write 5% or 0.05")
        return found

    def _unit(self) -> str:
        if self._take("%"):
            return "%"
        slash = "/" if self._take("/") else ""
        if self._next.kind is Kind.NAME and (slash or self._next.text != "for"):
            slash += self._next.text
            self._at += 1
        return slash

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, text: str) -> bool:
        """Whether it stands next; then it is passed over."""
        token = self._next
        found = token.kind in (Kind.SIGN, Kind.NAME) and token.text == text
        self._at += found
        return found

    def _expect(self, kind: Kind, what: str) -> Token:
        token = self._next
        if token.kind is not kind:
            raise self._unexpected(what)
        self._at += 1
        return token

    def _unexpected(self, what: str) -> UsageError:
        return self._error(self._next, f"expected {what}, found {self._next}", EXAMPLES)

    def _error(self, token: Token, problem: str, hint: str = "") -> UsageError:
        return error_at(self._text, token.position, problem, hint)


def _is_status(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) == 3


def _hint(units: Mapping[str, Fraction], unit: str) -> str:
    if unit == "%" and "pp" in units:
        return "write 0.5pp for percentage points, or baseline * 1.05"
    return f"its units are {', '.join(units)}" if units else "write the number alone"
