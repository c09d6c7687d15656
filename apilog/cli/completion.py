"""What the shell completes the values of options with: names of tables, columns, metrics, formats.

Each is imported when it is asked for, so that no other start pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable


def complete_table(incomplete: str) -> list[str]:
    """Return the tables of reports that begin so."""
    from apilog.aggregate.table_specs import TABLES

    return _beginning(incomplete, TABLES)


def complete_from(*names: str) -> Callable[[str], list[str]]:
    """Return what completes one of these names."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, names)

    return complete


def complete_column(incomplete: str) -> list[str]:
    """Return the columns of records that the last of the names with commas between may become."""
    from apilog.schema import SCHEMA

    done, comma, begun = incomplete.rpartition(",")
    return [f"{done}{comma}{name}" for name in _beginning(begun, SCHEMA)]


def complete_metric(incomplete: str) -> list[str]:
    """Return the metrics that begin so."""
    from apilog.metrics import METRICS

    return _beginning(incomplete, METRICS)


def complete_log_format(incomplete: str) -> list[str]:
    """Return the log formats that begin so, those of the configuration among them."""
    from apilog.config import load_config
    from apilog.errors import ApilogError
    from apilog.formats.registry import FORMAT_INFOS

    try:
        own = load_config().formats
    except ApilogError:  # which every command tells; the shell has no place for it
        own = {}
    return _beginning(incomplete, [*own, *FORMAT_INFOS])


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
