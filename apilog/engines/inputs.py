"""The account of all inputs: every line a record, a reject or skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from apilog.engines.chunk import PieceAccount
from apilog.model import FileInput, InputSummary
from apilog.sources import DamagedSource, SourceError


@dataclass(slots=True)
class FileAccount:
    """What has been read of one input so far."""

    path: str
    records: int = 0
    rejects: int = 0
    skipped: int = 0
    formats: dict[str, None] = field(default_factory=dict)
    """Names in the order in which they were found."""
    error: SourceError | None = None

    def add(self, piece: PieceAccount) -> None:
        """Count some of its lines."""
        self.records += piece.records
        self.rejects += piece.rejects
        self.skipped += piece.skipped
        self.formats |= dict.fromkeys(piece.formats)

    def fail(self, error: SourceError) -> None:
        """Keep the error; a file that can't be read at all is worse than a damaged end."""
        if self.error is None or isinstance(self.error, DamagedSource):
            self.error = error

    def done(self) -> FileInput:
        """The account as a report shows it."""
        return FileInput(
            path=self.path,
            format=" + ".join(self.formats) or None,
            lines=self.records + self.rejects + self.skipped,
            records=self.records,
            rejects=self.rejects,
            skipped=self.skipped,
            error=self.error.reason if self.error else None,
            hint=self.error.hint if self.error else "",
            is_damaged=isinstance(self.error, DamagedSource),
        )


def summary(accounts: Sequence[FileAccount]) -> InputSummary:
    """All inputs together."""
    files = tuple(account.done() for account in accounts)
    return InputSummary(
        lines=sum(f.lines for f in files),
        records=sum(f.records for f in files),
        rejects=sum(f.rejects for f in files),
        skipped=sum(f.skipped for f in files),
        files=files,
    )
