"""Records, inputs and stores to try things with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from apilog.schema import SCHEMA
from apilog.store import InputCheckpoint, Store, StoreWriter

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def records(
    count: int, start: datetime = START, step: timedelta = timedelta(hours=1), first_line: int = 1
) -> pl.DataFrame:
    """That many records, each `step` after the one before; text is Categorical."""
    lines = list(range(first_line, first_line + count))
    frame = pl.DataFrame(
        {
            "timestamp": [start + step * n for n in range(count)],
            "gateway": ["nginx"] * count,
            "method": ["GET"] * count,
            "path": [f"/v1/users/{line}" for line in lines],
            "status": [200 + line % 3 for line in lines],
            "duration_ms": [line / 8 for line in lines],
            "line_number": lines,
        }
    )
    return frame.with_columns(
        pl.col(name).cast(SCHEMA[name]) for name in frame.columns if name != "method"
    ).with_columns(pl.col("method").cast(pl.Categorical(pl.Categories.random())))


def rejects(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "source": ["a.log"] * count,
            "line_number": list(range(1, count + 1)),
            "line": ["=cmd()\x1b[0m"] * count,
            "reason": ["not combined"] * count,
            "format": ["combined"] * count,
        }
    )


def known(name: str = "a.log", offset: int = 100) -> InputCheckpoint:
    return InputCheckpoint(
        head_hash="ab" * 32,
        head_length=100,
        offset=offset,
        tail_hash="cd" * 32,
        path=name,
        complete=False,
        lines=offset,
        records=offset,
        rejects=0,
        skipped=0,
        format="combined",
    )


def make(path: str | Path, *batches: pl.DataFrame) -> Store:
    """A store to which each batch was committed in a run of its own."""
    for number, batch in enumerate(batches):
        with StoreWriter(path) as writer:
            writer.add_records(batch)
            writer.save_checkpoint(known(f"{number}.log"))
            writer.commit()
    return Store.open(path)


def lines_in(store: Store) -> Sequence[int]:
    """The line numbers of all records, sorted."""
    found = store.scan_records().select("line_number").collect()["line_number"]
    return sorted(found.to_list())


def files_under(path: Path) -> set[str]:
    """Every data and manifest file of a store's folder, finished or not."""
    found = (p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    return {name for name in found if name != "lock"}


def expected_files(store: Store) -> set[str]:
    """The data files that a store should have on the disk."""
    return {file.name for file in store.manifest.files}


def assert_tidy(path: Path) -> None:
    """Nothing lies in the folder but the state and its latest manifests."""
    store = Store.open(path)
    found = files_under(path)
    manifests = {name for name in found if name.startswith("manifest/")}
    assert found - manifests == expected_files(store)
    assert 1 <= len(manifests) <= 3
    assert all(name.endswith(".json") for name in manifests)
