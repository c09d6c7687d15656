"""Account tables as they are read from files (CSV, NDJSON, Parquet) and databases (through ADBC).

A row that can't be read is reported and leaves a gap in the row numbers. No message holds more of
a database URL than its scheme: it may contain a password.
"""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from apilog.errors import InputError, UsageError, install_hint


@dataclass(frozen=True, slots=True)
class BadAccountRow:
    """A row that is left out, and why."""

    row: int
    """The number of the row, from 1; a header and blank lines don't count."""
    reason: str


@dataclass(frozen=True, slots=True)
class RawAccountTable:
    """An account table as it was read, under its own column names."""

    frame: pl.DataFrame
    rows: pl.Series
    """The number of each row."""
    bad_rows: list[BadAccountRow] = field(default_factory=list)

    @classmethod
    def complete(cls, frame: pl.DataFrame) -> RawAccountTable:
        """Number the rows of a table that could be read completely."""
        return cls(frame, pl.int_range(1, frame.height + 1, eager=True).alias("row"))


_SEPARATORS = ",;\t|"
_JSON_ENDINGS = {".ndjson", ".jsonl", ".json"}


def read_account_file(name: str) -> RawAccountTable:
    """Read the table of a file; raises InputError if that is impossible."""
    path = Path(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"can't read the accounts of {name}: {error.strerror or error}",
            "--accounts takes a CSV, NDJSON or Parquet file, or the URL of a database",
        ) from error
    try:
        # What Parquet files begin with: https://parquet.apache.org/docs/file-format/
        if data.startswith(b"PAR1"):
            return RawAccountTable.complete(pl.read_parquet(io.BytesIO(data)))
        if path.suffix.lower() in _JSON_ENDINGS or data.lstrip()[:1] == b"{":
            return _read_ndjson(data)
        return _read_csv(data)
    except (pl.exceptions.PolarsError, UnicodeError, csv.Error) as error:
        message = " ".join(str(error).split("\n")[0].split())
        raise InputError(f"can't read the accounts of {name}: {message}") from error


def _read_csv(data: bytes) -> RawAccountTable:
    data = data.removeprefix(b"\xef\xbb\xbf")
    head = data[: data.find(b"\n")] if b"\n" in data else data
    if not head.strip():
        return RawAccountTable.complete(pl.DataFrame())
    # Only the header tells the separator: texts in the rows may contain any of them.
    separator = max(_SEPARATORS, key=lambda char: head.count(char.encode()))
    with suppress(pl.exceptions.ComputeError):
        frame = pl.read_csv(
            data,
            separator=separator,
            infer_schema=False,  # an id such as 007 must keep its zeros
            encoding="utf8-lossy",
            raise_if_empty=False,
        )
        return RawAccountTable.complete(frame)
    # Row by row, because some row has more cells than the header.
    text = io.StringIO(data.decode("utf-8", "replace"), newline="")
    rows = csv.reader(text, delimiter=separator)
    names = next(rows)
    numbers: list[int] = []
    kept: list[list[str | None]] = []
    bad_rows: list[BadAccountRow] = []
    for number, row in enumerate((row for row in rows if row), 1):
        if len(row) > len(names):
            bad_rows.append(BadAccountRow(number, f"{len(row)} cells under {len(names)} names"))
            continue
        numbers.append(number)
        kept.append([*row, *[None] * (len(names) - len(row))])
    frame = pl.DataFrame(kept, schema=dict.fromkeys(names, pl.String), orient="row")
    return RawAccountTable(frame, pl.Series("row", numbers, dtype=pl.Int64), bad_rows)


def _read_ndjson(data: bytes) -> RawAccountTable:
    lines = [line for line in data.splitlines() if line.strip()]
    if not lines:
        return RawAccountTable.complete(pl.DataFrame())
    with suppress(pl.exceptions.PolarsError):
        frame = pl.read_ndjson(b"\n".join(lines), infer_schema_length=None)
        if frame.height == len(lines):
            return RawAccountTable.complete(frame)
    # Line by line, because some line is no object or a name holds several types.
    bad_rows: list[BadAccountRow] = []
    objects: dict[int, dict[str, object]] = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            objects[number] = row
        else:
            bad_rows.append(BadAccountRow(number, "not a JSON object"))
    names = dict.fromkeys(name for row in objects.values() for name in row)
    columns = {
        name: pl.Series([_cell_text(row.get(name)) for row in objects.values()], dtype=pl.String)
        for name in names
    }
    numbers = pl.Series("row", [*objects], dtype=pl.Int64)
    return RawAccountTable(pl.DataFrame(columns), numbers, bad_rows)


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
    """Whether accounts are read from a database, not from a file."""
    return "://" in source


def read_database(url: str, query: str | None) -> RawAccountTable:
    """Read the rows that a query returns.

    Raises UsageError for an unknown kind of database and for a missing query or driver, and
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
        path = unquote(url.partition("://")[2].partition("?")[0]).removeprefix("/")
        if not Path(path or ".").is_file():  # SQLite would create it
            raise InputError(
                f"can't read the accounts: there is no database {path!r}",
                "an absolute path has four slashes: sqlite:////var/lib/app.db",
            )
    # It is there only with the extra `db`, whose driver was looked for above.
    import adbc_driver_manager

    try:
        frame = pl.read_database_uri(query, url, engine="adbc")
    except (adbc_driver_manager.Error, pl.exceptions.PolarsError, ValueError) as error:
        raise InputError(
            f"can't read the accounts from the database: {_safe_message(error, url)}",
            "try the URL and the query with the database's own client",
        ) from None  # what was raised may show the URL
    # Types that Arrow does not know, such as PostgreSQL's numeric, are texts within.
    extensions = [n for n, dtype in frame.schema.items() if isinstance(dtype, pl.BaseExtension)]
    if extensions:
        frame = frame.with_columns(pl.col(extensions).ext.storage())
    return RawAccountTable.complete(frame)


def _safe_message(error: Exception, url: str) -> str:
    """Return the database's message on one line, without any secret part of the URL."""
    user_info = url.partition("://")[2].rpartition("@")[0]
    query = urlsplit(url.replace(" ", "%20")).query
    values = {pair.partition("=")[2] for pair in query.split("&") if "pass" in pair.lower()}
    parts = {url, user_info, user_info.partition(":")[2], *values}
    secrets = {text for part in parts for text in (part, unquote(part)) if text}
    message = str(error).partition("\nquery:")[0]
    # The longest first: replacing a part of it would leave the rest of the longer one.
    for secret in sorted(secrets, key=len, reverse=True):
        message = message.replace(secret, "***")
    return " ".join(message.split())
