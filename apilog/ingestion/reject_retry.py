"""Read stored rejects again: with today's formats, some of them are records.

A line moves in one commit: it is a reject of the store or a record, never both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from apilog.engine.parse_chunks import INCOMPLETE_REASONS, FileAccount, FileChunk, parse_chunks
from apilog.engine.source_pass import make_read_spec
from apilog.formats.file_plan import (
    FileSample,
    UnrecognisedFormat,
    parse_choice,
    plan_detector,
    plan_file,
)
from apilog.ingestion.ingest_run import cast_to_schema
from apilog.options import IngestOptions
from apilog.routes import NO_TEMPLATES
from apilog.schema import SCHEMA
from apilog.sources import LineChunk
from apilog.storage import FolderLike
from apilog.store import StoreWriter
from apilog.store.data_files import read_verified


@dataclass(frozen=True, slots=True)
class RetrySummary:
    """The number of stored rejects, and of those that are records now."""

    lines: int
    records: int

    def format_text(self) -> str:
        return f"of {self.lines:,} rejected lines {self.records:,} are records now"


def retry_rejects(store: FolderLike, options: IngestOptions | None = None) -> RetrySummary:
    """Read all stored rejects again, and move those that can be read now to the records.

    Lines that would now be skipped stay rejects. Raises InputError if there is no store.
    """
    options = options or IngestOptions()
    lines = records = 0
    with StoreWriter(store, create=False) as writer:
        for file in [f for f in writer.store.manifest.files if f.kind == "rejects"]:
            lines += file.rows
            stored = read_verified(writer.folder, file).with_row_index("at")
            frames = [frame for frame in _read_rejected_lines(stored, options) if frame.height]
            if not frames:
                continue
            moved = pl.concat(frames)
            records += moved.height
            checkpoints = {c: c for c in writer.store.manifest.inputs if c.rejects}
            for source, count in moved["source"].value_counts().iter_rows():
                # A reject has the path of its input when it was read. That may have changed since:
                # an input of that path comes first, then those whose path goes on like it, as
                # rotated ones do.
                for before in sorted(
                    checkpoints,
                    key=lambda c: (c.path != source, not c.path.startswith(source), c.path),
                ):
                    checkpoint = checkpoints[before]
                    share = min(count, checkpoint.rejects)
                    count -= share
                    checkpoints[before] = replace(
                        checkpoint,
                        records=checkpoint.records + share,
                        rejects=checkpoint.rejects - share,
                    )
            for before, checkpoint in checkpoints.items():
                if checkpoint != before:
                    writer.save_checkpoint(checkpoint, before)
            writer.add_records(moved.drop("at"))
            rest = stored.filter(~pl.col("at").is_in(moved["at"].implode())).drop("at")
            writer.drop_files([file])
            if rest.height:
                writer.write_rows(rest, "rejects", (file.first, file.last))
            writer.commit()
    return RetrySummary(lines, records)


def _read_rejected_lines(stored: pl.DataFrame, options: IngestOptions) -> Iterator[pl.DataFrame]:
    """Parse the lines of each source, and yield their records with the index of the reject."""
    choice, spec = parse_choice(options), make_read_spec(options, frozenset(SCHEMA))
    spec = replace(spec, templates=NO_TEMPLATES)
    # Rejects whose lines were not kept, or only in part, stay rejects.
    complete = stored.filter(
        ~pl.col("reason").is_in(INCOMPLETE_REASONS), pl.col("line").is_not_null()
    )
    for part in complete.partition_by("source", maintain_order=True):
        lines = part["line"].str.join("\n")[0].encode() + b"\n"
        chunk = FileChunk(
            FileAccount(part["source"][0]),
            LineChunk(data=lines, first_line=1, lines=part.height, position=0),
        )
        try:
            plan = plan_file(chunk.account.path, FileSample(first=lines, is_whole=True), choice)
        except UnrecognisedFormat:
            continue
        for parsed in parse_chunks([chunk], plan, spec, plan_detector(choice)):
            rows = parsed.value["line_number"] - 1
            yield cast_to_schema(parsed.value).with_columns(
                part["line_number"].gather(rows), part["at"].gather(rows)
            )
