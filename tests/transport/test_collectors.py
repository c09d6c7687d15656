"""Lines of collectors: what they put around a line is taken off, whatever the line holds."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.transport.envelope_registry import detect_envelopes
from apilog.values.event_lines import EventLines
from tests.any_text import any_text

LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "cu\\\\rl/8"'
JSON = json.dumps({"requestId": "8d1f", "status": "200", "path": 'a\\"b\\\\'})
TEXTS = any_text(max_size=9, without="\n\r\x1b\x01")


def lines_of(*lines: str) -> pl.Series:
    return EventLines("\n".join(lines).encode()).series


def taken_out(*lines: str) -> tuple[str, list[str]]:
    """Return the envelopes that lines are found to be in, and what is inside all of them."""
    texts = lines_of(*lines)
    envelopes = detect_envelopes(texts)
    for envelope in envelopes:
        texts = envelope.unwrap(texts).texts["text"]
    return ", ".join(e.name for e in envelopes), texts.to_list()


def ruby(**members: str) -> str:
    return "{" + ", ".join(f"{json.dumps(k)}=>{json.dumps(v)}" for k, v in members.items()) + "}"


DELIVERIES = {
    "logcli": lambda line: f'2026-10-10T13:55:36Z {{app="web", x="}} \\""}}  {line}',
    "stamped": lambda line: f"2026-10-10T13:55:36.123456789Z {line}",
    "fluentd, json-wrapped": lambda line: (
        "2026-10-10T13:55:36+00:00\tweb\t" + json.dumps({"message": line})
    ),
    "fluent-bit, json-wrapped": lambda line: (
        f"[7] web: [[1791640536.6, {{}}], {ruby(log=line, pod='a')}]"
    ),
    "elasticsearch, json-wrapped": lambda line: json.dumps(
        {"_index": "logs", "_id": "1", "_source": {"message": line, "log": {"file": "a"}}}
    ),
    "splunk-result, json-wrapped": lambda line: json.dumps(
        {"preview": False, "result": {"_raw": line, "host": "forwarder"}}
    ),
    "splunk-event, json-wrapped": lambda line: json.dumps(
        {"sourcetype": "web", "event": {"log": line, "stream": "x"}}
    ),
    "datadog, json-wrapped": lambda line: json.dumps(
        {"id": "a", "type": "log", "attributes": {"status": "info", "message": line}}
    ),
    "compose": lambda line: f"\x1b[36mproxy-1  |\x1b[0m {line}",
    "docker": lambda line: json.dumps({"log": f"\x1b[0m{line}\n", "stream": "stdout"}),
}


@pytest.mark.parametrize("name", DELIVERIES)
@pytest.mark.parametrize("line", [LINE, JSON])
def test_a_line_comes_out_as_it_was_written(name: str, line: str) -> None:
    assert taken_out(*[DELIVERIES[name](line)] * 3) == (name, [line] * 3)


@given(TEXTS, st.sampled_from(sorted(DELIVERIES)))
def test_any_text_comes_out_or_the_line_is_in_no_envelope(text: str, name: str) -> None:
    line = LINE + text
    found, texts = taken_out(*[DELIVERIES[name](LINE)] * 3, DELIVERIES[name](line))
    assert found == name
    assert texts[3:] in ([line], [line.rstrip()], [])


SPLUNK = '"_raw","_time",host,source\n'


def doubled(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@pytest.mark.parametrize("line", [LINE, JSON])
@pytest.mark.parametrize(
    "rows",
    [
        lambda cell: ['"_raw","_time",host', f'{cell},"2026-10-10T13:55:36.000+0000",fwd'],
        lambda cell: ["Date,Host,Service,Message", f'"2026-10-10T13:55:36Z",a,b,{cell}'],
        lambda cell: [
            "\ufeffTime\tLine\ttsNs",
            f"2026-10-10 13:55:36\t{cell}\t1791640536000000000",
        ],
        lambda cell: ["@timestamp,@logStream,@message", f"2026-10-10 13:55:36.000,s,{cell}"],
    ],
)
def test_events_of_a_table_come_out_of_their_column(rows: object, line: str) -> None:
    assert callable(rows)
    header, row = rows(doubled(line))
    assert taken_out(header, row, row) == ("csv", [line] * 2)


def test_one_broken_row_costs_no_other_event() -> None:
    row = f'{doubled(LINE)},"2026-10-10T13:55:36.000+0000",fwd'
    broken = ['"' + row, row[:30], "x", "", row + ',"']
    found, texts = taken_out('"_raw","_time",host', *[row] * 9, *broken, row)
    assert (found, texts) == ("csv", [LINE] * 10)


def test_a_table_of_values_is_no_table_of_events() -> None:
    header = "time,message,status"
    assert taken_out(header, *["2026-10-10T13:55:36Z,started,ok"] * 3)[0] == ""


@pytest.mark.parametrize(
    "line",
    [
        '2026-10-10T13:55:36Z 203.0.113.7 "GET /a HTTP/1.1" 200',
        '2026-10-10T13:55:36.123Z 203.0.113.7 "GET /a HTTP/1.1" 200',
        "[0] web: something",
        '{"result": {"a": 1}, "status": 200}',
        '{"attributes": {"a": 1}, "path": "/a", "status": 200}',
    ],
)
def test_lines_that_look_alike_stay_as_they_are(line: str) -> None:
    assert taken_out(*[line] * 3) == ("", [line] * 3)


def test_colours_are_no_part_of_a_line() -> None:
    coloured = "\x1b[1;32mGET\x1b[0m /a \x1b[38;5;9m200\x1b[m\x1b[K"
    assert lines_of(coloured)[0] == "GET /a 200"
    assert lines_of("a\x1b]0;title\x07b", "\x1b[2J")[0] == "a\x1b]0;title\x07b"
