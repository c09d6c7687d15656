"""Any `log_format`: what nginx writes by it is what is read by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.nginx.format import compiled
from apilog.formats.nginx.grammar import Escape, LogFormat, Part, Text, Variable, parse
from formats.nginx_lines import line
from formats.reads import lines_of, read_lines, reading_of, rows

Values = Mapping[str, bytes | None]

# Values of one request, as nginx has them


class Any:
    """Strategies of values by variable."""

    text = st.binary(max_size=12) | st.text(max_size=8).map(str.encode)
    word = st.from_regex(rb"[A-Za-z0-9_.:/@+-]{1,12}", fullmatch=True)
    size = st.integers(0, 10**12).map(lambda n: str(n).encode())
    seconds = st.integers(0, 10**8).map(lambda ms: f"{ms / 1000:.3f}".encode())
    status = st.integers(100, 599).map(lambda n: str(n).encode())
    target = text.map(lambda rest: b"/" + rest)
    time = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)).map(
        lambda time: time.replace(microsecond=0, tzinfo=UTC)
    )
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
    "host": Any.word,
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
def any_format(draw: st.DrawFn, escape: Escape) -> LogFormat:
    """A log format whose lines can be read in one way only: free text stands in quotes."""
    separator = draw(st.sampled_from([" ", " ", "|", "\t", ";", " - ", "  "]))
    times = st.sampled_from(["time_local", "time_iso8601", "msec"])
    names = draw(st.lists(st.sampled_from([*VALUES, "request"]), unique=True, max_size=9))
    names.insert(draw(st.integers(0, len(names))), draw(times))
    parts: list[Part] = []
    for name in names:
        free = name in (*FREE, "request")
        fences = ['""'] if free else ["", "", '""', "[]", "key="]
        if name in LISTS and separator == " - ":
            fences = ['""']
        fence = draw(st.sampled_from(fences))
        opening, closing = (fence, "") if fence == "key=" else (fence[:1], fence[1:])
        parts += [Text(separator + opening), Variable(name), Text(closing)]
    first = parts[0]
    assert isinstance(first, Text)
    parts[0] = Text(first.text.removeprefix(separator))
    string = "".join(part.text if isinstance(part, Text) else f"${{{part.name}}}" for part in parts)
    return parse(string, escape)


def _check(log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]) -> None:
    made = compiled(log_format)
    lines = [line(log_format, values) for _, values in drawn]
    outcome = read_lines(lines_of(*lines), reading_of(made))
    assert outcome.rejects.is_empty()
    known = frozenset(log_format.variables)
    shown = [
        {k: v for k, v in row.items() if k not in ("query", "error_type")} for row in rows(outcome)
    ]
    assert shown == [expected(time, values, known) for time, values in drawn]


@given(any_format("default"), st.lists(any_values(), min_size=1, max_size=3))
def test_escape_default_loses_nothing(
    log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]
) -> None:
    _check(log_format, drawn)


@given(any_format("json"), st.lists(any_values(), min_size=1, max_size=3))
def test_escape_json_loses_nothing(
    log_format: LogFormat, drawn: list[tuple[datetime, dict[str, bytes | None]]]
) -> None:
    _check(log_format, drawn)
