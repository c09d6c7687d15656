"""Envelopes: every outer line is accounted for, and what was put in comes out."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.transport.envelope import Envelope
from apilog.transport.envelope_registry import ENVELOPES, detect_envelope
from tests.any_text import any_text

LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'
BY_NAME = {envelope.name: envelope for envelope in ENVELOPES}

every_envelope = pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda e: e.name)


def series(*lines: str) -> pl.Series:
    return pl.Series("line", lines, dtype=pl.String)


def unwrap(name: str, *lines: str) -> list[tuple[int, str]]:
    return BY_NAME[name].unwrap(series(*lines)).texts.rows()


def detected(*lines: str) -> str | None:
    envelope = detect_envelope(series(*lines))
    return envelope.name if envelope else None


@every_envelope
def test_samples_unwrap_to_what_they_say(envelope: Envelope) -> None:
    for sample in envelope.samples:
        assert envelope.unwrap(series(*sample.lines)).texts["text"].to_list() == list(sample.texts)


@every_envelope
def test_samples_are_detected_as_their_own_envelope(envelope: Envelope) -> None:
    for sample in envelope.samples:
        assert detected(*sample.lines) == envelope.name


@every_envelope
def test_lines_that_begin_otherwise_are_not_in_it(envelope: Envelope) -> None:
    lines = [line for sample in envelope.samples for line in sample.lines]
    begun = [
        start + line[cut:]
        for line in lines
        for start in map(chr, range(33, 127))
        if start not in envelope.first_characters
        for cut in (0, 1)
    ]
    if envelope.first_characters:
        assert envelope.unwrap(series(*begun)).texts["text"].to_list() == []
        assert all(line[0] in envelope.first_characters for line in lines)


@every_envelope
def test_no_lines_are_no_events(envelope: Envelope) -> None:
    inside = envelope.unwrap(series())
    assert inside.texts.schema == {"row": pl.UInt32, "text": pl.String}
    assert inside.texts.height == 0
    assert inside.unmatched.dtype == pl.UInt32
    assert len(inside.unmatched) == 0


broken = st.one_of(
    any_text(without="\n"),
    st.text(alphabet='{}[]"\\:,<> 10|TZ-', max_size=30),
    st.sampled_from([line for e in ENVELOPES for s in e.samples for line in s.lines]).flatmap(
        lambda line: st.integers(0, len(line)).map(lambda end: line[:end] + line[end + 1 :])
    ),
)


@every_envelope
@given(lines=st.lists(broken, max_size=6))
def test_any_line_is_an_event_a_piece_or_unmatched(envelope: Envelope, lines: list[str]) -> None:
    inside = envelope.unwrap(series(*lines))
    rows = inside.texts["row"].to_list()
    unmatched = inside.unmatched.to_list()
    assert rows == sorted(set(rows))
    assert unmatched == sorted(set(unmatched))
    assert not set(rows) & set(unmatched)
    assert set(rows) | set(unmatched) <= set(range(len(lines)))
    assert inside.texts["text"].null_count() == 0
    assert not any("\n" in text for text in inside.texts["text"])


@given(st.lists(broken, max_size=6))
def test_detection_never_raises(lines: list[str]) -> None:
    detect_envelope(series(*lines))


plain = any_text(min_size=1, without="\n\r")


@given(st.lists(plain, min_size=1, max_size=4))
def test_what_docker_wraps_comes_out(texts: list[str]) -> None:
    lines = [json.dumps({"log": text + "\n", "stream": "stdout"}) for text in texts]
    assert unwrap("docker", *lines) == list(enumerate(texts))


@given(plain)
def test_what_is_quoted_comes_out(text: str) -> None:
    assert unwrap("quoted", '"' + text.replace('"', '""') + '"') == [(0, text)]


@given(plain, plain)
def test_what_is_quoted_with_backslashes_comes_out(before: str, after: str) -> None:
    text = f'{before}"{after}'
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert unwrap("quoted", f'"{escaped}"') == [(0, text)]


@given(any_text(without="\n\r"))
def test_what_cri_wraps_comes_out(text: str) -> None:
    assert unwrap("cri", f"2026-10-10T13:55:36.1Z stdout F {text}") == [(0, text)]


def test_pieces_are_joined_within_their_stream() -> None:
    time = "2026-10-10T13:55:36.1Z"
    assert unwrap(
        "cri",
        f"{time} stdout P a",
        f"{time} stderr P x",
        f"{time} stdout P b ",
        f"{time} stdout F c",
        f"{time} stdout F d",
        f"{time} stderr F y",
    ) == [(0, "ab c"), (1, "xy"), (4, "d")]


def test_a_piece_whose_end_is_missing_is_an_event() -> None:
    assert unwrap(
        "docker",
        '{"log":"a\\n","stream":"stdout"}',
        '{"log":"b","stream":"stdout"}',
        '{"log":"c","stream":"stderr"}',
    ) == [(0, "a"), (1, "b"), (2, "c")]


def test_docker_lines_without_any_newline_are_whole() -> None:
    lines = ['{"log":"a","stream":"stdout"}', '{"log":"b","stream":"stdout"}']
    assert unwrap("docker", *lines) == [(0, "a"), (1, "b")]


def test_one_bad_line_does_not_cost_its_neighbours() -> None:
    good = json.dumps({"log": LINE + "\n", "stream": "stdout"})
    inside = BY_NAME["docker"].unwrap(series(good, good[:30], "oops", good))
    assert inside.texts.rows() == [(0, LINE), (3, LINE)]
    assert inside.unmatched.to_list() == [1, 2]


def test_a_newline_inside_is_shown_escaped() -> None:
    assert unwrap("docker", json.dumps({"log": "a\nb\n", "stream": "stdout"})) == [(0, r"a\x0Ab")]


def test_filebeat_describes_the_file_in_log() -> None:
    line = {"log": {"offset": 5, "file": {"path": "/var/log/a"}}, "message": LINE}
    assert detected(json.dumps(line)) == "json-wrapped"
    assert unwrap("json-wrapped", json.dumps(line)) == [(0, LINE)]


def test_journald_writes_unprintable_messages_as_bytes() -> None:
    entry = {"__REALTIME_TIMESTAMP": "1", "SYSLOG_IDENTIFIER": "nginx"}
    lines = [json.dumps({**entry, "MESSAGE": m}) for m in ([255, 65], "[007]", [], "[1] GET")]
    assert [text for _, text in unwrap("journald", *lines)] == ["\ufffdA", "\x07", "", "[1] GET"]


@pytest.mark.parametrize(
    "line",
    [
        f"<190>Oct 10 13:55:36 web1 nginx: {LINE}",
        f"118 <190>Oct 10 13:55:36 web1 nginx: {LINE}",
        f"<190>Oct 10 13:55:36 nginx: {LINE}",
        f"Oct  1 13:55:36 fe80::1 nginx[12]: {LINE}",
        f"Oct 10 2026 13:55:36 web1 myapp: {LINE}",
        f"2026-10-10T13:55:36+0000 web1 nginx[1]: {LINE}",
    ],
)
def test_old_syslog_in_its_variants(line: str) -> None:
    assert detected(line) == "syslog"
    assert unwrap("syslog", line) == [(0, LINE)]


@pytest.mark.parametrize(
    "line",
    [
        f"<190>1 2026-10-10T13:55:36.003Z web1 nginx 4711 - - {LINE}",
        f"140 <190>1 2026-10-10T13:55:36Z - nginx - - - {LINE}",
        f'<190>1 - web1 other - ID [a@1 k="\\]\\"" l="x"] \ufeff{LINE}',
    ],
)
def test_new_syslog_in_its_variants(line: str) -> None:
    assert detected(line) == "syslog5424"
    assert unwrap("syslog5424", line) == [(0, LINE)]


def test_other_programs_share_a_syslog() -> None:
    inside = BY_NAME["syslog"].unwrap(
        series(
            "Oct 10 13:55:36 web1 sshd[1]: Accepted password for root from 10.0.0.1 port 22",
            "Oct 10 13:55:36 web1 nginx: something odd",
            f"Oct 10 13:55:36 web1 tomcat.log: {LINE}",
            "Oct 10 13:55:36 web1 edge: 10.0.0.1 /a/b 200 0.005",
            "Oct 10 13:55:36 --- last message repeated 2 times ---",
        )
    )
    assert inside.texts["row"].to_list() == [1, 2, 3]
    assert inside.unmatched.to_list() == [0, 4]


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        json.dumps({"status": 200, "request": "GET /a HTTP/1.1", "message": "GET /a HTTP/1.1"}),
        json.dumps({"time": 1, "uri": "/a", "method": "GET", "msg": "GET /a HTTP/1.1"}),
        json.dumps({"level": "info", "msg": "started"}),
        '"203.0.113.7" "GET /a HTTP/1.1" "200"',
        '2026-10-10T13:55:36+00:00 203.0.113.7 "GET /a HTTP/1.1" 200 "curl: 8"',
        "2026-10-10T13:55:36+00:00 203.0.113.7:80 h:443 0.001 200 GET /a HTTP/1.1",
        "203.0.113.7 | GET /a HTTP/1.1 | 200",
        "time:2026-10-10T13:55:36Z\tstatus:200",
    ],
)
def test_access_lines_are_no_envelope(line: str) -> None:
    assert detected(line, line) is None


def test_most_lines_decide_and_blank_ones_do_not_count() -> None:
    wrapped = f"2026-10-10T13:55:36.1Z stdout F {LINE}"
    assert detected("", wrapped, "", "", wrapped, LINE) == "cri"
    assert detected(wrapped, LINE, LINE) is None
    assert detected() is None
    assert detected("", "") is None


def test_real_syslog_files(samples: Path) -> None:
    pfsense = (
        samples / "nginx" / "crowdsecurity-hub/pfsense-rfc5424-nginx/pfsense-rfc5424-nginx.log"
    ).read_text()
    assert detected(*pfsense.splitlines()) == "syslog5424"
    mixed = (
        (samples / "nginx" / "tstack-lnav/logfile_syslog_with_access_log.0")
        .read_text()
        .splitlines()
    )
    assert detected(*mixed) == "syslog"
    assert [row for row, _ in unwrap("syslog", *mixed)] == [1, 2]


@pytest.mark.parametrize(
    "name",
    [
        "elastic-examples/apache_logs",
        "ployt0-nginx_log_parser/access.log",
        "tkuchiki-alp/json_access.log",
        "tkuchiki-alp/ltsv_access.log",
        "crowdsecurity-hub/traefik_clf/traefik_clf.log",
        "crowdsecurity-hub/nginx-proxy-manager-logs/nginx-proxy-manager-logs.log",
    ],
)
def test_real_bare_logs_are_in_no_envelope(samples: Path, name: str) -> None:
    lines = (samples / "nginx" / name).read_text(errors="replace").split("\n")[:200]
    assert detected(*lines) is None
