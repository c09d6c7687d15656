"""Dialects: each is told by its keys, reads its own sample, and says nothing of other logs."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest

from apilog.engine.local import LocalRun
from apilog.engine.parse_chunks import ReadSpec
from apilog.formats.detect import detect_plan
from apilog.formats.generic.dialect import LogDialect
from apilog.formats.generic.dialects import DIALECTS
from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.formats.generic.labelled import LogfmtFormat
from apilog.formats.parse_plan import iterate_formats, parse_lines
from apilog.schema import SCHEMA
from apilog.transport.envelope_registry import detect_envelopes, unwrap_texts
from apilog.values.event_lines import EventLines

PREFIXED = {"pino-pretty", "zerolog-console"}
"""Those behind what a logger writes before each line, which is taken off before."""
NO_TIME = {"heroku", "logster"} | PREFIXED
NO_PATH = {"litellm", "wso2"}
NO_DURATION = {
    *("cloudflare", "fastly", "vercel", "matomo", "ingress-nginx", "linkerd"),
    *("heroku", "rails", "fastify", "pino-http"),
}
EXPECTED_MS = dict.fromkeys(("go-slog", "traefik", "caddy", "echo", "linkerd", "ecs"), 1.5)

Generic = JsonLinesFormat | LogfmtFormat


def without_prefix(dialect: LogDialect) -> str:
    head = pl.Series([dialect.sample])
    if dialect.name in PREFIXED:
        head = unwrap_texts(detect_envelopes(head), head)
    return str(head[0])


def inferred(*lines: str, is_timed: bool = False) -> Generic:
    head = pl.Series(lines)
    found = JsonLinesFormat.infer(head, is_timed=is_timed) or LogfmtFormat.infer(
        head, is_timed=is_timed
    )
    assert found is not None
    return found


def rows(log_format: Generic, *lines: str) -> list[dict[str, object]]:
    parsed = log_format.parse(EventLines("\n".join(lines).encode()), sorted(log_format.columns))
    return parsed.records.to_dicts()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: f"{d.name}-{d.gateway}")
class TestEveryDialect:
    def test_it_is_told_by_its_keys(self, dialect: LogDialect) -> None:
        found = inferred(without_prefix(dialect), is_timed=dialect.name in NO_TIME)
        assert found.fields.gateway == dialect.gateway
        assert found.fields.dialect is not None
        assert found.fields.dialect.name == dialect.name
        assert found.doubts == dialect.doubts
        assert dialect.url.startswith("https://")

    def test_its_sample_is_a_record(self, dialect: LogDialect) -> None:
        if dialect.name in NO_TIME:
            return
        (record,) = rows(inferred(dialect.sample), dialect.sample)
        assert record["status"] == 200
        path = None if dialect.name in NO_PATH else "/a"
        assert record.get("path") == path
        if dialect.name not in NO_DURATION and "duration" in dialect.sample.lower():
            expected = EXPECTED_MS.get(dialect.name, (15.0, 15.25))
            assert record["duration_ms"] in (
                expected if isinstance(expected, tuple) else [expected]
            )

    def test_names_are_normalised(self, dialect: LogDialect) -> None:
        for name in (n for names in dialect.names for n in names):
            assert name.removeprefix(".") == name.removeprefix(".").lower()
            assert not set(name.removeprefix(".")) & set("_-.$@ ")


@pytest.mark.parametrize(
    "keys",
    [
        {"time": "2026-10-10T13:55:36Z", "method": "GET", "path": "/a", "status": 200},
        {"ts": 1791640536.5, "request": "GET /a HTTP/1.1", "status": 200, "duration": 0.015},
        {"time": "2026-10-10T13:55:36Z", "remote_addr": "203.0.113.9", "uri": "/a", "status": 200},
        {"date": "2026-10-10T13:55:36Z", "url": "/a", "status": 200, "request_time": 0.015},
    ],
)
def test_nothing_is_said_where_nothing_tells(keys: dict[str, object]) -> None:
    assert inferred(json.dumps(keys)).fields.gateway is None


def test_two_variables_tell_nginx() -> None:
    line = {"time_iso8601": "2026-10-10T13:55:36Z", "request_uri": "/a", "request_time": "0.015"}
    assert inferred(json.dumps(line)).fields.gateway == "nginx"


CADDY_START = '{"level":"info","ts":1791640530.5,"logger":"admin","msg":"admin endpoint started"}'
CADDY_PLAIN = '{"level":"info","ts":1791640530.6,"msg":"serving initial configuration"}'


def parsed_texts(*lines: str) -> tuple[pl.DataFrame, int, int]:
    """The records, and how many lines were skipped and rejected."""
    data = EventLines("\n".join(lines).encode())
    plan = detect_plan(data.series)
    assert plan is not None
    parsed = parse_lines(data, plan, sorted(SCHEMA.keys() - {"source", "line_number"}))
    return parsed.records, parsed.skipped, parsed.rejects.height


def test_the_error_log_of_caddy_is_not_counted_again() -> None:
    access = next(d.sample for d in DIALECTS if d.name == "caddy")
    failed = access.replace('"status":200', '"status":502')
    error = failed.replace("http.log.access.log0", "http.log.error.log0").replace("info", "error")
    records, skipped, rejects = parsed_texts(
        CADDY_START, CADDY_PLAIN, access, access, error, failed, access
    )
    assert (records["status"].to_list(), skipped, rejects) == ([200, 200, 502, 200], 3, 0)


@pytest.mark.parametrize("separator", ["json", "logfmt"])
def test_application_lines_of_the_same_stream_are_skipped(separator: str) -> None:
    access = {"time": "2026-10-10T13:55:36Z", "level": "INFO", "msg": "request", "method": "GET"}
    access |= {"path": "/a", "status": "200"}
    start = {"time": "2026-10-10T13:55:30Z", "level": "INFO", "msg": "listening", "addr": ":80"}
    other = {"time": "2026-10-10T13:55:30Z", "http_status": "200", "http_path": "/a", "msg": "x"}
    lines = [
        json.dumps(v) if separator == "json" else " ".join(f"{k}={x}" for k, x in v.items())
        for v in (start, access, access, access, start, access)
    ]
    records, skipped, rejects = parsed_texts(*lines)
    assert (records.height, skipped, rejects) == (4, 2, 0)
    # What may be another program's access line is not taken for talk.
    odd = (
        json.dumps(other) if separator == "json" else " ".join(f"{k}={x}" for k, x in other.items())
    )
    found = inferred(*lines)
    foreign = found.find_foreign_lines(EventLines(f"{lines[0]}\n{odd}\n{lines[1]}".encode()))
    assert foreign is not None
    assert foreign.to_list() == [True, False, False]


def fastify(number: int, status: int | None, **more: object) -> str:
    line: dict[str, object] = {"level": 30, "time": 1791640536000 + number, "pid": 7}
    line |= {"hostname": "web1", "reqId": f"req-{number}"}
    if status is None:
        request = {"method": "GET", "url": f"/a/{number}?b=1", "remoteAddress": "203.0.113.9"}
        line |= {"req": request, "msg": "incoming request"}
    else:
        line |= {"time": 1791640537000 + number, "res": {"statusCode": status}}
        line |= {"responseTime": 12.5, "msg": "request completed"}
    return json.dumps(line | more)


class TestPairs:
    def test_two_lines_about_one_request_are_one_record(self) -> None:
        lines = [fastify(1, None), fastify(2, None), fastify(1, 200), fastify(2, 404)]
        records, skipped, rejects = parsed_texts(*lines)
        assert records.select("path", "status", "duration_ms", "client_ip").rows() == [
            ("/a/1", 200, 12.5, "203.0.113.9"),
            ("/a/2", 404, 12.5, "203.0.113.9"),
        ]
        assert (skipped, rejects) == (2, 0)
        assert [t.microsecond for t in records["timestamp"]] == [1000, 2000]

    def test_an_id_that_begins_anew_belongs_to_the_latest_beginning(self) -> None:
        again = fastify(1, None, req={"method": "PUT", "url": "/b"})
        lines = [fastify(1, None), fastify(1, 200), fastify(1, 500), again, fastify(1, 201)]
        records, _, _ = parsed_texts(*lines)
        assert records["path"].to_list() == ["/a/1", None, "/b"]

    def test_another_process_has_the_same_ids(self) -> None:
        other = fastify(1, None, pid=8, req={"method": "PUT", "url": "/b"})
        records, _, _ = parsed_texts(
            fastify(1, None), other, fastify(1, 200), fastify(1, 201, pid=8)
        )
        assert records.select("path", "status").rows() == [("/a/1", 200), ("/b", 201)]

    def test_beginnings_without_an_end_are_skipped(self) -> None:
        records, skipped, rejects = parsed_texts(
            fastify(1, None), fastify(1, 200), fastify(2, None), fastify(3, None), fastify(3, 200)
        )
        assert (records.height, skipped, rejects) == (2, 3, 0)

    def test_programs_of_any_name_may_write_pairs(self) -> None:
        begin = {"ts": "2026-10-10T13:55:36Z", "event": "started", "request_id": "6a9b"}
        end = {"ts": "2026-10-10T13:55:37Z", "event": "done", "request_id": "6a9b"}
        records, _, _ = parsed_texts(
            json.dumps(begin | {"method": "GET", "path": "/a"}),
            json.dumps(end | {"status": 200, "duration_ms": 8}),
        )
        assert records.select("method", "path", "status", "duration_ms", "request_id").rows() == [
            ("GET", "/a", 200, 8.0, "6a9b")
        ]


def test_every_format_says_which_lines_are_foreign() -> None:
    plan = detect_plan(pl.Series([fastify(1, None), fastify(1, 200)]))
    assert plan is not None
    assert [f.gateway for f in iterate_formats(plan)]


@pytest.mark.parametrize("chunk_bytes", [2500, 4096, 1 << 20])
def test_pairs_are_joined_wherever_the_chunks_are_cut(tmp_path: Path, chunk_bytes: int) -> None:
    order = [(n, status) for n in range(60) for status in (None, 200)]
    order.sort(key=lambda entry: entry[0] + (5 if entry[1] else 0))
    path = tmp_path / "app.log"
    path.write_text("".join(f"{fastify(n, status)}\n" for n, status in order))
    spec = ReadSpec(columns=frozenset({"path", "status", "client_ip", "line_number"}))
    run = LocalRun([path], spec, lambda records: records, chunk_bytes=chunk_bytes)
    texts = cs.by_name("path", "client_ip").cast(pl.String)
    records = pl.concat([result.value.with_columns(texts) for result in run.results()])
    assert records["path"].to_list() == [f"/a/{n}" for n in range(60)]
    assert records["client_ip"].null_count() == 0
    lines = [at for at, (_, status) in enumerate(order, 1) if status]
    assert records["line_number"].to_list() == lines
    (account,) = run.accounts
    assert (account.records, account.rejects, account.skipped) == (60, 0, 60)


def test_rails_may_write_no_time() -> None:
    line = (
        "method=GET path=/a format=json controller=A action=show status=200 duration=15.25 view=1"
    )
    records, skipped, rejects = parsed_texts("=> Booting Puma", line, line)
    assert (records.height, skipped, rejects) == (2, 1, 0)
    assert records["timestamp"].null_count() == 2
    assert records["duration_ms"].to_list() == [15.25, 15.25]
    assert any("no time" in doubt for doubt in inferred(line).doubts)


def test_a_few_lines_of_another_program_at_the_end_of_a_long_log(tmp_path: Path) -> None:
    stamp = "2026-10-10T13:55:36Z"
    talk = [{"time": stamp, "level": "info", "msg": f"starting worker {n}"} for n in range(4000)]
    access = [
        {"time": stamp, "msg": "request", "method": "GET", "path": f"/a/{n}", "status": 200}
        for n in range(300)
    ]
    other = [{"time": stamp, "msg": "x", "http_path": "/b", "http_status": 404}] * 5
    path = tmp_path / "app.log"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in (*talk, *access, *other)))
    run = LocalRun([path], ReadSpec(columns=frozenset({"status"})), lambda records: records)
    statuses = pl.concat([result.value["status"] for result in run.results()])
    assert (len(statuses), int((statuses == 404).sum())) == (305, 5)
    (account,) = run.accounts
    assert (account.rejects, account.skipped) == (0, 4000)


@pytest.mark.parametrize(
    ("name", "known", "nobody"),
    [
        ("gravitee", '"applicationId":"till"', '"applicationId":"1","planId":"1"'),
        (
            "wso2",
            '"applicationName":"till"',
            '"applicationName":"anonymous","applicationId":"UNKNOWN"',
        ),
    ],
)
def test_what_stands_for_nobody_is_no_consumer(name: str, known: str, nobody: str) -> None:
    sample = next(dialect.sample for dialect in DIALECTS if dialect.name == name)
    assert known in sample
    lines = [sample, sample.replace(known, nobody)]
    plan = detect_plan(pl.Series(lines))
    assert plan is not None
    read = parse_lines(EventLines.from_series(pl.Series(lines)), plan, ["consumer", "plan"])
    assert read.records.rows() == [("till", None), (None, None)]
