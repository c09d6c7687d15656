"""What `check`, `baseline` and `compare` share: how sources are read, and when it went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from apilog.cli.streams import ExitCode

if TYPE_CHECKING:
    from apilog.checks.measure import Window
    from apilog.checks.reading import Reading
    from apilog.model import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """The options on reading, as they were given."""

    log_format: str | None
    nginx_conf: Path | None
    where: str | None
    routes: Sequence[str]
    max_routes: int
    rejects: Path | None
    force: bool
    no_progress: bool

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """How the sources are read; its files are complete when the block ends."""
        from apilog.checks.reading import Reading
        from apilog.cli.interrupts import heed_interrupts
        from apilog.cli.progress import watched
        from apilog.cli.rejects import writing
        from apilog.engines.select import where
        from apilog.formats.choice import choose
        from apilog.routes import parse_rules

        choice, rules = choose(self.log_format, self.nginx_conf), parse_rules(self.routes)
        condition = where(self.where) if self.where is not None else None
        heed_interrupts()
        with (
            writing(self.rejects, force=self.force) as sink,
            watched(shown=not self.no_progress) as progress,
        ):
            yield Reading(
                choice=choice,
                rules=rules,
                where=condition,
                max_routes=self.max_routes,
                progress=progress,
                rejects=sink,
            )


def window_of(since: str | None, until: str | None, tz: str) -> Window:
    """The time that `--since` and `--until` mean."""
    from apilog.checks.measure import Window
    from apilog.reports.options import limits

    start, end = limits(since, until, tz)
    return Window(since=start, until=end)


def stop_if_nothing_read(report: Report, *, strict: bool, quiet: bool) -> None:
    """End with an error if there were inputs and none could be read."""
    from apilog.cli.outcome import tell_errors
    from apilog.reports import nothing_read

    if nothing_read(report):
        tell_errors(report, strict=strict, quiet=quiet)
        raise typer.Exit(ExitCode.ERROR)
