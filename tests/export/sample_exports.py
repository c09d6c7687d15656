"""Logs to export, exports to look at; and an export that can be killed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from apilog.exports import ExportSummary, export
from apilog.options import ExportOptions
from apilog.time import PeriodLength
from tests.weblog import START, line, write

NOW = START + timedelta(days=400)
"""Long after every log here."""
TIMED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" $request_time'
)
"""The format of these logs: where a test reads one often, finding it takes longer than the rest."""
FEW = ("overview", "endpoints", "errors")
"""Tables that are soon made, where it does not matter which there are."""


def log(path: Path, hours: Iterable[float], start: datetime = START) -> Path:
    """A log of some requests around each of these hours after the start."""
    lines = [
        line(
            f"/v1/{'users' if n % 3 else 'orders'}/{n}",
            after=hour * 3600 + n,
            status=500 if n % 5 == 0 else 200,
            ms=10 + 7 * n,
            ip=f"203.0.113.{n}",
            user=f"app{n % 2}",
            start=start,
        )
        for hour in hours
        for n in range(1, 8)
    ]
    return write(path, lines)


def run(
    source: Path | list[Path],
    to: Path,
    *,
    now: datetime = NOW,
    every: PeriodLength = PeriodLength.DAY,
    format: str = "csv",
    closed_only: bool = False,
    keep: timedelta | None = None,
    force: bool = False,
    tables: Sequence[str] | None = FEW,
    **asked: Any,
) -> ExportSummary:
    """One export; further options are those of a report, `tables=None` asks for all."""
    options = ExportOptions(
        **asked,
        tables=tables,
        every=every,
        format=format,
        closed_only=closed_only,
        keep=keep,
        force=force,
    )
    sources = [source] if isinstance(source, Path) else source
    return export(sources, to, options, now=now)


def mark(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "period.json").read_bytes())
    return found


def names(to: Path) -> list[str]:
    """The folders that a reader sees."""
    return sorted(p.name for p in to.iterdir() if p.is_dir() and not p.name.startswith("."))


def state(to: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file with what tells whether it was written again: inode, time and content."""
    files = (p for p in to.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {
        p.relative_to(to).as_posix(): (p.stat().st_ino, p.stat().st_mtime_ns, p.read_bytes())
        for p in files
    }


def hidden(to: Path) -> set[str]:
    """What lies there without being shown."""
    return {p.name for p in to.iterdir() if p.name.startswith(".")} - {".export.lock"}


def whole_periods(to: Path) -> Iterator[dict[str, Any]]:
    """The marks of all folders; each must hold exactly the files that it names."""
    for name in names(to) if to.exists() else ():
        found = mark(to / name)
        # A run that is cut off while it closes a period may leave the last rename to the next one.
        assert found["folder"] in (name, name.removesuffix(".open"))
        sizes = {p.name: p.stat().st_size for p in (to / name).iterdir()}
        del sizes["period.json"]
        assert sizes == {file: about["size"] for file, about in found["files"].items()}
        yield found


def forked(source: str, to: str) -> bool:
    """Export the log, in a process of its own that can be killed."""
    run(Path(source), Path(to), log_format=TIMED)
    return False
