"""The states of an input: the table is whole, and runs go through it as it says."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from apilog.engine.parse_chunks import FileAccount
from apilog.engine.store_parts import find_logs
from apilog.ingestion.fingerprint import FingerprintIndex
from apilog.ingestion.ingest_input import TRANSITIONS, IngestInput, InputEvent, InputState
from apilog.ingestion.line_aligned import CommitBudget
from apilog.sources import MissingSource
from apilog.store import InputCheckpoint, StoreWriter
from tests.ingest.numbered_logs import lines

OPENINGS = {InputEvent.OPENED_NEW, InputEvent.OPENED_KNOWN, InputEvent.OPENED_COPY}
ENDS = {InputState.GONE, InputState.FAILED}


def test_an_input_is_opened_once_and_only_before_all_else() -> None:
    for state, event in TRANSITIONS:
        assert (state is InputState.UNOPENED) or event not in OPENINGS
    assert {(InputState.UNOPENED, event) for event in OPENINGS} <= {*TRANSITIONS}
    assert InputState.UNOPENED not in TRANSITIONS.values()


def test_every_state_can_be_reached_and_every_opened_one_survives_a_stretch() -> None:
    assert {*TRANSITIONS.values()} == {*InputState} - {InputState.UNOPENED}
    for state in {*InputState} - ENDS - {InputState.UNOPENED}:
        assert (state, InputEvent.STOOD_STILL) in TRANSITIONS
        assert TRANSITIONS[state, InputEvent.BROKE] is InputState.FAILED
        assert TRANSITIONS[state, InputEvent.VANISHED] is InputState.GONE


def test_nothing_happens_after_the_end() -> None:
    assert not [state for state, _ in TRANSITIONS if state in ENDS]


class Stretches:
    """One input, read in stretches as a run would."""

    def __init__(self, log: Path, writer: StoreWriter) -> None:
        (source,), _ = find_logs([log])
        self.writer = writer
        self.budget = CommitBudget(1 << 30)
        index = FingerprintIndex(writer.store.manifest.inputs)
        self.input = IngestInput(source, index, self.budget, final=False)

    def read(self, budget: int = 1 << 30) -> InputState:
        """Read a stretch of that many bytes, and commit it."""
        self.budget.left = budget
        for _ in self.input.chunks(4_000):
            pass
        self.input.record_stretch(FileAccount(self.input.path), self.writer)
        self.writer.commit()
        return self.input.state

    def finish(self) -> tuple[InputCheckpoint, ...]:
        self.input.forget_superseded(self.writer)
        return self.writer.commit().manifest.inputs


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def test_a_new_input_is_new_in_all_its_stretches(tmp_path: Path, log: Path) -> None:
    log.write_bytes(lines(range(20_000)))
    with StoreWriter(tmp_path / "store") as writer:
        run = Stretches(log, writer)
        assert run.input.state is InputState.UNOPENED
        while not run.input.is_finished:
            assert run.read(20_000) is InputState.NEW
        (checkpoint,) = run.finish()
    assert (checkpoint.lines, checkpoint.offset) == (20_000, log.stat().st_size)
    assert run.input.bytes_read == checkpoint.offset
    assert writer.store.manifest.generation > 4


def test_an_input_that_grew_replaces_what_it_was(tmp_path: Path, log: Path) -> None:
    with StoreWriter(tmp_path / "store") as writer:
        for count in (0, 100, 100, 300):
            log.write_bytes(lines(range(count)))
            run = Stretches(log, writer)
            state = run.read(1_000)
            while not run.input.is_finished:
                assert run.read(1_000) is state
            inputs = run.finish()
            assert (
                state
                is {
                    0: InputState.EMPTY,
                    100: InputState.NEW if run.input.bytes_read else InputState.KNOWN,
                    300: InputState.CONTINUED,
                }[count]
            )
            assert [known.lines for known in inputs] == ([count] if count else [])


def test_a_copy_that_holds_less_is_known_without_a_stretch(tmp_path: Path, log: Path) -> None:
    log.write_bytes(lines(range(1000)))
    with StoreWriter(tmp_path / "store") as writer:
        Stretches(log, writer).read()
        log.with_suffix(".gz").write_bytes(gzip.compress(lines(range(900))))
        run = Stretches(log.with_suffix(".gz"), writer)
        assert run.read() is InputState.KNOWN
        assert run.input.is_finished
        assert "holds nothing that" in str(run.input.note)
        assert len(run.finish()) == 1


def test_a_spent_budget_leaves_an_input_unopened(tmp_path: Path, log: Path) -> None:
    log.write_bytes(lines(range(10)))
    with StoreWriter(tmp_path / "store") as writer:
        run = Stretches(log, writer)
        assert run.read(0) is InputState.UNOPENED
        assert not run.input.is_finished
        assert run.read() is InputState.NEW


def test_an_input_that_is_gone_is_left_to_the_next_run(tmp_path: Path, log: Path) -> None:
    log.write_bytes(lines(range(10)))
    with StoreWriter(tmp_path / "store") as writer:
        run = Stretches(log, writer)
        log.unlink()
        with pytest.raises(MissingSource) as missing:
            run.read()
        run.input.record_stretch(FileAccount(run.input.path, error=missing.value), writer)
        assert run.input.state is InputState.GONE
        assert run.input.is_finished
        assert run.finish() == ()
