"""The heart: a report's tables from records, as partial, merge and finish.

`partial` makes a small state of a chunk of records, `merge` one state of several, `finish`
the tables. All engines use these three, so that all give the same figures.
"""

from __future__ import annotations

from apilog.aggregate.finish import Finished, finish
from apilog.aggregate.held import Held
from apilog.aggregate.plan import FOLDABLE_GATEWAYS, Plan
from apilog.aggregate.rows import NOT_FOUND_TEXT, OTHER_TEXT
from apilog.aggregate.split import split
from apilog.aggregate.state import Partial, merge, partial
from apilog.aggregate.tables import TABLES, Order, TableSpec, select_tables

__all__ = [
    "FOLDABLE_GATEWAYS",
    "NOT_FOUND_TEXT",
    "OTHER_TEXT",
    "TABLES",
    "Finished",
    "Held",
    "Order",
    "Partial",
    "Plan",
    "TableSpec",
    "finish",
    "merge",
    "partial",
    "select_tables",
    "split",
]
