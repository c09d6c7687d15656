"""Stores among the inputs: separated from logs, and read a few files at a time.

Only files that may hold records of the window are opened, and of them only the columns wanted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from apilog.engine.parse_chunks import ReadSpec
from apilog.routes import RouteTemplates, add_route
from apilog.schema import (
    GUESSED_ROUTE,
    READ_COLUMNS,
    ROUTE_NAMING_GATEWAYS,
    SPECIFIED_COLUMNS,
)
from apilog.sources import STDIN, LogSource, SourceError, find_sources
from apilog.storage import folder_at, is_url
from apilog.store import DataFile, Store
from apilog.store.reader import generations
from apilog.time import TimeWindow

STORE_FORMAT = "store"
"""The format that the account of a store names."""

_ACCOUNT_TABLE = re.compile(
    rb"(?=.*\baccount\b)(?=.*\b(?:consumers|signed_up_at|converted_at)\b)[\w\xef\xbb\xbf,;\t\" -]+"
)
"""The head of a table of accounts, as `apilog success` takes it."""
_ACCOUNT_HEAD_BYTES = 4096
_VERIFY = "`apilog store verify` finds damaged files"
_FIRST_ERROR = 400
_ROWS = 200_000
_FILES = 128
"""Small files are read together, up to these limits."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """Files of a store that are read together."""

    store: Store
    files: tuple[DataFile, ...]

    @property
    def records(self) -> int:
        """How many records the files hold, also outside of the window."""
        return count_records(self.files)

    @property
    def size(self) -> int:
        """How many bytes they take on disk."""
        return sum(file.size for file in self.files)

    def read(self, window: TimeWindow, spec: ReadSpec) -> pl.DataFrame:
        """Return the records in the window that are wanted: their columns, and `timestamp`.

        Raises SourceError if a file can't be read.
        """
        makes_routes = bool(spec.rules) and "route" in spec.needed_columns
        columns = spec.needed_columns - SPECIFIED_COLUMNS
        if spec.templates and "route" in columns:
            columns |= {"gateway"}
        if spec.specifications and spec.is_specified:
            columns |= spec.specifications.columns
        if GUESSED_ROUTE in columns:
            columns = (columns - {GUESSED_ROUTE}) | {"gateway", "route"}
        if makes_routes:
            columns |= {"gateway", "method", "path"}
        try:
            records = self._collect(columns, window)
        except (OSError, pl.exceptions.PolarsError) as error:
            present = set(self.store.folder.list_files("records"))
            gone = [file.name for file in self.files if file.name not in present]
            reason = " ".join(str(error).partition("\n")[0].split())
            if gone:
                reason = f"{gone[0]} was removed while it was being read"
            raise SourceError(str(self.store.folder), reason, f"run it again; {_VERIFY}") from error
        # A file may be whole as Parquet and still be another than the manifest means.
        count, stated = records.height, self.records
        is_all = not window.is_limited or all(
            file.first and file.last and window.contains(file.first, file.last)
            for file in self.files
        )
        if count > stated or (count < stated and is_all):
            reason = f"{count:,} records where {stated:,} should be"
            raise SourceError(str(self.store.folder), reason, _VERIFY)
        if makes_routes:
            # A route that is not what its path gives was named by the gateway, and stays.
            usual = add_route(records.drop("route"))["route"].cast(pl.String)
            is_pathless = pl.col("path").is_null()
            names_routes = pl.col("gateway").is_in(ROUTE_NAMING_GATEWAYS) | is_pathless
            is_named = pl.col("route").ne_missing(usual) & names_routes
            records = records.with_columns(pl.when(is_named).then("route"))
            records = add_route(records, spec.rules, spec.templates)
        elif GUESSED_ROUTE in spec.columns:
            records = records.with_columns(self._guessed_routes(records, window))
        if not makes_routes and "route" in records.columns:
            records = records.with_columns(rename_stored(spec.templates))
        records = spec.specify(records)
        return spec.select(records.select(c for c in READ_COLUMNS if c in records.columns))

    def _collect(self, columns: Collection[str], window: TimeWindow) -> pl.DataFrame:
        """Return these columns of the records in the window; raises what reading files raises."""
        scan = self.store.scan_records(window.since, window.until, self.files, as_stored=True)
        if "error_source" not in columns:
            return scan.select(sorted(columns)).collect()
        records = scan.select(sorted({*columns, "status"})).collect()
        # Telling the source of each record takes longer than reading it, and most are stored.
        is_untold = pl.col("error_source").is_null() & (pl.col("status") >= _FIRST_ERROR)
        if records.select(is_untold.any()).item():
            scan = self.store.scan_records(window.since, window.until, self.files)
            records = scan.select(sorted(columns)).collect()
        return records.select(sorted(columns))

    def _guessed_routes(self, records: pl.DataFrame, window: TimeWindow) -> pl.Series:
        """Return which routes were guessed, true or null: a store does not keep it."""
        gateway = records["gateway"].drop_nulls()
        # Most files have one gateway, which is seen without counting.
        is_alike = len(gateway) > 0 and (gateway == gateway[0]).all()
        gateways = set(gateway.head(1) if is_alike else gateway.unique())
        if gateways.isdisjoint(ROUTE_NAMING_GATEWAYS):
            return pl.Series(GUESSED_ROUTE, [True]).new_from_index(0, records.height)
        # Of gateways that name routes, what the path gives was guessed.
        paths = self._collect(["gateway", "method", "path"], window)
        usual = add_route(paths)["route"].cast(pl.String)
        is_named_by = records["gateway"].is_in(ROUTE_NAMING_GATEWAYS).fill_null(value=False)
        is_guessed = ~is_named_by | records["route"].cast(pl.String).eq_missing(usual)
        is_guessed &= ~is_named_by | paths["path"].is_not_null()
        frame = pl.DataFrame({"is_guessed": is_guessed})
        known = pl.when("is_guessed").then(pl.lit(value=True)).alias(GUESSED_ROUTE)
        return frame.select(known).to_series()


def rename_stored(templates: RouteTemplates) -> pl.Expr:
    """Return the routes of stored records by what is known, but for those that gateways name."""
    if not templates:
        return pl.col("route")

    def rename(routes: pl.Series) -> pl.Series:
        return templates.rename_column(routes).cast(routes.dtype)

    renamed = pl.col("route").map_batches(rename, return_dtype=pl.self_dtype(), is_elementwise=True)
    is_named = pl.col("gateway").cast(pl.String).is_in(ROUTE_NAMING_GATEWAYS)
    named = pl.when(is_named.fill_null(value=False)).then("route").otherwise(renamed)
    return named.alias("route")


def stored_templates(
    sources: Iterable[str | os.PathLike[str]],
) -> RouteTemplates:
    """Return what the stores among the sources have learned of routes."""
    stores, _ = separate_stores(sources)
    return RouteTemplates.of(
        position for store in stores for position in store.manifest.templates.positions
    )


def separate_stores(
    sources: Iterable[str | os.PathLike[str]],
) -> tuple[list[Store], list[str | os.PathLike[str]]]:
    """Return the stores among the sources, each once and as it is now, and the other sources.

    Raises InputError for a store that can't be read.
    """
    folders: dict[str, str | os.PathLike[str]] = {}
    others = []
    for source in sources:
        if os.fspath(source) != STDIN and Store.is_store(source):
            place = os.fspath(source)
            identity = place.rstrip("/") if is_url(place) else os.path.realpath(place)
            folders.setdefault(identity, source)
        else:
            others.append(source)
    return [Store.open(folder) for folder in folders.values()], others


def refuse_stores(
    sources: Iterable[str | os.PathLike[str]],
) -> tuple[list[str | os.PathLike[str]], list[SourceError]]:
    """Return the sources that are no stores, and an error for each that is one."""
    stores, logs = separate_stores(sources)
    hint = "`apilog store info` shows what it holds; report and query read it"
    return logs, [SourceError(str(store.folder), "a store, not a log", hint) for store in stores]


def find_logs(
    sources: Sequence[str | os.PathLike[str]], exclude: Sequence[str] = ()
) -> tuple[list[LogSource], list[SourceError]]:
    """Find sources, without the stores and tables of accounts that lie among logs in folders.

    `exclude` are globs for what else is left out of folders.
    """
    return find_sources(
        sources,
        leaves_out_folder=_is_store_folder,
        leaves_out_file=_is_account_table,
        exclude=exclude,
    )


def _is_store_folder(folder: str) -> bool:
    """Return whether a folder is a store: its records came from logs that may lie beside it."""
    try:
        return bool(generations(folder_at(Path(folder))))
    except OSError:
        return False


def _is_account_table(path: str) -> bool:
    if not path.lower().endswith(".csv"):
        return False
    try:
        with open(path, "rb") as file:
            head = file.readline(_ACCOUNT_HEAD_BYTES).rstrip(b"\r\n")
    except OSError:
        return False  # opening it as a log says why
    return _ACCOUNT_TABLE.fullmatch(head) is not None


def split_into_parts(store: Store, window: TimeWindow) -> Iterator[StoredPart]:
    """Yield the files of the store that may hold records of the window, in order."""
    part: list[DataFile] = []
    rows = 0
    for file in store.record_files(window):
        rows += file.rows
        if part and (rows > _ROWS or len(part) == _FILES):
            yield StoredPart(store, tuple(part))
            part, rows = [], file.rows
        part.append(file)
    if part:
        yield StoredPart(store, tuple(part))


def count_records(files: Iterable[DataFile]) -> int:
    """Return how many records these files hold."""
    return sum(file.rows for file in files)


def describe_untimed(store: Store, window: TimeWindow) -> dict[str, None]:
    """Return the doubt about records without a time, which a window leaves out; none, if none."""
    files = [file for file in store.record_files() if file.first is None]
    if not (files and window.is_limited):
        return {}
    count = count_records(files)
    return {
        f"{count:,} of its records have no time, as their lines had none: `--since` and `--until` "
        "leave them out": None
    }
