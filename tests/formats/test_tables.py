"""Tables of no known gateway: the header names the columns, and their values have to look alike."""

from __future__ import annotations

import pytest

from tests.formats.read_rows import lines_of, name_of, read_lines, rows

QUERY = ["@timestamp,status,request_uri,request_method,request_time"]
QUERY += [f"2026-11-21 10:00:0{n}.602,200,/v1/users/{n},GET,0.057" for n in range(3)]
KIBANA = ['"@timestamp","http.request.method","url.path","http.response.status_code","source.ip"']
KIBANA += ['"Nov 21, 2026 @ 10:00:00.602",GET,/v1/users/1,"200","203.0.113.7"'] * 3


def test_fields_of_a_query() -> None:
    outcome = read_lines(lines_of(*QUERY))
    assert (name_of(lines_of(*QUERY)), outcome.skipped) == ("csv", 1)
    assert not outcome.rejects.height
    first = rows(outcome)[0]
    assert str(first["timestamp"]) == "2026-11-21 10:00:00.602000+00:00"
    assert (first["method"], first["path"], first["status"]) == ("GET", "/v1/users/0", 200)
    assert first["duration_ms"] == 57.0


def test_columns_of_kibana() -> None:
    first = rows(read_lines(lines_of(*KIBANA)))[0]
    assert str(first["timestamp"]) == "2026-11-21 10:00:00.602000+00:00"
    assert (first["path"], first["status"]) == ("/v1/users/1", 200)
    assert first["client_ip"] == "203.0.113.7"


@pytest.mark.parametrize(
    "lines",
    [
        QUERY[1:],
        ["time,level,message", "2026-11-21T10:00:00Z,info,started", "2026-11-21T10:00:01Z,info,x"],
        ["time,count,name", "2026-11-21T10:00:00Z,200,orders"],
        ["time,status", "2026-11-21T10:00:00Z,200"],
        ["GET,/v1/users,200", "GET,/v1/users,200"],
    ],
)
def test_what_is_no_table_of_requests(lines: list[str]) -> None:
    assert name_of(lines_of(*lines)) is None


def test_a_broken_row_costs_itself() -> None:
    outcome = read_lines(lines_of(*QUERY, '2026-11-21 10:00:09,"200', QUERY[0], "x,y", QUERY[1]))
    assert (outcome.records.height, outcome.rejects.height, outcome.skipped) == (4, 2, 2)
