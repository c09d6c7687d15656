"""A run that ingests two inputs and compacts; by itself, to be killed, or to be failed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from apilog.store import Store, StoreWriter, compact, verify
from tests.store.sample_stores import assert_tidy, known, lines_in, records, rejects

INPUTS = ("a.log", "b.log")
LINES = 14
"""Of each input."""


def ingest(path: Path) -> None:
    """Take what isn't known yet, a commit an input, each of the same two days."""
    with StoreWriter(path) as writer:
        for number, name in enumerate(INPUTS):
            if known(name, LINES) in writer.store.manifest.inputs:
                continue
            first = 1 + number * LINES
            writer.add_records(records(LINES, step=timedelta(hours=1), first_line=first))
            writer.add_rejects(rejects(1))
            writer.save_checkpoint(known(name, LINES))
            writer.commit()
    compact(path)


def assert_whole(path: Path) -> int:
    """The store holds each line of its known inputs once, intact; how many inputs it knows."""
    store = Store.open(path)
    inputs = len(store.manifest.inputs)
    assert lines_in(store) == list(range(1, 1 + inputs * LINES))
    assert store.scan_rejects().collect().height == inputs
    assert verify(path).damaged == ()
    return inputs


def assert_complete(path: Path) -> None:
    """A store that has all inputs, and nothing beside."""
    assert assert_whole(path) == len(INPUTS)
    assert verify(path).strangers == ()
    assert_tidy(path)


def forked(path: str) -> bool:
    """Make or complete the store there."""
    ingest(Path(path))
    return False
