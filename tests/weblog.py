"""Lines of access logs as nginx writes them: combined, with `$request_time` if there is one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

SAMPLE_LOGS = Path(__file__).resolve().parent.parent / "sample_logs"
START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


def line(
    path: str = "/v1/users/7",
    *,
    after: float = 0,
    method: str = "GET",
    status: int = 200,
    size: int = 100,
    ms: int | None = None,
    ip: str = "203.0.113.1",
    user: str = "-",
    agent: str = "curl/8.5",
    start: datetime = START,
) -> str:
    """One request, so many seconds after the start."""
    at = start + timedelta(seconds=after)
    text = (
        f"{ip} - {user} [{at:%d/%b/%Y:%H:%M:%S} +0000] "
        f'"{method} {path} HTTP/1.1" {status} {size} "-" "{agent}"'
    )
    return text if ms is None else f"{text} {ms / 1000:.3f}"


def write(path: Path, lines: Iterable[str]) -> Path:
    """A file of these lines."""
    path.write_bytes(b"".join(f"{text}\n".encode() for text in lines))
    return path
