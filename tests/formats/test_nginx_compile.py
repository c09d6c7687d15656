"""Any `log_format`: what nginx writes by it is what is read by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.formats.nginx.format import JsonTemplateFormat, compile_log_format
from apilog.formats.nginx.grammar import (
    EscapeMode,
    FormatPart,
    FormatVariable,
    LiteralText,
    LogFormat,
    parse_log_format,
)
from apilog.schema import TIMESTAMP
from apilog.values.event_lines import EventLines
from tests.any_text import any_text
from tests.examples import about
from tests.formats.nginx_lines import escaped, line
from tests.formats.read_rows import lines_of, read_lines, reading_of, rows

Values = Mapping[str, bytes | None]

# Values of one request, as nginx has them


class Any:
    """Strategies of values by variable."""

    text = st.binary(max_size=12) | any_text(max_size=8).map(str.encode)
    word = st.from_regex(rb"[A-Za-z0-9_.:/@+-]{1,12}", fullmatch=True)
    size = st.integers(0, 10**12).map(lambda n: str(n).encode())
    seconds = st.integers(0, 10**8).map(lambda ms: f"{ms / 1000:.3f}".encode())
    status = st.integers(100, 599).map(lambda n: str(n).encode())
    target = text.map(lambda rest: b"/" + rest)
    time = st.integers(10**8, 7 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC))
    zone = st.sampled_from([0, 60, 210, -480, 345]).map(lambda m: timezone(timedelta(minutes=m)))


def _listed(entries: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """What an upstream variable holds after several attempts."""
    joined = st.lists(
        st.tuples(st.sampled_from([b", ", b" : "]), entries | st.just(b"-")), max_size=2
    )
    return st.tuples(entries, joined).map(
        lambda drawn: drawn[0] + b"".join(between + entry for between, entry in drawn[1])
    )


FREE = ("http_user_agent", "http_referer", "remote_user")
LISTS = ("upstream_response_time", "upstream_status")
VALUES: Mapping[str, st.SearchStrategy[bytes | None]] = {
    "status": Any.status,
    "remote_addr": st.sampled_from([b"203.0.113.7", b"2001:db8::1", b"unix:"]),
    "host": st.from_regex(rb"[A-Za-z0-9_.-]{1,12}", fullmatch=True),
    "request_method": st.sampled_from([b"GET", b"POST", b"SSTP_DUPLEX_POST"]),
    "body_bytes_sent": Any.size,
    "request_length": Any.size,
    "request_time": Any.seconds,
    "request_id": st.none() | st.from_regex(rb"[0-9a-f]{32}", fullmatch=True),
    "connection": Any.size,
    "unknown_to_apilog": st.none() | Any.word,
    "upstream_response_time": st.none() | _listed(Any.seconds),
    "upstream_status": st.none() | _listed(Any.status),
    **{name: st.none() | Any.text for name in FREE},
}


@st.composite
def any_values(draw: st.DrawFn) -> tuple[datetime, dict[str, bytes | None]]:
    """When a request was, and the values of all variables."""
    time = draw(Any.time)
    local = time.astimezone(draw(Any.zone))
    target = draw(Any.target)
    values = {name: draw(strategy) for name, strategy in VALUES.items()}
    method = values["request_method"] or b""
    return time, values | {
        "request": method + b" " + target + b" HTTP/1.1",
        "time_local": f"{local:%d/%b/%Y:%H:%M:%S %z}".encode(),
        "time_iso8601": local.isoformat().encode(),
        "msec": f"{time.timestamp():.3f}".encode(),
    }


# What is to be read of them


def _text(value: bytes | None) -> str | None:
    return None if value in (None, b"", b"-") else value.decode("utf-8", "replace")


def _entries(value: bytes | None) -> list[bytes]:
    return (value or b"").replace(b" : ", b", ").split(b", ")


def _sum_ms(value: bytes | None) -> float | None:
    told = [round(float(entry) * 1000) for entry in _entries(value) if entry not in (b"", b"-")]
    return float(sum(told)) if told else None


def _last_status(value: bytes | None) -> int | None:
    last = _entries(value)[-1]
    return None if last in (b"", b"-") else int(last)


def expected(time: datetime, values: Values, names: frozenset[str]) -> dict[str, object]:
    """The record, without what is null."""
    target = (values["request"] or b"").split(b" ", 1)[1].removesuffix(b" HTTP/1.1")
    every = {
        "status": lambda: int(values["status"] or b""),
        "remote_addr": lambda: _text(values["remote_addr"]),
        "host": lambda: _text(values["host"]),
        "body_bytes_sent": lambda: int(values["body_bytes_sent"] or b""),
        "request_length": lambda: int(values["request_length"] or b""),
        "request_time": lambda: float(round(float(values["request_time"] or b"") * 1000)),
        "request_id": lambda: _text(values["request_id"]),
        "upstream_response_time": lambda: _sum_ms(values["upstream_response_time"]),
        "upstream_status": lambda: _last_status(values["upstream_status"]),
        "http_user_agent": lambda: _text(values["http_user_agent"]),
        "http_referer": lambda: _text(values["http_referer"]),
        "remote_user": lambda: _text(values["remote_user"]),
        "request": lambda: _text(target.split(b"?", 1)[0]),
    }
    columns = {
        "remote_addr": "client_ip",
        "body_bytes_sent": "response_bytes",
        "request_length": "request_bytes",
        "request_time": "duration_ms",
        "upstream_response_time": "upstream_duration_ms",
        "http_user_agent": "user_agent",
        "http_referer": "referer",
        "remote_user": "consumer",
        "request": "path",
    }
    record = {columns.get(name, name): every[name]() for name in names & every.keys()}
    if names & {"request", "request_method"}:
        record["method"] = _text(values["request_method"])
    if "request" in names:
        record["protocol"] = "HTTP/1.1"
    return {"timestamp": time} | {k: v for k, v in record.items() if v is not None}


# Log formats


@st.composite
def any_format(draw: st.DrawFn, escape: EscapeMode) -> LogFormat:
    """A log format whose lines can be read in one way only: free text stands in quotes."""
    separator = draw(st.sampled_from([" ", " ", "|", "\t", ";", " - ", "  "]))
    times = st.sampled_from(["time_local", "time_iso8601", "msec"])
    names = draw(st.lists(st.sampled_from([*VALUES, "request"]), unique=True, max_size=9))
    names.insert(draw(st.integers(0, len(names))), draw(times))
    parts: list[FormatPart] = []
    for name in names:
        free = name in (*FREE, "request")
        fences = ['""'] if free else ["", "", '""', "[]", "key="]
        if name in LISTS and separator == " - ":
            fences = ['""']
        fence = draw(st.sampled_from(fences))
        opening, closing = (fence, "") if fence == "key=" else (fence[:1], fence[1:])
        parts += [LiteralText(separator + opening), FormatVariable(name), LiteralText(closing)]
    first = parts[0]
    assert isinstance(first, LiteralText)
    parts[0] = LiteralText(first.text.removeprefix(separator))
    string = "".join(
        part.text if isinstance(part, LiteralText) else f"${{{part.name}}}" for part in parts
    )
    return parse_log_format(string, escape)


_DERIVED = ("query", "error_type", "error_source", "upstream_addr", "upstream_attempts")


def _check(log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]) -> None:
    made = compile_log_format(log_format)
    lines = [line(log_format, values) for _, values in drawn]
    outcome = read_lines(lines_of(*lines), reading_of(made))
    assert outcome.rejects.is_empty()
    known = frozenset(log_format.variables)
    shown = [{k: v for k, v in row.items() if k not in _DERIVED} for row in rows(outcome)]
    assert shown == [expected(time, values, known) for time, values in drawn]


@settings(max_examples=about(30))
@given(any_format("default"), st.lists(any_values(), min_size=1, max_size=3))
def test_escape_default_loses_nothing(
    log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]
) -> None:
    _check(log_format, drawn)


@pytest.mark.slow
@settings(max_examples=about(30))
@given(any_format("json"), st.lists(any_values(), min_size=1, max_size=3))
def test_escape_json_loses_nothing(
    log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]
) -> None:
    _check(log_format, drawn)


# JSON


@st.composite
def any_template(draw: st.DrawFn, escape: EscapeMode) -> LogFormat:
    """A log format that writes JSON objects, some of them in others."""
    names = [draw(st.sampled_from(["time_local", "time_iso8601", "msec"]))]
    names += draw(st.lists(st.sampled_from([*VALUES, "request"]), unique=True, max_size=9))
    numbers = ("status", "body_bytes_sent", "request_length", "request_time", "msec")
    blank = draw(st.sampled_from(["", " "]))
    members = []
    for i, name in enumerate(draw(st.permutations(names))):
        bare = name in numbers and draw(st.booleans())
        value = f"${{{name}}}" if bare else f'"${{{name}}}"'
        nested = draw(st.integers(0, 3)) == 0
        members.append(f'"k{i}":{blank}' + (f'{{"inner":{blank}{value}}}' if nested else value))
    return parse_log_format("{" + f",{blank}".join([*members, '"constant": 5']) + "}", escape)


@pytest.mark.slow
@settings(max_examples=about(30))
@given(any_template("json"), st.lists(any_values(), min_size=1, max_size=3))
def test_json_by_escape_json_loses_nothing(
    log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]
) -> None:
    assert isinstance(compile_log_format(log_format), JsonTemplateFormat)
    _check(log_format, drawn)


@settings(max_examples=about(30))
@given(any_template("default"), st.lists(any_values(), min_size=1, max_size=3))
def test_json_by_escape_default_is_repaired(
    log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]
) -> None:
    _check(log_format, drawn)


@pytest.mark.slow
@settings(max_examples=about(80))
@given(
    st.one_of([f(escape) for f in (any_format, any_template) for escape in ("default", "json")]),
    st.lists(any_values(), min_size=1, max_size=3),
)
def test_no_format_loses_anything_in_more_tries(
    log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]
) -> None:
    _check(log_format, drawn)


@pytest.mark.parametrize(
    ("escape", "string", "logged", "record"),
    [
        (
            "json",
            '{"t":"$msec","http":{"request":{"m":"$request_method"},"s":$status},"d":$request_time}',
            '{"t":"1.5","http":{"request":{"m":"GET"},"s":200},"d":0.012}',
            {"method": "GET", "status": 200, "duration_ms": 12.0},
        ),
        (
            "json",
            '{"t":"$msec","s":$status,"u":$upstream_response_time,"l":$request_length}',
            '{"t":"1.5","s":200,"u":,"l":12}',
            {"status": 200, "request_bytes": 12},
        ),
        (
            "default",
            '{"t":"$msec","s":$status,"u":$upstream_response_time,"a":"$http_user_agent"}',
            r'{"t":"1.5","s":200,"u":-,"a":"say \x22hi\x22 \xC3\xA9"}',
            {"status": 200, "user_agent": 'say "hi" é'},
        ),
        (
            "json",
            '{"t":"$msec","line":"$request_method $uri","s":"code $status"}',
            '{"t":"1.5","line":"PUT /a","s":"code 204"}',
            {"method": "PUT", "path": "/a", "status": 204},
        ),
        (
            "json",
            '{"t":"$msec","u":"$upstream_response_time","s":"$upstream_status"}',
            '{"t":"1.5","u":"0.100, 0.200 : 0.300","s":"502, - : 200"}',
            {"upstream_duration_ms": 600.0, "upstream_status": 200},
        ),
    ],
)
def test_json_formats(
    escape: EscapeMode, string: str, logged: str, record: dict[str, object]
) -> None:
    made = compile_log_format(parse_log_format(string, escape))
    assert isinstance(made, JsonTemplateFormat)
    (read,) = rows(read_lines(lines_of(logged), reading_of(made)))
    assert read == {"timestamp": datetime(1970, 1, 1, 0, 0, 1, 500000, UTC), **record}


def test_json_without_a_time_takes_the_one_that_came_with_the_line() -> None:
    untimed = compile_log_format(parse_log_format('{"s":"$status"}', "json"))
    times = pl.Series([datetime(1970, 1, 1, tzinfo=UTC), None], dtype=TIMESTAMP)
    texts = pl.Series(['{"s":"200"}', '{"s":"201"}'])
    parsed = untimed.parse(EventLines.from_series(texts, lambda: times), ["timestamp", "status"])
    assert parsed.records.to_dicts() == [
        {"timestamp": datetime(1970, 1, 1, tzinfo=UTC), "status": 200}
    ]
    assert parsed.rejects["row"].to_list() == [1]
    assert untimed.parse(EventLines.from_series(texts), ["status"]).rejects.height == 2


def test_a_broken_line_of_json_is_a_reject_alone() -> None:
    made = compile_log_format(parse_log_format('{"t":"$msec","s":"$status"}', "json"))
    good = '{"t":"1.5","s":"200"}'
    lines = lines_of(good, good[:-4], "what", "", '{"s":"200"}', good)
    outcome = read_lines(lines, reading_of(made))
    assert outcome.records["row"].to_list() == [0, 5]
    assert outcome.rejects["row"].to_list() == [1, 2, 4]
    assert outcome.skipped == 1


# What is special to some strings


def read_one(string: str, logged: str, escape: EscapeMode = "default") -> dict[str, object]:
    """The record of one line, without its time."""
    made = compile_log_format(parse_log_format(string, escape))
    outcome = read_lines(lines_of(logged), reading_of(made))
    assert outcome.rejects.is_empty()
    (record,) = rows(outcome)
    del record["timestamp"]
    return record


@pytest.mark.parametrize(
    ("times", "statuses", "addresses", "record"),
    [
        ("0.012", "200", "10.0.0.1:80", (12.0, 200)),
        ("-", "-", "-", (None, None)),
        ("0.000, 0.100", "502, 200", "10.0.0.1:80, 10.0.0.2:80", (100.0, 200)),
        ("0.001 : 0.002", "404 : 200", "10.0.0.1:80 : unix:/run/a", (3.0, 200)),
        ("0.001, 0.002 : 0.003", "502, 404 : 201", "a:1, b:2 : c:3", (6.0, 201)),
        ("-, 0.002", "-, 200", "[2001:db8::7]:5000, [2001:db8::8]:5000", (2.0, 200)),
        ("0.002, -", "502, -", "a:1, b:2", (2.0, None)),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("separator", [" ", "|", "\t"])
def test_lists_of_upstreams(
    times: str,
    statuses: str,
    addresses: str,
    record: tuple[float | None, int | None],
    quote: str,
    separator: str,
) -> None:
    names = ("$msec", "$upstream_addr", "$upstream_response_time", "$upstream_status", "$status")
    string = separator.join(f"{quote}{name}{quote}" for name in names)
    values = ("1.5", addresses, times, statuses, "200")
    read = read_one(string, separator.join(f"{quote}{value}{quote}" for value in values))
    assert (read.get("upstream_duration_ms"), read.get("upstream_status")) == record
    assert read["status"] == 200


def test_a_list_among_numbers_changes_no_other_line() -> None:
    made = compile_log_format(
        parse_log_format("$msec $request_time $upstream_response_time $status")
    )
    lines = [f"{i}.5 0.0{i} 0.00{i} 20{i}" for i in range(10)]
    lines[4] = "4.5 0.04 0.001, 0.003 204"
    outcome = read_lines(lines_of(*lines), reading_of(made))
    assert [r["upstream_duration_ms"] for r in rows(outcome)] == [float(i) for i in range(10)]
    assert [r["status"] for r in rows(outcome)] == [200 + i for i in range(10)]
    assert outcome.records["row"].to_list() == [*range(10)]


@pytest.mark.parametrize(
    ("string", "logged", "record"),
    [
        (
            "$msec $scheme://$host$request_uri $status",
            "1.5 https://h.example/a/b?c=1 200",
            {"host": "h.example", "path": "/a/b", "query": "c=1", "status": 200},
        ),
        (
            '$msec "$request_method $uri$is_args$args $server_protocol" $status',
            '1.5 "GET /a/b?c=1&key=2 HTTP/1.1" 200',
            {
                "method": "GET",
                "path": "/a/b",
                "query": "c=1&key=***",
                "protocol": "HTTP/1.1",
                "status": 200,
            },
        ),
        (
            "${msec}s ${request_time}s [${status}]",
            "1.5s 0.012s [200]",
            {"duration_ms": 12.0, "status": 200},
        ),
        ("t=$msec;s=$status;", "t=1.5;s=200;", {"status": 200}),
        ("<$status>$msec", "<200>1.5", {"status": 200}),
        ("$status^$msec^$uri", "200^1.5^/a^b", {"status": 200, "path": "/a^b"}),
        ("$msec $status ", "1.5 200 ", {"status": 200}),
        ("(.*) $msec \\d+ $status", "(.*) 1.5 \\d+ 200", {"status": 200}),
        ("$msec $status $status", "1.5 200 200", {"status": 200}),
    ],
)
def test_strings_that_have_to_be_taken_apart(
    string: str, logged: str, record: dict[str, object]
) -> None:
    assert read_one(string, logged) == record


@pytest.mark.parametrize("name", ["request_uri", "args"])
def test_secrets_in_a_query_are_masked_wherever_it_stands(name: str) -> None:
    value = "/a?page=1&token=abc" if name == "request_uri" else "page=1&token=abc"
    assert read_one(f"$msec ${name} $status", f"1.5 {value} 200")["query"] == "page=1&token=***"


@pytest.mark.parametrize(
    ("logged", "meant"),
    [(r"\xD0\x9F", "П"), (r"\x22a\x5C", '"a\\'), (r"\xFFa", "\ufffda"), (r"\x1F", "\x1f")],
)
def test_escapes_are_decoded_as_bytes_in_every_column(logged: str, meant: str) -> None:
    read = read_one(
        '$msec "$request" "$http_referer" "$http_user_agent" "$remote_user" "$host" "$request_id" '
        '"$upstream_cache_status" "$proxy_upstream_name" $status',
        f'1.5 "GET /{logged} HTTP/1.1" ' + f'"{logged}" ' * 7 + "200",
    )
    assert read["path"] == f"/{meant}"
    columns = ("referer", "user_agent", "consumer", "host", "request_id", "cache_status", "api")
    assert {column: read[column] for column in columns} == dict.fromkeys(columns, meant)


def test_apaches_escapes_in_a_format_of_nginx() -> None:
    read = read_one('$msec "$request" $status', r'1.5 "GET /a\"b\\c\tx HTTP/1.1" 200')
    assert read["path"] == '/a"b\\c\tx'


@pytest.mark.parametrize("escape", ["json", "none"])
def test_what_is_missing_is_empty_in_other_modes(escape: EscapeMode) -> None:
    string = '$msec $status $request_time $upstream_status "$http_referer" $request_length'
    assert read_one(string, '1.5 200   "" ', escape) == {"status": 200}


def test_lines_of_another_form_are_rejects() -> None:
    made = compile_log_format(parse_log_format("$msec [$status] $uri"))
    bad = ("1.5 200 /a", "1.5 [20] /a", "x [200] /a", "1.5 [200]", "[200] 1.5 /a", "1.5 [200 /a")
    lines = lines_of("1.5 [200] /a", *bad)
    outcome = read_lines(lines, reading_of(made))
    assert outcome.rejects["line"].to_list() == list(bad)
    assert set(outcome.rejects["reason"]) == {"not $msec [$status] $uri"}


def test_a_format_without_a_time_reads_nothing_on_its_own() -> None:
    made = compile_log_format(parse_log_format("$status $uri"))
    assert "timestamp" not in made.columns
    outcome = read_lines(lines_of("200 /a"), reading_of(made))
    assert outcome.rejects["row"].to_list() == [0]


@pytest.mark.parametrize(
    ("line_", "position", "expected_there"),
    [
        ("1.5 GET", 3, "the text ' ['"),
        ("x", 0, "a time in epoch seconds"),
        ("1.5 [2x0] /a", 5, "a status of three digits"),
        ("1.5 [200] /a /b c", 12, "the end of the line"),
        ("", 0, "a time in epoch seconds"),
    ],
)
def test_where_a_line_stops_matching(line_: str, position: int, expected_there: str) -> None:
    made = compile_log_format(parse_log_format("$msec [$status] $request_id"))
    stop = made.explain(line_)
    assert stop.position == position
    assert expected_there in stop.expected


def test_the_oracle_writes_as_nginx_does() -> None:
    """Lines that a real nginx wrote (ingress-nginx's end-to-end tests)."""
    assert escaped(b'with "quotes" \xc3\xa9', "default") == rb"with \x22quotes\x22 \xC3\xA9"
    assert (
        escaped(b'with "quotes" \\ \x01\n\xff', "json") == b'with \\"quotes\\" \\\\ \\u0001\\n\xff'
    )
    assert escaped(b'with "quotes"', "none") == b'with "quotes"'
    assert [escaped(None, mode) for mode in ("default", "json", "none")] == [b"-", b"", b""]
