"""Account tables as they are read from files (CSV, NDJSON, Parquet) and databases (through ADBC).

A row that can't be read is reported and leaves a gap in the row numbers. No message holds more of
a database URL than its scheme: it may contain a password.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from apilog.errors import InputError, UsageError, install_hint


@dataclass(frozen=True, slots=True)
class BadAccountRow:
    """A row that is left out."""

    row: int
    """Its number, from 1; a head and blank lines don't count."""
    reason: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class RawAccountTable:
    """A table as it was read, under its own names."""

    frame: pl.DataFrame
    rows: pl.Series
    """The number of each of its rows."""
    bad_rows: list[BadAccountRow] = field(default_factory=list)

    @classmethod
    def complete(cls, frame: pl.DataFrame) -> RawAccountTable:
        """A table of which every row could be read."""
        return cls(frame, pl.int_range(1, frame.height + 1, eager=True).alias("row"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts, and who their consumers are."""

    frame: pl.DataFrame
    """A row an account, its position being its id: the columns of `COLUMNS` but `consumers`, and
    those asked for by `--by`, as String."""
    claims: pl.DataFrame
    """`consumer`, ascending and unique, and the `id` (UInt32) of its account."""
    notes: tuple[str, ...]
    """What was assumed, and the rows that are left out."""
    bad_rows: int


_SEPARATORS = ",;\t|"
_PARQUET = b"PAR1"
_JSON_ENDINGS = {".ndjson", ".jsonl", ".json"}


def read_account_file(name: str) -> RawAccountTable:
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
        return _choose_reader(path, data)(data)
    except (pl.exceptions.PolarsError, UnicodeError, csv.Error) as error:
        told = " ".join(str(error).split("\n")[0].split())
        raise InputError(f"can't read the accounts of {name}: {told}") from error


def _choose_reader(path: Path, data: bytes) -> Callable[[bytes], RawAccountTable]:
    if data.startswith(_PARQUET):
        return lambda data: RawAccountTable.complete(pl.read_parquet(io.BytesIO(data)))
    is_json = path.suffix.lower() in _JSON_ENDINGS or data.lstrip()[:1] == b"{"
    return _read_ndjson if is_json else _read_csv


def _read_csv(data: bytes) -> RawAccountTable:
    data = data.removeprefix(b"\xef\xbb\xbf")
    head = data[: data.find(b"\n")] if b"\n" in data else data
    if not head.strip():
        return RawAccountTable.complete(pl.DataFrame())
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
    return RawAccountTable.complete(frame)


def _read_csv_by_row(data: bytes, separator: str) -> RawAccountTable:
    """Row by row: some row has more cells than the head."""
    text = io.StringIO(data.decode("utf-8", "replace"), newline="")
    rows = csv.reader(text, delimiter=separator)
    names = next(rows)
    numbers: list[int] = []
    kept: list[list[str | None]] = []
    problems: list[BadAccountRow] = []
    for number, row in enumerate((row for row in rows if row), 1):
        if len(row) > len(names):
            problems.append(BadAccountRow(number, f"{len(row)} cells under {len(names)} names"))
            continue
        numbers.append(number)
        kept.append([*row, *[None] * (len(names) - len(row))])
    frame = pl.DataFrame(kept, schema=dict.fromkeys(names, pl.String), orient="row")
    return RawAccountTable(frame, pl.Series("row", numbers, dtype=pl.Int64), problems)


def _read_ndjson(data: bytes) -> RawAccountTable:
    lines = [line for line in data.splitlines() if line.strip()]
    if not lines:
        return RawAccountTable.complete(pl.DataFrame())
    try:
        frame = pl.read_ndjson(b"\n".join(lines), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return _read_ndjson_by_line(lines)
    return (
        RawAccountTable.complete(frame)
        if frame.height == len(lines)
        else _read_ndjson_by_line(lines)
    )


def _read_ndjson_by_line(lines: list[bytes]) -> RawAccountTable:
    """Line by line: some line is no object, or a name holds values of several types."""
    problems: list[BadAccountRow] = []
    found = dict(_json_objects(lines, problems))
    names = dict.fromkeys(name for row in found.values() for name in row)
    columns = {
        name: pl.Series([_cell_text(row.get(name)) for row in found.values()], dtype=pl.String)
        for name in names
    }
    return RawAccountTable(
        pl.DataFrame(columns), pl.Series("row", [*found], dtype=pl.Int64), problems
    )


def _json_objects(
    lines: list[bytes], problems: list[BadAccountRow]
) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            yield number, row
        else:
            problems.append(BadAccountRow(number, "no JSON object"))


def _cell_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return ";".join(text for item in value if (text := _cell_text(item)) is not None)
    return json.dumps(value)


_DRIVERS = {
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
    "sqlite": "adbc_driver_sqlite",
}
_URL_HINT = "it takes postgresql://user:password@host/database and sqlite:///path"


def is_database_url(source: str) -> bool:
    """Whether accounts are to be read by a query."""
    return "://" in source


def read_database(url: str, query: str | None) -> RawAccountTable:
    """The rows that a query gives.

    Raises UsageError for a kind of database that isn't known, a missing query or driver, and
    InputError for what the database refuses.
    """
    scheme = url.partition("://")[0].lower()
    driver = _DRIVERS.get(scheme)
    if driver is None:
        raise UsageError(f"--accounts: there is no database of the kind {scheme!r}", _URL_HINT)
    if not query:
        raise UsageError(
            "accounts of a database need a query",
            'add --accounts-query "SELECT id AS account, created_at AS signed_up_at FROM …"',
        )
    if find_spec(driver) is None:
        raise UsageError(
            f"reading accounts from {scheme} needs a driver that isn't installed",
            install_hint("db"),
        )
    if scheme == "sqlite":
        _check_sqlite_file(url)
    return RawAccountTable.complete(_run_query(url, query))


def _run_query(url: str, query: str) -> pl.DataFrame:
    import adbc_driver_manager

    try:
        frame = pl.read_database_uri(query, url, engine="adbc")
    except (adbc_driver_manager.Error, pl.exceptions.PolarsError, ValueError) as error:
        raise InputError(
            f"can't read the accounts from the database: {_safe_message(error, url)}",
            "try the URL and the query with the database's own client",
        ) from None  # what was raised may show the URL
    # Types that Arrow does not know, such as PostgreSQL's numeric, are texts within.
    own = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.BaseExtension)]
    return frame.with_columns(pl.col(own).ext.storage()) if own else frame


def _safe_message(error: Exception, url: str) -> str:
    """What the database said, on one line, without any part of the URL that may be secret."""
    told = str(error).partition("\nquery:")[0]
    for secret in sorted(_secrets_in(url), key=len, reverse=True):
        told = told.replace(secret, "***")
    return " ".join(told.split())


def _secrets_in(url: str) -> set[str]:
    authority = url.partition("://")[2]
    user_info = authority.rpartition("@")[0]
    password = user_info.partition(":")[2]
    query = urlsplit(url.replace(" ", "%20")).query
    values = {pair.partition("=")[2] for pair in query.split("&") if "pass" in pair.lower()}
    found = {url, user_info, password, *values}
    return {text for secret in found for text in (secret, unquote(secret)) if text}


def _check_sqlite_file(url: str) -> None:
    """SQLite would make a missing file."""
    path = unquote(url.partition("://")[2].partition("?")[0]).removeprefix("/")
    if not Path(path or ".").is_file():
        raise InputError(
            f"can't read the accounts: there is no database {path!r}",
            "an absolute path has four slashes: sqlite:////var/lib/app.db",
        )
