"""What starts like an object: whole, broken, or not ended yet.

An object is taken to be broken only if a valid one starts within it, or if it holds what no
JSON holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from apilog.sources.framing.scan import BraceScan, Stop, is_sound, seams

MAX_SEAMS = 8
"""How many places are tried where another object may start."""


def broken_until(data: bytes, start: int, stop: Stop, end: int) -> int | None:
    """Where to go on after a broken object; `start` if it is not broken.

    None if more bytes are needed to know. `stop` and `end` are what its scan gave.
    """
    candidates = list(islice(seams(data, start + 1, end), MAX_SEAMS))
    soundness = [is_sound(data, seam) for seam in candidates]
    if True in soundness or stop is Stop.ASTRAY:
        return min([*candidates, end])
    return None if None in soundness else start


@dataclass(slots=True)
class EndlessObject:
    """An object that is longer than a line may be."""

    scan: BraceScan = field(default_factory=BraceScan)

    def run(self, data: bytes, at: int) -> tuple[int, bool]:
        """How far it goes, and whether it ends there."""
        stop, end = self.scan.run(data, at)
        for seam in islice(seams(data, at, end), MAX_SEAMS):
            if is_sound(data, seam):
                return seam, True
        return end, stop is not Stop.OPEN


@dataclass(frozen=True, slots=True)
class EndlessText:
    """A text that is longer than a line may be, matched by a pattern."""

    pattern: re.Pattern[bytes]

    def run(self, data: bytes, at: int) -> tuple[int, bool]:
        """How far it goes, and whether it ends there."""
        found = self.pattern.match(data, at)
        end = found.end() if found else at
        return end, end < len(data)
