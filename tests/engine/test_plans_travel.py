"""Plans are sent to other processes: what arrives reads lines as the original does."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest

from apilog.engine.first_chunks import read_sample
from apilog.formats.file_plan import plan_file
from apilog.formats.parse_plan import ParsePlan, iterate_formats, parse_lines
from apilog.schema import SCHEMA
from apilog.sources import find_sources
from apilog.transport.opening import read_head
from apilog.values.event_lines import EventLines

cloudpickle = pytest.importorskip("cloudpickle")

LOGS = Path(__file__).parents[2] / "sample_logs"
COLUMNS = sorted({*SCHEMA} - {"source", "line_number", "route"})


def kinds_of(plan: ParsePlan) -> set[object]:
    """The envelopes of a plan and the classes of its formats."""
    envelopes = {envelope.name for stage in plan.stages for envelope in stage.envelopes}
    return envelopes | {type(reader) for reader in iterate_formats(plan)}


@pytest.mark.slow
def test_every_kind_of_sample_is_read_alike_by_a_plan_that_was_sent() -> None:
    sources, _ = find_sources([LOGS])
    seen: set[object] = set()
    for source in sources:
        if source.path.endswith(".csv"):
            continue
        plan = plan_file(source.path, read_sample(source))
        if kinds_of(plan) <= seen:
            continue
        seen |= kinds_of(plan)
        sent = cloudpickle.loads(cloudpickle.dumps(plan))
        lines = read_head(source)
        here, there = (
            parse_lines(EventLines(lines, lines.count(b"\n")), one, COLUMNS) for one in (plan, sent)
        )
        texts = cs.categorical().cast(pl.String)
        assert here.records.with_columns(texts).equals(there.records.with_columns(texts)), (
            source.path
        )
        assert here.rejects.equals(there.rejects), source.path
        assert here.skipped == there.skipped
        assert (sent.name, sent.doubts) == (plan.name, plan.doubts)
    assert len(seen) > 10
