"""AWS load balancers, CloudFront, S3, VPC Lattice, AppSync: what a line tells."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest

import apilog
from apilog.formats.detect import detect_plan
from apilog.formats.gateways.aws.content_delivery import CLOUDFRONT, REAL_TIME_FIELDS
from apilog.formats.gateways.aws.load_balancers import ALB, CLASSIC_ELB
from apilog.formats.gateways.aws.object_storage import S3
from apilog.formats.gateways.gateway import Gateway, names_of
from apilog.formats.gateways.positional import PositionalFormat, infer_positional
from tests.formats.read_rows import lines_of, plain, read_lines, rows

ALB_LINE = ALB.samples[0]


def values_of(line: str, separator: str = " ") -> list[str]:
    """The values of a line by Python's own reader of tables, which knows a backslash, too."""
    reader = csv.reader([line], delimiter=separator, doublequote=False, escapechar="\\")
    return next(reader)


@pytest.mark.parametrize("gateway", [ALB, CLASSIC_ELB, S3, CLOUDFRONT], ids=lambda g: str(g.name))
def test_values_are_those_between_separators_whatever_their_number(gateway: Gateway) -> None:
    (layout,) = gateway.layouts
    whole = [s for s in gateway.samples if not s.startswith("{")]
    lines = [whole[0], *whole, whole[0] + f'{layout.separator}"more to come"']
    found = infer_positional(gateway, pl.Series(lines))
    assert isinstance(found, PositionalFormat)
    positions = list(range(layout.least))
    read, ok = found._read_locations(lines_of(*lines), positions)
    assert ok.all()
    for at, line in enumerate(lines):
        told = values_of(line, layout.separator)[: layout.least]
        assert [read[position][at] for position in positions] == told


def test_a_line_that_is_cut_is_a_reject_and_costs_no_other() -> None:
    lines = [ALB_LINE, ALB_LINE[:180], ALB_LINE.replace("curl/8.1", 'a "b'), ALB_LINE]
    outcome = read_lines(lines_of(*lines))
    assert outcome.records["row"].to_list() == [0, 3]
    assert outcome.rejects["row"].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("times", "duration"),
    [("0.001 0.048 0.001", 50.0), ("-1 -1 -1", None), ("0.001 -1 -1", None), ("0 0 0", 0.0)],
)
def test_the_whole_request_is_a_sum_that_is_null_where_a_part_is(
    times: str, duration: float | None
) -> None:
    (row,) = rows(read_lines(lines_of(ALB_LINE.replace("0.001 0.048 0.001", times))))
    assert row.get("duration_ms") == duration


def test_tables_of_athena_hold_the_same_as_the_lines() -> None:
    names = names_of(
        "type time elb client_ip client_port target_ip target_port request_processing_time "
        "target_processing_time response_processing_time elb_status_code target_status_code "
        "received_bytes sent_bytes request_verb request_url request_proto user_agent ssl_cipher "
        "ssl_protocol target_group_arn trace_id domain_name"
    )
    told = values_of(ALB_LINE)
    client, target = (text.rsplit(":", 1) for text in (told[3], told[4]))
    cells = [*told[:3], *client, *target, *told[5:12], *told[12].split(" "), *told[13:19]]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([names, cells])
    table = plain(read_lines(lines_of(*out.getvalue().splitlines())).records)
    line = plain(read_lines(lines_of(ALB_LINE)).records)
    apart = {"row", "upstream_attempts"}  # the table's columns end before the list of targets
    assert table.select(pl.exclude(apart)).to_dicts() == line.select(pl.exclude(apart)).to_dicts()


def test_real_time_fields_are_read_where_they_stand() -> None:
    given = {
        "timestamp": "1795255200.123",
        "c-ip": "203.0.113.7",
        "time-to-first-byte": "0.01",
        "sc-status": "502",
        "sc-bytes": "10",
        "cs-method": "GET",
        "cs-protocol": "https",
        "cs-uri-stem": "/a",
        "x-edge-detailed-result-type": "OriginDnsError",
        "origin-lbl": "0.5",
        "time-taken": "0.75",
    }
    (row,) = rows(read_lines(lines_of("\t".join(given.get(n, "-") for n in REAL_TIME_FIELDS))))
    told = ("status", "path", "error_type", "error_source", "upstream_duration_ms", "duration_ms")
    assert [row[c] for c in told] == [502, "/a", "OriginDnsError", "gateway", 500.0, 750.0]


WAF = (
    '{"timestamp":1795255200123,"formatVersion":1,"webaclId":"arn:aws:wafv2:x","action":"BLOCK",'
    '"httpRequest":{"clientIp":"203.0.113.7","uri":"/a","httpMethod":"GET"},"responseCodeSent":403}'
)


def test_logs_of_a_firewall_are_skipped_alone_and_beside_others() -> None:
    alone = detect_plan(pl.Series([WAF] * 3))
    assert alone is not None
    assert not alone.name
    beside = read_lines(lines_of(WAF, ALB_LINE, WAF))
    assert (beside.records.height, beside.skipped, beside.rejects.height) == (1, 2, 0)


@pytest.mark.parametrize("gateway", [ALB, S3, CLOUDFRONT], ids=lambda g: str(g.name))
def test_a_last_line_that_is_cut_off_is_no_record(gateway: Gateway, tmp_path: Path) -> None:
    sample = next(text for text in gateway.samples if not text.startswith("{"))
    (layout,) = gateway.layouts
    ends = range(len(sample) // 2, sample.rfind(layout.separator), 61)
    for text, end in [*((sample[:end], 5) for end in ends), (sample, 6), (f"{sample[:-9]}\n", 6)]:
        log = tmp_path / f"{len(text)}.log"
        log.write_text(f"{sample}\n" * 5 + text)
        (found,) = apilog.report(log, tables=["overview"]).input.files
        assert (found.records, found.rejects) == (end, 6 - end), text
