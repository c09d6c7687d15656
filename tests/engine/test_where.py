from __future__ import annotations

import doctest
from datetime import UTC, datetime

import polars as pl
import pytest

from apilog.engine import where
from apilog.engine.where import parse_where
from apilog.errors import UsageError
from apilog.schema import SCHEMA

ROWS = {
    "timestamp": [datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (10, 11, 12, 13)],
    "gateway": ["nginx", "nginx", "apache", "traefik"],
    "path": ["/v1/users/1", "/v1/users/2", "/healthz", None],
    "status": [200, 404, 500, None],
    "duration_ms": [1.5, None, 30.0, 0.0],
    "host": [None, "a.example", "b.example", "=cmd|' /C calc'!A0"],
    "line_number": [1, 2, 3, 4],
}
# Formats give texts dictionary-encoded.
RECORDS = pl.DataFrame(ROWS, schema={name: SCHEMA[name] for name in ROWS}).with_columns(
    pl.col("path", "host").cast(pl.Categorical(pl.Categories.random()))
)


def kept(condition: str) -> list[int]:
    return parse_where(condition).filter(RECORDS)["line_number"].to_list()


@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        ("status >= 500", [3]),
        ("status IN (200, 404)", [1, 2]),
        ("status NOT IN (200, 404)", [3]),
        ("status IS NULL", [4]),
        ("status BETWEEN 400 AND 599 AND gateway <> 'apache'", [2]),
        ("NOT (status = 200)", [2, 3]),
        ("path LIKE '/v1/users/%'", [1, 2]),
        ("path ILIKE '/V1/USERS/_'", [1, 2]),
        ("path NOT LIKE '/v1/%'", [3]),
        ("path ~ '^/v1/.*[13579]$'", [1]),
        ("path IN ('/healthz', '/v1/users/2')", [2, 3]),
        ("gateway LIKE 'a%'", [3]),
        ("gateway = 'tyk'", []),
        ("COALESCE(host, 'none') = 'none'", [1]),
        ("LENGTH(path) > 8", [1, 2]),
        ("CASE WHEN status IS NULL THEN TRUE ELSE status > 404 END", [3, 4]),
        ("duration_ms > 1e1", [3]),
        ("host = '=cmd|'' /C calc''!A0'", [4]),
        ("timestamp >= '2026-11-20T12:00:00Z'", [3, 4]),
        ("timestamp < '2026-11-20 11:30'", [1, 2]),
        ("timestamp >= '2026-11-20T13:00:00+02:00'", [2, 3, 4]),
        ("timestamp BETWEEN '2026-11-20T11:00:00Z' AND '2026-11-20T12:00:00Z'", [2, 3]),
        ("timestamp >= TIMESTAMP WITH TIME ZONE '2026-11-20T13:00:00Z'", [4]),
        ("timestamp::date = '2026-11-20'", [1, 2, 3, 4]),
        ("EXTRACT(HOUR FROM timestamp) = 12", [3]),
        ("TRY_CAST(path AS INT) IS NULL", [1, 2, 3, 4]),
        ("1 = 1", [1, 2, 3, 4]),
        ("FALSE", []),
        ('"status" > 400 -- the bad ones', [2, 3]),
    ],
)
def test_a_condition_keeps_the_requests_for_which_it_holds(
    condition: str, lines: list[int]
) -> None:
    assert kept(condition) == lines


def test_only_the_columns_it_names_are_needed() -> None:
    condition = parse_where("status >= 500 OR host = 'a.example'")
    assert condition.columns == {"status", "host"}
    assert condition.filter(RECORDS.select("status", "host")).height == 2


def test_kept_records_are_untouched() -> None:
    assert parse_where("path IS NOT NULL").filter(RECORDS).schema == RECORDS.schema


@pytest.mark.parametrize(
    ("condition", "said", "hint"),
    [
        ("", "is empty", "status"),
        ("status >=", "unable to parse", "it takes SQL"),
        ("*", "unable to parse", "it takes SQL"),
        ("status > 3; DROP TABLE requests", "unexpected token ';'", "it takes SQL"),
        ("status > 3) OR (1 = 1", "unexpected token ')'", "it takes SQL"),
        ("RAND() > 0.5", "unsupported function 'rand'", "it takes SQL"),
        ("path LIKE method", "must be a string literal", "it takes SQL"),
        ("statuss >= 500", "no column 'statuss'", "did you mean 'status'?"),
        ("Status >= 500", "no column 'Status'", "did you mean 'status'?"),
        ("zzzzzz = 1", "no column 'zzzzzz'", "`apilog schema` lists them"),
        ("status", "gives Int64, not true or false", "compare something"),
        ("status + 1", "not true or false", "compare something"),
        ("NULL", "gives Null, not true or false", "compare something"),
        ("status = '200'", "cannot compare string with numeric", "status = 200"),
        ("path ~ '('", "unclosed group", "`apilog schema`"),
        ("ABS(path) = 1", "not supported for dtype `str`", "`apilog schema`"),
        ("timestamp > '2026-99-99'", "cannot compare", "write a time as a text"),
        ("timestamp > TIMESTAMP '2026-11-20'", "could not evaluate", "write a time as a text"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_hint(condition: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_where(condition)
    message = str(caught.value)
    assert message.startswith(f"--where {condition!r}")
    assert "\n" not in message
    assert said in message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "condition",
    [
        "status > AVG(status)",
        "COUNT(*) > 1",
        "status = 200 AND FIRST(path) = '/'",
        "status IN (200) AND duration_ms > MAX(duration_ms)",
        "ROW_NUMBER() OVER (ORDER BY timestamp) < 3",
        "LAG(status) OVER (ORDER BY timestamp) = 500",
        "STDDEV(duration_ms) > 1",
        "COLUMNS('.*') = 'a'",
        "status > (SELECT 1)",
        "EXISTS (SELECT 1)",
    ],
)
def test_a_condition_on_several_requests_would_depend_on_the_chunks(condition: str) -> None:
    with pytest.raises(UsageError, match="is not about one request alone"):
        parse_where(condition)


@pytest.mark.parametrize(
    "condition", ["CAST(path AS INT) > 3", "CAST(path AS DATE) > '2020-01-01'"]
)
def test_what_fails_on_a_value_is_the_users_mistake(condition: str) -> None:
    broken = parse_where(condition)
    with pytest.raises(UsageError) as caught:
        broken.filter(RECORDS)
    assert str(caught.value).startswith(f"--where {condition!r}: ")
    assert "TRY_CAST" in caught.value.hint


def test_the_examples_hold() -> None:
    assert doctest.testmod(where).failed == 0


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("method = GET", "a text stands in single quotes: method = 'GET'"),
        ('method == "GET"', "a text stands in single quotes: method = 'GET'"),
        ("method in (GET, POST)", "texts stand in single quotes: method IN ('GET')"),
        ("method = “GET”", "straight single quotes"),
        ("method: GET", "method = 'GET'"),
        ("path = /v1/users", "path = '/v1/users'"),
        ("host = api.example.com", "host = 'api.example.com'"),
        ("method = 'GET", "a single quote has no second one"),
        ("p95 < 300ms", 'apilog check -t "latency_p95 < 300ms"'),
        ("error_rate > 1%", 'apilog check -t "error_rate < 1%"'),
        ("duration_ms < 0.3s", "duration_ms < 300"),
        ("latency > 1s AND status = 500", "duration_ms > 1000"),
        ("verb = 'GET'", "did you mean method?"),
        ("status = 5xx", "status >= 500 AND status < 600"),
        ("status LIKE '4%'", "status >= 400 AND status < 500"),
        ("status = '500'", "a number stands without quotes: status = 500"),
        ("status >= 500 && method = 'GET'", "write AND instead of &&"),
        ("path contains 'x'", "write path LIKE '%…%'"),
        ("timestamp > 2026-11-21", "'2026-11-21'"),
        ("timestamp > yesterday", "write a time as a text"),
        ("consumer = NULL", "write consumer IS NULL"),
        ("consumer <> null", "write consumer IS NOT NULL"),
        ("host IS NULL AND consumer = NULL", "write consumer IS NULL"),
        ('timestamp >= "2026-11-21"', "write a time as a text"),
    ],
)
def test_what_other_languages_write_gets_the_sql_for_it(condition: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_where(condition)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("condition", "column"),
    [
        ("foo = /x", "foo"),
        ("method = lower('GET'", "lower"),
        ("duration_ms > upstream_duration_ms AND (", "upstream"),
    ],
)
def test_a_hint_does_not_take_names_for_texts(condition: str, column: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_where(condition)
    assert f"'{column}" not in caught.value.hint


@pytest.mark.parametrize(
    "condition", ["path = '2026-11-21'", "path = 'a = NULL'", "path LIKE '%5xx%' AND status = 500"]
)
def test_what_stands_in_quotes_is_no_slip(condition: str) -> None:
    assert "path" in parse_where(condition).columns
