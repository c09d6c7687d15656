"""Account tables out of databases, through ADBC.

No message holds more of a URL than its scheme: it may have a password.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from apilog.errors import InputError, UsageError
from apilog.success.accounts.model import Raw

_DRIVERS = {
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
    "sqlite": "adbc_driver_sqlite",
}
_KNOWN = "it takes postgresql://user:password@host/database and sqlite:///path"


def is_database(source: str) -> bool:
    """Whether accounts are to be read by a query."""
    return "://" in source


def read_database(url: str, query: str | None) -> Raw:
    """The rows that a query gives.

    Raises UsageError for a kind of database that isn't known, a missing query or driver, and
    InputError for what the database refuses.
    """
    scheme = url.partition("://")[0].lower()
    driver = _DRIVERS.get(scheme)
    if driver is None:
        raise UsageError(f"--accounts: there is no database of the kind {scheme!r}", _KNOWN)
    if not query:
        raise UsageError(
            "accounts of a database need a query",
            'add --accounts-query "SELECT id AS account, created_at AS signed_up_at FROM …"',
        )
    if find_spec(driver) is None:
        raise UsageError(
            f"reading accounts from {scheme} needs a driver that isn't installed",
            "pip install 'apilog[db]'",
        )
    if scheme == "sqlite":
        _check_file(url)
    return Raw.of(_queried(url, query))


def _queried(url: str, query: str) -> pl.DataFrame:
    import adbc_driver_manager

    try:
        frame = pl.read_database_uri(query, url, engine="adbc")
    except (adbc_driver_manager.Error, pl.exceptions.PolarsError, ValueError) as error:
        raise InputError(
            f"can't read the accounts from the database: {_said(error, url)}",
            "try the URL and the query with the database's own client",
        ) from None  # what was raised may show the URL
    # Types that Arrow does not know, such as PostgreSQL's numeric, are texts within.
    own = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.BaseExtension)]
    return frame.with_columns(pl.col(own).ext.storage()) if own else frame


def _said(error: Exception, url: str) -> str:
    """What the database said, on one line, without any part of the URL that may be secret."""
    told = str(error).partition("\nquery:")[0]
    for secret in sorted(_secrets(url), key=len, reverse=True):
        told = told.replace(secret, "***")
    return " ".join(told.split())


def _secrets(url: str) -> set[str]:
    authority = url.partition("://")[2]
    user_info = authority.rpartition("@")[0]
    password = user_info.partition(":")[2]
    query = urlsplit(url.replace(" ", "%20")).query
    values = {pair.partition("=")[2] for pair in query.split("&") if "pass" in pair.lower()}
    found = {url, user_info, password, *values}
    return {text for secret in found for text in (secret, unquote(secret)) if text}


def _check_file(url: str) -> None:
    """SQLite would make a missing file."""
    path = unquote(url.partition("://")[2].partition("?")[0]).removeprefix("/")
    if not Path(path or ".").is_file():
        raise InputError(
            f"can't read the accounts: there is no database {path!r}",
            "an absolute path has four slashes: sqlite:////var/lib/app.db",
        )
