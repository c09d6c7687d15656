"""Tables with a header: separators, quoting, and lines that are no rows of the table."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apilog.formats.contract import ParsedRecords
from apilog.formats.gateways.delimited import HEADER_REASON, DelimitedFormat, infer_delimited
from apilog.formats.gateways.gateway import Gateway, first_of, first_time
from apilog.values import convert
from apilog.values.event_lines import EventLines

GATEWAY = Gateway(
    name="apigee",
    gateway="apigee",
    title="a gateway for tests",
    url="https://example.com/",
    samples=(),
    fingerprint_keys=(frozenset({"proxy", "code"}),),
    column_sources={
        "timestamp": first_time("started"),
        "api": first_of(convert.encode_given, "proxy"),
        "status": first_of(convert.to_statuses, "code"),
        "user_agent": first_of(convert.encode_given, "agent"),
    },
)
COLUMNS = ("timestamp", "api", "status", "user_agent")
HEAD = ["started", "proxy", "code", "agent"]
TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
ROW = ["2026-11-21T10:00:00Z", "orders", "200", "curl/8.1"]
RECORD = (TEN, "orders", 200, "curl/8.1")


def format_of(head: str | bytes) -> DelimitedFormat:
    lines = EventLines(head if isinstance(head, bytes) else head.encode())
    found = infer_delimited(GATEWAY, lines.series)
    assert found is not None
    return found


def parsed(data: str | bytes) -> ParsedRecords:
    lines = EventLines(data if isinstance(data, bytes) else data.encode())
    return format_of(data).parse(lines, COLUMNS)


def rows(result: ParsedRecords) -> list[tuple[object, ...]]:
    return result.records.select(COLUMNS).rows()


@pytest.mark.parametrize("separator", [",", "|", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_and_line_ends(separator: str, end: str, mark: str) -> None:
    table = mark + end.join(separator.join(line) for line in (HEAD, ROW, ROW))
    result = parsed(table)
    assert rows(result) == [RECORD, RECORD]
    assert result.rejects.rows() == [(0, HEADER_REASON)]


def test_columns_in_another_order_and_with_others_between() -> None:
    table = "agent,x,Code,PROXY,x,Started [UTC]\ncurl/8.1,1,200,orders,2,2026-11-21T10:00:00Z\n"
    assert rows(parsed(table)) == [RECORD]


def test_quoted_header() -> None:
    quoted = ",".join(f'"{name}"' for name in HEAD)
    assert rows(parsed(f"{quoted}\n{','.join(ROW)}\n")) == [RECORD]


def test_empty_fields_are_null_also_the_last_one() -> None:
    result = parsed(f'{",".join(HEAD)}\n{ROW[0]},,200,\n{ROW[0]},,200,""\n')
    assert rows(result) == [(TEN, None, 200, None)] * 2


def test_later_chunks_have_no_header() -> None:
    log_format = format_of(",".join(HEAD))
    later = log_format.parse(EventLines((",".join(ROW) + "\n").encode()), COLUMNS)
    assert rows(later) == [RECORD]
    assert later.rejects.is_empty()


def test_the_header_again_in_the_middle_of_joined_files() -> None:
    head, row = ",".join(HEAD), ",".join(ROW)
    result = parsed(f"{head}\n{row}\n\ufeff{head}\r\n{row}\n")
    assert rows(result) == [RECORD] * 2
    assert result.rejects.rows() == [(0, HEADER_REASON), (2, HEADER_REASON)]


def test_a_header_after_other_lines() -> None:
    assert format_of(f"exported by hand\n\n{','.join(HEAD)}\n").header == ",".join(HEAD)


@pytest.mark.parametrize(
    "head",
    [
        "",
        "started,code\n2026-11-21T10:00:00Z,200\n",
        "proxy,code\norders,200\n",
        '{"proxy": "orders", "code": 200, "started": 1}\n',
        "proxy code started\n",
    ],
    ids=["nothing", "not its marker", "no time", "json", "blanks"],
)
def test_what_is_no_table_of_the_gateway(head: str) -> None:
    assert infer_delimited(GATEWAY, EventLines(head.encode()).series) is None


NOT_ROWS = {
    "too few fields": ",".join(ROW[:-1]),
    "too many fields": ",".join([*ROW, ""]),
    "blank": "",
    "an open quote": f'{ROW[0]},orders,200,"curl',
    "text after a quoted field": f'{ROW[0]},"orders"x,200,curl',
    "an escaped quote": rf'{ROW[0]},orders,200,"cu\"rl,"',
}


@pytest.mark.parametrize("broken", NOT_ROWS.values(), ids=NOT_ROWS.keys())
@pytest.mark.parametrize("after", [[",".join(ROW)] * 2, []], ids=["between", "last"])
def test_a_line_that_is_no_row_costs_no_other(broken: str, after: list[str]) -> None:
    row = ",".join(ROW)
    result = parsed("\n".join([",".join(HEAD), row, broken, *after]) + "\n")
    assert rows(result) == [RECORD] * (1 + len(after))
    reasons = dict(result.rejects.rows())
    assert set(reasons) == {0, 2}
    open_quote = broken.count('"') % 2 == 1
    assert reasons[2] == (
        "a quote is left open" if open_quote else "not 4 fields with commas between them"
    )


def test_a_quote_within_a_field_that_is_not_quoted_is_a_character() -> None:
    result = parsed(f'{",".join(HEAD)}\n{",".join(ROW[:3])},5" disk\n{",".join(ROW)}\n')
    assert rows(result) == [(*RECORD[:3], '5" disk'), RECORD]


def test_a_row_without_a_time_or_a_request_says_so() -> None:
    result = parsed(f"{','.join(HEAD)}\n-,orders,200,x\n{ROW[0]},orders,-,x\n")
    assert [reason for _, reason in result.rejects.rows()[1:]] == [
        "no time that can be understood",
        "no request of apigee",
    ]


def test_bytes_that_are_no_utf8() -> None:
    data = f"{','.join(HEAD)}\n".encode() + ",".join(ROW).encode().replace(b"curl", b"c\xff")
    assert rows(parsed(data)) == [(*RECORD[:3], "c\ufffd/8.1")]


@pytest.mark.parametrize("begins", [b"x^", b"x\x01", b"\x1f\x8b", b"(\xb5/\xfd"])
def test_lines_that_begin_like_a_compressed_file(begins: bytes) -> None:
    row = ",".join(["x", *ROW]).encode()
    log_format = format_of(",".join(["first", *HEAD]))
    result = log_format.parse(EventLines(begins + row + b"\n" + row + b"\n"), COLUMNS)
    assert rows(result) == [RECORD] * 2


def test_explain() -> None:
    log_format = format_of(",".join(HEAD))
    assert log_format.explain("a,b").expected == "4 fields with commas between them"
    assert log_format.explain(",".join(ROW)).position == len(",".join(ROW))


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00"), max_size=12
) | st.text('",|;\t a', max_size=8)


@given(st.lists(TEXT, min_size=1, max_size=20), st.sampled_from(",|\t;"))
def test_whatever_a_csv_writer_writes_is_read_back(agents: list[str], separator: str) -> None:
    out = StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(HEAD)
    for second, agent in enumerate(agents):
        writer.writerow([TEN + timedelta(seconds=second), "orders", "200", agent])
    result = parsed(out.getvalue())
    found = [(row[0], row[3]) for row in rows(result)]
    assert found == [
        (TEN + timedelta(seconds=second), agent if agent not in ("", "-", "\\N") else None)
        for second, agent in enumerate(agents)
    ]


GOOD = (",".join(ROW) + "\n").encode()
noise = st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"x", b"\xff", GOOD]), max_size=30)


@given(noise.map(b"".join) | st.binary(max_size=60))
def test_any_lines_are_records_or_rejects(data: bytes) -> None:
    lines = EventLines(data)
    result = format_of(",".join(HEAD)).parse(lines, COLUMNS)
    numbers = list(range(lines.count)) if result.rows is None else result.rows.to_list()
    assert result.records.height == len(numbers)
    assert sorted([*numbers, *result.rejects["row"]]) == list(range(lines.count))


@given(st.lists(noise.map(b"".join), max_size=6))
def test_a_whole_line_is_read_whatever_stands_beside_it(others: list[bytes]) -> None:
    beside = [part.replace(b"\n", b"") + b"\n" for part in others]
    data = b"".join(part + GOOD for part in beside)
    result = format_of(",".join(HEAD)).parse(EventLines(data), COLUMNS)
    read = range(2 * len(beside)) if result.rows is None else result.rows.to_list()
    assert {2 * i + 1 for i in range(len(beside))} <= {*read}


@given(st.lists(TEXT | st.sampled_from([",".join(HEAD), "{", '"']), max_size=6))
def test_any_head_can_be_looked_at(head: list[str]) -> None:
    found = infer_delimited(GATEWAY, pl.Series(head, dtype=pl.String))
    assert found is None or "timestamp" in found.columns


@pytest.mark.slow
@given(
    at=st.integers(0, 400),
    quote=st.sampled_from(['"', '""', '",', ',"', '\\"', "'", "\r", "\x00"]),
    separator=st.sampled_from([",", "|", "\t", ";"]),
)
def test_a_stray_quote_costs_its_own_row_alone(at: int, quote: str, separator: str) -> None:
    agents = ["curl/8.1", '"cu""rl, 8"', "", 'a"b', "curl/8.1", '"x;|\ty"', "curl/8.1"]
    fields = [[*ROW[:3], agent] for agent in agents]
    lines = [separator.join(row) for row in ([HEAD[0], *HEAD[1:]], *fields)]
    whole = parsed("\n".join(lines))
    text = "\n".join(lines)
    broken = text[:at] + quote + text[at:]
    assume(at > len(lines[0]))  # the header has to name the columns still
    assert len(rows(parsed(broken))) >= len(rows(whole)) - 1


def test_a_stray_quote_in_the_header_costs_nothing() -> None:
    lines = ['"' + ",".join(HEAD), ",".join(ROW), ",".join(ROW)]
    assert rows(parsed("\n".join(lines))) == [RECORD] * 2
