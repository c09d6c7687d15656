"""The reports that charts are drawn of."""

from __future__ import annotations

from pathlib import Path

import pytest

import apilog
from apilog.report_model import Report

SAMPLES = Path(__file__).parents[3] / "sample_logs"


@pytest.fixture(scope="session")
def sample_report() -> Report:
    """A day of the sample API."""
    return apilog.report([str(SAMPLES / "api.log"), str(SAMPLES / "api.log.1.gz")])


@pytest.fixture
def chart_report(name: str, sample_report: Report) -> Report:
    """The report that has the chart of that name."""
    return sample_report
