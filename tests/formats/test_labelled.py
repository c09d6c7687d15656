"""LTSV and logfmt: labels in any order, values with anything in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.contract import ParsedRecords
from apilog.formats.generic.labelled import LogfmtFormat, LtsvFormat
from apilog.schema import SCHEMA
from apilog.values.event_lines import EventLines
from tests.any_text import any_text

Kind = type[LtsvFormat] | type[LogfmtFormat]
Write = Callable[[Mapping[str, str]], str]

TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
LINE = {
    "time": "21/Nov/2026:12:00:00 +0200",
    "host": "203.0.113.7",
    "method": "GET",
    "uri": "/v1/users/42?x=http://a:b",
    "status": "200",
    "size": "512",
    "reqtime": "0.057",
    "apptime": "0.050",
    "vhost": "api.example.com",
    "ua": "curl/8.1 (a b)",
}
RECORD = {
    "timestamp": TEN,
    "client_ip": "203.0.113.7",
    "method": "GET",
    "path": "/v1/users/42",
    "query": "x=http://a:b",
    "status": 200,
    "response_bytes": 512,
    "duration_ms": 57.0,
    "upstream_duration_ms": 50.0,
    "host": "api.example.com",
    "user_agent": "curl/8.1 (a b)",
}


def ltsv(values: Mapping[str, str]) -> str:
    return "\t".join(f"{label}:{value}" for label, value in values.items())


def logfmt(values: Mapping[str, str]) -> str:
    return " ".join(f'{label}="{value}"' for label, value in values.items())


def parsed(kind: Kind, *lines: str) -> ParsedRecords:
    data = EventLines("\n".join(lines).encode())
    log_format = kind.infer(data.series)
    assert log_format is not None
    return log_format.parse(data, sorted(log_format.columns))


def rows(result: ParsedRecords) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if v is not None} for row in result.records.to_dicts()]


@pytest.mark.parametrize(("kind", "write"), [(LtsvFormat, ltsv), (LogfmtFormat, logfmt)])
class TestBoth:
    def test_every_line_alike(self, kind: Kind, write: Write) -> None:
        result = parsed(kind, *[write(LINE)] * 3)
        assert rows(result) == [RECORD] * 3
        assert result.rejects.is_empty()

    def test_labels_in_any_order(self, kind: Kind, write: Write) -> None:
        backwards = dict(reversed(LINE.items()))
        assert rows(parsed(kind, write(LINE), write(backwards), write(LINE))) == [RECORD] * 3

    def test_labels_that_are_missing(self, kind: Kind, write: Write) -> None:
        short = {label: LINE[label] for label in ("uri", "status", "time")}
        found = rows(parsed(kind, write(LINE), write(short), write(LINE)))
        kept = ("timestamp", "path", "query", "status")
        assert found == [RECORD, {name: RECORD[name] for name in kept}, RECORD]

    def test_labels_that_come_twice(self, kind: Kind, write: Write) -> None:
        twice = f"{write(LINE)}{chr(9) if kind is LtsvFormat else ' '}{write({'status': '500'})}"
        assert rows(parsed(kind, write(LINE), twice)) == [RECORD] * 2

    def test_rejects_say_why(self, kind: Kind, write: Write) -> None:
        untimed = write({**LINE, "time": "-"})
        silent = write({"time": LINE["time"], "size": "1", "ua": "x"})
        result = parsed(kind, write(LINE), untimed, silent, "(no labels)", write(LINE))
        assert rows(result) == [RECORD] * 2
        assert result.rows is not None
        assert result.rows.to_list() == [0, 4]
        reasons = dict(result.rejects.rows())
        assert reasons[1] == "no time in 'time'"
        assert reasons[2] == "neither a request nor a status"
        assert reasons[3] == ("not LTSV" if kind is LtsvFormat else "not key=value")

    def test_what_is_something_else(self, kind: Kind, write: Write) -> None:
        untimed = {label: value for label, value in LINE.items() if label != "time"}
        for head in ([], ["junk"], [write(untimed)], ['{"time":"x"}'], ["a:b\tc:d", "a=b c=d"]):
            assert kind.infer(pl.Series(head, dtype=pl.String)) is None

    def test_explain(self, kind: Kind, write: Write) -> None:
        log_format = kind.infer(pl.Series([write(LINE)]))
        assert log_format is not None
        assert log_format.explain("(no labels)").position == 0
        assert log_format.explain(write(LINE)).position == len(write(LINE))


def test_escapes_of_nginx_in_ltsv() -> None:
    escaped = ltsv({**LINE, "ua": r"\xD0\x9F\x22", "uri": r"/\x5Cx41"})
    (record,) = rows(parsed(LtsvFormat, escaped))
    assert (record["user_agent"], record["path"]) == ('П"', r"/\x41")


def test_windows_line_ends_in_ltsv() -> None:
    assert rows(parsed(LtsvFormat, ltsv(LINE) + "\r", ltsv(LINE) + "\r")) == [RECORD] * 2


def test_empty_values_in_ltsv() -> None:
    (_, record) = rows(parsed(LtsvFormat, ltsv(LINE), ltsv({**LINE, "ua": "", "size": "-"})))
    assert record == {k: v for k, v in RECORD.items() if k not in ("user_agent", "response_bytes")}


def test_quotes_in_logfmt() -> None:
    line = 'time=2026-11-21T10:00:00Z status=200 path="/a b" ua="x status=500 \\"y\\" \\\\" size='
    (record,) = rows(parsed(LogfmtFormat, line))
    assert record == {
        "timestamp": TEN,
        "status": 200,
        "path": "/a b",
        "user_agent": 'x status=500 "y" \\',
    }


def test_bracketed_times_and_bare_words_in_logfmt() -> None:
    line = "access time=[21/Nov/2026:12:00:00 +0200] status=204 durationms=3"
    assert rows(parsed(LogfmtFormat, line)) == [
        {"timestamp": TEN, "status": 204, "duration_ms": 3.0}
    ]


LTSV = LtsvFormat.infer(pl.Series([ltsv(LINE)]))
LOGFMT = LogfmtFormat.infer(pl.Series([logfmt(LINE)]))
pieces = st.sampled_from([*(f"{label}:" for label in LINE), "\t", "=", '"', " ", "-", ":", "\r"])
noise = st.lists(pieces | any_text(max_size=4), max_size=12).map("".join).map(str.encode)
good = st.sampled_from([ltsv(LINE).encode(), logfmt(LINE).encode()])


@pytest.mark.parametrize("log_format", [LTSV, LOGFMT])
@given(parts=st.lists(noise | good | st.binary(max_size=12), max_size=8))
def test_any_lines_are_records_or_rejects(
    log_format: LtsvFormat | LogfmtFormat, parts: list[bytes]
) -> None:
    lines = EventLines(b"\n".join(parts))
    result = log_format.parse(lines, sorted(SCHEMA))
    numbers = list(range(lines.count)) if result.rows is None else result.rows.to_list()
    rejected = result.rejects["row"].to_list()
    assert result.records.height == len(numbers)
    assert sorted([*numbers, *rejected]) == list(range(lines.count))


@given(st.lists(noise.map(lambda b: b.decode("utf-8", "replace")), max_size=8))
def test_any_head_can_be_looked_at(head: list[str]) -> None:
    for kind in (LtsvFormat, LogfmtFormat):
        found = kind.infer(pl.Series(head, dtype=pl.String))
        assert found is None or "timestamp" in found.columns


def test_alp_sample(samples: Path) -> None:
    lines = EventLines((samples / "nginx/tkuchiki-alp/ltsv_access.log").read_bytes())
    log_format = LtsvFormat.infer(lines.series)
    assert log_format is not None
    result = log_format.parse(lines, sorted(SCHEMA))
    assert result.records.height == lines.count == 14
    first = result.records.row(0, named=True)
    assert first["timestamp"] == datetime(2015, 9, 5, 20, 58, 5, tzinfo=UTC)
    assert (first["method"], first["path"], first["status"]) == ("POST", "/foo/bar", 200)
    assert (first["duration_ms"], first["response_bytes"]) == (57.0, 12)
