"""The heart: a report's tables from records, as partial, merge and finish.

`partial` makes a small state of a chunk of records, `merge` one state of several, `finish`
the tables. All engines use these three, so that all give the same figures. `sum_chunk` is `partial`
for many chunks, of which some sums are made together when they are merged.
"""

from __future__ import annotations

from apilog.aggregate.anomalies import REPORTED_SCORE, score_last_hour
from apilog.aggregate.finish import (
    FinishedTables,
    TableWithInputs,
    finish,
    finish_with_inputs,
)
from apilog.aggregate.plan import ReportPlan
from apilog.aggregate.state import (
    PartialState,
    add_to_batch,
    changed_routes,
    kept_routes,
    learn_routes,
    merge,
    merge_in_batches,
    merge_routes,
    partial,
    route_counts,
    sum_chunk,
    unfound_routes,
)
from apilog.aggregate.table_rows import OTHER_TEXT
from apilog.aggregate.table_specs import TABLES, RowOrder, TableSpec, select_tables
from apilog.aggregate.time_buckets import bucket_codes, split_by_time

__all__ = [
    "OTHER_TEXT",
    "REPORTED_SCORE",
    "TABLES",
    "FinishedTables",
    "PartialState",
    "ReportPlan",
    "RowOrder",
    "TableSpec",
    "TableWithInputs",
    "add_to_batch",
    "bucket_codes",
    "changed_routes",
    "finish",
    "finish_with_inputs",
    "kept_routes",
    "learn_routes",
    "merge",
    "merge_in_batches",
    "merge_routes",
    "partial",
    "route_counts",
    "score_last_hour",
    "select_tables",
    "split_by_time",
    "sum_chunk",
    "unfound_routes",
]
