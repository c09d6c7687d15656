"""Objects come back as they were, whatever shape a JSON stream has and however it is read."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.any_text import any_text
from tests.examples import about

Frame = Callable[..., bytes]
Split = Callable[..., bytes]
Object = dict[str, Any]
Shape = Callable[[list[Object], Callable[[Any], str]], str]

NASTY = ['}{"', '"}{"a":1}', '\n{"', "[{", "},{", "\\", '\\"', "{id}", "}", "\r\n", "ü€🧀", "\x00"]
TORN = st.lists(st.sampled_from(NASTY)).map("".join)
TEXTS = any_text(max_size=8) | st.sampled_from(NASTY) | TORN
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)
# One that looks like a container is one.
KEYS = TEXTS.filter(
    lambda text: (
        text not in ("records", "events", "logEvents", "entries", "Records", "results", "values")
    )
)
OBJECTS = st.lists(st.dictionaries(KEYS, SCALARS | VALUES, max_size=3), max_size=6)
STYLES: dict[str, Callable[[Any], str]] = {
    "compact": lambda value: json.dumps(value, separators=(",", ":")),
    "usual": json.dumps,
    "utf-8": lambda value: json.dumps(value, ensure_ascii=False),
    "pretty": lambda value: json.dumps(value, indent=2),
    "pretty, no indent": lambda value: json.dumps(value, indent=0),
    "pretty, CRLF": lambda value: json.dumps(value, indent="\t").replace("\n", "\r\n"),
}


def loaded(text: bytes) -> list[Object]:
    return [json.loads(line) for line in text.split(b"\n") if line]


def grouped(objects: list[Object], size: int = 3) -> list[list[Object]]:
    return [objects[at : at + size] for at in range(0, len(objects), size)] or [[]]


DATA_MESSAGE = {
    "messageType": "DATA_MESSAGE",
    "owner": "123456789012",
    "logGroup": "API-Gateway",
    "logStream": "s{1}",
    "subscriptionFilters": ["to-firehose"],
}
SHAPES: dict[str, Shape] = {
    "glued": lambda objects, dump: "".join(map(dump, objects)),
    "blanks between": lambda objects, dump: " \t ".join(map(dump, objects)),
    "a line each": lambda objects, dump: "".join(dump(item) + "\n" for item in objects),
    "two a line": lambda objects, dump: "\n".join(
        "".join(map(dump, group)) for group in grouped(objects, 2)
    ),
    "commas between": lambda objects, dump: ",\n".join(map(dump, objects)),
    "commas first": lambda objects, dump: "\n, ".join(map(dump, objects)),
    "array": lambda objects, dump: dump(objects),
    "array, a line each": lambda objects, dump: "[\n" + ",\n".join(map(dump, objects)) + "\n]\n",
    "arrays": lambda objects, dump: "".join(map(dump, grouped(objects))),
    "records": lambda objects, dump: dump({"records": objects}),
    "records, several": lambda objects, dump: "\n".join(
        dump({"records": group}) for group in grouped(objects)
    ),
    "records, glued": lambda objects, dump: "".join(
        dump({"records": group}) for group in grouped(objects)
    ),
    "records, in an array": lambda objects, dump: dump(
        [{"records": group} for group in grouped(objects)]
    ),
    "events of filter-log-events": lambda objects, dump: dump(
        {
            "events": objects,
            "searchedLogStreams": [{"logStreamName": "s", "searchedCompletely": True}],
            "nextToken": "t",
        }
    ),
    "events of get-log-events": lambda objects, dump: dump(
        {"nextForwardToken": "f/1", "events": objects, "nextBackwardToken": "b/1"}
    ),
    "subscription": lambda objects, dump: "".join(
        dump({**DATA_MESSAGE, "logEvents": group}) for group in grouped(objects)
    ),
    "entries": lambda objects, dump: dump({"entries": objects, "nextPageToken": "x"}),
    "entries to be written": lambda objects, dump: "".join(
        dump(
            {
                "resource": {"type": "api", "labels": {}},
                "labels": {"application": "}{"},
                "entries": group,
                "partialSuccess": True,
            }
        )
        for group in grouped(objects)
    ),
    "hits of Elasticsearch": lambda objects, dump: dump(
        {
            "took": 3,
            "timed_out": False,
            "_shards": {"total": 1, "failed": 0},
            "hits": {
                "total": {"value": 14, "relation": "eq"},
                "max_score": None,
                "hits": objects,
            },
            "aggregations": {"a": {"buckets": []}},
        }
    ),
    "results of Splunk": lambda objects, dump: dump(
        {
            "preview": False,
            "init_offset": 0,
            "messages": [],
            "fields": [{"name": "_raw"}],
            "results": objects,
            "highlighted": {},
        }
    ),
    "records of Kinesis": lambda objects, dump: dump(
        {"Records": objects, "NextShardIterator": "x"}
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=about(10))
@given(
    objects=OBJECTS,
    style=st.sampled_from(list(STYLES)),
    sizes=st.lists(st.integers(1, 200), min_size=1),
)
def test_objects_come_back(
    frame: Frame, shape: str, style: str, objects: list[Object], sizes: list[int]
) -> None:
    text = SHAPES[shape](objects, STYLES[style])
    assert loaded(frame(text, sizes=sizes)) == objects


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=about(10))
@given(objects=OBJECTS, style=st.sampled_from(list(STYLES)), window=st.integers(1, 200))
def test_windows_of_any_size_give_the_same(
    split: Split, shape: str, style: str, objects: list[Object], window: int
) -> None:
    text = SHAPES[shape](objects, STYLES[style])
    assert loaded(split(text, window)) == objects


@given(
    objects=st.lists(st.dictionaries(st.sampled_from(["a", "environment"]), VALUES)),
    siblings=st.dictionaries(st.sampled_from(["organization", "environment"]), TEXTS),
    late=st.booleans(),
    style=st.sampled_from(list(STYLES)),
    window=st.integers(1, 200),
)
def test_records_get_the_organization_and_environment_they_lack(
    split: Split, objects: list[Object], siblings: Object, late: bool, style: str, window: int
) -> None:
    batch = {"records": objects, **siblings} if late else {**siblings, "records": objects}
    text = STYLES[style](batch) * 2
    assert loaded(split(text, window)) == [{**siblings, **item} for item in objects] * 2


@given(
    names=st.lists(TEXTS, min_size=1, max_size=3, unique=True),
    rows=st.lists(st.lists(SCALARS | VALUES, min_size=3, max_size=3), max_size=4),
    order=st.permutations(["name", "columns", "rows"]),
    style=st.sampled_from(list(STYLES)),
    window=st.integers(1, 200),
    late=st.booleans(),
)
def test_rows_of_tables_become_objects(
    split: Split,
    names: list[str],
    rows: list[list[Any]],
    order: list[str],
    style: str,
    window: int,
    late: bool,
) -> None:
    members = {
        "name": "PrimaryResult",
        "columns": [{"name": name, "type": "string"} for name in names],
        "rows": [row[: len(names)] for row in rows],
    }
    table = {name: members[name] for name in order}
    beside = {"statistics": {"query": {"executionTime": 0.1}}}
    tables = {"tables": [table, table]}
    answer = {**tables, **beside} if late else {**beside, **tables}
    lines = split(STYLES[style](answer), window)
    assert loaded(lines) == [dict(zip(names, row, strict=False)) for row in rows] * 2


@pytest.mark.parametrize("depth", [0, 1, 3, 5, 50])
def test_rows_may_hold_nested_values(split: Split, depth: int) -> None:
    value = json.loads("[" * depth + '{"a": "]"}' + "]" * depth)
    columns = [{"name": "100 %", "type": "dynamic"}, {"name": '"', "type": "string"}]
    rows = [[value, 1], ["x]", value], [1], [None, 1.50]]
    answer = {"tables": [{"name": "T", "columns": columns, "rows": rows}]}
    want = [{"100 %": value, '"': 1}, {"100 %": "x]", '"': value}, [1], {"100 %": None, '"': 1.5}]
    assert [json.loads(line) for line in split(json.dumps(answer), 7).splitlines()] == want


TIMES = st.sampled_from(["2026-10-01T10:55:45.602Z", "2026-10-01T10:55:45.602000+00:00 a/[1]b"])


@given(
    events=st.lists(st.tuples(TIMES, st.dictionaries(TEXTS, SCALARS, min_size=1)), min_size=1),
    between=st.sampled_from([" ", "\n", " \n", "\r\n"]),
)
def test_the_time_before_a_pretty_object_stays_with_it(
    frame: Frame, events: list[tuple[str, Object]], between: str
) -> None:
    text = "".join(f"{time}{between}{json.dumps(item, indent=4)}\n" for time, item in events)
    lines = frame(text).decode().splitlines()
    assert [line.partition(" {")[0] for line in lines] == [time for time, _ in events]
    assert [json.loads(line[line.index("{") :]) for line in lines] == [item for _, item in events]


@given(texts=st.lists(st.text("ab {}[]:\n", max_size=9), min_size=1))
def test_raw_newlines_in_strings_become_escapes(frame: Frame, texts: list[str]) -> None:
    objects = "\n".join(f'{{"a": 1,\n "text": "{text}"}}' for text in texts)
    lines = frame(objects).splitlines()
    assert [json.loads(line, strict=False)["text"] for line in lines] == [
        text.replace("\r\n", "\n") for text in texts
    ]


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
@given(objects=OBJECTS.filter(bool), sizes=st.lists(st.integers(1, 200), min_size=1))
def test_lines_of_base64_are_decoded(
    frame: Frame, pack: Callable[[bytes], bytes], objects: list[Object], sizes: list[int]
) -> None:
    payloads = [
        json.dumps({**DATA_MESSAGE, "logEvents": group}).encode() for group in grouped(objects)
    ]
    text = b"\n".join(base64.b64encode(pack(payload)) for payload in payloads)
    assert loaded(frame(text, sizes=sizes)) == objects
