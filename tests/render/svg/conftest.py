"""The reports that charts are drawn of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import apilog
from apilog.aggregate.table_specs import EXTRA_TABLES, TABLES
from apilog.render.svg import CHARTS
from apilog.report_model import Report

SAMPLES = Path(__file__).parents[3] / "sample_logs"


@pytest.fixture(scope="session")
def sample_report() -> Report:
    """A day of the sample API, with every table that a chart may need."""
    sources = [str(SAMPLES / "api.log"), str(SAMPLES / "api.log.1.gz")]
    return apilog.report(sources, tables=[*TABLES, *EXTRA_TABLES])


@pytest.fixture(scope="session")
def success_report() -> Report:
    """Ten weeks of its developers."""
    return apilog.success(
        [str(SAMPLES / "success" / "gateway.log.gz")],
        accounts=str(SAMPLES / "success" / "accounts.csv"),
        as_of="2026-11-21",
    )


@pytest.fixture(scope="session")
def report_with(sample_report: Report, success_report: Report) -> Callable[[str], Report]:
    """Return the report that has the chart of a name."""
    return lambda name: success_report if CHARTS[name].command == "success" else sample_report
