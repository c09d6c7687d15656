"""What a run that ingests has done, as numbers and as a text for people."""

from __future__ import annotations

from dataclasses import dataclass

from apilog.model import FileInput, InputSummary
from apilog.units import format_bytes, format_count, format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What one run has added to a store."""

    input: InputSummary
    """Every input, with the lines that this run has read of it."""
    new: int
    """Inputs read from their beginning."""
    continued: int
    known: int
    """Inputs of which nothing was left to read."""
    failed: int
    seconds: float
    bytes_in: int
    """Of lines, decompressed."""
    bytes_out: int
    """Of files that were added to the store."""
    notes: tuple[str, ...]

    @property
    def errors(self) -> tuple[FileInput, ...]:
        """The inputs that could not be read, or not to their end."""
        return tuple(file for file in self.input.files if file.error)

    def lines(self) -> tuple[str, ...]:
        """The summary."""
        read = self.input
        files = {"new": self.new, "continued": self.continued, "already known": self.known}
        told = ", ".join(f"{format_count(count)} {name}" for name, count in files.items())
        failed = f", {format_count(self.failed)} failed" if self.failed else ""
        sizes = f"{format_bytes(self.bytes_in)} in, {format_bytes(self.bytes_out)} out"
        kinds = {"records": read.records, "rejects": read.rejects, "skipped": read.skipped}
        lines = " + ".join(f"{format_count(count)} {name}" for name, count in kinds.items())
        return (
            f"files: {told}{failed}",
            f"lines: {format_count(read.lines)} = {lines}",
            f"{sizes}, {format_duration(self.seconds * 1000)}",
        )
