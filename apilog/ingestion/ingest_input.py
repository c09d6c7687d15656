"""An input of a run that ingests, read in stretches with a commit after each.

It is opened when its turn comes, so that it is compared with all that was read before it. What
becomes of it is a table of states: no method asks in which order the others were called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from enum import Enum, auto
from typing import Protocol

from apilog.engine.parse_chunks import FileAccount
from apilog.ingestion.fingerprint import FingerprintIndex, KnownEntry
from apilog.ingestion.line_aligned import CommitBudget
from apilog.ingestion.opened_input import OpenedInput
from apilog.sources import DamagedSource, LineChunk, LogSource, MissingSource
from apilog.store import InputCheckpoint

_MOST_COMPRESSED = 8
"""How many compressed files of one content are recognised without decompressing them."""


class InputState(Enum):
    """The state of an input so far."""

    UNOPENED = "its turn has not come"
    EMPTY = "it holds no whole line yet"
    RESUMED = "it goes on from what is known"
    NEW = "it is read from its beginning"
    CONTINUED = "it is read on from what was known"
    KNOWN = "all of it is known"
    GONE = "it was moved or removed before it was opened"
    FAILED = "it can't be read"


class InputEvent(Enum):
    """Everything that can happen to an input."""

    OPENED_NEW = auto()
    OPENED_KNOWN = auto()
    """It begins with all that is known of an input."""
    OPENED_COPY = auto()
    """Another file holds all that it does."""
    ADVANCED = auto()
    """A stretch has read new lines."""
    STOOD_STILL = auto()
    """A stretch has found none."""
    VANISHED = auto()
    BROKE = auto()


TRANSITIONS: Mapping[tuple[InputState, InputEvent], InputState] = {
    (InputState.UNOPENED, InputEvent.OPENED_NEW): InputState.EMPTY,
    (InputState.UNOPENED, InputEvent.OPENED_KNOWN): InputState.RESUMED,
    (InputState.UNOPENED, InputEvent.OPENED_COPY): InputState.KNOWN,
    (InputState.EMPTY, InputEvent.ADVANCED): InputState.NEW,
    (InputState.EMPTY, InputEvent.STOOD_STILL): InputState.EMPTY,
    (InputState.RESUMED, InputEvent.ADVANCED): InputState.CONTINUED,
    (InputState.RESUMED, InputEvent.STOOD_STILL): InputState.KNOWN,
    (InputState.NEW, InputEvent.ADVANCED): InputState.NEW,
    (InputState.NEW, InputEvent.STOOD_STILL): InputState.NEW,
    (InputState.CONTINUED, InputEvent.ADVANCED): InputState.CONTINUED,
    (InputState.CONTINUED, InputEvent.STOOD_STILL): InputState.CONTINUED,
    (InputState.KNOWN, InputEvent.STOOD_STILL): InputState.KNOWN,
    **{
        (state, event): end
        for event, end in (
            # It was there when the run began: the next run takes what rotation has made of it.
            (InputEvent.VANISHED, InputState.GONE),
            (InputEvent.BROKE, InputState.FAILED),
        )
        for state in InputState
        if state not in (InputState.GONE, InputState.FAILED)
    },
}
"""The state after an event. There is no entry for what can't happen."""


class CheckpointSink(Protocol):
    """Takes how far inputs were read."""

    def save_checkpoint(
        self, checkpoint: InputCheckpoint, replaces: InputCheckpoint | None = None
    ) -> None:
        """See `StoreWriter.save_checkpoint`."""


class IngestInput:
    """A source as an engine reads it: only what is not known of it is read."""

    def __init__(
        self,
        source: LogSource,
        index: FingerprintIndex,
        budget: CommitBudget,
        *,
        final: bool,
        others: Collection[str] = (),
    ) -> None:
        """`others` are all files that the run reads."""
        self.source = source
        self.state = InputState.UNOPENED
        self.account = FileAccount(source.path, is_searched=source.is_searched)
        """The account of what this run has read of it."""
        self.bytes_read = 0
        self.note: str | None = None
        """Why it was left out, for people."""
        self._index = index
        self._budget = budget
        self._final = final
        self._others = others
        self._opened: OpenedInput | None = None
        self._known_before: KnownEntry | None = None
        """The entry of an earlier run, or of another source, that it goes on from."""
        self._reached: KnownEntry | None = None
        """The entry of what this stretch has read, until that is committed."""
        self._committed: KnownEntry | None = None
        """The entry of what earlier stretches of this run have read."""

    @property
    def path(self) -> str:
        """The path as users see it."""
        return self.source.path

    @property
    def size(self) -> int | None:
        """The bytes on disk; None for a pipe."""
        return self.source.size

    def read_head(self) -> bytes:
        """Return its first lines, if the chunks don't begin with them."""
        return self._opened.first_lines() if self._opened and self._base else b""

    def read_lines_before(self) -> bytes:
        """Return some lines right before the first chunk."""
        return self._opened.lines_before if self._opened else b""

    @property
    def records_before(self) -> int:
        """The number of its records that are known already."""
        return self._base.checkpoint.records if self._base else 0

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will be read of it."""
        return self.state is not InputState.UNOPENED and self._opened is None

    @property
    def _base(self) -> KnownEntry | None:
        return self._committed or self._known_before

    def chunks(self, chunk_bytes: int) -> Iterator[LineChunk]:
        """Read the lines that are not known yet, as far as the budget goes."""
        if self.is_finished or self._budget.is_spent:
            return
        opened = self._opened
        if opened is None:
            opened = self._opened = OpenedInput(
                self.source, self._index, self._budget, final=self._final, others=self._others
            )
            self._known_before = opened.base
            if opened.copy_of:
                self.note = f"{self.path} holds nothing that {opened.copy_of} doesn't: left out"
                self._apply_event(InputEvent.OPENED_COPY)
            else:
                self._apply_event(InputEvent.OPENED_KNOWN if opened.base else InputEvent.OPENED_NEW)
        try:
            yield from opened.chunks(chunk_bytes)
        except DamagedSource:
            self._note_reached(opened)
            raise
        self._note_reached(opened)

    def record_stretch(self, account: FileAccount, writer: CheckpointSink) -> None:
        """Have the writer note what was read in this stretch, given the account of it."""
        opened = self._opened
        if account.error and not isinstance(account.error, DamagedSource):
            if isinstance(account.error, MissingSource):
                self._apply_event(InputEvent.VANISHED)
                self.note = (
                    f"{self.path} was moved or removed before it was opened: "
                    "what it has become is taken by the next run"
                )
            else:
                self._apply_event(InputEvent.BROKE)
                self.account.error = account.error
                if not account.records:
                    self.account.rejects += account.rejects
                    self.account.skipped += account.skipped
            if self._reached:
                self._index.remove_entry(self._reached)
            self.close()
        elif opened:
            self.account.error = account.error
            if reached := self._reached:
                checkpoint = reached.checkpoint
                self.bytes_read += checkpoint.offset
                self.bytes_read -= self._base.checkpoint.offset if self._base else 0
                self.account.records += account.records
                self.account.rejects += account.rejects
                self.account.skipped += account.skipped
                self.account.formats |= account.formats
                self.account.doubts |= account.doubts
                reached.checkpoint = reached.stored = replace(
                    checkpoint,
                    records=checkpoint.records + account.records,
                    rejects=checkpoint.rejects + account.rejects,
                    skipped=checkpoint.skipped + account.skipped,
                    format=" + ".join(account.formats) or checkpoint.format,
                )
                # What an earlier run knew stays until the end: another source may hold just that.
                replaced = self._committed.stored if self._committed else None
                writer.save_checkpoint(reached.checkpoint, replaced)
                self._committed, self._reached = reached, None
            elif (known := self._known_before) and not known.failed and not self._committed:
                # It keeps the path of the first source that has this content.
                before = known.checkpoint
                packed = tuple(dict.fromkeys((*before.packed, *opened.compressed_fingerprints)))
                known.checkpoint = replace(
                    before,
                    path=known.claimed_by or self.path,
                    complete=before.complete or opened.is_complete,
                    packed=packed[-_MOST_COMPRESSED:],
                )
                if known.checkpoint != known.stored:
                    writer.save_checkpoint(known.checkpoint, known.stored)
                    known.stored = known.checkpoint
            if not opened.is_paused:
                self.close()

    def forget_superseded(self, writer: CheckpointSink) -> None:
        """At the end of the run, forget the checkpoint that this input has grown from.

        It stays if another source holds just that, as a copy does that nobody removes.
        """
        before = self._known_before
        if self._committed and before and before.stored and not before.claimed_by:
            writer.save_checkpoint(self._committed.checkpoint, replaces=before.stored)
            before.stored = None

    def close(self) -> None:
        if self._opened:
            self._opened.close()
            self._opened = None

    def _apply_event(self, event: InputEvent) -> None:
        self.state = TRANSITIONS[self.state, event]

    def _note_reached(self, opened: OpenedInput) -> None:
        """Have the sources that come later compared with what was read."""
        if fingerprint := opened.fingerprint():
            self._apply_event(InputEvent.ADVANCED)
            before = self._base.checkpoint if self._base else None
            checkpoint = InputCheckpoint(
                head_hash=fingerprint.head_hash,
                head_length=fingerprint.head_length,
                offset=fingerprint.offset,
                tail_hash=fingerprint.tail_hash,
                path=self.path,
                complete=opened.is_complete,
                lines=opened.lines,
                # The account of this stretch is added when it is committed.
                records=before.records if before else 0,
                rejects=before.rejects if before else 0,
                skipped=before.skipped if before else 0,
                format=before.format if before else None,
                packed=opened.compressed_fingerprints,
            )
            self._reached = KnownEntry(checkpoint, None, claimed_by=self.path)
            self._index.add_entry(self._reached)
        else:
            self._apply_event(InputEvent.STOOD_STILL)
            known = self._known_before
            if known and not self._committed:
                same = known.checkpoint.path
                if same != self.path and not self.note:
                    self.note = (
                        f"{self.path} has the same content as {same}, which is known: left out"
                    )
                known.claimed_by = known.claimed_by or self.path
        if not opened.is_paused:
            opened.close()
