"""The declaration of a metric of one's own, checked as far as it can be without a log.

What can't be meant is refused where it is read, with the keys that lead to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.engine.row_expression import RowExpression, parse_expression
from apilog.errors import DeclarationError, UsageError
from apilog.metrics import (
    METRICS,
    SPECIFIED_METRICS,
    Metric,
    MetricDefinitions,
    Unit,
    find_metric,
)
from apilog.own_metrics.build_metric import (
    MetricHead,
    apdex_metric,
    condition_count,
    distinct_metric,
    quantile_metric,
    quotient_metric,
    share_metric,
    sum_metric,
)
from apilog.own_metrics.objectives import format_share, objective_metric, parse_share
from apilog.own_metrics.specified import specified_metrics
from apilog.schema import SCHEMA
from apilog.text import did_you_mean
from apilog.text.units import parse_duration

APDEX = "apdex"
"""The metric that `--apdex` gives."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}\Z")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "numerator": ("denominator",),
    "sum": (),
    "distinct": (),
    "quantile": ("column",),
    "apdex": ("routes",),
}
"""The keys one of which says what a metric is, and those that go with each."""
_HEAD = ("title", "description", "unit", "better")
_UNITS: Mapping[str, Unit] = {
    str(unit): unit
    for unit in (
        *(Unit.RATIO, Unit.MILLISECONDS, Unit.BYTES),
        *(Unit.COUNT, Unit.MONEY, Unit.NUMBER),
    )
}
_DIRECTIONS = ("lower", "higher")
_RESERVED = frozenset(
    [
        *("baseline", "anomaly", "row", "id", "fold", "key", "code", "bucket", "hash", "named"),
        *("n", "window_seconds", "hour", "step", "total", "value", "count", "sums"),
    ]
)
"""Names that something else has in thresholds or in what is summed up."""
_EXAMPLE = 'such as numerator = "status < 400"'


def own_definitions(
    own: Mapping[str, Mapping[str, object]],
    apdex: str | None = None,
    openapi: Sequence[str] = (),
) -> MetricDefinitions:
    """Return the metrics of these declarations beside the built-in ones.

    `apdex` is the target of the metric of that name, whose routes keep their own; `openapi` are
    the documents that calls are held against. Raises UsageError for what can't be.
    """
    declared = dict(own)
    if apdex is not None:
        routes = declared.get(APDEX, {}).get("routes")
        declared[APDEX] = {"apdex": apdex} | ({} if routes is None else {"routes": routes})
    metrics = []
    for name, values in declared.items():
        try:
            declare = declare_objective if is_objective(values) else declare_metric
            metrics.append(declare(name, values))
        except DeclarationError as error:
            if apdex is not None and (name, *error.place) == (APDEX, "apdex"):
                raise UsageError(f"--apdex {error.problem}", error.hint) from error
            section = "slo" if is_objective(values) else "metrics"
            raise error.within(section, name) from error
    return MetricDefinitions.of_metrics([*metrics, *specified_metrics(openapi)])


def declare_metric(name: str, values: Mapping[str, object]) -> Metric:
    """Return a metric from its section; raises `DeclarationError` for one that can't be."""
    _check_name(name)
    reader = _SectionReader(name, values)
    if is_objective(values):
        hint = f"objectives stand in sections of their own: [slo.{name}]"
        raise DeclarationError(("objective",), "is no setting here", hint)
    kind = reader.find_kind()
    return _with_free_column(_BUILDERS[kind](reader))


def is_objective(values: Mapping[str, object]) -> bool:
    """Whether a declaration is that of an objective, not of another metric."""
    return "objective" in values


def declare_objective(name: str, values: Mapping[str, object]) -> Metric:
    """Return an objective from its section; raises `DeclarationError` for one that can't be."""
    _check_name(name)
    reader = _SectionReader(name, values)
    for key in values:
        if key not in _OBJECTIVE:
            listed = f"an objective may have {', '.join(_OBJECTIVE)}"
            hint = did_you_mean(key, _OBJECTIVE, listed, at_most=1)
            raise DeclarationError((key,), "is no setting here", hint)
    share = parse_share(values.get("objective"))
    if share is None:
        problem = f"is {values['objective']!r}" if is_objective(values) else "is missing"
        hint = 'write the share that has to be good, such as objective = "99.9%"'
        raise DeclarationError(("objective",), problem, hint)
    good = reader.condition("good", 'such as good = "status < 500"')
    where = None
    if "where" in values:
        where = reader.condition("where", "such as where = \"path LIKE '/v1/%'\"")
    formula = f"Share of requests with {_quote(good)}"
    formula += f" among those with {_quote(where)}" if where else ""
    formula += f", those for which it is null left out; the objective is {format_share(share)}."
    head = reader.head(Unit.RATIO, formula, units=[Unit.RATIO])
    return _with_free_column(objective_metric(head, share, good, where))


_OBJECTIVE = ("objective", "good", "where", "title", "description")


def _with_free_column(metric: Metric) -> Metric:
    if metric.column in SCHEMA or metric.column in {m.column for m in METRICS.values()}:
        raise DeclarationError((), f"would have the column {metric.column!r}", "call it otherwise")
    return metric


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        hint = "small letters, digits and _ will do, a letter first, 60 at most"
        raise DeclarationError((), "has a name with other characters", hint)
    if name in METRICS or find_metric(name):
        meant = name if name in METRICS else find_metric(name)
        problem = f"has the name of {'the' if name in METRICS else 'a nickname of the'} metric"
        raise DeclarationError((), f"{problem} {meant!r} that apilog has", "call it otherwise")
    if name in SCHEMA or name in _RESERVED or name == "for" or name in SPECIFIED_METRICS:
        what = "a column" if name in SCHEMA else "something else"
        raise DeclarationError((), f"has the name of {what}", "call it otherwise")


@dataclass(frozen=True, slots=True)
class _SectionReader:
    """The keys of one section, each read as what it has to be."""

    name: str
    values: Mapping[str, object]

    def find_kind(self) -> str:
        """Return the key that says what the metric is; refuse keys that don't go with it."""
        kinds = [key for key in _KINDS if key in self.values]
        if not kinds and "denominator" in self.values:
            raise DeclarationError(("numerator",), "is missing", f"write it, {_EXAMPLE}")
        if not kinds and "column" in self.values:
            raise DeclarationError(("quantile",), "is missing", "write quantile = 0.95")
        if len(kinds) != 1:
            problem = f"has {' and '.join(kinds)}" if kinds else "does not say what it measures"
            raise DeclarationError(
                tuple(kinds[1:2]), problem, f"it has one of {', '.join(_KINDS)}: {_EXAMPLE}"
            )
        known = (kinds[0], *_KINDS[kinds[0]], *_HEAD)
        for key in self.values:
            if key not in known:
                also = f"with {kinds[0]} it may have {', '.join(known[1:])}"
                raise DeclarationError(
                    (key,), "is no setting here", did_you_mean(key, known, also, at_most=1)
                )
        return kinds[0]

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return value
        raise DeclarationError((key,), "is not a text", f'write {key} = "…"')

    def expression(self, key: str, example: str = _EXAMPLE) -> RowExpression:
        """Return the SQL that stands there."""
        text = self.text(key)
        if text is None:
            raise DeclarationError((key,), "is missing", f'write {key} = "…", {example}')
        if not text.strip():
            raise DeclarationError((key,), "is empty", f"write SQL over a record, {example}")
        return self.parse(key, text, example)

    def condition(self, key: str, example: str) -> RowExpression:
        """Return the condition that stands there."""
        expression = self.expression(key, example)
        if expression.dtype != pl.Boolean:
            problem = f"is {expression.text!r}, which gives {expression.dtype}, not true or false"
            raise DeclarationError((key,), problem, f"compare something, {example}")
        return expression

    def parse(self, key: str, text: str, example: str) -> RowExpression:
        origin = f"metrics.{self.name}.{key}"
        try:
            return parse_expression(text, origin, f"it takes SQL over a record, {example}")
        except UsageError as error:
            problem = str(error).removeprefix(origin).removeprefix(":").strip()
            raise DeclarationError((key,), f"is {text!r}: {problem}", error.hint) from error

    def head(self, unit: Unit, formula: str, *, units: Iterable[Unit] = ()) -> MetricHead:
        """Return what a metric says of itself; `units` are those it may have, all by default."""
        named = self.text("unit")
        allowed = [u.value for u in units] or [*_UNITS]
        if named is not None and named not in allowed:
            raise DeclarationError(
                ("unit",), f"is {named!r}", f"here it is one of {', '.join(allowed)}"
            )
        better = self.text("better")
        if better is not None and better not in _DIRECTIONS:
            raise DeclarationError(
                ("better",), f"is {better!r}", f"it is one of {', '.join(_DIRECTIONS)}"
            )
        description = " ".join(
            text.strip().rstrip(".") + "."
            for key in ("title", "description")
            if (text := self.text(key)) and text.strip()
        )
        return MetricHead(
            name=self.name,
            unit=unit if named is None else _UNITS[named],
            better=better or "",
            definition=f"{description} {formula}".strip(),
        )

    def target(self, key: str, value: object, place: tuple[str, ...]) -> float:
        """Return a length of time in milliseconds."""
        if not isinstance(value, str):
            raise DeclarationError(place, "is not a text", f'write {key} = "500ms"')
        try:
            target = parse_duration(value).total_seconds() * 1000
        except UsageError as error:
            raise DeclarationError(place, f"is {value!r}: {error}", error.hint) from error
        if not target:
            raise DeclarationError(place, "is 0", 'write how long satisfies, such as "500ms"')
        return target


def _declare_quotient(reader: _SectionReader) -> Metric:
    above = reader.expression("numerator")
    has_below = "denominator" in reader.values
    below = reader.expression("denominator") if has_below else None
    _require_number(above, "numerator")
    if below is not None:
        _require_number(below, "denominator")
    formula = f"{_quote(above)} / {_quote(below) if below else 'requests'}"
    if above.dtype == pl.Boolean and (below is None or below.dtype == pl.Boolean):
        return share_metric(reader.head(Unit.RATIO, formula, units=[Unit.RATIO]), above, below)
    return quotient_metric(reader.head(Unit.NUMBER, formula), above, below)


def _declare_sum(reader: _SectionReader) -> Metric:
    number = reader.expression("sum")
    _require_number(number, "sum")
    if number.dtype == pl.Boolean:
        formula = f"Requests with {_quote(number)}."
        return condition_count(reader.head(Unit.COUNT, formula, units=[Unit.COUNT]), number)
    return sum_metric(reader.head(_unit_of(number), f"Sum of {_quote(number)}."), number)


def _declare_distinct(reader: _SectionReader) -> Metric:
    value = reader.expression("distinct")
    formula = f"Distinct values of {_quote(value)}; null where no record has one."
    return distinct_metric(reader.head(Unit.COUNT, formula, units=[Unit.COUNT]), value)


def _declare_quantile(reader: _SectionReader) -> Metric:
    level = reader.values["quantile"]
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 <= level <= 1:
        raise DeclarationError(
            ("quantile",), "is not a number from 0 to 1", "write quantile = 0.95"
        )
    number = reader.expression("column")
    _require_number(number, "column")
    formula = f"{level * 100:g} % of the known values of {_quote(number)} are at most this."
    return quantile_metric(reader.head(_unit_of(number), formula), float(level), number)


def _declare_apdex(reader: _SectionReader) -> Metric:
    target = reader.target("apdex", reader.values["apdex"], ("apdex",))
    routes = reader.values.get("routes", {})
    if not isinstance(routes, Mapping):
        hint = f'write [metrics.{reader.name}.routes] with "/route" = "2s"'
        raise DeclarationError(("routes",), "is not a table", hint)
    own = tuple(
        (str(route), reader.target(f'"{route}"', value, ("routes", str(route))))
        for route, value in sorted(routes.items())
    )
    targets = [f"{target:g} ms", *(f"{ms:g} ms for {route}" for route, ms in own)]
    formula = (
        f"(satisfied + tolerating / 2) / requests; satisfied up to T = {', '.join(targets)}, "
        "tolerating up to 4 T, frustrated beyond and by a 5xx."
    )
    head = reader.head(Unit.SCORE, formula, units=[Unit.SCORE])
    return apdex_metric(head, target, own)


_BUILDERS = {
    "numerator": _declare_quotient,
    "sum": _declare_sum,
    "distinct": _declare_distinct,
    "quantile": _declare_quantile,
    "apdex": _declare_apdex,
}


def _require_number(expression: RowExpression, key: str) -> None:
    if not (expression.dtype.is_numeric() or expression.dtype == pl.Boolean):
        raise DeclarationError(
            (key,),
            f"is {expression.text!r}, which gives {expression.dtype}, not a number or a condition",
            '`apilog schema` lists the columns\' types; compare, as in "status < 400"',
        )


def _unit_of(number: RowExpression) -> Unit:
    """Return the unit of a column, which its name carries."""
    name = number.text.strip()
    if name in SCHEMA and name.endswith("_ms"):
        return Unit.MILLISECONDS
    if name in SCHEMA and name.endswith("_bytes"):
        return Unit.BYTES
    return Unit.COUNT if number.dtype.is_integer() else Unit.NUMBER


def _quote(expression: RowExpression) -> str:
    return f"({' '.join(expression.text.split())})"
