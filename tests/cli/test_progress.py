"""What the progress bar tells beside the bar."""

from __future__ import annotations

import pytest

from apilog.cli.lifecycle import describe_progress


@pytest.mark.parametrize(
    ("done", "total", "seconds", "said"),
    [
        (50_000_000, 200_000_000, 2.0, "50 MB of 200 MB  25 MB/s  6 s left"),
        (1_000, 7_200_001_000, 1.0, "1 kB of 7.2 GB  1 kB/s  83d 8h left"),
        (50_000_000, None, 2.0, "50 MB  25 MB/s"),
        (200, 200, 0.5, "200 B of 200 B  400 B/s"),
        (300, 200, 0.5, "300 B of 200 B  600 B/s"),
        (0, 200, 0.5, "0 B of 200 B  0 B/s"),
        (0, 0, 0.0, "0 B of 0 B  0 B/s"),
    ],
)
def test_rate_and_time_left_are_those_since_the_start(
    done: int, total: int | None, seconds: float, said: str
) -> None:
    assert describe_progress(done, total, seconds) == said
