"""`apilog watch`: follow files, show what they say until stopped, give the exit code."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import streams
from apilog.cli.options import AlertState, ConfigFile, MaxRoutes, Quiet, Tz, Where
from apilog.cli.streams import ExitCode
from apilog.cli.target import is_terminal
from apilog.errors import OutputError, UsageError
from apilog.options import ReadOptions, RecordOptions

if TYPE_CHECKING:
    from apilog.alerts.manager import AlertManager
    from apilog.watch.frame import FrameView

_SHORTEST = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFlags(RecordOptions):
    """How lines become records, and which of them are counted; time goes on by itself."""

    where: Where = None
    tz: Tz = "UTC"
    max_routes: MaxRoutes = 1000


def watch(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...",
            help="Growing log files, directories, globs, or - for standard input.",
            show_default=False,
        ),
    ],
    read: WatchFlags,
    interval: Annotated[
        str, typer.Option(metavar="TIME", help="How often to show the figures.")
    ] = "2s",
    window: Annotated[
        str, typer.Option(metavar="TIME", help="The last minutes that are counted; 7d at most.")
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
    top: Annotated[
        int | None, typer.Option(min=1, help="Endpoints and errors of a line of JSON.")
    ] = None,
    config: ConfigFile = None,
    state: AlertState = None,
    quiet: Quiet = False,
) -> None:
    """Watch growing logs: rates, errors, latency and endpoints of the last minutes, live.

    Rotated files are followed, new files of a directory or glob are found. Where stdout is no
    terminal, a line is written each interval. Alerts of the configuration are evaluated each
    interval. Ctrl-C ends it with exit code 130, SIGTERM with 0.
    """
    from apilog.alerts.manager import configured_alerts
    from apilog.watch.session import (
        WatchOptions,
        WatchSession,
        noted_signals,
        run_watch,
        show_once,
    )

    watch_options = WatchOptions(
        window=_parse_span("--window", window),
        read_options=read.convert_to(ReadOptions),
        from_start=from_start,
        once=once,
    )
    every = _parse_span("--interval", interval)
    view = _make_view(files, watch_options.window, top, json=json, once=once, quiet=quiet)
    has_screen = _has_screen(json=json, once=once)
    alerts = configured_alerts(config, state, view.show_note if has_screen else streams.error)
    session = WatchSession(files, watch_options, view.show_note, alerts)
    if once:
        show_once(session, view)
        _finish_delivery(alerts)
        for problem in session.follower.problems:
            streams.error(problem)
        raise typer.Exit(ExitCode.ERROR if session.follower.problems else ExitCode.OK)
    with noted_signals() as signals:
        run_watch(session, view, every, signals)
        _finish_delivery(alerts)
    streams.flush_stdout()
    raise typer.Exit(ExitCode.INTERRUPTED if signals.is_interrupted else ExitCode.OK)


def _finish_delivery(alerts: AlertManager | None) -> None:
    """Wait until all notices are delivered."""
    if alerts:
        alerts.close()


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
    """Return the view that was asked for, or the one that suits stdout."""
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
