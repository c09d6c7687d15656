"""Request lines that hardly repeat are not encoded; what they say is the same."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from apilog.formats.nginx.format import compile_log_format
from apilog.formats.nginx.grammar import parse_log_format
from apilog.values.event_lines import EventLines

COLUMNS = ("method", "path", "protocol", "query", "host")
REQUESTS = (
    "GET /users/{} HTTP/1.1",
    "POST /orders/{}?token=s3cret&page={} HTTP/2.0",
    "GET http://h.example:80/x/{} HTTP/1.0",
    r"GET /a\x20b/{} HTTP/1.1",
    "GET ?{} HTTP/1.1",
    "DELETE /ä/{}?ü={} HTTP/3.0",
    "HELP {}",
    "-",
)
USUAL = REQUESTS[:6]
"""What begins and ends as nearly all lines do."""


@pytest.mark.parametrize("shapes", [REQUESTS, USUAL])
@pytest.mark.parametrize("together", [2_400, 600])
def test_lines_say_the_same_whether_they_repeat_or_not(
    together: int, shapes: tuple[str, ...]
) -> None:
    parse = compile_log_format(parse_log_format('$msec "$request" $status')).parse
    requests = [shapes[i % len(shapes)].format(i, i) for i in range(2_400)]
    parts = [
        "".join(f'1764000000.5 "{text}" 200\n' for text in requests[i : i + together]).encode()
        for i in range(0, 2_400, together)
    ]
    frames = [parse(EventLines(part), COLUMNS).records for part in parts]
    is_text = frames[0]["path"].dtype == pl.String
    assert is_text == (together > 1_000)
    records = pl.concat(frame.cast(pl.String) for frame in frames).select(COLUMNS)
    assert_frame_equal(records, pl.DataFrame([oracle(text) for text in requests], _SCHEMA))


_SCHEMA = dict.fromkeys(COLUMNS, pl.String)


def oracle(request: str) -> dict[str, str | None]:
    """The parts of one request line, by Python's own functions."""
    empty = dict.fromkeys(COLUMNS)
    if request == "-":
        return empty
    if request.startswith("HELP"):  # it has no protocol, but a method
        method, _, target = request.partition(" ")
        return {**empty, "method": method, "path": target}
    method, target, protocol = request.split(" ")
    path, _, query = target.replace(r"\x20", " ").partition("?")
    host = None
    if path.startswith("http://"):
        host, _, rest = path.removeprefix("http://").partition("/")
        host, path = host.partition(":")[0], "/" + rest
    query = query.replace("s3cret", "***")
    row = {"method": method, "path": path, "protocol": protocol, "query": query or None}
    return {**row, "host": host}
