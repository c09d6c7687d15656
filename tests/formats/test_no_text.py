"""Files that are no text: the error says so, instead of quoting bytes."""

from __future__ import annotations

import io
import random
from pathlib import Path

import polars as pl
import pytest

from tests.commands import Run
from tests.weblog import line

_PARQUET = io.BytesIO()
pl.DataFrame({"a": range(300)}).write_parquet(_PARQUET)
_NOISE = random.Random(14).randbytes(4000)


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        (b"\x7fELF\2\1\1" + bytes(500), "this is a program, not a log", "name the log itself"),
        (b"\x89PNG\r\n\x1a\n" + _NOISE, "this is a PNG image", "name the log itself"),
        (b"SQLite format 3\0" + bytes(500), "this is a SQLite database", "name the log itself"),
        (_NOISE, "this is no text", "gzip, bzip2, xz or zstd"),
    ],
)
@pytest.mark.parametrize("options", [[], ["-l", "combined"]])
def test_a_file_that_is_no_text_is_named(
    run: Run, tmp_path: Path, data: bytes, what: str, hint: str, options: list[str]
) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(data)
    done = run("report", path, *options)
    error, advice = done.stderr.splitlines()
    assert (done.code, done.stdout) == (2, b"")
    assert error.startswith(f"apilog: error: {path}: {what}")
    assert hint in advice


def test_a_table_of_something_else_is_no_log(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "numbers.parquet"
    path.write_bytes(_PARQUET.getvalue())
    done = run("report", path)
    assert (done.code, done.stdout) == (2, b"")
    assert done.stderr.startswith(f"apilog: error: {path}: ")


@pytest.mark.slow
def test_text_with_some_odd_bytes_is_text(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(b"\x1b[31mno\x1b[0m access \xe4\xf6\xfc line here at all\n" * 20)
    assert "no known format" in run("report", path).stderr
    path.write_bytes(bytes(50) + line().encode() + b"\n" + f"{line()}\n".encode() * 5)
    assert run("report", path).code == 0
