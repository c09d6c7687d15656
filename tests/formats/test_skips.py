"""Lines that are no access lines: skipped with a reason, broken access lines never."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.skipped_lines import BLANK, ERROR_LOG, OTHER_PROGRAM, SKIP_RULES, skip_reasons
from tests.any_text import any_text

LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'


def reason(line: str) -> str | None:
    result: str | None = skip_reasons(pl.Series([line])).item()
    return result


@pytest.mark.parametrize(
    ("line", "expected"), [(line, skip.reason) for skip in SKIP_RULES for line in skip.samples]
)
def test_each_sample_has_its_reason(line: str, expected: str) -> None:
    assert reason(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Jan  3 09:47:02 veridian sudo: timstack : TTY=pts/6 ; PWD=/auto ; USER=root",
        "<86>1 2026-10-10T13:55:36Z web1 sshd 812 - - Accepted publickey for root",
        "60 <30>Oct 10 13:55:36 web1 systemd[1]: Started Daily apt activities",
        "2026-10-10T13:55:36.1+00:00 web1 kernel: [12.3] eth0: link up",
        "Mar 24 14:26:01 --- last message repeated 2 times ---",
        json.dumps({"MESSAGE": "x", "__REALTIME_TIMESTAMP": "1", "SYSLOG_IDENTIFIER": "sshd"}),
    ],
)
def test_lines_of_other_programs(line: str) -> None:
    assert reason(line) == OTHER_PROGRAM


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        LINE[:60],
        f"Oct 10 13:55:36 web1 nginx: {LINE[:60]}",
        f"Oct 10 13:55:36 web1 edge: {LINE}",
        "2026-10-10T13:55:36Z 203.0.113.7 garbled",
        '{"status": 200, "request": "GET /a',
        json.dumps({"MESSAGE": "odd", "__REALTIME_TIMESTAMP": "1", "_COMM": "nginx"}),
        "[10/Oct/2026:13:55:36 +0000] - 404 404 - GET http",
        "==> not a header",
        "- - -",
        "\ufffd\ufffd",
    ],
)
def test_what_may_be_a_broken_access_line_stays(line: str) -> None:
    assert reason(line) is None


@given(st.lists(any_text(), max_size=5))
def test_any_text_gets_an_answer(lines: list[str]) -> None:
    answer = skip_reasons(pl.Series("line", lines, dtype=pl.String))
    assert answer.dtype == pl.String
    assert len(answer) == len(lines)


@given(any_text(), any_text())
def test_a_line_is_judged_alone(line: str, neighbour: str) -> None:
    together = skip_reasons(pl.Series([neighbour, line]))
    assert together.to_list() == [reason(neighbour), reason(line)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("elastic-examples/apache_logs", {}),
        ("ployt0-nginx_log_parser/access.log", {}),
        ("tstack-lnav/logfile_shop_access_log.0", {}),
        ("tkuchiki-alp/json_access.log", {}),
        ("tkuchiki-alp/ltsv_access.log", {}),
        ("crowdsecurity-hub/traefik_clf/traefik_clf.log", {BLANK: 2}),
        ("crowdsecurity-hub/nginx_http-logs/nginx_http-logs.log", {ERROR_LOG: 1}),
        ("crowdsecurity-hub/apache2-logs/apache2-logs.log", {ERROR_LOG: 2}),
    ],
)
def test_in_real_access_logs_only_error_lines_are_skipped(
    samples: Path, name: str, expected: dict[str, int]
) -> None:
    lines = (samples / "nginx" / name).read_text(errors="replace").removesuffix("\n").split("\n")
    reasons = skip_reasons(pl.Series(lines)).drop_nulls()
    assert dict(reasons.value_counts().rows()) == expected
