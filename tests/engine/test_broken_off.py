"""Inputs that break off within a line: what is left of it is a reject, never a record."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

import apilog
from tests.weblog import line

LINES = [line(after=i, ms=1234) for i in range(30)]
OBJECTS = [
    json.dumps({"time": f"2026-11-21T10:00:{i:02}Z", "path": "/a", "status": 200, "bytes": 12345})
    for i in range(30)
]


def broken_archive(path: Path, text: bytes) -> Path:
    """An archive that ends after this text, without its checksum."""
    # Stored without compression, so that every byte of the text stands in the archive.
    path.write_bytes(gzip.compress(text, compresslevel=0)[:-8])
    return path


@pytest.mark.parametrize("left", [1, 30, len(LINES[0]) - 3, len(LINES[0]) - 1, len(LINES[0])])
def test_the_last_line_of_a_cut_archive_is_a_reject(tmp_path: Path, left: int) -> None:
    whole = "".join(f"{text}\n" for text in LINES)
    log = broken_archive(tmp_path / "access.log.gz", (whole + LINES[0][:left]).encode())
    rejects: list[pl.DataFrame] = []
    found = apilog.report([log], rejects=rejects.append)
    account = found.input.files[0]
    assert (account.lines, account.records, account.rejects) == (31, 30, 1)
    assert account.is_damaged
    # 1.234 s, of which a cut line shows 1.2 or 1 s.
    assert found.tables["overview"]["latency_min_ms"].item() == 1234.0
    (row,) = pl.concat(rejects).rows(named=True)
    assert row["line"] == LINES[0][:left]
    assert (row["line_number"], row["reason"]) == (31, "cut off: the input broke off within it")


def test_an_archive_that_is_cut_between_lines_loses_none(tmp_path: Path) -> None:
    whole = "".join(f"{text}\n" for text in LINES)
    account = apilog.report([broken_archive(tmp_path / "a.log.gz", whole.encode())]).input
    assert (account.lines, account.records, account.rejects) == (30, 30, 0)


def test_a_log_whose_writer_is_not_done_may_end_in_a_line(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("\n".join(LINES))
    account = apilog.report([log]).input
    assert (account.lines, account.records, account.rejects) == (30, 30, 0)


def test_an_object_of_an_array_that_is_cut_is_a_reject(tmp_path: Path) -> None:
    text = "[" + ",\n".join(OBJECTS)
    account = apilog.report([broken_archive(tmp_path / "a.json.gz", text[:-4].encode())]).input
    assert (account.lines, account.records, account.rejects) == (30, 29, 1)


def test_ingest_keeps_the_rest_as_a_reject_for_good(tmp_path: Path) -> None:
    whole = "".join(f"{text}\n" for text in LINES)
    log = broken_archive(tmp_path / "access.log.gz", (whole + LINES[0][:-1]).encode())
    store = tmp_path / "store"
    apilog.ingest([log], store=store)
    apilog.ingest([log], store=store)
    assert apilog.report([store]).input.records == 30
