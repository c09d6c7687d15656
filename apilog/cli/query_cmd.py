"""`apilog query`: run a SELECT, draw its rows, give the exit code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from apilog.cli.lifecycle import StrictFlags, finish_report
from apilog.cli.options import ANY_REPORT, CsvDialect, Raw, Sources
from apilog.cli.streams import OutputTarget
from apilog.options import QueryOptions

SQL = Annotated[
    str,
    typer.Argument(metavar="SQL", help="One SELECT over the table `requests`.", show_default=False),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTarget(OutputTarget):
    """Where the rows go."""

    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="How to draw the rows. Default: as the name of --output says, else table.",
        ),
        ANY_REPORT,
    ] = "table"
    raw: Raw = False
    csv_dialect: CsvDialect = "rfc4180"


def query(
    sql: SQL, sources: Sources, read: QueryOptions, target: QueryTarget, run: StrictFlags
) -> None:
    """Run a SELECT of SQL over the requests of access logs.

    The table `requests` has the columns of `apilog schema`; only those that the query needs are
    parsed. Sources that can't be read are named on stderr, with exit code 2.
    """
    from apilog.reports.query import RESULT, run_query

    target.check([RESULT])
    with run.open_hooks(force=target.force) as hooks:
        result = run_query(sql, sources, replace(read, **hooks)).if_read()
    raise typer.Exit(finish_report(result, target, run))
