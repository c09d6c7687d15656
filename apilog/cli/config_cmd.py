"""`apilog config`: which settings hold and where they came from; whether they can be meant."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import streams
from apilog.cli.catalogue_cmd import ListFormat, write_list
from apilog.cli.lifecycle import report_unknown_files
from apilog.cli.options import Choices, ConfigFile, Force, OutputFile
from apilog.cli.streams import ExitCode
from apilog.config.search import OWN_FILE
from apilog.errors import ApilogError, UsageError

if TYPE_CHECKING:
    from apilog.config import Config

ConfigAction = Annotated[
    str,
    typer.Argument(metavar="[show|check]", help="Show the settings, or only check them."),
    Choices(["show", "check"]),
]


def config(
    action: ConfigAction = "show",
    format: ListFormat = "table",
    output: OutputFile = None,
    force: Force = False,
    config: ConfigFile = None,
) -> None:
    """Show each setting and where it came from; with `check` only say whether all can be meant.

    The settings are those of the first of these files: --config; the file that APILOG_CONFIG names;
    the nearest apilog.toml, or pyproject.toml with [tool.apilog], from the current folder upwards;
    apilog/apilog.toml among the user's settings. A mistake is an error with file, line and column.
    """
    from apilog.config import find_config, load_config, read_settings
    from apilog.config.settings import list_settings

    file = find_config(config)
    check_settings(load_config(config))
    if action == "check":
        typer.echo(f"{file}: no mistakes" if file else "no configuration: all is built in")
        return
    settings = list_settings(*read_settings(file)) if file else list_settings({})
    rows: list[dict[str, str | None]] = [
        {"setting": each.key, "value": each.value, "origin": each.origin} for each in settings
    ]
    write_list("config", rows, format, output, force, prose="value")


def init(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCES...]",
            help="Logs that it is for: how they are read stands in it, to be corrected.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write it here; - for stdout.")
    ] = Path(OWN_FILE),
    force: Force = False,
) -> None:
    """Write a commented apilog.toml, with the formats of the logs that it is shown."""
    import apilog
    from apilog.config import find_config
    from apilog.render.text.config_text import draw_first_config

    streams.check_target(output, force=force)
    found = apilog.detect(sources) if sources else None
    text = draw_first_config(found.files if found else ())
    with streams.open_output(output, force=force) as stream:
        stream.write(text.encode())
    code = report_unknown_files(found) if found else ExitCode.OK
    if str(output) != "-":
        found_file = find_config(None)
        is_found = found_file is not None and found_file.resolve() == output.resolve()
        option = "" if is_found else f" --config {shlex.quote(str(output))}"
        streams.note(f"wrote {output}: `apilog config{option}` shows what holds now")
    raise typer.Exit(code)


def check_settings(config: Config) -> None:
    """Raise UsageError for the first setting that is written well and can't be meant."""
    for key, check in _checks(config).items():
        try:
            check()
        except ApilogError as error:
            if str(error).startswith(str(config.path)):
                raise
            raise _at_key(config.path, key, error) from error


def _checks(config: Config) -> dict[str, Callable[[], object]]:
    """Return what is asked of settings beyond their types, by their keys; each raises why not."""
    from apilog.alerts.settings import alert_settings
    from apilog.checks.evaluate import DecisionPolicy
    from apilog.checks.grammar import parse_thresholds
    from apilog.developer_success.success_checks import all_catalogues
    from apilog.developer_success.success_metrics import parse_goals
    from apilog.engine.known_routes import read_known_routes
    from apilog.engine.where import parse_where
    from apilog.formats.file_plan import parse_choice
    from apilog.formats.nginx.conf import read_conf
    from apilog.options import FormatOptions, RecordOptions
    from apilog.own_metrics import own_definitions
    from apilog.privacy import read_key
    from apilog.routes import parse_rules
    from apilog.specifications import load_specifications

    defaults, given = config.defaults, config.checks
    chosen = FormatOptions(
        defaults.log_format,
        nginx_conf=defaults.nginx_conf,
        client_ip=defaults.client_ip,
        formats=config.formats,
    )
    openapi = defaults.openapi or ()
    checks: dict[str, object] = {
        "defaults.nginx_conf": defaults.nginx_conf and partial(read_conf, defaults.nginx_conf),
        "defaults.log_format": partial(parse_choice, chosen),
        "defaults.where": defaults.where and partial(parse_where, defaults.where),
        "defaults.routes": partial(parse_rules, defaults.routes or ()),
        "defaults.routes_file": partial(
            read_known_routes, RecordOptions(routes_file=defaults.routes_file)
        ),
        "defaults.openapi": partial(load_specifications, openapi),
        "defaults.hash_consumers": defaults.hash_consumers
        and partial(read_key, defaults.hash_consumers),
        "checks.confidence": given.confidence is not None
        and partial(DecisionPolicy, confidence=given.confidence),
        "checks.thresholds": given.thresholds
        and (
            lambda: parse_thresholds(
                given.thresholds, all_catalogues(own_definitions(config.metrics, openapi=openapi))
            )
        ),
        **{
            f"goals.{name}": partial(parse_goals, {name: goal})
            for name, goal in config.goals.items()
        },
        "alerts": partial(alert_settings, config),
    }
    return {key: check for key, check in checks.items() if callable(check)}


def _at_key(file: Path | None, key: str, error: ApilogError) -> ApilogError:
    """Return the error with the place of the key in the file."""
    from apilog.config import read_settings
    from apilog.config.toml_places import describe_place

    if file is None:
        return error
    where = describe_place(file, (*read_settings(file)[2], *key.split(".")))
    return UsageError(f"{where}: {error}", error.hint)
