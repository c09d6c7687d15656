"""Answers of log services: rows that are arrays become objects, wherever the bytes are cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.any_text import any_text
from tests.examples import about

Split = Callable[..., bytes]
TEXTS = any_text(max_size=8) | st.sampled_from(['}{"', '"]', "[[", "\\", '{"field":"x"}', "ü€🧀"])
STYLES: dict[str, Callable[[Any], str]] = {
    "compact": lambda value: json.dumps(value, separators=(",", ":")),
    "usual": json.dumps,
    "pretty": lambda value: json.dumps(value, indent=4),
}
ROWS = st.lists(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=3), max_size=4)


def loaded(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split(b"\n") if line]


@settings(max_examples=about(50))
@given(
    rows=ROWS,
    style=st.sampled_from(list(STYLES)),
    window=st.integers(1, 200),
    status_first=st.booleans(),
)
def test_rows_of_logs_insights_become_objects(
    split: Split, rows: list[dict[str, str]], style: str, window: int, status_first: bool
) -> None:
    results = [[{"field": name, "value": row[name]} for name in row] for row in rows]
    status = {"status": "Complete"}
    found = {"results": results, "statistics": {"recordsMatched": 2.0}}
    answer = {**status, **found} if status_first else {**found, **status}
    assert loaded(split(STYLES[style](answer), window)) == rows


@settings(max_examples=about(50))
@given(
    lines=st.lists(TEXTS, min_size=1, max_size=4),
    style=st.sampled_from(list(STYLES)),
    window=st.integers(1, 200),
    pushed=st.booleans(),
)
def test_lines_of_loki_become_objects(
    split: Split, lines: list[str], style: str, window: int, pushed: bool
) -> None:
    values = [[str(n), line] for n, line in enumerate(lines)]
    streams = [{"stream": {"app": "web"}, "values": values}] * 2
    answer = {
        "status": "success",
        "data": {"resultType": "streams", "result": streams, "stats": {"summary": {}}},
    }
    text = STYLES[style]({"streams": streams} if pushed else answer)
    expected = [{"timestamp": str(n), "line": line} for n, line in enumerate(lines)]
    assert loaded(split(text, window)) == expected * 2


def test_logs_of_datadog_are_taken_out_of_their_page(split: Split) -> None:
    logs = [{"id": "a", "type": "log", "attributes": {"message": "m", "status": "info"}}] * 2
    page = {"data": logs, "meta": {"page": {"after": "x"}}, "links": {"next": "n"}}
    assert loaded(split(json.dumps(page), 20)) == logs


@pytest.mark.parametrize(
    "row",
    [
        '["1"]',
        "[1, 2]",
        '[{"field": 1}]',
        "[]",
        "[[[[[[]]]]]]",
        '[{"field": "a", "value": ["b"]}]',
    ],
)
def test_a_row_that_does_not_fit_is_kept(split: Split, row: str) -> None:
    text = (
        '{"results":[[{"field":"a","value":"b"}],' + row + ']}\n{"streams":[{"stream":{},"values":['
    )
    text += '["1","x"],' + row + "]}]}"
    joined = split(text, 7).replace(b" ", b"")
    assert row.replace(" ", "").encode().strip(b"[]") in joined
    assert b'{"a":"b"}' in joined
    assert b'"line":"x"' in joined


@pytest.mark.parametrize(
    "record",
    [
        {"status": 200, "data": [{"id": 1}], "method": "GET"},
        {"status": "success", "uri": "/a", "results": [{"a": 1}]},
        {"stream": {"name": "x"}, "time": "now", "values": [1]},
        {"took": 5, "method": "GET", "hits": {"hits": [{"a": 1}]}},
    ],
)
def test_a_record_is_no_answer(split: Split, record: dict[str, Any]) -> None:
    text = json.dumps(record)
    assert loaded(split(text * 2, 9)) == [record] * 2
