"""Stored rejects read again: with the formats of now, some of them are records.

A line moves in one commit: it is a reject of the store or a record, never both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from apilog.engines.chunk import TOO_LONG, Piece, Wanted, read_pieces
from apilog.engines.reading import Unrecognised, reading_of
from apilog.formats.detect import detect
from apilog.ingest.options import IngestOptions
from apilog.ingest.run import as_records
from apilog.schema import SCHEMA
from apilog.sources import Chunk
from apilog.storage import Place
from apilog.store import DataFile, Writer
from apilog.store.files import read_intact


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of the stored rejects."""

    lines: int
    records: int
    """Those that are records now."""

    def text(self) -> str:
        """One sentence of it."""
        return f"of {self.lines:,} rejected lines {self.records:,} are records now"


def retry_rejects(store: Place, options: IngestOptions | None = None) -> Retried:
    """Read all stored rejects again, and move to the records those that can be read now.

    Lines that would now be skipped stay rejects. Raises InputError for what is no store.
    """
    options = options or IngestOptions()
    lines = records = 0
    with Writer(store, create=False) as writer:
        for file in [f for f in writer.store.manifest.files if f.kind == "rejects"]:
            lines += file.rows
            records += _retry(writer, file, options)
            writer.commit()
    return Retried(lines, records)


def _retry(writer: Writer, file: DataFile, options: IngestOptions) -> int:
    stored = read_intact(writer.folder, file).with_row_index("at")
    found = [frame for frame in _read(stored, options) if frame.height]
    if not found:
        return 0
    records = pl.concat(found)
    taken = records["at"]
    _recount(writer, dict(records["source"].value_counts().iter_rows()))
    writer.add_records(records.drop("at"))
    left = stored.filter(~pl.col("at").is_in(taken.implode())).drop("at")
    writer.drop([file])
    if left.height:
        writer.write(left, "rejects", (file.first, file.last))
    return records.height


def _recount(writer: Writer, moved: Mapping[str, int]) -> None:
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
            writer.know(known, before)


def _read(stored: pl.DataFrame, options: IngestOptions) -> Iterator[pl.DataFrame]:
    """The records of the lines of each source, with the index of the line."""
    choice, wanted = options.choice, Wanted(columns=frozenset(SCHEMA), privacy=options.privacy)
    # Those whose lines were not kept stay what they are.
    whole = stored.filter(pl.col("reason") != TOO_LONG, pl.col("line").is_not_null())
    for part in whole.partition_by("source", maintain_order=True):
        lines = part["line"].str.join("\n")[0].encode() + b"\n"
        piece = Piece(
            part["source"][0], Chunk(data=lines, first_line=1, lines=part.height, position=0)
        )
        try:
            reading = reading_of(piece.path, lines, choice)
        except Unrecognised:
            continue
        for read in read_pieces([piece], reading, wanted, None if choice else detect):
            rows = read.records["line_number"] - 1
            yield as_records(read.records).with_columns(
                part["line_number"].gather(rows), part["at"].gather(rows)
            )
