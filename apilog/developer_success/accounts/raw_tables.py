"""Account tables as they are read from files (CSV, NDJSON, Parquet) and databases (through ADBC).

A row that can't be read is reported and leaves a gap in the row numbers. No message holds more of
a database URL than its scheme: it may contain a password.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
    notes: list[str] = field(default_factory=list)
    """What was assumed to read it."""
    cell_separator: str | None = ","
    """What stands between cells; `,` where nothing does, None for a database."""

    @classmethod
    def complete(cls, frame: pl.DataFrame) -> RawAccountTable:
        """Number the rows of a table that could be read completely."""
        return cls(frame, pl.int_range(1, frame.height + 1, eager=True).alias("row"))


_SEPARATORS = ",;\t|"
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_HEADER_BYTES = 1 << 16
_DECODED_BYTES = 1 << 20
_NO_TABLES = (
    ((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), "a spreadsheet", "save its sheet as CSV (UTF-8)"),
    ((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh"), "compressed", "decompress it first"),
    ((b"<",), "a web page or XML", "save it as CSV (UTF-8)"),
)
"""What files that are no tables begin with, what they are, and what to do."""
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
    for starts, what, hint in _NO_TABLES:
        if data.startswith(starts):
            raise InputError(f"can't read the accounts of {name}: it is {what}", hint)
    try:
        # What Parquet files begin with: https://parquet.apache.org/docs/file-format/
        if data.startswith(b"PAR1"):
            return RawAccountTable.complete(pl.read_parquet(io.BytesIO(data)))
        data, notes = _as_utf8(data)
        if path.suffix.lower() in _JSON_ENDINGS or data.lstrip()[:1] == b"{":
            table = _read_ndjson(data)
        else:
            table = _read_csv(data)
    except (pl.exceptions.PolarsError, UnicodeError, csv.Error) as error:
        message = " ".join(str(error).split("\n")[0].split())
        raise InputError(f"can't read the accounts of {name}: {message}") from error
    return replace(table, notes=notes)


def _as_utf8(data: bytes) -> tuple[bytes, list[str]]:
    """Return the text of a file in UTF-8 without a mark, and a note if its encoding was guessed.

    Spreadsheets save "Unicode text" as UTF-16, and CSV in the encoding of the system.
    """
    if data.startswith(_UTF16_MARKS):
        return data.decode("utf-16").encode(), []
    data = data.removeprefix(_UTF8_MARK)
    try:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for start in range(0, len(data), _DECODED_BYTES):  # not all of it as text at once
            decoder.decode(memoryview(data)[start : start + _DECODED_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        return text.encode(), ["accounts: the file is not UTF-8, it is read as Windows-1252"]
    return data, []


def _read_csv(data: bytes) -> RawAccountTable:
    if b"\n" not in data:  # lines as spreadsheets saved them on a Mac
        data = data.replace(b"\r", b"\n")
    head = data[: data.find(b"\n")] if b"\n" in data else data
    # The first line of a CSV file may tell spreadsheets its separator.
    said = re.fullmatch(rb"sep=(.)\r?", head)
    if said:
        data = data[len(head) + 1 :]
        head = data[: data.find(b"\n")] if b"\n" in data else data
    if not head.strip():
        return RawAccountTable.complete(pl.DataFrame())
    # Only the header tells the separator: texts in the rows may contain any of them.
    separator = (
        said[1].decode() if said else max(_SEPARATORS, key=lambda char: head.count(char.encode()))
    )
    header = io.StringIO(data[:_HEADER_BYTES].decode("utf-8", "replace"), newline="")
    names = [name.strip() for name in next(csv.reader(header, delimiter=separator))]
    if len(named := [name for name in names if name]) > len(set(named)):
        raise InputError("two columns of the account table have one name", "rename one")
    if not named:
        raise InputError("the first line of the account table names no column", "begin with names")
    try:
        frame = pl.read_csv(
            data,
            separator=separator,
            infer_schema=False,  # an id such as 007 must keep its zeros
            raise_if_empty=False,
        )
        rows = RawAccountTable.complete(frame).rows
    except pl.exceptions.ComputeError:
        frame, rows = _read_csv_by_row(data, separator, len(names))
    if frame.width == len(names):
        frame.columns = [name or f"(column {place})" for place, name in enumerate(names, 1)]
    # Spreadsheets save empty rows as separators alone, and columns without a name.
    filled = frame.select(pl.any_horizontal(pl.all().str.contains(r"\S"))).to_series()
    is_filled = filled.fill_null(value=False) if frame.width else rows > 0
    frame = frame.filter(is_filled).select(
        name for name in frame.columns if not name.startswith("(column ")
    )
    return RawAccountTable(frame, rows.filter(is_filled), cell_separator=separator)


def _read_csv_by_row(data: bytes, separator: str, width: int) -> tuple[pl.DataFrame, pl.Series]:
    """Return the rows and their numbers; raises InputError for one with more cells than names."""
    reader = csv.reader(
        io.StringIO(data.decode("utf-8", "replace"), newline=""), delimiter=separator
    )
    next(reader)
    numbers: list[int] = []
    kept: list[list[str | None]] = []
    for number, row in enumerate((row for row in reader if row), 1):
        while len(row) > width and not row[-1].strip():
            row.pop()  # separators that end the row
        if len(row) > width:
            raise InputError(
                f"row {number} of the account table has {len(row)} cells under {width} names",
                f"put cells that hold a {separator!r} in double quotes"
                if width > 1
                else "its first line has to name the columns, `account` among them; see --accounts",
            )
        numbers.append(number)
        kept.append([*row, *[None] * (width - len(row))])
    schema = {f"column_{place}": pl.String for place in range(width)}
    frame = pl.DataFrame(kept, schema=schema, orient="row")
    return frame, pl.Series("row", numbers, dtype=pl.Int64)


def _read_ndjson(data: bytes) -> RawAccountTable:
    lines = [line for line in data.splitlines() if line.strip()]
    if data.lstrip()[:1] == b"[":
        with suppress(ValueError):  # one array of all accounts
            lines = [json.dumps(item).encode() for item in json.loads(data)]
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
    except (
        *(adbc_driver_manager.Error, pl.exceptions.PolarsError, ValueError),
        pl.exceptions.PanicException,  # for a type that Polars does not know, such as an interval
    ) as error:
        raise InputError(
            f"can't read the accounts from the database: {_safe_message(error, url)}",
            "try the URL and the query with the database's own client",
        ) from None  # what was raised may show the URL
    # Types that Arrow does not know, such as PostgreSQL's numeric, are texts within.
    extensions = [n for n, dtype in frame.schema.items() if isinstance(dtype, pl.BaseExtension)]
    if extensions:
        frame = frame.with_columns(pl.col(extensions).ext.storage())
    return replace(RawAccountTable.complete(frame), cell_separator=None)


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
