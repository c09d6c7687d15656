"""Real logs of others: every access line is a record, and says what other tools say it does.

They are no part of the project; the tests over them skip where they are absent.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

import apilog
from apilog.report_model import FileInput
from tests.formats import other_tools

LOGS: Mapping[str, tuple[str | None, int, int, int]] = {
    "azure/opentelemetry-collector-contrib/agw/access-log.json": ("azure-appgateway", 6, 0, 0),
    "azure/opentelemetry-collector-contrib/frontdoor/access-log.json": ("azure-frontdoor", 1, 0, 0),
    "nginx/GoogleCloudPlatform-ops-agent/apache-access/input.log": ("combined + common", 5, 0, 0),
    "nginx/GoogleCloudPlatform-ops-agent/nginx-access/input.log": ("combined + common", 8, 0, 0),
    "nginx/crowdsecurity-hub/apache2-logs/apache2-logs.log": (
        "combined + vhost-combined + common",
        7,
        0,
        2,
    ),
    "nginx/crowdsecurity-hub/apache2-malformed/apache2-logs.log": ("combined", 11, 0, 0),
    "nginx/crowdsecurity-hub/base-upsun-httplog-logs/base-upsun-httplog-logs.log": (
        "json-wrapped: tagged: combined",
        1,
        0,
        0,
    ),
    "nginx/crowdsecurity-hub/nginx-http-malformed/nginx_http-logs.log": ("combined", 12, 0, 0),
    "nginx/crowdsecurity-hub/nginx-proxy-manager-logs/nginx-proxy-manager-logs.log": (
        "nginx-proxy-manager + nginx-proxy-manager-short + combined",
        12,
        0,
        2,
    ),
    "nginx/crowdsecurity-hub/nginx_http-logs/nginx_http-logs.log": (
        "combined + vhost-combined + combined-no-ident",
        8,
        0,
        1,
    ),
    "nginx/crowdsecurity-hub/pfsense-rfc5424-nginx/pfsense-rfc5424-nginx.log": (None, 0, 0, 2),
    "nginx/crowdsecurity-hub/traefik_clf/traefik_clf.log": ("traefik-clf", 7, 0, 2),
    # The one reject is cut off within its last text.
    "nginx/elastic-examples/apache_logs": ("apache-combined", 9999, 1, 0),
    "nginx/google-mtail/apache-combined.log": ("apache-combined", 5, 0, 0),
    "nginx/google-mtail/apache-common.log": ("apache-timed", 3, 0, 0),
    "nginx/ployt0-nginx_log_parser/access.log": ("combined", 16912, 0, 0),
    "nginx/tkuchiki-alp/combined_access.log": (
        "main $request_time + main $tail_1 $request_time",
        14,
        0,
        0,
    ),
    "nginx/tkuchiki-alp/json_access.log": ("json", 14, 0, 0),
    "nginx/tkuchiki-alp/ltsv_access.log": ("ltsv", 14, 0, 0),
    "nginx/tstack-lnav/access_log.gz": ("combined", 2492, 0, 0),
    "nginx/tstack-lnav/logfile_access_log.0": ("combined", 3, 0, 0),
    "nginx/tstack-lnav/logfile_access_log.1": ("combined", 1, 0, 0),
    "nginx/tstack-lnav/logfile_bad_access_log.0": ("combined + aiohttp", 3, 0, 0),
    "nginx/tstack-lnav/logfile_regexp_access_log.0": (
        "apache-vhost-combined $tail_1",
        2,
        0,
        0,
    ),
    "nginx/tstack-lnav/logfile_shop_access_log.0": ("main", 1000, 0, 0),
    "nginx/tstack-lnav/logfile_syslog_with_access_log.0": (
        ('syslog: $remote_addr - $remote_user "$request" $status $body_bytes_sent $request_time'),
        2,
        0,
        3,
    ),
}
"""Log to its format, records, rejects and skipped lines."""

NO_LOGS = re.compile(r"\.(yaml|assert|golden|template\.json|vectors\.jsonl|tokens\.jsonl)$|/parse_")
"""What tells of logs or holds some, and is none itself."""


def _account(path: Path) -> FileInput:
    (file,) = apilog.report([path], tables=["overview"]).input.files
    return file


def _read(path: Path) -> list[dict[str, object]]:
    return apilog.scan([path]).collect().to_dicts()


def _differences(
    record: Mapping[str, object], expected: Mapping[str, object]
) -> dict[str, tuple[object, object]]:
    return {k: (record[k], value) for k, value in expected.items() if record[k] != value}


def test_every_file_is_looked_at(samples: Path) -> None:
    manifest = pl.read_csv(samples / "MANIFEST.tsv", separator="\t", quote_char=None)
    assert {f for f in manifest["file"] if not NO_LOGS.search(f)} == set(LOGS)


@pytest.mark.parametrize("name", LOGS, ids=lambda name: name.partition("/")[2])
def test_every_access_line_is_a_record(samples: Path, name: str) -> None:
    file = _account(samples / name)
    assert file.error is None
    assert (file.format, file.records, file.rejects, file.skipped) == LOGS[name]
    assert file.lines == file.records + file.rejects + file.skipped


@pytest.mark.parametrize(
    "case",
    [
        "apache2-logs",
        "apache2-malformed",
        "base-upsun-httplog-logs",
        "nginx-http-malformed",
        "nginx-proxy-manager-logs",
        "nginx_http-logs",
        "traefik_clf",
    ],
)
def test_crowdsec_agrees(samples: Path, case: str) -> None:
    folder = samples / "nginx/crowdsecurity-hub" / case
    (log,) = folder.glob("*.log")
    expected = other_tools.of_crowdsec((folder / "parser.assert").read_text("utf-8"))
    assert expected
    lines = log.read_text("utf-8").splitlines()
    records = _read(log)
    matched = {
        message: record
        for record in records
        for message in expected
        if message in lines[_number(record) - 1].replace('\\"', '"')
    }
    assert matched.keys() == expected.keys()
    assert len(records) == len(expected)
    for message, told in expected.items():
        assert not _differences(matched[message], told), message


def _number(record: Mapping[str, object]) -> int:
    return int(str(record["line_number"]))


@pytest.mark.parametrize("case", ["apache-access", "nginx-access"])
@pytest.mark.parametrize("agent", ["fluentbit", "otel"])
def test_googles_ops_agent_agrees(samples: Path, case: str, agent: str) -> None:
    folder = samples / "nginx/GoogleCloudPlatform-ops-agent" / case
    records = _read(folder / "input.log")
    expected = other_tools.of_ops_agent((folder / f"output_{agent}.yaml").read_text("utf-8"))
    found = {(record["client_ip"], record["path"]): record for record in records}
    compared = [_differences(found[told["client_ip"], told["path"]], told) for told in expected]
    assert not any(compared)
    assert len(compared) >= len(records) - 1


@pytest.mark.parametrize("name", ["combined", "common"])
def test_mtail_agrees(samples: Path, name: str) -> None:
    folder = samples / "nginx/google-mtail"
    counted = (
        apilog.scan([folder / f"apache-{name}.log"])
        .group_by("method", "status")
        .agg(requests=pl.len(), bytes=pl.col("response_bytes").sum())
        .collect()
    )
    expected = other_tools.of_mtail((folder / f"apache-{name}.golden").read_text("utf-8"))
    found = {(row["method"], row["status"]): row for row in counted.to_dicts()}
    assert found.keys() == expected.keys()
    for key, told in expected.items():
        assert not _differences(found[key], told)


def test_mtails_response_times_are_microseconds(samples: Path) -> None:
    log = samples / "nginx/google-mtail/apache-common.log"
    assert apilog.scan([log]).collect()["duration_ms"].to_list() == [3.551, 8.68, 2.167]


@pytest.mark.parametrize("name", ["combined", "json", "ltsv"])
def test_alp_agrees(samples: Path, name: str) -> None:
    """alp leaves out requests without a duration; one has it under a name of its own."""
    folder = samples / "nginx/tkuchiki-alp"
    seconds = pl.col("duration_ms") / 1000
    counted = (
        apilog.scan([folder / f"{name}_access.log"])
        .filter(pl.col("duration_ms").is_not_null())
        .group_by("method", "path")
        .agg(
            requests=pl.len(),
            max=seconds.max(),
            min=seconds.min(),
            sum=seconds.sum().round(6),
            bytes=pl.col("response_bytes").sum().cast(pl.Float64),
            **{f"status{n}xx": (pl.col("status") // 100 == n).sum() for n in range(1, 6)},
        )
        .collect()
    )
    expected = other_tools.of_alp((folder / "dump1.yaml").read_text("utf-8"))
    found = {(row["method"], row["path"]): row for row in counted.to_dicts()}
    assert expected.keys() <= found.keys()
    for key, row in found.items():
        assert not _differences(row, expected[key]), key


def _vectors(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["parse_nginx_log", "parse_apache_log", "parse_common_log", "parse_nginx_access_log"]
)
def test_vector_agrees(samples: Path, tmp_path: Path, name: str) -> None:
    (path,) = (samples / "nginx/vectordotdev-vrl").glob(f"{name}.*.jsonl")
    for vector in _vectors(path)[::2]:  # neighbours are alike
        told = vector["expected"]
        assert isinstance(told, dict)
        # An error is no access line; nor is a line without a time, which no report can place.
        is_access = "timestamp" in told and not told.keys() & {"severity", "__error__"}
        log = tmp_path / "access.log"
        log.write_text(f"{vector['input']}\n", encoding="utf-8")
        if not is_access or vector.get("format") == "error":
            with contextlib.suppress(apilog.InputError):
                assert not _read(log), vector
            continue
        (record,) = _read(log)
        differences = _differences(record, other_tools.of_vector(told))
        if vector.get("format") == "main":
            # Behind a proxy, as such lines show it, X-Forwarded-For names the client.
            differences.pop("client_ip", None)
        assert not differences, vector


@pytest.mark.parametrize("name", ["parser_apache2", "parser_nginx"])
def test_fluentd_agrees(samples: Path, tmp_path: Path, name: str) -> None:
    """But for what it leaves escaped, and the second field, which it calls the host."""
    for vector in _vectors(samples / f"nginx/fluent-fluentd/{name}.vectors.jsonl"):
        told = {k: v for k, v in dict(vector["expected"]).items() if k != "host"}  # type: ignore[call-overload]
        if "Apache escapes" in str(vector.get("note")):
            told = {k: v.replace('\\"', '"').replace("\\\\", "\\") for k, v in told.items()}
        log = tmp_path / "access.log"
        log.write_text(f"{vector['input']}\n", encoding="utf-8")
        (record,) = _read(log)
        differences = _differences(record, other_tools.of_vector(told))
        if vector.get("format") == "main":
            # Behind a proxy, as such lines show it, X-Forwarded-For names the client.
            differences.pop("client_ip", None)
        assert not differences, vector


def test_ingress_nginx_agrees_about_escapes(samples: Path, tmp_path: Path) -> None:
    path = samples / "nginx/kubernetes-ingress-nginx/log-format-escape.vectors.jsonl"
    for vector in _vectors(path):
        headers = vector["request_headers"]
        assert isinstance(headers, dict)
        ((header, sent),) = headers.items()
        # Its own header names are of no column; the first is taken for the user agent's.
        string = str(vector["log_format"]).replace(f"$http_{header}", "$http_user_agent")
        log = tmp_path / "access.log"
        log.write_text(str(vector["logged"]).replace("{", '{"t":"1.5", ', 1), encoding="utf-8")
        log_format = string.replace("{", '{"t":"$msec", ', 1)
        if vector["escape"] == "none":
            continue  # quotes within: not recoverable in general
        (record,) = apilog.scan([log], log_format=log_format).collect().to_dicts()
        assert record["user_agent"] == sent
