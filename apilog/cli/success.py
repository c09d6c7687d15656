"""`apilog success`: parse, join accounts with calls, draw, exit code."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import options
from apilog.cli.report import ReportFormat
from apilog.cli.streams import ExitCode
from apilog.cli.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from apilog.cli.progress import Progress
    from apilog.model import Report


class CohortStep(StrEnum):
    """What accounts of one cohort have in common."""

    WEEK = "week"
    MONTH = "month"


Accounts = Annotated[
    str,
    typer.Option(
        "--accounts",
        metavar="FILE|URL",
        help="The accounts: CSV, NDJSON, Parquet, postgresql://… or sqlite:///….",
        show_default=False,
    ),
]
