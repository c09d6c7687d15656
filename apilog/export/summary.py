"""What a run that exports has done, as names and as a text for people."""

from __future__ import annotations

from dataclasses import dataclass, field

from apilog.model import Report
from apilog.units import format_count


@dataclass(frozen=True, slots=True)
class Exported:
    """What one run has done; lists are names of folders, in order of time."""

    report: Report
    """The account of the inputs; without tables."""
    notes: list[str]
    new: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Left as they are, because the sources have fewer requests than were exported."""
    cut: list[str] = field(default_factory=list)
    """Not written, because the limits cut them."""
    removed: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The summary."""
        counts = {
            "new": self.new,
            "rewritten": self.rewritten,
            "unchanged": self.unchanged,
            "kept, of which the sources have less": self.kept,
            "left out, of which the limits cut off a part": self.cut,
            "removed": self.removed,
        }
        always = ("new", "rewritten", "unchanged")
        told = (
            f"{format_count(len(names))} {what}"
            for what, names in counts.items()
            if names or what in always
        )
        return f"periods: {', '.join(told)}"
