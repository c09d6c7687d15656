"""The options that several commands share, as annotated types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCES...",
        help="Log files, directories, globs, s3:// gs:// az:// URLs, stores, or - for stdin.",
        show_default=False,
    ),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        "-l",
        metavar="NAME|STRING",
        help="A name from `apilog formats`, or an nginx log_format string. Default: detect.",
    ),
]
NginxConf = Annotated[
    Path | None,
    typer.Option(help="Read the log formats of this nginx.conf, includes and all."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Leave out what is older: ISO, 24h, yesterday."),
]
Until = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Leave out this instant and what is newer."),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="SQL", help='Only requests for which this holds, such as "status >= 500".'
    ),
]
By = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN", help="Group `endpoints` by this column instead; may be repeated."
    ),
]
Bucket = Annotated[
    str | None,
    typer.Option(metavar="STEP", help="Step of the traffic table, such as 5m. Default: fitting."),
]
Top = Annotated[
    int | None,
    typer.Option(
        min=1, help="Rows of each table, the rest in (other). Default: 10 on a terminal, else all."
    ),
]
Tz = Annotated[str, typer.Option(metavar="ZONE", help="Time zone of days, buckets and output.")]
Route = Annotated[
    list[str] | None,
    typer.Option(metavar="TEMPLATE", help="A route such as /v1/users/{name}; may be repeated."),
]
MaxRoutes = Annotated[
    int, typer.Option(min=1, help="Routes kept; the less busy ones fold into (other).")
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR/",
        help="Write to this file; to a directory (with a /) every table.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing output files.")]
Rejects = Annotated[
    Path | None,
    typer.Option(help="Write the lines that could not be read to this file, as NDJSON."),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Exit with 2 if a line was rejected or an input is damaged."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes on stderr.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress bar.")]
AnonymizeIp = Annotated[
    bool,
    typer.Option("--anonymize-ip", help="Truncate client addresses: IPv4 to /24, IPv6 to /48."),
]
HashConsumers = Annotated[
    str | None,
    typer.Option(
        metavar="KEY", help="Replace consumers by keyed hashes; env:NAME or @FILE hold the key."
    ),
]
KeepQuery = Annotated[
    bool,
    typer.Option("--keep-query", help="Keep the query string in `path`, secrets in it masked."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Read settings here. Default: apilog.toml, or [tool.apilog] of pyproject.toml.",
    ),
]
AlertState = Annotated[
    Path | None,
    typer.Option("--state", metavar="FILE", help="Where alerts are remembered between runs."),
]
Accounts = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|URL",
        help="The accounts: CSV, NDJSON, Parquet, postgresql://… or sqlite:///….",
        show_default=False,
    ),
]
AccountsQuery = Annotated[
    str | None, typer.Option(metavar="SQL", help="The SELECT that gives a database's accounts.")
]
AsOf = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Evaluate accounts as of this instant. Default: now."),
]
