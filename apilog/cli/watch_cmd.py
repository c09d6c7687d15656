"""`apilog watch`: follow files, show what they say until stopped, give the exit code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from apilog.cli import streams
from apilog.cli.options import AlertState, Color, ConfigFile, MaxRoutes, Quiet, Tz, Where
from apilog.cli.streams import ExitCode, is_terminal
from apilog.errors import UsageError
from apilog.options import ReadOptions, RecordOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apilog.alerts.manager import AlertManager
    from apilog.watch.dashboard import DashboardSubject
    from apilog.watch.frame import FrameView, WatchFrame

_SHORTEST = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFlags(RecordOptions):
    """How lines become records, and which of them are counted; time goes on by itself."""

    where: Where = None
    tz: Tz = "UTC"
    max_routes: MaxRoutes = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFlags:
    """What is shown, and how often."""

    interval: Annotated[
        str, typer.Option(metavar="TIME", help="How often to show the figures.")
    ] = "2s"
    window: Annotated[
        str, typer.Option(metavar="TIME", help="The last minutes that are counted; 7d at most.")
    ] = "5m"
    once: Annotated[
        bool, typer.Option("--once", help="Show once what is there, up to its newest request.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Write a line of JSON each interval.")] = (
        False
    )
    top: Annotated[
        int | None, typer.Option(min=1, help="Endpoints and errors of a line of JSON.")
    ] = None
    quiet: Quiet = False
    color: Color = "auto"

    @property
    def has_screen(self) -> bool:
        """Whether a dashboard takes the whole terminal."""
        is_plain = self.json or self.once or os.environ.get("TERM") == "dumb"
        return is_terminal() and not is_plain


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
    show: ViewFlags,
    from_start: Annotated[
        bool,
        typer.Option("--from-start", help="Read files from their beginning, not their last part."),
    ] = False,
    config: ConfigFile = None,
    state: AlertState = None,
) -> None:
    """Watch growing logs: rates, errors, latency and endpoints of the last minutes, live.

    Rotated files are followed, new files of a directory or glob are found. On a terminal the keys 1
    to 4 show the overview, endpoints, errors and consumers, p pauses, ? tells all keys, q leaves.
    Where stdout is no terminal, a line is written each interval. Alerts of the configuration are
    evaluated each interval. Ctrl-C ends it with exit code 130, q and SIGTERM with 0.
    """
    from apilog.alerts.manager import configured_alerts
    from apilog.watch.dashboard import DashboardSubject
    from apilog.watch.frame import SCREEN_TABLES, WATCH_TABLES
    from apilog.watch.session import WatchOptions, WatchSession, noted_signals, run_watch, show_once

    watch_options = WatchOptions(
        window=_parse_span("--window", show.window),
        read_options=read.convert_to(ReadOptions),
        from_start=from_start,
        once=show.once,
        tables=SCREEN_TABLES if show.has_screen else WATCH_TABLES,
    )
    interval = _parse_span("--interval", show.interval)
    named = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1:,} more"
    subject = DashboardSubject(sources=named, window=watch_options.window)
    view = _make_view(show, subject, files)
    print_problem = view.show_note if show.has_screen else streams.error
    alerts = configured_alerts(config, state, print_problem)
    session = WatchSession(files, watch_options, view.show_note, alerts)
    if show.once:
        show_once(session, view)
        _finish_delivery(alerts)
        problems = session.problems
        for problem in problems:
            streams.error(problem)
        raise typer.Exit(ExitCode.ERROR if problems else ExitCode.OK)
    with noted_signals() as signals:
        run_watch(session, view, interval, signals)
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


def _make_view(show: ViewFlags, subject: DashboardSubject, sources: Sequence[str]) -> FrameView:
    """Return the view that was asked for, or the one that suits stdout."""
    from apilog.render import OutputOptions
    from apilog.render.terminal import encode_lines
    from apilog.watch.dashboard import draw_dashboard
    from apilog.watch.line_view import LineView, format_json_line, format_text_line
    from apilog.watch.screen import ScreenView

    def print_note(text: str) -> None:
        if not show.quiet:
            streams.note(text)

    stream = streams.stdout_stream()
    if show.has_screen:
        return ScreenView(
            subject,
            print_note,
            stream,
            color=streams.color(to_terminal=True),
            sources=sources,
            size=streams.screen_size,
        )
    to_terminal = is_terminal()
    options = OutputOptions(
        width=streams.width(to_terminal=to_terminal), color=streams.color(to_terminal=to_terminal)
    )

    def draw_frame(frame: WatchFrame) -> bytes:
        if show.json:
            return format_json_line(frame, show.top)
        if show.once:
            return encode_lines(draw_dashboard(frame, subject, options.width), options)
        return format_text_line(frame)

    return LineView(stream, draw_frame, print_note)
