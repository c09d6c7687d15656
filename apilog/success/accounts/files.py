"""Account tables in files: CSV, NDJSON and Parquet, told by their ending, else by a look.

Texts come as they stand; a row that can't be read is a problem and leaves a gap in the numbers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl

from apilog.errors import InputError
from apilog.success.accounts.model import Problem, Raw

_SEPARATORS = ",;\t|"
_PARQUET = b"PAR1"
_JSON_ENDINGS = {".ndjson", ".jsonl", ".json"}


def read_file(name: str) -> Raw:
    """The table of a file; raises InputError if it can't be read at all."""
    path = Path(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"can't read the accounts of {name}: {error.strerror or error}",
            "--accounts takes a CSV, NDJSON or Parquet file, or the URL of a database",
        ) from error
    try:
        return _reader(path, data)(data)
    except (pl.exceptions.PolarsError, UnicodeError, csv.Error) as error:
        told = " ".join(str(error).split("\n")[0].split())
        raise InputError(f"can't read the accounts of {name}: {told}") from error


def _reader(path: Path, data: bytes) -> Callable[[bytes], Raw]:
    if data.startswith(_PARQUET):
        return lambda data: Raw.of(pl.read_parquet(io.BytesIO(data)))
    is_json = path.suffix.lower() in _JSON_ENDINGS or data.lstrip()[:1] == b"{"
    return _read_ndjson if is_json else _read_csv


def _read_csv(data: bytes) -> Raw:
    data = data.removeprefix(b"\xef\xbb\xbf")
    head = data[: data.find(b"\n")] if b"\n" in data else data
    if not head.strip():
        return Raw.of(pl.DataFrame())
    separator = max(_SEPARATORS, key=lambda char: head.count(char.encode()))
    try:
        frame = pl.read_csv(
            data,
            separator=separator,
            infer_schema=False,
            encoding="utf8-lossy",
            raise_if_empty=False,
        )
    except pl.exceptions.ComputeError:
        return _read_csv_by_row(data, separator)
    return Raw.of(frame)


def _read_csv_by_row(data: bytes, separator: str) -> Raw:
    """Row by row: some row has more cells than the head."""
    text = io.StringIO(data.decode("utf-8", "replace"), newline="")
    rows = csv.reader(text, delimiter=separator)
    names = next(rows)
    numbers: list[int] = []
    kept: list[list[str | None]] = []
    problems: list[Problem] = []
    for number, row in enumerate((row for row in rows if row), 1):
        if len(row) > len(names):
            problems.append(Problem(number, f"{len(row)} cells under {len(names)} names"))
            continue
        numbers.append(number)
        kept.append([*row, *[None] * (len(names) - len(row))])
    frame = pl.DataFrame(kept, schema=dict.fromkeys(names, pl.String), orient="row")
    return Raw(frame, pl.Series("row", numbers, dtype=pl.Int64), problems)


def _read_ndjson(data: bytes) -> Raw:
    lines = [line for line in data.splitlines() if line.strip()]
    if not lines:
        return Raw.of(pl.DataFrame())
    try:
        frame = pl.read_ndjson(b"\n".join(lines), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return _read_ndjson_by_line(lines)
    return Raw.of(frame) if frame.height == len(lines) else _read_ndjson_by_line(lines)


def _read_ndjson_by_line(lines: list[bytes]) -> Raw:
    """Line by line: some line is no object, or a name holds values of several types."""
    problems: list[Problem] = []
    found = dict(_objects(lines, problems))
    names = dict.fromkeys(name for row in found.values() for name in row)
    columns = {
        name: pl.Series([_told(row.get(name)) for row in found.values()], dtype=pl.String)
        for name in names
    }
    return Raw(pl.DataFrame(columns), pl.Series("row", [*found], dtype=pl.Int64), problems)


def _objects(
    lines: list[bytes], problems: list[Problem]
) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            yield number, row
        else:
            problems.append(Problem(number, "no JSON object"))


def _told(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return ";".join(text for item in value if (text := _told(item)) is not None)
    return json.dumps(value)
