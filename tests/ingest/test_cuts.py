"""A log that is ingested while it grows gives what it gives in one run, wherever runs cut it."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from apilog.ingestion import ingest
from apilog.store import Store

CASES = Path(__file__).parents[1] / "cases"
LOGS = {
    "text": "nginx/odd-requests",
    "text whose tail is inferred": "nginx/inferred-tail",
    "text of two formats, and errors": "nginx/two-formats-and-errors",
    "quoted text": "aws-alb/every-version",
    "CSV without a header": "aws-apigateway/http-csv",
    "CSV with a header": "azure-apim/portal-export",
    "CSV of an envelope and its messages": "aws-apigateway/cloudwatch-insights",
    "CSV over several lines": "aws-apigateway/cloudwatch-insights-pretty",
    "columns between bars": "apigee/export-bars",
    "columns between tabs, and hints": "apigee/analytics",
    "W3C's directives": "iis/w3c",
    "W3C's directives that change": "mixed/w3c-quoted-and-changing",
    "XML": "aws-apigateway/rest-xml",
    "logfmt": "tyk/access-text",
    "JSON, and lines that are none": "aws-apigateway/rest-json",
    "JSON of the user's keys": "aws-apigateway/rest-custom-keys",
    "JSON, nested": "fastly/json",
    "JSON of another log beside": "caddy/access-and-error",
    "JSON, a request on two lines": "fastify/pairs",
    "JSON, many events a line": "otel/file-exporter",
    "JSON, an array over all lines": "azure-apim/table-rows-first",
    "JSON, a document of columns": "azure-apim/table-columns-first",
    "JSON without newlines": "aws-apigateway/kinesis-event",
    "JSON with indents": "aws-apigateway/cloudwatch-events-pretty",
    "JSON in the texts of JSON": "azure-apim/properties-as-text",
    "JSON of flags that come late": "azure-frontdoor/access-log",
    "JSON of two gateways": "mixed/azure-categories",
    "base64 over several lines": "aws-apigateway/base64-wrapped",
    "numbers whose unit is told by each other": "mixed/tomcat-commit-times",
    "in events of CloudWatch": "aws-apigateway/cloudwatch-events",
    "in an export of CloudWatch, beside another": "aws-apigateway/execution-log-beside",
    "in a text of CloudWatch": "aws-apigateway/cloudwatch-text",
    "in entries of Cloud Logging": "apigee/cloud-logging-text",
    "in syslog": "haproxy/httplog-syslog",
    "in a logger's prefix": "rails/lograge-ruby-logger",
}
"""A log for each way in which lines come and hang together, which is what a cut may break: what
a line means is told by tests of the formats."""
# Base64 of something compressed, wrapped over lines: half of it can't be told from a whole one.
DELIVERED_WHOLE = {"base64-wrapped", "every-version"}


@dataclass(frozen=True)
class Taken:
    """What a store holds of one log."""

    records: pl.DataFrame
    rejects: pl.DataFrame
    counts: tuple[int, int, int, int]

    @classmethod
    def of(cls, path: Path) -> Taken:
        store = Store.open(path)
        inputs = store.manifest.inputs
        taken = cls(
            store.scan_records().drop("source").collect().sort("line_number", "path"),
            # The reason names the formats that were tried, which the length of the head decides.
            store.scan_rejects().select("line_number", "line").collect().sort("line_number"),
            (
                sum(known.lines for known in inputs),
                sum(known.records for known in inputs),
                sum(known.rejects for known in inputs),
                sum(known.skipped for known in inputs),
            ),
        )
        assert taken.counts[1:3] == (taken.records.height, taken.rejects.height)
        return taken

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Taken)
        return (
            self.counts == other.counts
            and self.records.equals(other.records)
            and self.rejects.equals(other.rejects)
        )


def grown(folder: Path, parts: Sequence[bytes]) -> Taken:
    """What comes of a log to which the parts are added one by one, with a run after each."""
    folder.mkdir()
    log, store = folder / "x.log", folder / "store"
    for part in parts:
        with log.open("ab") as stream:
            stream.write(part)
        ingest([log], store)
    return Taken.of(store)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOGS)
def test_any_cuts_give_what_one_run_gives(kind: str, tmp_path: Path) -> None:
    case = CASES / f"{LOGS[kind]}.log"
    text = case.read_bytes().removesuffix(b"\n") + b"\n"
    whole = grown(tmp_path / "whole", [text])
    if case.stem in DELIVERED_WHOLE:
        return
    chance = random.Random(case.stem)
    cuts = [chance.randrange(len(text) + 1)]
    parts = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
    folder = tmp_path / "cut"
    assert grown(folder, parts) == whole, cuts
    if [*LOGS].index(kind) % 4:
        return
    (folder / "x.log.1.gz").write_bytes(gzip.compress(text))
    (folder / "x.log").unlink()
    ingest([folder / "x.log.1.gz"], folder / "store")
    assert Taken.of(folder / "store") == whole, cuts


FRONTDOOR = CASES / "azure-frontdoor" / "access-log.log"
PRETTY = CASES / "aws-apigateway" / "cloudwatch-insights-pretty.log"


@pytest.mark.parametrize(
    ("case", "cuts"),
    [
        (FRONTDOOR, [3410, 3420, 4586, 4658]),  # a flag that no earlier line has
        (PRETTY, [65, 441]),  # within an event's first line, and within its message
        (PRETTY, [222, 616, 761, 772]),
    ],
)
def test_cuts_that_have_gone_wrong(case: Path, cuts: list[int], tmp_path: Path) -> None:
    text = case.read_bytes()
    parts = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
    assert grown(tmp_path / "cut", parts) == grown(tmp_path / "whole", [text])


def test_lines_that_come_alone_are_read_as_those_before_them(tmp_path: Path) -> None:
    case = CASES / "aws-apigateway" / "serverless-text.log"
    *first, last = case.read_bytes().splitlines(keepends=True)
    # By itself, the last line is of no known format.
    whole = grown(tmp_path / "whole", [b"".join([*first, last])])
    assert grown(tmp_path / "parts", [b"".join(first), last]) == whole
    assert whole.counts[1] == len(first) + 1


@pytest.mark.slow
@pytest.mark.parametrize("cut", [2, 3, 4, 6])
def test_two_lines_about_a_request_are_one_record_though_two_runs_take_them(
    tmp_path: Path, cut: int
) -> None:
    case = CASES / "fastify" / "pairs.log"
    lines = case.read_bytes().splitlines(keepends=True)
    parts = [b"".join(lines[:cut]), b"".join(lines[cut:])]
    assert grown(tmp_path / "cut", parts) == grown(tmp_path / "whole", [b"".join(lines)])
