"""The account of all inputs: every line a record, a reject or skipped."""

from __future__ import annotations

from dataclasses import dataclass, field

from apilog.model import FileInput, InputSummary


@dataclass(slots=True)
class FileAccount:
    """What has been read of one input so far."""

    path: str
    lines: int = 0
    records: int = 0
    rejects: int = 0
    skipped: int = 0
    formats: dict[str, None] = field(default_factory=dict)
    """Names in the order in which they were found."""
    error: str | None = None
    hint: str = ""
    is_damaged: bool = False

    def add(self, *, records: int, rejects: int, skipped: int, formats: tuple[str, ...]) -> None:
        """Count one chunk."""
        self.lines += records + rejects + skipped
        self.records += records
        self.rejects += rejects
        self.skipped += skipped
        self.formats |= dict.fromkeys(formats)

    def done(self) -> FileInput:
        """The account as a report shows it."""
        return FileInput(
            path=self.path,
            format=" + ".join(self.formats) or None,
            lines=self.lines,
            records=self.records,
            rejects=self.rejects,
            skipped=self.skipped,
            error=self.error,
            hint=self.hint,
            is_damaged=self.is_damaged,
        )


def summary(files: list[FileAccount]) -> InputSummary:
    """All inputs together."""
    return InputSummary(
        lines=sum(f.lines for f in files),
        records=sum(f.records for f in files),
        rejects=sum(f.rejects for f in files),
        skipped=sum(f.skipped for f in files),
        files=tuple(f.done() for f in files),
    )
