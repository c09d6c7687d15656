"""`apilog watch`: parse, follow, show until stopped, exit code."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import options, streams
from apilog.cli.streams import ExitCode
from apilog.cli.target import is_terminal
from apilog.errors import OutputError, UsageError

if TYPE_CHECKING:
    from apilog.watch.frame import FrameView

_SHORTEST = timedelta(milliseconds=100)


def watch(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...",
            help="Growing log files, directories, globs, or - for standard input.",
            show_default=False,
        ),
    ],
    interval: Annotated[
        str, typer.Option(metavar="TIME", help="How often to show how it stands.")
    ] = "2s",
    window: Annotated[
        str, typer.Option(metavar="TIME", help="The time up to now that is counted; 7d at most.")
    ] = "5m",
    once: Annotated[
        bool, typer.Option("--once", help="Show once what is there, up to its newest request.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Write a line of JSON each interval.")
    ] = False,
    from_start: Annotated[
        bool,
        typer.Option("--from-start", help="Read files from their beginning, not their last part."),
    ] = False,
    log_format: options.LogFormat = None,
    nginx_conf: options.NginxConf = None,
    where: options.Where = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Endpoints and errors of a line of JSON.")
    ] = None,
    tz: options.Tz = "UTC",
    route: options.Route = None,
    keep_query: options.KeepQuery = False,
    anonymize_ip: options.AnonymizeIp = False,
    hash_consumers: options.HashConsumers = None,
    config: options.ConfigFile = None,
    state: options.AlertState = None,
    quiet: options.Quiet = False,
) -> None:
    """Watch growing logs: rates, errors, latency and endpoints of the last minutes, live.

    Rotated files are followed, new files of a directory or glob are found. Where stdout is no
    terminal, a line is written each interval. Alerts of the configuration are evaluated each
    interval. Ctrl-C ends it with exit code 130, SIGTERM with 0.
    """
    from apilog.alerts.manager import configured_alerts
    from apilog.cli.alerting import end_alerts
    from apilog.options import ReadOptions
    from apilog.watch.session import (
        WatchOptions,
        WatchSession,
        noted_signals,
        run_watch,
        show_once,
    )

    asked = WatchOptions(
        window=_parse_span("--window", window),
        read_options=ReadOptions(
            log_format=log_format,
            nginx_conf=nginx_conf,
            where=where,
            tz=tz,
            routes=route or (),
            keep_query=keep_query,
            anonymize_ip=anonymize_ip,
            hash_consumers=hash_consumers,
        ),
        from_start=from_start,
        once=once,
    )
    every = _parse_span("--interval", interval)
    view = _make_view(files, asked.window, top, json=json, once=once, quiet=quiet)
    has_screen = _has_screen(json=json, once=once)
    alerts = configured_alerts(config, state, view.show_note if has_screen else streams.error)
    watched = WatchSession(files, asked, view.show_note, alerts)
    if once:
        show_once(watched, view)
        end_alerts(alerts)
        for problem in watched.follower.problems:
            streams.error(problem)
        raise typer.Exit(ExitCode.ERROR if watched.follower.problems else ExitCode.OK)
    with noted_signals() as told:
        run_watch(watched, view, every, told)
        end_alerts(alerts)
    streams.flush_stdout()
    raise typer.Exit(ExitCode.INTERRUPTED if told.is_interrupted else ExitCode.OK)


def _parse_span(option: str, text: str) -> timedelta:
    from apilog.aggregate.sliding_window import LONGEST_WINDOW
    from apilog.text.units import parse_duration

    length = parse_duration(text)
    if not _SHORTEST <= length <= LONGEST_WINDOW:
        raise UsageError(f"{option} {text} is not between 100ms and 7d")
    return length


def _has_screen(*, json: bool, once: bool) -> bool:
    """Whether a dashboard takes the whole terminal."""
    return is_terminal() and os.environ.get("TERM") != "dumb" and not (json or once)


def _make_view(
    files: list[str], window: timedelta, top: int | None, *, json: bool, once: bool, quiet: bool
) -> FrameView:
    """The view that was asked for, or that suits where stdout leads."""
    from apilog.render import OutputOptions
    from apilog.render.terminal import encode_lines
    from apilog.watch.dashboard import DashboardSubject, draw_dashboard
    from apilog.watch.line_view import LineView, format_json_line, format_text_line

    def tell(text: str) -> None:
        if not quiet:
            streams.note(text)

    if sys.stdout is None:
        raise OutputError("standard output is closed", "it is where a watch is shown")
    subject = DashboardSubject(sources=" ".join(files), window=window)
    to_terminal = is_terminal()
    drawing = OutputOptions(
        width=streams.width(to_terminal=to_terminal), color=to_terminal and streams.color()
    )
    if json:
        return LineView(sys.stdout.buffer, lambda frame: format_json_line(frame, top), tell)
    if once:
        return LineView(
            sys.stdout.buffer,
            lambda frame: encode_lines(
                draw_dashboard(frame, subject, drawing.width, None), drawing
            ),
            tell,
        )
    if not _has_screen(json=json, once=once):
        return LineView(sys.stdout.buffer, format_text_line, tell)
    from apilog.watch.dashboard import ScreenView

    return ScreenView(subject, tell, color=streams.color())
