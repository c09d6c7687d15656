"""The declaration of a report of one's own, checked as far as it can be without a log.

What can't be meant is refused where it is read, with the keys that lead to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from apilog.aggregate import TableSpec
from apilog.aggregate.table_specs import (
    EXTRA_TABLES,
    OBJECTIVES,
    SPECIFIED_TABLES,
    TABLES,
    require_metric,
)
from apilog.engine.where import RowFilter, parse_where
from apilog.errors import DeclarationError, UsageError
from apilog.metrics import MetricDefinitions
from apilog.report_model import TableLayout
from apilog.reports.sql import check_statement, execute_select
from apilog.schema import SCHEMA
from apilog.text import did_you_mean

DEFAULT_METRICS = ("requests", "error_rate", "latency_p50", "latency_p95")
"""The metrics of a table that names none."""
CHARTS = ("bar", "line")
"""How a table may be drawn beside its figures: bars of its first sorted metric, or lines."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,59}\Z")
_GROUPED = ("by", "metrics", "where", "sort", "top")
_COMMON = ("name", "title", "chart")
_TAKEN = frozenset(
    [
        *TABLES,
        *EXTRA_TABLES,
        *SPECIFIED_TABLES,
        OBJECTIVES,
        "checks",
        "worst",
        "changed",
        "comparison",
        "alerts",
    ],
)
_ORDERS = {"asc": False, "desc": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTable:
    """One table of a report: groups of requests with metrics, or the rows of a SELECT."""

    layout: TableLayout
    spec: TableSpec | None = None
    where: RowFilter | None = None
    sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredReport:
    """A report: tables in their order."""

    name: str
    title: str
    tables: tuple[DeclaredTable, ...]


def choose_report(
    name: str, reports: Mapping[str, Mapping[str, object]], definitions: MetricDefinitions
) -> DeclaredReport:
    """Return the report of that name; raises UsageError for one that there isn't or can't be."""
    if name not in reports:
        listed = f"they are {', '.join(reports)}" if reports else "the configuration has none yet"
        hint = did_you_mean(name, reports, f"{listed}: [reports.NAME] declares one")
        raise UsageError(f"there is no report {name!r}", hint)
    try:
        return declare_report(name, reports[name], definitions)
    except DeclarationError as error:
        raise error.within("reports", name) from error


def declare_report(
    name: str, values: Mapping[str, object], definitions: MetricDefinitions
) -> DeclaredReport:
    """Return a report from its section; raises `DeclarationError` for one that can't be."""
    if not _NAME.match(name):
        raise DeclarationError(
            (), "has a name with odd characters", "letters, digits, _ and - will do"
        )
    _refuse_unknown(values, ("title", "tables"), (), "a report has title and tables")
    tables = values.get("tables")
    if not isinstance(tables, list) or not tables:
        raise DeclarationError(
            ("tables",), "is no list of tables", f"write [[reports.{name}.tables]] for each"
        )
    declared: list[DeclaredTable] = []
    for number, table in enumerate(tables):
        place = ("tables", number)
        if not isinstance(table, Mapping):
            raise DeclarationError(place, "is no table", f"write [[reports.{name}.tables]]")
        taken = [each.layout.name for each in declared]
        declared.append(_TableReader(table, place, definitions).read(taken))
    title = _text(values, "title", ()) or name
    return DeclaredReport(name=name, title=title, tables=tuple(declared))


@dataclass(frozen=True, slots=True)
class _TableReader:
    """The keys of one table, each read as what it has to be."""

    values: Mapping[str, object]
    place: tuple[str | int, ...]
    definitions: MetricDefinitions

    def read(self, taken: Sequence[str]) -> DeclaredTable:
        """Return the table; `taken` are the names of those before."""
        if "sql" in self.values:
            for key in _GROUPED:
                if key in self.values:
                    problem = "does not go with sql"
                    raise self._error(key, problem, "write it into the SELECT")
        known = (*_COMMON, *(("sql",) if "sql" in self.values else _GROUPED))
        _refuse_unknown(self.values, known, self.place, f"it may have {', '.join(known)}")
        keys = self._columns("by")
        sql = _text(self.values, "sql", self.place) or ""
        base = "result" if "sql" in self.values else "_".join(keys) or "total"
        layout = TableLayout(
            name=self._name(taken, base),
            title=_text(self.values, "title", self.place) or "",
            chart=self._choice("chart", CHARTS),
        )
        if "sql" in self.values:
            self._check_sql(sql)
            return DeclaredTable(layout=layout, sql=sql)
        spec = self._spec(layout.name, keys)
        measure = spec.sort if spec.sort in spec.metrics else spec.metrics[0]
        layout = replace(layout, measure=self.definitions[measure].column, top=spec.top)
        return DeclaredTable(layout=layout, spec=spec, where=self._where())

    def _name(self, taken: Sequence[str], base: str) -> str:
        name = _text(self.values, "name", self.place)
        if name is None:
            numbered = (base, *(f"{base}_{n}" for n in range(2, len(taken) + 4)))
            return next(each for each in numbered if each not in (*taken, *_TAKEN))
        if not _NAME.match(name):
            raise self._error("name", f"is {name!r}", "letters, digits, _ and - will do")
        if name in _TAKEN:
            problem = f"is {name!r}, a table of the usual reports, which has other columns"
            raise self._error("name", problem, "choose another")
        if name in taken:
            raise self._error("name", f"is {name!r}, as that of a table before", "choose another")
        return name

    def _spec(self, name: str, keys: tuple[str, ...]) -> TableSpec:
        metrics = self._metrics(keys)
        sort, is_descending = self._sort(keys, metrics)
        return TableSpec(
            name=name,
            keys=keys,
            metrics=metrics,
            sort=sort,
            is_descending=is_descending,
            top=self._top(),
        )

    def _columns(self, key: str) -> tuple[str, ...]:
        columns = self._texts(key)
        for column in columns:
            if column not in SCHEMA:
                near = did_you_mean(column, SCHEMA, "`apilog schema` lists them", at_most=1)
                raise self._error(key, f"names {column!r}, which is no column", near)
        return tuple(dict.fromkeys(columns))

    def _metrics(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        names = self._texts("metrics") or DEFAULT_METRICS
        for name in names:
            try:
                require_metric(name, self.definitions)
            except UsageError as error:
                raise self._error("metrics", f"names {name!r}: {error}", error.hint) from error
            if self.definitions[name].column in keys:
                raise self._error("metrics", f"names {name!r}, which is a key", "leave one out")
        return tuple(dict.fromkeys(names))

    def _sort(self, keys: tuple[str, ...], metrics: tuple[str, ...]) -> tuple[str, bool]:
        text = _text(self.values, "sort", self.place)
        if text is None:
            # Time has an order of its own, unless the busiest rows are asked for.
            is_of_time = keys[:1] == ("timestamp",) and "top" not in self.values
            return ("timestamp", False) if is_of_time else ("", True)
        name, _, order = text.partition(" ")
        order = order.strip().lower()
        if name not in (*keys, *metrics) or order not in ("", *_ORDERS):
            listed = f"write one of {', '.join((*keys, *metrics))}, and asc or desc after it"
            raise self._error("sort", f"is {text!r}", did_you_mean(name, (*keys, *metrics), listed))
        return name, _ORDERS.get(order, name in metrics)

    def _top(self) -> int | None:
        top = self.values.get("top")
        # True is an integer in Python, but not in TOML.
        if top is None or (isinstance(top, int) and not isinstance(top, bool) and top > 0):
            return top
        raise self._error("top", "is not a whole number", "write a number from 1 on")

    def _where(self) -> RowFilter | None:
        text = _text(self.values, "where", self.place)
        if text is None:
            return None
        try:
            return parse_where(text, "where")
        except UsageError as error:
            problem = str(error).removeprefix("where").removeprefix(":").strip()
            raise self._error("where", f"is {text!r}: {problem}", error.hint) from error

    def _check_sql(self, sql: str) -> None:
        try:
            check_statement(sql)
            empty = pl.LazyFrame(schema=SCHEMA)
            execute_select(sql, empty).collect_schema()
        except UsageError as error:
            raise self._error("sql", f"can't be understood: {error}", error.hint) from error

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key)
        texts = [value] if isinstance(value, str) else value
        if texts is None:
            return ()
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return tuple(texts)
        raise self._error(key, "is not a list of texts", f'write {key} = ["…", "…"]')

    def _choice(self, key: str, choices: Sequence[str]) -> str:
        text = _text(self.values, key, self.place)
        if text is None or text in choices:
            return text or ""
        raise self._error(key, f"is {text!r}", f"it is one of {', '.join(choices)}")

    def _error(self, key: str, problem: str, hint: str = "") -> DeclarationError:
        return DeclarationError((*self.place, key), problem, hint)


def _refuse_unknown(
    values: Mapping[str, object],
    known: Sequence[str],
    place: tuple[str | int, ...],
    listed: str,
) -> None:
    for key in values:
        if key not in known:
            hint = did_you_mean(key, known, listed, at_most=1)
            raise DeclarationError((*place, key), "is no setting", hint)


def _text(values: Mapping[str, object], key: str, place: tuple[str | int, ...]) -> str | None:
    value = values.get(key)
    if value is None or isinstance(value, str):
        return value
    raise DeclarationError((*place, key), "is not a text", f'write {key} = "…"')
