"""The confusion matrix of detection: every sample is of its own format, and of no other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl
import pytest

from apilog.formats import gateways
from apilog.formats.detect import FORMAT_DETECTORS, detect_plan
from apilog.formats.registry import FORMAT_INFOS
from apilog.formats.skipped_lines import SKIP_RULES
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from tests.formats.damaged_lines import JSON, LOGFMT, LTSV
from tests.formats.rails_lines import RAILS
from tests.formats.read_rows import lines_of, name_of

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE_LOGS = REPOSITORY / "sample_logs"
CASES = sorted((REPOSITORY / "tests/cases").glob("*/*.log"))

SAMPLES: Mapping[str, tuple[str, ...]] = {
    **{f.name: f.samples for f in ALL_TEXT_FORMATS},
    **{gateway.name: gateway.samples for gateway in gateways.GATEWAYS},
    "json": JSON,
    "ltsv": LTSV,
    "logfmt": LOGFMT,
    "rails": RAILS,
}
"""Lines of every format there is."""

ROWS = [(name, sample) for name, samples in SAMPLES.items() for sample in samples]


def matrix(heads: Iterable[tuple[str, Iterable[str]]]) -> dict[str, dict[str | None, int]]:
    """Format to what its heads are detected as, and how often."""
    found: dict[str, dict[str | None, int]] = {}
    for name, lines in heads:
        row = found.setdefault(name, {})
        told = name_of(lines_of(*lines))
        row[told] = row.get(told, 0) + 1
    return found


def off_diagonal(found: Mapping[str, Mapping[str | None, int]]) -> list[tuple[str, str | None]]:
    return [(name, told) for name, row in found.items() for told in row if told != name]


def test_every_format_has_samples_and_a_sample_log() -> None:
    assert SAMPLES.keys() == FORMAT_INFOS.keys()
    assert all(SAMPLES.values())
    assert {f"{name}.log" for name in SAMPLES} <= {path.name for path in SAMPLE_LOGS.iterdir()}


@pytest.mark.slow
def test_no_line_of_a_sample_log_alone_is_taken_for_another_format() -> None:
    # `test_contract` has samples and whole logs. Of Rails' lines, one alone is no request.
    read = {name: (SAMPLE_LOGS / f"{name}.log").read_text("utf-8") for name in SAMPLES}
    counts = {"rails": 100}
    heads = [(name, text.splitlines()[: counts.get(name, 1)]) for name, text in read.items()]
    assert off_diagonal(matrix(heads)) == []


@pytest.mark.slow
def test_no_gateway_claims_the_records_of_another() -> None:
    kinds = {name: kind for name, kind in FORMAT_DETECTORS.items() if name in gateways.DETECTORS}
    claimed = {
        (name, kind)
        for name, sample in ROWS
        for kind in kinds
        if kinds[kind].infer(pl.Series([sample])) is not None
    }
    assert claimed == {(name, name) for name in kinds}


def test_cases_of_a_gateway_are_read_as_its_logs() -> None:
    # `test_cases` holds these records against what is read.
    found: dict[str, set[str]] = {}
    for path in CASES:
        records = path.with_suffix(".records.ndjson").read_text("utf-8").splitlines()
        read = {json.loads(record).get("gateway") for record in records}
        found.setdefault(path.parent.name, set()).update(read)
    assert found.pop("nginx") <= {"nginx", "apache", None}
    found.pop("mixed", None)
    assert found == {name: {name} for name in found}


@pytest.mark.slow
def test_no_line_beside_the_log_is_taken_for_one_of_it() -> None:
    beside = [(skip.reason, line) for skip in SKIP_RULES for line in skip.samples[:1]]
    beside += [
        (refusal.message, line) for refusal in gateways.REFUSALS for line in refusal.samples[:1]
    ]
    read = {}
    for reason, line in beside:
        reading = detect_plan(pl.Series([line]))
        if reading and any(stage.formats for stage in reading.stages):
            read[line] = (reason, reading.name)
    assert read == {}
