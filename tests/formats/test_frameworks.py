"""Logs of web frameworks in the shapes of their sources, with what each line says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import apilog
from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.formats.detect import NO_TIME
from tests.conftest import Ran
from tests.formats.read_rows import lines_of, name_of, read_lines, rows

MORGAN_DEV = (
    "Example app listening on port 3000",
    "\x1b[0mGET /v1/users/1?a=b \x1b[32m200\x1b[0m 74.807 ms - 4855\x1b[0m",
    "\x1b[0mGET /docs \x1b[36m302\x1b[0m 5.740 ms - -\x1b[0m",
    # The client went away before an answer: no status, no duration.
    "\x1b[0mGET /slow \x1b[0m-\x1b[0m - ms - -\x1b[0m",
)
UVICORN = (
    "INFO:     Started server process [7]",
    'INFO:     203.0.113.7:51234 - "GET /v1/users/1?a=b HTTP/1.1" 200 OK',
    '\x1b[32mINFO\x1b[0m:     ::1:9 - "\x1b[1mGET /x HTTP/1.1\x1b[0m" \x1b[31m404 Not Found\x1b[0m',
    # A client behind a Unix socket has no address, and not every status has a phrase.
    'INFO:      - "GET /y HTTP/1.1" 599 ',
    'INFO:     203.0.113.7:51234 - "WebSocket /feed" [accepted]',
    "INFO:     connection open",
)
GIN = (
    "[GIN-debug] GET    /v1/users/:id             --> main.user (3 handlers)",
    '[GIN] 2026/11/21 - 10:00:00 | 200 |     43.7102ms |     203.0.113.7 | GET      "/v1?a=b"',
    (
        "[GIN] 2026/11/21 - 10:00:01 |\x1b[97;41m 500 \x1b[0m|        573µs |             ::1 "
        '|\x1b[97;44m GET     \x1b[0m "/say/\\"hi\\""'
    ),
    "Error #01: record not found",
    '[GIN] 2026/11/21 - 10:00:02 | 504 |         1m30s |     203.0.113.7 | POST     "/slow"',
)


FASTAPI = (
    " \u26a1\ufe0f Starting FastAPI in production mode",
    "   FastAPI   Starting production server \U0001f680",
    "    server   Server started at http://0.0.0.0:8000",
    "      INFO   Application startup complete.",
    '      INFO   203.0.113.7:51234 - "GET /v1 HTTP/1.1" 200',
)
"""What `fastapi run` draws, of two versions."""
ASPNET = (
    "info: Microsoft.AspNetCore.Hosting.Diagnostics[1]",
    "      Request starting HTTP/1.1 GET http://localhost:5000/a?b=1 - - -",
    "info: Microsoft.AspNetCore.Hosting.Diagnostics[2]",
    "      Request finished HTTP/1.1 GET http://localhost:5000/a?b=1 - - - 200 - text/html 74.5ms",
)
KOA = ("  <-- GET /a?b=1", "  --> GET /a?b=1 200 15ms 1.2kb")
NEST = (
    "[Nest] 7  - 11/20/2026, 9:15:07 PM     LOG [NestFactory] Starting Nest application...",
    "[Nest] 7  - 11/20/2026, 9:15:08 PM     LOG [HTTP] GET /a 200 12ms",
)
HTTP_SERVER = (
    '127.0.0.1 - - [20/Nov/2026 12:00:00] "GET /x HTTP/1.1" 200 -',
    "127.0.0.1 - - [20/Nov/2026 12:00:01] code 404, message File not found",
)
SUPERVISOR = (
    "2026-11-20 12:00:00,123 DEBG 'app' stdout output:",
    '127.0.0.1 - - [20/Nov/2026:12:00:00 +0000] "GET /x HTTP/1.1" 200 5',
    "2026-11-20 12:00:01,123 INFO reaped unknown pid 7",
)


def found(*lines: str) -> tuple[str | None, list[dict[str, object]], int, int]:
    """What the lines are taken for, their records, and how many are skipped and rejected."""
    head = lines_of(*lines)
    parsed = read_lines(head)
    return name_of(head), rows(parsed), parsed.skipped, parsed.rejects.height


def test_morgan_dev() -> None:
    name, records, skipped, rejects = found(*MORGAN_DEV)
    assert (name, skipped, rejects) == ("morgan-dev", 1, 0)
    first = {"method": "GET", "path": "/v1/users/1", "query": "a=b", "status": 200}
    assert records == [
        first | {"duration_ms": 74.807, "response_bytes": 4855},
        {"method": "GET", "path": "/docs", "status": 302, "duration_ms": 5.74},
        {"method": "GET", "path": "/slow"},
    ]


def test_uvicorn() -> None:
    name, records, skipped, rejects = found(*UVICORN)
    assert (name, skipped, rejects) == ("uvicorn", 3, 0)
    get = {"method": "GET", "protocol": "HTTP/1.1"}
    assert records == [
        get | {"path": "/v1/users/1", "query": "a=b", "status": 200, "client_ip": "203.0.113.7"},
        get | {"path": "/x", "status": 404, "client_ip": "::1", "error_source": "client"},
        get | {"path": "/y", "status": 599, "error_source": "unknown"},
    ]


def test_gin() -> None:
    name, records, skipped, rejects = found(*GIN)
    assert (name, skipped, rejects) == ("gin", 2, 0)
    told = [(r["path"], r["status"], r["duration_ms"], r["client_ip"]) for r in records]
    assert told == [
        ("/v1", 200, 43.71, "203.0.113.7"),
        ('/say/"hi"', 500, 0.573, "::1"),
        ("/slow", 504, 90_000.0, "203.0.113.7"),
    ]
    assert [f"{r['timestamp']:%H:%M:%S}" for r in records] == ["10:00:00", "10:00:01", "10:00:02"]


@pytest.mark.parametrize(
    ("lines", "skipped"),
    [(FASTAPI, 4), (SUPERVISOR, 2), (ASPNET, 3), (KOA, 1), (NEST, 1), (HTTP_SERVER, 1)],
)
def test_what_runs_a_server_says_more_than_its_requests(
    lines: tuple[str, ...], skipped: int
) -> None:
    _, (record,), others, rejects = found(*lines)
    assert (record["status"], others, rejects) == (200, skipped, 0)


def test_errors_of_lograge_are_read() -> None:
    """Its text of an error stands in single quotes, and may hold others."""
    error = "NoMethodError: undefined method 'total' for nil"
    head = "method=GET path=/a format=json controller=Shop action=show"
    lines = (
        f"{head} status=200 duration=15.25 view=3.10 time=2026-11-20T12:00:00.123Z",
        f"{head} status=500 error='{error}' duration=5.25 view=0.00 time=2026-11-20T12:00:01.123Z",
        f"{head} status=404 error='' duration=1.5 view=0.00 time=2026-11-20T12:00:02.123Z",
    )
    _, records, _, rejects = found(*lines)
    told = [(r["status"], r["duration_ms"]) for r in records]
    assert (told, rejects) == ([(200, 15.25), (500, 5.25), (404, 1.5)], 0)


def test_a_duration_is_no_caller() -> None:
    line = "2026-11-20T12:00:01Z 203.0.113.9 200 - 1.234ms GET /v1/users/{}"
    _, records, _, _ = found(*(line.format(n) for n in range(5)))
    assert {(r.get("consumer"), r["status"]) for r in records} == {(None, 200)}


@pytest.mark.parametrize(
    ("line", "name", "told"),
    [
        (
            "203.0.113.7 - GET /a HTTP/1.1 204 - - 1.002 ms",
            "morgan-short",
            {"client_ip": "203.0.113.7", "status": 204, "duration_ms": 1.002},
        ),
        (
            (
                "2026-11-20 09:15:02.137:INFO:oejs.RequestLog:qtp1-20: 203.0.113.7 - - "
                '[20/Nov/2026:09:15:02 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'
            ),
            "jetty",
            {"client_ip": "203.0.113.7", "status": 200, "response_bytes": 5},
        ),
        (
            '203.0.113.7:51234 - "GET /a HTTP/1.1" 200',
            "uvicorn-bare",
            {"client_ip": "203.0.113.7", "status": 200, "protocol": "HTTP/1.1"},
        ),
        (
            (
                "[2026-11-20 09:15:10 +0000] [7] [INFO] ::1:51234 - - [20/Nov/2026:09:15:10 +0000] "
                '"GET /a 2" 200 1790 "-" "curl/8"'
            ),
            "hypercorn",
            {"client_ip": "::1", "protocol": "2", "response_bytes": 1790, "path": "/a"},
        ),
        (
            '203.0.113.7 - - [20/Nov/2026 09:15:08] "GET /a HTTP/1.1" 200 -',
            "werkzeug",
            {"client_ip": "203.0.113.7", "status": 200},
        ),
        (
            '[20/Nov/2026 09:15:08] "GET /a HTTP/1.1" 200 512',
            "django",
            {"status": 200, "response_bytes": 512},
        ),
        (
            (
                '2026/11/20 09:15:08 [web1/a-01] "GET http://api.example.com/a HTTP/1.1" from '
                "[::1]:51234 - 200 17B in 1.25ms"
            ),
            "chi-with-id",
            {"client_ip": "::1", "request_id": "web1/a-01", "duration_ms": 1.25, "path": "/a"},
        ),
        (
            '203.0.113.7 - - [20/Nov/2026:09:15:08 +0000] "GET /a HTTP/1.1" 200 - 0.0153',
            "rack",
            {"duration_ms": 15.3},
        ),
        (
            (
                "  \x1b[90m-->\x1b[0m \x1b[1mGET\x1b[0m \x1b[90m/a\x1b[0m \x1b[32m200\x1b[0m "
                "\x1b[90m15ms\x1b[0m \x1b[90m1.2kb\x1b[0m"
            ),
            "koa",
            {"path": "/a", "status": 200, "duration_ms": 15.0},
        ),
        (
            "[09:15:08 INF] HTTP GET /a responded 200 in 12.5 ms",
            "serilog",
            {"path": "/a", "status": 200, "duration_ms": 12.5},
        ),
        (
            (
                "2026-11-20 09:15:08,123 INFO  [io.quarkus.http.access-log] (executor-thread-0) "
                '203.0.113.7 - - [20/Nov/2026:09:15:07 +0000] "GET /a HTTP/1.1" 200 17'
            ),
            "java-logging: common",
            {"client_ip": "203.0.113.7", "response_bytes": 17},
        ),
        (
            "[Nest] 7  - 11/20/2026, 9:15:08 PM     LOG [HTTP] GET /a 200 12ms",
            "nest: $request_method $request_uri $status $request_time_any",
            {"path": "/a", "status": 200, "duration_ms": 12.0},
        ),
        (
            (
                "Main |2026-11-20 09:15:08 +0000 INFO: 203.0.113.7:52906 "
                "GET http://api.example.com/a 200 5  0.2ms"
            ),
            "sanic",
            {"client_ip": "203.0.113.7", "host": "api.example.com", "duration_ms": 0.2},
        ),
        (
            (
                "[2026-11-20 09:15:08 +0000] - (sanic.access)[INFO][203.0.113.7:52906]: GET "
                "http://api.example.com/a  200 5"
            ),
            "sanic-old",
            {"client_ip": "203.0.113.7", "host": "api.example.com", "response_bytes": 5},
        ),
        (
            (
                '[2026-11-20T09:15:08Z INFO  actix_web::middleware::logger] 203.0.113.7 "GET /a '
                'HTTP/1.1" 200 17 "-" "curl/8" 0.012345'
            ),
            "actix",
            {"client_ip": "203.0.113.7", "duration_ms": 12.345, "user_agent": "curl/8"},
        ),
        (
            (
                "2026-11-20T09:15:08.123456Z  INFO request{method=GET uri=/a?b=1 "
                "version=HTTP/1.1}: tower_http::trace::on_response: finished processing request "
                "latency=23 ms status=404"
            ),
            "tower-http",
            {"method": "GET", "path": "/a", "query": "b=1", "duration_ms": 23.0, "status": 404},
        ),
        (
            "  200    GET /a ...................... 12.34 ms",
            "laravel-octane",
            {"method": "GET", "duration_ms": 12.34},
        ),
        (
            (
                "[pid: 7|app: 0|req: 2/2] 203.0.113.7 () {36 vars in 400 bytes} [Fri Nov 20 "
                "09:15:08 2026] POST /a => generated 17 bytes in 12 msecs (HTTP/1.1 500) 0 headers "
                "in 0 bytes (0 switches on core 0)"
            ),
            "uwsgi",
            {"path": "/a", "status": 500, "duration_ms": 12.0, "response_bytes": 17},
        ),
        (
            '[2026-11-20 09:15:08 +0000] 203.0.113.7 - "GET /a HTTP/1.1" 200 1.234',
            "granian",
            {"client_ip": "203.0.113.7", "duration_ms": 1.234},
        ),
        (
            (
                "2026-11-20T09:15:08.123Z  INFO 1 --- [qtp1-20] org.eclipse.jetty.server.RequestLog"
                '      : 203.0.113.7 - - [20/Nov/2026:09:15:07 +0000] "GET /a HTTP/1.1" 200 17 "-" '
                '"curl/8"'
            ),
            "cloudwatch-export: spring-logging: combined",
            {"client_ip": "203.0.113.7", "host": None},
        ),
        (
            "\x1b[33m[W 261120 09:15:08 web:2348]\x1b[m 404 GET /a?b=1 (::1) 1.85ms",
            "tornado",
            {"status": 404, "client_ip": "::1", "duration_ms": 1.85, "query": "b=1"},
        ),
        (
            (
                "09:15:08 |\x1b[91m 500 \x1b[0m|         10.1s |       127.0.0.1 |\x1b[92m POST    "
                "\x1b[0m| /a \x1b[91m | broken pipe\x1b[0m"
            ),
            "fiber",
            {"path": "/a", "status": 500, "duration_ms": 10100.0, "error_source": "unknown"},
        ),
        (
            "[2026-11-20 09:15:08] 203.0.113.7 404 -     43\u00b5s GET /a",
            "fiber-short-timed",
            {"client_ip": "203.0.113.7", "status": 404, "duration_ms": 0.043},
        ),
        (
            '      INFO   203.0.113.7:51234 - "GET /a HTTP/1.1" 200',
            "fastapi-cli",
            {"client_ip": "203.0.113.7", "status": 200},
        ),
        (
            (
                "2026-11-20 09:15:08,123 - aiohttp.access - INFO - 203.0.113.7 "
                '[20/Nov/2026:09:15:07 +0000] "GET /a HTTP/1.1" 200 158 "-" "curl/8"'
            ),
            "python-logging: aiohttp",
            {"client_ip": "203.0.113.7", "response_bytes": 158, "user_agent": "curl/8"},
        ),
        (
            'INFO:uvicorn.access:203.0.113.7:51234 - "GET /a HTTP/1.1" 200',
            "python-basic: uvicorn-bare",
            {"client_ip": "203.0.113.7"},
        ),
        (
            "2026-11-20 09:15:08.123 | INFO     | tornado.web:log:3 - 200 GET /a (::1) 0.85ms",
            "python-logging: tornado-bare",
            {"duration_ms": 0.85, "client_ip": "::1"},
        ),
        (
            (
                "2026-11-20 09:15:18.057  INFO 1 --- [shop] [ctor-http-nio-3] "
                "reactor.netty.http.server.AccessLog      : ::1 - - [20/Nov/2026:09:15:17 +0000] "
                '"POST /a HTTP/1.1" 201 - 88'
            ),
            "reactor-netty",
            {"duration_ms": 88.0, "status": 201, "client_ip": "::1"},
        ),
    ],
)
def test_one_line_is_enough(line: str, name: str, told: dict[str, object]) -> None:
    read, (record,), _, _ = found(line)
    assert read == name
    assert {column: record.get(column) for column in told} == told
    assert record["path"] == "/a"


def test_a_line_without_a_time_has_that_of_its_envelope() -> None:
    stamps = [f"2026-11-21T10:00:0{second}Z" for second in range(3)]
    texts = [line for line in UVICORN if "HTTP/" in line]
    name, records, _, _ = found(*(f"{t} stdout F {s}" for t, s in zip(stamps, texts, strict=True)))
    assert name == "cri: uvicorn"
    assert [r["timestamp"].second for r in records] == [0, 1, 2]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("untimed")
    (folder / "u.log").write_text("\n".join(UVICORN) + "\n", "utf-8")
    timed = '203.0.113.9 - - [21/Nov/2026:10:00:0{} +0000] "GET /a HTTP/1.1" 200 5\n'
    (folder / "t.log").write_text("".join(timed.format(i) for i in range(4)), "utf-8")
    return folder / "u.log", folder / "t.log"


class TestRecordsWithoutATime:
    """They count everywhere but in traffic, and what leaves them out says so."""

    def test_a_report(self, logs: tuple[Path, Path]) -> None:
        report = apilog.report(logs)
        overview = report.tables["overview"].row(0, named=True)
        assert (overview["requests"], overview["errors"]) == (7, 2)
        traffic = report.tables["traffic"]
        assert traffic.drop_nulls("timestamp")["requests"].sum() == 4
        assert traffic.filter(pl.col("timestamp").is_null())["requests"].to_list() == [3]
        assert report.tables["endpoints"]["requests"].sum() == 7
        assert any(NO_TIME in note for note in report.notes)

    def test_a_window_leaves_them_out(self, logs: tuple[Path, Path]) -> None:
        report = apilog.report(logs, since="2026-11-21")
        assert report.tables["overview"]["requests"].to_list() == [4]
        assert any(NO_TIME in note for note in report.notes)

    def test_a_store_loses_nothing(
        self, logs: tuple[Path, Path], run: Callable[..., Ran], tmp_path: Path
    ) -> None:
        store = tmp_path / "store"
        for _ in range(2):
            assert run("ingest", *logs, "--store", store).code == 0
        counted = apilog.scan(store).select(pl.len(), pl.col("timestamp").null_count()).collect()
        assert counted.row(0) == (7, 3)
        assert apilog.report(store).tables["overview"]["requests"].to_list() == [7]
        windowed = apilog.report(store, since="2026-11-21")
        assert windowed.tables["overview"]["requests"].to_list() == [4]
        assert any("3 of its records have no time" in note for note in windowed.notes)


def rails(*tags: str) -> list[str]:
    """Lines of four requests, each with the tag that is its own."""
    texts = {
        0: [
            'Started GET "/v1/orders?page=7" for 203.0.113.7 at 2026-11-20 09:15:07 +0000',
            "Processing by OrdersController#index as JSON",
            '  Parameters: {"page"=>"7"}',
            '  Order Load (0.4ms)  SELECT "orders".* FROM "orders"',
            "Completed 200 OK in 51ms (Views: 0.4ms | ActiveRecord: 48.0ms | Allocations: 1029)",
        ],
        1: [
            'Started GET "/nope" for ::1 at 2026-11-20 09:15:08 +0000',
            'ActionController::RoutingError (No route matches [GET] "/nope"):',
        ],
    }
    overlapping = [
        (2, 'Started GET "/a" for 203.0.113.1 at 2026-11-20 09:15:10 +0000'),
        (3, 'Started POST "/b" for 203.0.113.2 at 2026-11-20 09:15:10 +0000'),
        (2, "Completed 500 Internal Server Error in 30ms (ActiveRecord: 0.0ms)"),
        (3, "Completed 204 No Content in 31.5ms"),
    ]
    lines = [(number, text) for number, given in texts.items() for text in given] + overlapping
    return [f"[{tags[number]}] {text}" if tags else text for number, text in lines]


TAGS = tuple(f"6a9b1c2d-0000-4000-8000-00000000000{number}" for number in range(4))
RAILS_REQUESTS = [
    ("GET", "/v1/orders", 200, 51.0, "203.0.113.7", "OrdersController#index"),
    ("GET", "/nope", 404, None, "::1", None),
    ("GET", "/a", 500, 30.0, "203.0.113.1", None),
    ("POST", "/b", 204, 31.5, "203.0.113.2", None),
]
RAILS_COLUMNS = ("method", "path", "status", "duration_ms", "client_ip", "operation")


def test_the_lines_of_a_rails_request_are_one_record() -> None:
    name, records, skipped, rejects = found(*rails(*TAGS))
    assert (name, skipped, rejects) == ("rails", 7, 0)
    assert [tuple(r.get(c) for c in RAILS_COLUMNS) for r in records] == RAILS_REQUESTS
    assert [r["request_id"] for r in records] == [*TAGS]
    assert [r["timestamp"].second for r in records] == [7, 8, 10, 10]  # type: ignore[attr-defined]


def test_without_ids_what_may_be_of_either_of_two_requests_is_left_open() -> None:
    name, records, skipped, rejects = found(*rails())
    assert (name, skipped, rejects) == ("rails", 7, 0)
    told = [tuple(r.get(c) for c in RAILS_COLUMNS) for r in records]
    assert told[:2] == RAILS_REQUESTS[:2]
    assert told[2:] == [(None, None, s, ms, None, None) for s, ms in ((500, 30.0), (204, 31.5))]


def test_loggers_prefixes_tell_the_time_of_a_rails_request() -> None:
    prefix = "I, [2026-11-20T09:15:{:02}.021000 #7]  INFO -- : "
    lines = [prefix.format(i) + text for i, text in enumerate(rails(*TAGS))]
    name, records, _, _ = found(*lines)
    assert name == "ruby-logger: rails"
    # That of its first line.
    assert [r["timestamp"].second for r in records] == [0, 5, 7, 8]  # type: ignore[attr-defined]


def test_a_rails_request_goes_on_in_the_next_chunk(tmp_path: Path) -> None:
    log = tmp_path / "production.log"
    padding = f"  Order Load (0.4ms)  SELECT {'x' * 4000}"
    request = rails(*TAGS)[:5]
    tagged = [request[0], *(f"[{TAGS[0]}] {padding}" for _ in range(500)), *request[1:]]
    log.write_text("\n".join([*tagged, *rails(*TAGS)[5:]]) + "\n", "utf-8")
    run = LocalRun(
        [log], ReadSpec(columns=frozenset({"path", "status"})), lambda r: r, chunk_bytes=1 << 20
    )
    records = pl.concat([result.value for result in run.results()])
    assert sorted(records["status"].to_list()) == [200, 204, 404, 500]
    assert set(records["path"].cast(pl.String)) == {"/v1/orders", "/nope", "/a", "/b"}


def test_lograge_behind_tags() -> None:
    line = "method=GET path=/a format=json controller=A action=b status=200 duration=143.70 view=1"
    name, (record,), _, _ = found(f"[{TAGS[0]}] {line}")
    assert name == "rails-tags: logfmt"
    assert (record["duration_ms"], record["request_id"]) == (143.7, TAGS[0])


def test_krakend_is_told_by_its_own_lines() -> None:
    start = "2026/11/21 10:00:00 KRAKEND INFO: Starting KrakenD v2.7.0"
    parsed = read_lines(lines_of(start, *GIN))
    assert set(parsed.records["gateway"].cast(pl.String)) == {"krakend"}
    assert (parsed.skipped, parsed.rejects.height) == (3, 0)


@pytest.mark.parametrize("layout", ["{0}", "{1:.6f}"])
@pytest.mark.parametrize("micros", [(14934, 143699, 9531, 5004500), (646, 512, 780, 60500)])
def test_durations_of_hypercorn(layout: str, micros: tuple[int, ...]) -> None:
    line = (
        "[2026-11-20 09:15:10 +0000] [7] [INFO] 203.0.113.7:51234 - - [20/Nov/2026:09:15:10 +0000] "
        '"GET /a 2" 200 1790 "-" "curl/8" '
    )
    _, records, _, _ = found(*(line + layout.format(us, us / 1e6) for us in micros))
    assert [r["duration_ms"] for r in records] == [us / 1000 for us in micros]


def test_heroku_leaves_the_structured_data_of_syslog_out() -> None:
    line = (
        "<158>1 2026-11-20T09:15:01.123456+00:00 host heroku router - at=info method=GET "
        'path="/a?b=1" host=shop.herokuapp.com request_id=6a9b fwd="203.0.113.7" dyno=web.1 '
        "connect=1ms service=15ms status=200 bytes=120 protocol=https"
    )
    name, (record,), _, _ = found(line)
    assert name == "syslog5424: logfmt"
    assert (record["client_ip"], record["duration_ms"]) == ("203.0.113.7", 15.0)


def test_the_cache_of_squid_and_varnish() -> None:
    start = '203.0.113.7 - - [20/Nov/2026:09:15:01 +0000] "GET http://a.example/x HTTP/1.1" 200 5 '
    _, (squid,), _, _ = found(f'{start}"-" "curl/8" TCP_MISS:HIER_DIRECT')
    assert (squid["cache_status"], squid["host"]) == ("TCP_MISS", "a.example")
    told = [found(*[f'{start}"-" "curl/8" {word} 0.014934'] * 4)[1][0] for word in ("hit", "pass")]
    assert [r["cache_status"] for r in told] == ["hit", "pass"]
