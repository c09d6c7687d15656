"""Stored rejects read again: with the formats of now, some of them are records.

A line moves in one commit: it is a reject of the store or a record, never both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from apilog.engine.parse_chunks import (
    TOO_LONG_REASON,
    FileAccount,
    FileChunk,
    ReadSpec,
    parse_chunks,
)
from apilog.formats.detect import detect_plan
from apilog.formats.file_plan import UnrecognisedFormat, plan_file
from apilog.ingestion.ingest_run import IngestOptions, cast_to_schema
from apilog.schema import SCHEMA
from apilog.sources import LineChunk
from apilog.storage import FolderLike
from apilog.store import DataFile, StoreWriter
from apilog.store.data_files import read_verified


@dataclass(frozen=True, slots=True)
class RetrySummary:
    """What became of the stored rejects."""

    lines: int
    records: int
    """Those that are records now."""

    def format_text(self) -> str:
        """One sentence of it."""
        return f"of {self.lines:,} rejected lines {self.records:,} are records now"


def retry_rejects(store: FolderLike, options: IngestOptions | None = None) -> RetrySummary:
    """Read all stored rejects again, and move to the records those that can be read now.

    Lines that would now be skipped stay rejects. Raises InputError for what is no store.
    """
    options = options or IngestOptions()
    lines = records = 0
    with StoreWriter(store, create=False) as writer:
        for file in [f for f in writer.store.manifest.files if f.kind == "rejects"]:
            lines += file.rows
            records += _retry_file(writer, file, options)
            writer.commit()
    return RetrySummary(lines, records)


def _retry_file(writer: StoreWriter, file: DataFile, options: IngestOptions) -> int:
    stored = read_verified(writer.folder, file).with_row_index("at")
    found = [frame for frame in _read_rejected_lines(stored, options) if frame.height]
    if not found:
        return 0
    records = pl.concat(found)
    taken = records["at"]
    _recount_inputs(writer, dict(records["source"].value_counts().iter_rows()))
    writer.add_records(records.drop("at"))
    left = stored.filter(~pl.col("at").is_in(taken.implode())).drop("at")
    writer.drop_files([file])
    if left.height:
        writer.write_rows(left, "rejects", (file.first, file.last))
    return records.height


def _recount_inputs(writer: StoreWriter, moved: Mapping[str, int]) -> None:
    """Have the inputs know how many of their rejects are records now, by their sources.

    An input may have another path by now: one of that path comes first, then those whose path
    goes on like it, as rotated ones do.
    """
    inputs = {known: known for known in writer.store.manifest.inputs if known.rejects}
    for source, count in moved.items():
        likely = sorted(
            inputs, key=lambda i: (i.path != source, not i.path.startswith(source), i.path)
        )
        for before in likely:
            known = inputs[before]
            some = min(count, known.rejects)
            count -= some
            inputs[before] = replace(
                known, records=known.records + some, rejects=known.rejects - some
            )
    for before, known in inputs.items():
        if known != before:
            writer.save_checkpoint(known, before)


def _read_rejected_lines(stored: pl.DataFrame, options: IngestOptions) -> Iterator[pl.DataFrame]:
    """The records of the lines of each source, with the index of the line."""
    choice, wanted = options.choice, ReadSpec(columns=frozenset(SCHEMA), privacy=options.privacy)
    # Those whose lines were not kept stay what they are.
    whole = stored.filter(pl.col("reason") != TOO_LONG_REASON, pl.col("line").is_not_null())
    for part in whole.partition_by("source", maintain_order=True):
        lines = part["line"].str.join("\n")[0].encode() + b"\n"
        piece = FileChunk(
            FileAccount(part["source"][0]),
            LineChunk(data=lines, first_line=1, lines=part.height, position=0),
        )
        try:
            reading = plan_file(piece.path, lines, choice)
        except UnrecognisedFormat:
            continue
        for read in parse_chunks([piece], reading, wanted, None if choice else detect_plan):
            rows = read.value["line_number"] - 1
            yield cast_to_schema(read.value).with_columns(
                part["line_number"].gather(rows), part["at"].gather(rows)
            )
