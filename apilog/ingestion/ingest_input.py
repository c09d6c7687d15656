"""An input of a run that ingests: only what is not known of it is read.

It is opened when its turn comes, so that it is compared with all that was read before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from enum import Enum

from apilog.engine.parse_chunks import FileAccount
from apilog.ingestion.fingerprint import Fingerprint, FingerprintIndex, KnownEntry
from apilog.ingestion.line_aligned import CommitBudget
from apilog.ingestion.opened_input import OpenedInput
from apilog.sources import DamagedSource, LineChunk, LogSource, MissingSource, SourceError
from apilog.store import InputCheckpoint, StoreWriter

_MOST_PACKED = 8
"""So many compressed files of one content are told without decompressing them."""


class InputState(Enum):
    """What became of an input."""

    UNREAD = "not read to its end"
    NEW = "new"
    CONTINUED = "continued"
    KNOWN = "already known"
    NOTHING = "holds no whole line yet"
    GONE = "moved or removed before it was opened"
    FAILED = "can't be read"


class IngestInput:
    """A source as an engine reads it: in stretches, with a commit after each."""

    def __init__(
        self,
        source: LogSource,
        index: FingerprintIndex,
        allowance: CommitBudget,
        *,
        final: bool,
        others: Collection[str] = (),
    ) -> None:
        """`others` are all files that the run reads."""
        self.source = source
        self.state = InputState.UNREAD
        self.account = FileAccount(source.path)
        """What this run has read of it."""
        self.bytes_read = 0
        self.same_as: str | None = None
        """The path of an input that has the same content."""
        self.copy_of: str | None = None
        """The path of an input that holds all that this one does."""
        self._index = index
        self._allowance = allowance
        self._final = final
        self._others = others
        self._opened: OpenedInput | None = None
        self._outcome = InputState.NEW
        self._base: KnownEntry | None = None
        """What was known before this stretch."""
        self._now: KnownEntry | None = None
        """What is known after it; None if that is the same."""
        self._own: KnownEntry | None = None
        """What is known after the last stretch that was committed."""
        self._grown: KnownEntry | None = None
        """What an earlier run knew of it."""
        self._is_first = True
        """Whether it is the first source with the content of `_base`."""

    @property
    def path(self) -> str:
        """As users see it."""
        return self.source.path

    @property
    def size(self) -> int | None:
        """Bytes on disk; None for a pipe."""
        return self.source.size

    @property
    def head(self) -> bytes:
        """Its first lines, if the chunks don't begin with them."""
        return self._opened.first_lines() if self._opened and self._base else b""

    def chunks(self, chunk_bytes: int) -> Iterator[LineChunk]:
        """The lines that are not known yet, as far as the allowance goes."""
        if self.state is not InputState.UNREAD or self._allowance.is_spent:
            return
        opened = self._opened = self._opened or self._open_input()
        try:
            yield from opened.chunks(chunk_bytes)
        except DamagedSource:
            self._note_reached(opened)
            raise
        self._note_reached(opened)

    def record_stretch(self, account: FileAccount, writer: StoreWriter) -> None:
        """Have the writer know what was read in this stretch, given the account of it."""
        if account.error and not isinstance(account.error, DamagedSource):
            self._give_up(account.error)
        elif self._opened and self.state is InputState.UNREAD:
            self.account.error = account.error
            if self._now:
                self._commit_checkpoint(self._now, account, writer)
            elif self._base and self._base is not self._own:
                self._confirm_known(self._base, self._opened, writer)
            if not self._opened.is_paused:
                self.state = self._outcome
                self.close()

    def forget_superseded(self, writer: StoreWriter) -> None:
        """At the end of the run: forget how it was before it grew, unless another source is so."""
        grown = self._grown
        if self._own and grown and grown.stored and not grown.claimed:
            writer.save_checkpoint(self._own.known, grown.stored)
            grown.stored = None

    def close(self) -> None:
        """Read no more of it."""
        if self._opened:
            self._opened.close()
            self._opened = None

    def _open_input(self) -> OpenedInput:
        opened = OpenedInput(
            self.source, self._index, self._allowance, final=self._final, others=self._others
        )
        self._base = opened.base
        self._outcome = InputState.CONTINUED if opened.base else InputState.NOTHING
        if opened.copy_of:
            self.copy_of, self._outcome = opened.copy_of, InputState.KNOWN
        return opened

    def _note_reached(self, opened: OpenedInput) -> None:
        """Have the sources that come later compared with what was read."""
        if identity := opened.fingerprint():
            if not self._base:
                self._outcome = InputState.NEW
            self._now = KnownEntry(self._make_checkpoint(identity, opened), None, claimed=True)
            self._index.add(self._now)
        elif (base := self._base) and base is not self._own:
            self._outcome = InputState.KNOWN
            self.same_as = base.known.path if base.known.path != self.path else None
            self._is_first, base.claimed = not base.claimed, True
        if not opened.is_paused:
            opened.close()

    def _make_checkpoint(self, identity: Fingerprint, opened: OpenedInput) -> InputCheckpoint:
        """What is known of it, without this stretch's account."""
        before = self._base.known if self._base else None
        return InputCheckpoint(
            head_hash=identity.head_hash,
            head_length=identity.head_length,
            offset=identity.offset,
            tail_hash=identity.tail_hash,
            path=self.path,
            complete=opened.is_complete,
            lines=opened.lines,
            records=before.records if before else 0,
            rejects=before.rejects if before else 0,
            skipped=before.skipped if before else 0,
            format=before.format if before else None,
            packed=opened.compressed_fingerprints,
        )

    def _commit_checkpoint(
        self, now: KnownEntry, account: FileAccount, writer: StoreWriter
    ) -> None:
        base = self._base
        now.known = now.stored = replace(
            now.known,
            records=now.known.records + account.records,
            rejects=now.known.rejects + account.rejects,
            skipped=now.known.skipped + account.skipped,
            format=" + ".join(account.formats) or now.known.format,
        )
        self.account.records += account.records
        self.account.rejects += account.rejects
        self.account.skipped += account.skipped
        self.account.formats |= account.formats
        writer.save_checkpoint(now.known, base.stored if base and base is self._own else None)
        if base and base is not self._own:
            self._grown = base
        self.bytes_read += now.known.offset - (base.known.offset if base else 0)
        self._base, self._own, self._now = now, now, None

    def _confirm_known(self, base: KnownEntry, opened: OpenedInput, writer: StoreWriter) -> None:
        """Keep what is known, with the path of the first source that has this content."""
        if base.failed:
            return
        complete = base.known.complete or opened.is_complete
        path = self.path if self._is_first else base.known.path
        packed = tuple(dict.fromkeys((*base.known.packed, *opened.compressed_fingerprints)))[
            -_MOST_PACKED:
        ]
        base.known = replace(base.known, path=path, complete=complete, packed=packed)
        if base.known != base.stored:
            writer.save_checkpoint(base.known, base.stored)
            base.stored = base.known

    def _give_up(self, error: SourceError) -> None:
        # It was there when the run began: what rotation made of it is taken by the next run.
        if isinstance(error, MissingSource):
            self.state = InputState.GONE
        else:
            self.state, self.account.error = InputState.FAILED, error
        if self._now:
            self._index.remove(self._now)
        self.close()
