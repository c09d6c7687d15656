"""The options of commands, declared once, and how dataclasses become command lines.

A parameter of a command may be a dataclass: each of its fields that is declared as an option then
is one. `READ_OPTIONS` declares the fields of `apilog.options`, which know nothing of Typer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ParameterInfo

from apilog.cli.completion import (
    complete_column,
    complete_log_format,
    complete_metric,
    complete_report,
    complete_shown_column,
    complete_table,
    split_names,
)
from apilog.errors import UsageError
from apilog.options import FormatOptions
from apilog.render import CHART_OUTPUTS, OUTPUTS, VERDICT_OUTPUTS, find_output
from apilog.render.svg import NARROWEST, WIDEST


@dataclass(frozen=True, slots=True)
class Choices:
    """The texts that an option may have."""

    names: Sequence[str]


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
        autocompletion=complete_log_format,
        help="A name from `apilog formats`, or a format in the server's own language (nginx, "
        "Apache, Envoy, HAProxy, W3C #Fields, AWS $context, Traefik). Default: detect.",
    ),
]
NginxConf = Annotated[
    Path | None,
    typer.Option(help="Read the log formats of this nginx.conf and of the files it includes."),
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=KEY[:UNIT]",
        help="Read a column from this key, such as duration_ms=took:s; may be repeated.",
    ),
]
ClientIp = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Whose address is the client's: remote-addr, x-forwarded-for, x-real-ip, "
        "proxy-protocol, another header, or a key. Default: detect.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Leave out such files of folders and globs, such as '*.bak'; may be repeated.",
    ),
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
        metavar="COLUMN",
        autocompletion=complete_column,
        help="Group `endpoints` by this column instead; may be repeated.",
    ),
]
Bucket = Annotated[
    str | None,
    typer.Option(
        metavar="STEP", help="Step of the traffic table, such as 5m. Default: chosen to fit."
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        min=1, help="Rows of each table, the rest in (other). Default: 10 on a terminal, else all."
    ),
]
Metrics = Annotated[
    Sequence[str],
    typer.Option(
        "--metrics",
        metavar="METRIC",
        autocompletion=complete_metric,
        help="Further columns of endpoints, traffic, gateways, consumers and overview, such as "
        "metrics of your own; separated by commas.",
    ),
]
OwnReport = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=complete_report,
        help="The report of this name in the configuration, instead of the usual tables.",
    ),
]
Apdex = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="The metric apdex with this target T: satisfied up to T, tolerating up to 4 T.",
    ),
]
Tz = Annotated[str, typer.Option(metavar="ZONE", help="Time zone of days, buckets and output.")]
Route = Annotated[
    list[str] | None,
    typer.Option(metavar="TEMPLATE", help="A route such as /v1/users/{name}; may be repeated."),
]
RoutesFile = Annotated[
    Path | None,
    typer.Option("--routes", metavar="FILE", help="A file of routes, a store or a baseline."),
]
OpenApi = Annotated[
    list[str] | None,
    typer.Option(
        "--openapi",
        metavar="[NAME=]FILE",
        help="An OpenAPI document, a file or in object storage: its templates are the routes, and "
        "calls are held against it. "
        "NAME= is a gateway or host that it is about; may be repeated.",
    ),
]
MaxRoutes = Annotated[
    int, typer.Option(min=1, help="Routes kept; the less busy ones fold into (other).")
]
KeepQuery = Annotated[
    bool,
    typer.Option("--keep-query", help="Keep the query string in `path`, secrets in it masked."),
]
AnonymizeIp = Annotated[
    bool,
    typer.Option("--anonymize-ip", help="Truncate client addresses: IPv4 to /24, IPv6 to /48."),
]
HashConsumers = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="Replace consumers with keyed hashes; env:NAME or @FILE name where the key is.",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="What does the work: this process, or a Dask cluster. Default: local.",
    ),
    Choices(["local", "dask"]),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Dask's scheduler, such as tcp://host:8786. Default: DASK_SCHEDULER_ADDRESS, else a "
        "cluster on this machine.",
    ),
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
Attribution = Annotated[
    str, typer.Option(metavar="DURATION", help="How long after its end a trial may convert.")
]

READ_OPTIONS: Mapping[str, tuple[str, Any]] = {
    "log_format": ("log_format", LogFormat),
    "nginx_conf": ("nginx_conf", NginxConf),
    "columns": ("column", Column),
    "client_ip": ("client_ip", ClientIp),
    "exclude": ("exclude", Exclude),
    "since": ("since", Since),
    "until": ("until", Until),
    "tz": ("tz", Tz),
    "where": ("where", Where),
    "by": ("by", By),
    "metrics": ("metrics", Metrics),
    "apdex": ("apdex", Apdex),
    "report": ("report", OwnReport),
    "bucket": ("bucket", Bucket),
    "top": ("top", Top),
    "routes": ("route", Route),
    "routes_file": ("routes_file", RoutesFile),
    "openapi": ("openapi", OpenApi),
    "max_routes": ("max_routes", MaxRoutes),
    "keep_query": ("keep_query", KeepQuery),
    "anonymize_ip": ("anonymize_ip", AnonymizeIp),
    "hash_consumers": ("hash_consumers", HashConsumers),
    "engine": ("engine", Engine),
    "scheduler": ("scheduler", Scheduler),
    "accounts": ("accounts", Accounts),
    "accounts_query": ("accounts_query", AccountsQuery),
    "as_of": ("as_of", AsOf),
}
"""Field of `apilog.options` to the name of its parameter, and the option it is."""

ANY_REPORT = Choices([*OUTPUTS])
REPORT_OR_CHART = Choices([*OUTPUTS, *CHART_OUTPUTS])
ANY_VERDICTS = Choices([*OUTPUTS, *VERDICT_OUTPUTS])
TEXT_OR_JSON = Choices(["table", "json"])
ReportFormat = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        help="How to draw the report. Default: as the name of --output says, else table.",
    ),
    REPORT_OR_CHART,
]
TableChoice = Annotated[
    Sequence[str],
    typer.Option(
        "--table",
        metavar="NAME",
        autocompletion=complete_table,
        help="Only this table; may be repeated, but for csv, ndjson and parquet, which hold one. "
        "Of svg and png: the chart.",
    ),
]
ColumnChoice = Annotated[
    Sequence[str],
    typer.Option(
        metavar="COLUMN",
        autocompletion=complete_shown_column,
        help="Only these columns of one table, in this order; separated by commas.",
    ),
]
Raw = Annotated[
    bool, typer.Option("--raw", help="Write CSV cells as they are, even if they are formulas.")
]
CsvDialect = Annotated[
    str,
    typer.Option("--csv-dialect", help="excel: with a byte order mark, and times in --tz."),
    Choices(["rfc4180", "excel"]),
]
ChartTheme = Annotated[
    str | None,
    typer.Option("--theme", help="Colours of svg and png. Default: light."),
    Choices(["light", "dark"]),
]
ChartWidth = Annotated[
    int | None,
    typer.Option(
        "--width",
        min=NARROWEST,
        max=WIDEST,
        metavar="PIXELS",
        help="How wide svg and png are. Default: 800.",
    ),
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
OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
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


color_choice: ContextVar[str] = ContextVar("color_choice", default="auto")
"""What --color says, for the run of one command."""


def _choose_color(choice: StrEnum) -> StrEnum:
    """Let what is drawn have colours as chosen."""
    color_choice.set(choice.value)
    return choice


Color = Annotated[
    str,
    typer.Option(
        "--color",
        callback=_choose_color,
        help="Colours and bold: auto is on a terminal, and as NO_COLOR and FORCE_COLOR say.",
    ),
    Choices(["auto", "always", "never"]),
]


def _take_defaults(context: typer.Context, config: Path | None) -> Path | None:
    """Let options that are not given have the values of the configuration's `[defaults]`."""
    from apilog.config import load_config

    values = dict(load_config(config).defaults.as_values())
    if context.info_name == "check":
        values.pop("min_requests", None)  # which [checks] may set, and goes before
    if "routes" in values:
        values["route"] = values.pop("routes")
    context.default_map = values
    return config


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        callback=_take_defaults,
        is_eager=True,
        help="Read settings here, or the log formats of a server's configuration (haproxy.cfg, "
        "envoy.yaml, httpd.conf …). Default: the nearest apilog.toml, or as `apilog config` shows.",
    ),
]
AlertState = Annotated[
    Path | None,
    typer.Option("--state", metavar="FILE", help="Where alerts are remembered between runs."),
]


def expand_options(command: Callable[..., object]) -> Callable[..., None]:
    """Return the command with an option for each field of its parameters that are dataclasses."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    parameters: dict[str, Parameter] = {}
    for name, parameter in signature(command).parameters.items():
        hint: Any = hints[name]
        if is_dataclass(hint):
            groups[name] = hint
            defaults = {field.name: field.default for field in fields(hint)}
            for field, option, annotation in _declared_options(hint):
                is_required = defaults[field] is MISSING
                default = Parameter.empty if is_required else defaults[field]
                parameters[option] = _keyword_parameter(option, annotation, default)
        else:
            parameters[name] = _keyword_parameter(name, hint, parameter.default)
    own = [name for name in signature(command).parameters if name not in groups]
    if any(issubclass(group, FormatOptions) for group in groups.values()):
        # What the configuration says of formats holds wherever logs are read.
        parameters.setdefault("config", _keyword_parameter("config", ConfigFile, None))

    if {"format", "output"} <= parameters.keys():
        parameters.setdefault("color", _keyword_parameter("color", Color, "auto"))

    by_name = parameters.get("format") if "output" in parameters else None
    if by_name:
        parameters["format"] = by_name.replace(default=None)

    @wraps(command)
    def run(**values: Any) -> None:
        if by_name and values["format"] is None:
            choices = [str(choice) for choice in get_args(by_name.annotation)[0]]
            values["format"] = _format_by_name(values["output"], choices, by_name.default)
        arguments = {name: _plain_value(values[name]) for name in own}
        command(**arguments, **{name: _build_group(groups[name], values) for name in groups})

    # Typer makes the command line from these two.
    run.__signature__ = Signature([*parameters.values()])  # type: ignore[attr-defined]
    run.__annotations__ = {name: p.annotation for name, p in parameters.items()}
    return run


_TEXT_SUFFIXES = ("", ".txt", ".log", ".out")
"""Of files that the output for people may be written to."""


def _format_by_name(output: str | Path | None, choices: Sequence[str], default: str) -> str:
    """Return the format that the name of a file ends with; UsageError for one that is none."""
    is_file = output is not None and not os.path.isdir(output) and not str(output).endswith("/")
    suffix = os.path.splitext(str(output))[1].lower() if is_file else ""
    if suffix in _TEXT_SUFFIXES:
        return str(default)
    formats = {f".{find_output(name).suffix}": name for name in reversed(choices)}
    if suffix in formats:
        return formats[suffix]
    raise UsageError(
        f"{output}: no format here has names that end with {suffix}",
        f"give --format, one of {', '.join(choices)}",
    )


def _declared_options(group: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield field, parameter and annotation of each field that is declared as an option."""
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        extras = get_args(hints[field.name])[1:]
        if any(isinstance(extra, ParameterInfo) for extra in extras):
            yield field.name, field.name, hints[field.name]
        elif field.name in READ_OPTIONS and issubclass(group, FormatOptions):
            yield field.name, *READ_OPTIONS[field.name]


def _keyword_parameter(name: str, annotation: Any, default: Any) -> Parameter:
    """Return a parameter as Typer understands it: choices as an enum, sequences as lists."""
    is_option = get_origin(annotation) is Annotated
    value_type, *extras = get_args(annotation) if is_option else [annotation]
    for extra in extras:
        if isinstance(extra, Choices):
            make_enum: Any = StrEnum
            choice = make_enum("Choice", {name: name for name in extra.names})
            default = default if default is None else choice(default)
            value_type = choice if default is not None else choice | None
    if value_type == Sequence[str]:
        # Typer would show an empty tuple as the default.
        value_type, default = list[str] | None, None
    infos = [extra for extra in extras if isinstance(extra, ParameterInfo)]
    annotation = Annotated[value_type, *infos] if infos else value_type
    default = None if default == () else default
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _build_group(group: Any, values: Mapping[str, Any]) -> Any:
    arguments = {}
    for field, name, annotation in _declared_options(group):
        value = _plain_value(values[name])
        if annotation == ColumnChoice or field in ("by", "table", "metrics"):
            value = split_names(value)
        elif value is None and get_args(annotation)[0] in (list[str] | None, Sequence[str]):
            value = ()
        arguments[field] = value
    built = group(**arguments)
    return _with_configured_formats(built, values) if issubclass(group, FormatOptions) else built


def _with_configured_formats(options: FormatOptions, values: Mapping[str, Any]) -> FormatOptions:
    """Return the options with what the configuration says of the logs."""
    from apilog.config import find_config, load_config

    file = find_config(values["config"])
    if file is None:
        return options
    own: Any = load_config(file).as_options()
    known = {field.name for field in fields(options)}
    taken = {name: value for name, value in own.items() if name in known}
    return replace(options, config_file=str(file), **taken)


def _plain_value(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) and type(value).__name__ == "Choice" else value
