"""`apilog routes`: show the routes of the sources, and write those that traffic told to a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from apilog.cli import streams
from apilog.cli.lifecycle import StrictFlags, finish_report
from apilog.cli.options import ANY_REPORT, CsvDialect, Raw, Sources, Top
from apilog.cli.streams import OutputTarget
from apilog.options import ReadOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesTarget(OutputTarget):
    """Where the table goes."""

    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="How to draw the table. Default: as the name of --output says, else table.",
        ),
        ANY_REPORT,
    ] = "table"
    raw: Raw = False
    csv_dialect: CsvDialect = "rfc4180"
    top: Top = None


_PINNED = "# Routes that traffic told, for --routes or for files of [routes].\n"


def routes(
    sources: Sources,
    read: ReadOptions,
    target: RoutesTarget,
    run: StrictFlags,
    pin: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the routes that traffic told to this file, which --routes reads; or, if it "
            "is a .toml, add them to the pins of its [routes].",
        ),
    ] = None,
) -> None:
    """Show the routes of access logs: how many paths each merges, why, and examples.

    Routes of which every request was answered 404 are left out. What is pinned to a file stays,
    whatever later requests show.
    """
    from apilog.config.route_sections import pin_into
    from apilog.reports.found_routes import (
        ROUTES,
        pinned_templates,
        report_routes,
        traffic_templates,
    )

    target.check([ROUTES])
    is_config = pin is not None and pin.suffix == ".toml"
    if pin is not None:
        streams.check_target(pin, force=target.force or is_config)
        if is_config:
            pin_into(pin, [])  # which tells before the reading that it can't be
    with run.open_hooks(force=target.force) as hooks:
        report = report_routes(sources, replace(read, **hooks)).if_read()
    if pin is not None:
        lines = pinned_templates(report, traffic_templates(report))
        if lines or not is_config:
            text = pin_into(pin, lines) if is_config else _PINNED + "".join(f"{t}\n" for t in lines)
            with streams.open_output(pin, force=target.force or is_config) as file:
                file.write(text.encode())
        if not run.quiet:
            count = f"{len(lines):,}" if lines else "no"
            streams.note(f"traffic told {count} routes to pin into {pin}")
    raise typer.Exit(finish_report(report, target, run))
