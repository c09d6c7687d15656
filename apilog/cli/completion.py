"""What the shell completes the values of options with: names of tables, columns, metrics, formats.

Each is imported when it is asked for, so that no other start pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import typer

_DRAWN_ALONE = {"check": "checks", "compare": "comparison", "success": "funnel"}
"""The table that each command draws where one has to do; others draw `endpoints`."""


def complete_table(context: typer.Context, incomplete: str) -> list[str]:
    """Return the tables of the command's report that begin so."""
    from apilog.aggregate.table_specs import EXTRA_TABLES, OBJECTIVES, SPECIFIED_TABLES, TABLES
    from apilog.developer_success import table_names

    of_reports = [*TABLES, *EXTRA_TABLES, *SPECIFIED_TABLES, OBJECTIVES]
    names = table_names() if context.info_name == "success" else of_reports
    return _last_beginning(incomplete, names)


def complete_from(*names: str) -> Callable[[str], list[str]]:
    """Return what completes one of these names."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, names)

    return complete


def complete_column(incomplete: str) -> list[str]:
    """Return the columns of records that the last of the names with commas between may become."""
    from apilog.schema import SCHEMA

    return _last_beginning(incomplete, SCHEMA)


def complete_shown_column(context: typer.Context, incomplete: str) -> list[str]:
    """Return the columns of the table that is drawn which the last of the names may become."""
    from apilog.json_schema.column_meanings import MEANINGS
    from apilog.schema import SCHEMA

    command = context.info_name or ""
    if command == "query":
        return _last_beginning(incomplete, SCHEMA)
    chosen = ",".join(context.params.get("table") or ()).split(",")[-1]
    table = chosen or _DRAWN_ALONE.get(command, "endpoints")
    by = split_names(context.params.get("by"))
    if columns := _report_columns(table, by):
        return _last_beginning(incomplete, columns)
    keys = () if command == "success" else ("gateway", "method", "route")
    return _last_beginning(incomplete, [*by, *keys, *MEANINGS.get(table, {})])


def split_names(texts: Sequence[str] | None) -> list[str]:
    """Return the names in the texts of a repeatable option, each of which may have several."""
    return [name.strip() for text in texts or () for name in text.split(",")]


def complete_metric(incomplete: str) -> list[str]:
    """Return the metrics that the last of the names with commas between may become.

    Those of the configuration are among them.
    """
    from apilog.metrics import METRICS

    done, comma, begun = incomplete.rpartition(",")
    names = [*METRICS, *_configured("metrics")]
    return [f"{done}{comma}{name}" for name in _beginning(begun, names)]


def complete_log_format(incomplete: str) -> list[str]:
    """Return the log formats that begin so, those of the configuration among them."""
    from apilog.formats.registry import FORMAT_INFOS

    return _beginning(incomplete, [*_configured("formats"), *FORMAT_INFOS])


def complete_report(incomplete: str) -> list[str]:
    """Return the reports of the configuration that begin so."""
    return _beginning(incomplete, _configured("reports"))


def _configured(section: str) -> list[str]:
    """Return the names that a section of the configuration gives to what is the user's own."""
    from apilog.config import load_config
    from apilog.errors import ApilogError

    try:
        return [*getattr(load_config(), section)]
    except ApilogError:  # which every command tells; the shell has no place for it
        return []


def _report_columns(table: str, by: Sequence[str]) -> list[str]:
    """Return the columns of a table of reports; nothing if there is no such table."""
    from apilog.aggregate.table_specs import ANOMALIES, TABLES, select_tables
    from apilog.errors import UsageError
    from apilog.metrics import METRICS

    if table not in TABLES or table == ANOMALIES:
        return []
    try:
        (spec,) = select_tables([table], tuple(by))
    except UsageError:  # which the command tells
        spec = TABLES[table]
    return [*spec.keys, *(METRICS[name].column for name in spec.metrics)]


def _last_beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    """Return what the last of the names with commas between may become, with those before it."""
    done, comma, begun = incomplete.rpartition(",")
    return [f"{done}{comma}{name}" for name in _beginning(begun, names)]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
