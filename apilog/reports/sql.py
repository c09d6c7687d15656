"""What a query may be, and how its errors are told: one line and a hint.

A statement that passes here reads the table `requests` and no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from apilog.engine.row_expression import polars_message
from apilog.engine.sql_numbers import name_counts, says_name, widen_numbers
from apilog.errors import ApilogError, InputError, UsageError
from apilog.schema import SCHEMA
from apilog.text import did_you_mean

TABLE = "requests"
"""The only table."""

FUNCTIONS = (
    "ABS ARRAY_AGG ARRAY_LENGTH AVG CEIL COALESCE CONCAT CONCAT_WS CORR COUNT COVAR DATE_PART "
    "DATE_TRUNC DENSE_RANK ENDS_WITH EXP FIRST FIRST_VALUE FLOOR GREATEST IFNULL INITCAP LAG LAST "
    "LAST_VALUE LEAD LEAST LEFT LENGTH LN LOG LOG10 LOG2 LOWER LTRIM MAX MEDIAN MIN MOD NULLIF "
    "POW QUANTILE_CONT QUANTILE_DISC RANK REGEXP_LIKE REPLACE REVERSE RIGHT ROUND ROW_NUMBER "
    "RTRIM SIGN SPLIT_PART SQRT STARTS_WITH STDDEV STRFTIME STRING_AGG STRPOS STRPTIME SUBSTR SUM "
    "UPPER VARIANCE"
)
"""The functions that are proposed for an unknown name, separated by blanks."""

_FUNCTION_SYNONYMS = {
    "percentile_cont": "QUANTILE_CONT(duration_ms, 0.95)",
    "percentile_disc": "QUANTILE_DISC(duration_ms, 0.95)",
    "percentile": "QUANTILE_CONT(duration_ms, 0.95)",
    "quantile": "QUANTILE_CONT(duration_ms, 0.95)",
    "len": "COUNT(*) or LENGTH(path)",
    "date_format": "STRFTIME(timestamp, '%H')",
    "to_char": "STRFTIME(timestamp, '%H')",
    "time_bucket": "DATE_TRUNC('hour', timestamp)",
}
"""Names of functions in other databases, and how to write these here."""

_EXAMPLE = 'such as "SELECT route, COUNT(*) AS n FROM requests GROUP BY route"'
_COLUMNS = "`apilog schema` lists the columns"
_TEXTS = f"texts stand in single quotes; {_COLUMNS}"
_TYPES = f"{_COLUMNS} and their types"
_DAMAGED = "`apilog store verify` finds damaged files"

_COMMENT = r"/\*.*?\*/|--[^\n]*(?:\n|$)"
_SELECT_START = re.compile(rf"(?>\s|\(|{_COMMENT})*+(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)
_GAP = r"(?:\s|(?:--|\#)[^\n]*\n)*"
# Too much is refused rather than too little: also a text that holds such a call.
_FILE_FUNCTION = re.compile(
    rf"(?<!\w)(?:read|scan)_\w+[\"'`\]]?{_GAP}(?:/\*.*\*/{_GAP})?\(", re.IGNORECASE | re.DOTALL
)
_UNKNOWN_COLUMN = re.compile(
    r'unable to find column "(?P<name>.*?)"(?:; valid columns: \[(?P<valid>.*)\])?'
    r"|no column named '(?P<qualified>.*?)' found",
    re.DOTALL,
)
_UNKNOWN_TABLE = re.compile(
    r"relation '(?P<name>.*?)' was not found|no table or struct column named '(?P<alias>.*?)'",
    re.DOTALL,
)
_DUPLICATE_OUTPUT = re.compile(r"duplicate output name '(?P<name>.*?)'\. ", re.DOTALL)
_UNKNOWN_FUNCTION = re.compile(r"unsupported function '(?P<name>.*?)'", re.DOTALL)
_UNKNOWN_TABLE_FUNCTION = re.compile(
    r"'(?P<name>.*?)' is not a supported table function", re.DOTALL
)


def check_statement(sql: str) -> None:
    """Raise UsageError unless the statement is a SELECT that reads no file."""
    if not _SELECT_START.match(sql):
        hint = f"the query comes first, then the logs: write one {_EXAMPLE}"
        raise UsageError("the query is not a SELECT", hint)
    if _FILE_FUNCTION.search(sql):
        raise UsageError(
            "the query calls a function that reads files", f"the one table is {TABLE!r}"
        )


def execute_select(sql: str, requests: pl.LazyFrame) -> pl.LazyFrame:
    """Return the frame of a statement that `check_statement` lets pass.

    Raises UsageError for what can't be understood.
    """
    statement = widen_numbers(name_counts(sql))
    with translate_polars_errors():
        frame = pl.SQLContext({TABLE: requests}).execute(statement)
        names = frame.collect_schema().names()
    if "len" in names and "count" not in names and not says_name(sql, "len"):
        # What is left of Polars' own name for COUNT(*), such as that of COUNT(*) / 2.
        frame = frame.rename({"len": "count"})
    if not names:
        raise UsageError("the query selects no column", "SELECT * takes all of them")
    return frame


def collect_select(sql: str, requests: pl.LazyFrame) -> pl.DataFrame:
    """Return the rows of a statement; raises UsageError for one that fails on a value, too."""
    frame = execute_select(sql, requests)
    with translate_polars_errors(on_values=True):
        return frame.collect(engine="streaming")


@contextmanager
def translate_polars_errors(*, on_values: bool = False) -> Iterator[None]:
    """Turn errors of Polars into UsageError; with `on_values` they are about values of rows.

    A file of a store that is damaged or gone raises InputError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"can't read what the query is about: {reason}", _DAMAGED) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _translate_error(error, on_values=on_values) from error


def _translate_error(error: BaseException, *, on_values: bool) -> ApilogError:
    text = str(error)
    if text.startswith("parquet: "):
        return InputError(f"a file of a store can't be read: {polars_message(error)}", _DAMAGED)
    if match := _UNKNOWN_COLUMN.search(text):
        name, valid = match["name"] or match["qualified"] or "", match["valid"]
        names = re.findall(r'"((?:[^"\\]|\\.)*)"', valid) if valid else []
        near = did_you_mean(name, names or SCHEMA, at_most=1, quoted=True)
        return UsageError(f"query: no column {name!r}", f"{near} {_COLUMNS}" if near else _TEXTS)
    if match := _UNKNOWN_TABLE.search(text):
        name = match["name"] or match["alias"] or ""
        return UsageError(f"query: no table {name!r}", f"the one table is {TABLE!r}")
    if match := _UNKNOWN_FUNCTION.search(text):
        name, lists = match["name"], "the functions are those of Polars SQL"
        if synonym := _FUNCTION_SYNONYMS.get(name.lower()):
            hint = f"write {synonym}; {lists}"
        else:
            hint = did_you_mean(name, FUNCTIONS.split(), also=lists, at_most=1, quoted=True)
        return UsageError(f"query: no function {name!r}", hint)
    if match := _UNKNOWN_TABLE_FUNCTION.search(text):
        name = match["name"]
        return UsageError(f"query: no table function {name!r}", f"the one table is {TABLE!r}")
    if match := _DUPLICATE_OUTPUT.search(text):
        hint = "name one of them with AS, as in SELECT status AS s"
        return UsageError(f"query: several columns are called {match['name']!r}", hint)
    hint = _TYPES if on_values else f"write one SELECT {_EXAMPLE}"
    if "one (and only one) statement" in text:
        hint = "write one statement; WITH name AS (SELECT …) names steps of it"
    elif "cannot compare string with numeric type" in text:
        hint = f"a number stands without quotes, as in status = 500; {_TYPES}"
    elif "date/datetime/time" in text:
        hint = "write a time as a text, as in \"timestamp >= '2026-11-21T10:00:00Z'\""
    elif text.startswith("conversion from"):
        hint = "TRY_CAST(… AS …) gives NULL for what can't be converted"
    return UsageError(f"query: {polars_message(error)}", hint)
