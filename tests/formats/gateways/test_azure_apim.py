"""Azure API Management: the same requests in every shape give the same records."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.contract import Format
from apilog.formats.gateways import delimited, keyed
from apilog.formats.gateways.azure import GATEWAYS
from apilog.formats.gateways.azure.resource_logs import log_analytics_times
from apilog.values.event_lines import EventLines
from tests.aggregate import oracle
from tests.any_text import any_text
from tests.formats.gateways.azure_shapes import (
    ERROR_SOURCES,
    FRAMED,
    RECORDS,
    REQUESTS,
    SHAPES,
    Properties,
    events_of,
    storage,
)

APIM = GATEWAYS[0]


def format_of(lines: list[str]) -> Format:
    head = pl.Series(lines)
    found = keyed.infer_keyed(APIM, head) or delimited.infer_delimited(APIM, head)
    assert found is not None
    return found


def read(lines: list[str], log_format: Format | None = None) -> tuple[list[dict[str, object]], int]:
    """Return the records, without nulls, and how many lines are rejects."""
    log_format = log_format or format_of(lines)
    parsed = log_format.parse(EventLines("\n".join(lines).encode()), sorted(log_format.columns))
    rows = [{k: v for k, v in row.items() if v is not None} for row in parsed.records.to_dicts()]
    return [{"gateway": log_format.gateway, **row} for row in rows], parsed.rejects.height


def one(properties: Properties) -> dict[str, object]:
    """Return the record of one request, in a storage account."""
    (record,), rejects = read(storage([properties]))
    assert rejects == 0
    return record


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_records(shape: str) -> None:
    lines = SHAPES[shape](REQUESTS)
    records, rejects = read(lines)
    assert records == list(RECORDS)
    assert rejects == len(lines) - len(REQUESTS)


@pytest.mark.parametrize("shape", FRAMED)
@pytest.mark.parametrize("layout", ["as sent", "twice without a newline", "pretty-printed"])
def test_what_is_sent_in_one_piece_is_taken_apart(shape: str, layout: str) -> None:
    (text,) = FRAMED[shape](REQUESTS)
    match layout:
        case "twice without a newline":
            text *= 2
        case "pretty-printed":
            text = json.dumps(json.loads(text), indent=2)
    records, rejects = read(events_of(text))
    assert records[:8] == list(RECORDS)
    assert records[8:] in ([], list(RECORDS))
    assert rejects == 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_every_request_is_recognised_alone(shape: str, number: int) -> None:
    (record,), _ = read(SHAPES[shape]([REQUESTS[number]]))
    times = {"timestamp", "request_id"}
    expected = {k: v for k, v in RECORDS[number].items() if k not in times}
    assert {k: v for k, v in record.items() if k not in times} == expected


def test_errors_are_told_apart() -> None:
    records, _ = read(storage(REQUESTS))
    assert tuple(map(oracle.error_source, records)) == ERROR_SOURCES


def test_only_the_columns_asked_for_are_made() -> None:
    lines = storage(REQUESTS)
    parsed = format_of(lines).parse(EventLines("\n".join(lines).encode()), ["status"])
    assert set(parsed.records.columns) == {"status", "timestamp"}
    assert parsed.rejects.is_empty()


def test_whether_a_line_is_a_record_does_not_depend_on_the_columns() -> None:
    lines = [*storage(REQUESTS), '{"time":"2026-11-21T10:00:00Z","category":"GatewayLogs"}', "{"]
    log_format = format_of(lines)
    whole = EventLines("\n".join(lines).encode())
    for columns in ([], ["api"], ["status", "path"], sorted(log_format.columns)):
        assert log_format.parse(whole, columns).rejects["row"].to_list() == [8, 9]


def test_seven_digits_of_a_second_are_cut_to_six() -> None:
    line = storage(REQUESTS[:1])[0].replace(".4460000Z", ".4469999Z")
    (record,), _ = read([line])
    assert str(record["timestamp"]) == "2026-11-21 09:59:59.446999+00:00"


def test_a_half_written_last_line_is_a_reject() -> None:
    lines = storage(REQUESTS)
    lines[-1] = lines[-1][: len(lines[-1]) // 2]
    records, rejects = read(lines)
    assert (len(records), rejects) == (len(REQUESTS) - 1, 1)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"url": "https://h/a?x=https://other/b"}, ("/a", "h", "x=https://other/b")),
        ({"url": "https://h"}, ("/", "h", None)),
        ({"url": "http://h:80/"}, ("/", "h", None)),
        ({"url": "https://h:444/a b"}, ("/a b", "h:444", None)),
        ({"url": "https://me:5ecre7@h/a"}, ("/a", "h", None)),
        ({"url": "wss://h/socket?sig=1"}, ("/socket", "h", "sig=***")),
        ({"url": "https://[2001:db8::1]:443/a"}, ("/a", "[2001:db8::1]", None)),
        ({"url": "/only/a/path"}, ("/only/a/path", None, None)),
    ],
)
def test_urls(properties: Properties, expected: tuple[str | None, ...]) -> None:
    record = one({**REQUESTS[0], **properties})
    assert (record.get("path"), record.get("host"), record.get("query")) == expected


def test_headers_and_bodies_are_never_read() -> None:
    lines = storage([{**r, "userId": None, "apimSubscriptionId": None} for r in REQUESTS])
    records, _ = read(lines)
    assert not any("consumer" in record for record in records)
    assert "nobody" not in str(records)


def test_a_wait_for_a_service_that_answered_at_once_is_zero() -> None:
    assert one({**REQUESTS[0], "backendTime": 0})["upstream_duration_ms"] == 0.0


@pytest.mark.parametrize(
    "category", ["WebSocketConnectionLogs", "DeveloperPortalAuditLogs", "GatewayLlmLogs"]
)
def test_records_of_other_categories_are_rejects(category: str) -> None:
    lines = storage(REQUESTS)
    lines[3] = lines[3].replace('"GatewayLogs"', f'"{category}"')
    log_format = format_of(lines)
    parsed = log_format.parse(EventLines("\n".join(lines).encode()), ["path"])
    assert parsed.rejects.to_dicts() == [
        {"row": 3, "reason": "a record of something else than azure-apim"}
    ]


def test_keys_that_are_there_twice_or_nested_deep() -> None:
    line = storage(REQUESTS[:1])[0]
    deep = '{"a":' * 500 + "1" + "}" * 500
    odd = [
        line[:-1] + ', "category": "Other"}',
        line[:-1] + ', "Category": "Other", "CATEGORY": "Other"}',
        line[:-1] + f', "identity": {deep}}}',
        line[:-1] + ', "Level": 1' + "0" * 400 + "}",
    ]
    records, rejects = read([line, *odd])
    assert len(records) + rejects == 5
    assert all(record == records[0] for record in records)
    assert len(records) >= 3


FORMATS = {shape: format_of(render(REQUESTS)) for shape, render in SHAPES.items()}
KEYS = st.sampled_from(
    ["time", "TimeGenerated", "category", "properties", "method", "url", "Url", "responseCode"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@given(
    st.sampled_from(sorted(FORMATS)),
    st.lists(st.binary(max_size=60) | st.dictionaries(KEYS, VALUES, max_size=6), max_size=6),
)
def test_any_bytes_are_accounted_for(shape: str, events: list[bytes | dict[str, object]]) -> None:
    texts = [e if isinstance(e, bytes) else json.dumps(e).encode() for e in events]
    lines = EventLines(b"\n".join([*texts, SHAPES[shape](REQUESTS)[-1].encode()]))
    parsed = FORMATS[shape].parse(lines, sorted(FORMATS[shape].columns))
    rows = range(lines.count) if parsed.rows is None else parsed.rows
    assert sorted([*rows, *parsed.rejects["row"]]) == list(range(lines.count))
    assert parsed.records.height == lines.count - parsed.rejects.height


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_any_head_can_be_looked_at(lines: list[bytes]) -> None:
    head = EventLines(b"\n".join(lines)).series
    for gateway in GATEWAYS:
        assert keyed.infer_keyed(gateway, head) is None
        assert delimited.infer_delimited(gateway, head) is None


def test_times_of_the_portal() -> None:
    written = {
        "7/2/2024, 6:31:31.446 AM": "2024-07-02 06:31:31.446000+00:00",
        "12/31/2024, 12:00:00.000 AM": "2024-12-31 00:00:00+00:00",
        "12/31/2024, 12:00:00 PM": "2024-12-31 12:00:00+00:00",
        "2024-07-02T06:31:31.4465902Z": "2024-07-02 06:31:31.446590+00:00",
        "13/31/2024, 1:00:00.000 PM": "None",
        "1/1/0001, 1:00:00.000 PM": "None",
        "None": "None",
        "": "None",
    }
    found = log_analytics_times(pl.Series([*written, None]))
    assert [str(value) for value in found] == [*written.values(), "None"]
    assert found.dtype == pl.Datetime("us", "UTC")
