"""What holds for every format: its samples, its detection, and its answer to any input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.formats import gateways
from apilog.formats.contract import Format, ParsedRecords
from apilog.formats.detect import FORMAT_DETECTORS, detect_plan
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.parse_plan import ParsePlan, ParseStage, parse_lines
from apilog.formats.registry import FORMAT_INFOS
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from apilog.schema import ERROR_SOURCE, SCHEMA
from apilog.transport.envelope_registry import ENVELOPES
from apilog.values.dictionary import encode_texts
from apilog.values.event_lines import EventLines
from tests.examples import about
from tests.formats.damaged_lines import JSON, LOGFMT, LTSV, any_bytes, damaged, mixtures, valid
from tests.formats.families import ONE_OF_EACH_FAMILY
from tests.formats.read_rows import COLUMNS, lines_of, name_of, plain, read_lines, reading_of, rows

SAMPLE_LOGS = Path(__file__).parents[2] / "sample_logs"
INFERRED = {"json": JSON, "ltsv": LTSV, "logfmt": LOGFMT}
KEYED = {gateway.name: gateway.samples for gateway in gateways.GATEWAYS}
SAMPLES = {f.name: f.samples for f in ALL_TEXT_FORMATS} | KEYED | INFERRED

UNTIMED = frozenset(f.name for f in ALL_TEXT_FORMATS if isinstance(f, NginxFormat) and f.lacks_time)

each_format = pytest.mark.parametrize("log_format", ALL_TEXT_FORMATS, ids=lambda f: f.name)


# Samples


@each_format
def test_samples_give_the_stated_columns_in_the_schemas_types(log_format: NginxFormat) -> None:
    assert log_format.samples
    parsed = log_format.parse(lines_of(*log_format.samples), (*COLUMNS, "route"))
    assert parsed.rejects.is_empty()
    records = plain(parsed.records)
    assert records.height == len(log_format.samples)
    # Records of lines without a time have a null one, until their envelope tells.
    assert {*records.columns} - {"timestamp"} == log_format.columns - {"timestamp"}
    told = {name: dtype for name, dtype in SCHEMA.items() if name in log_format.columns}
    assert {name: records.schema[name] for name in told} == told
    assert records["timestamp"].is_not_null().any() != log_format.lacks_time
    if "client_ip" in records:
        assert records["client_ip"].is_not_null().any()
    assert any(records[c].is_not_null().all() for c in ("status", "operation") if c in records)
    assert any(records[c].is_not_null().any() for c in ("path", "route") if c in records)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_read_as_their_own_format_in_the_schemas_types(name: str) -> None:
    lines = lines_of(*SAMPLES[name])
    plan = detect_plan(lines.series)
    assert plan
    assert plan.name == name
    outcome = read_lines(lines, plan)
    assert outcome.rejects.is_empty()
    assert outcome.records.height == len(SAMPLES[name])
    assert tuple(outcome.records.columns) == COLUMNS
    assert {*outcome.records["gateway"]} == {FORMAT_INFOS[name].gateway}
    for column, dtype in plain(outcome.records).schema.items():
        encoded = ERROR_SOURCE if column == "error_source" else None
        assert dtype in (SCHEMA.get(column, dtype), encoded), column


# Detection


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_alone_is_detected_as_its_own_format(name: str) -> None:
    for sample in SAMPLES[name] if len(SAMPLES[name]) > 1 else ():  # else see above
        assert name_of(lines_of(sample)) == name, sample


WRAPPED: dict[str, Callable[[str], str]] = {
    "cri": lambda line: f"2026-11-21T10:00:00.123456789Z stdout F {line}",
    "syslog5424": lambda line: f"<190>1 2026-11-21T10:00:00Z web1 nginx 12 - - {line}",
    "syslog": lambda line: f"<190>Nov 21 10:00:00 web1 nginx: {line}",
    "docker": lambda line: json.dumps({"log": line + "\n", "stream": "stdout", "time": "-"}),
    "journald": lambda line: json.dumps(
        {"MESSAGE": line, "__REALTIME_TIMESTAMP": "1", "_COMM": "nginx"}
    ),
    "json-wrapped": lambda line: json.dumps({"message": line, "agent": {"type": "filebeat"}}),
    "compose": lambda line: f"web-1  | {line}",
    "quoted": lambda line: '"' + line.replace('"', '""') + '"',
    "tagged": lambda line: f"web1 nginx: {line}",
}


def _check_inside(envelope: str, names: Iterable[str]) -> None:
    for name in names:
        wrapped = lines_of(*(WRAPPED[envelope](line) for line in SAMPLES[name]))
        plan = detect_plan(wrapped.series)
        assert plan, name
        assert plan.name == f"{envelope}: {name}"
        found = rows(read_lines(wrapped, plan))
        if name in UNTIMED and all("timestamp" in row for row in found):
            for row in found:  # that of the envelope
                del row["timestamp"]
        assert found == _rows_of_samples(name)


@cache
def _rows_of_samples(name: str) -> list[dict[str, object]]:
    return rows(read_lines(lines_of(*SAMPLES[name])))


PARSED = [[name for name in names if name in SAMPLES] for names in ONE_OF_EACH_FAMILY.values()]
"""Formats by the family of parsers: each has one inside every other envelope at least."""


@pytest.mark.parametrize("envelope", WRAPPED)
def test_samples_are_read_inside_envelopes_as_outside(envelope: str) -> None:
    place = list(WRAPPED).index(envelope)
    turns = [names for number, names in enumerate(PARSED) if names and (number + place) % 2]
    _check_inside(envelope, [names[place // 2 % len(names)] for names in turns])


@pytest.mark.parametrize(
    ("wrap", "names"),
    [
        (("json-wrapped", "tagged"), "json-wrapped: tagged"),
        (("docker", "syslog"), "docker: syslog"),
    ],
)
def test_envelopes_in_envelopes(wrap: tuple[str, str], names: str) -> None:
    outer, inner = wrap
    lines = lines_of(*(WRAPPED[outer](WRAPPED[inner](s)) for s in SAMPLES["combined"]))
    assert name_of(lines) == f"{names}: combined"
    assert rows(read_lines(lines)) == rows(read_lines(lines_of(*SAMPLES["combined"])))


NAMED_OTHERWISE = {
    "api.log": "combined $request_time $upstream_response_time",
    "broken.log": "combined",
    "combined-in-quotes.log": "quoted: combined",
    "combined-key-value.log": "combined rt=$request_time urt=$upstream_response_time",
    "cri.log": "cri: combined",
    "docker.log": "docker: combined",
    "journald.log": "journald: combined",
    "syslog-3164.log": "syslog: combined",
    "syslog-5424.log": "syslog5424: combined",
}


@pytest.mark.parametrize("name", [*SAMPLES, *(Path(n).stem for n in NAMED_OTHERWISE)])
def test_each_sample_log_is_detected_by_its_name(name: str) -> None:
    lines = EventLines((SAMPLE_LOGS / f"{name}.log").read_bytes())
    plan = detect_plan(lines.series)
    assert plan
    assert plan.name == NAMED_OTHERWISE.get(f"{name}.log", name)
    outcome = read_lines(lines, plan, detector=detect_plan)
    if name != "broken":
        assert outcome.records.height == lines.count


# Any input


_LINE_BY_LINE = frozenset({"syslog", "syslog5424", "journald", "json-wrapped", "compose", "quoted"})
"""Envelopes in which no event has more than one line."""


def _accounted(lines: EventLines, outcome: ParsedRecords, reading: ParsePlan) -> None:
    """Every line is a record, a reject or skipped; none is two of them."""
    told = [*outcome.records["row"].to_list(), *outcome.rejects["row"].to_list()]
    assert len(told) == len(set(told))
    assert set(told) <= set(range(lines.count))
    assert len(told) + outcome.skipped <= lines.count
    readings = [r for r in (reading, outcome.found_plan) if r]
    envelopes = {e.name for r in readings for stage in r.stages for e in stage.envelopes}
    if envelopes <= _LINE_BY_LINE:
        assert len(told) + outcome.skipped == lines.count


any_lines = st.lists(any_bytes | damaged() | valid, max_size=6).map(b"\n".join).map(EventLines)


def _check_detection(lines: EventLines) -> None:
    reading = detect_plan(lines.series) or ParsePlan(())
    _accounted(lines, read_lines(lines, reading, detector=detect_plan), reading)


@settings(max_examples=about(10))
@given(any_lines)
def test_no_bytes_break_detection_or_reading(lines: EventLines) -> None:
    _check_detection(lines)


@pytest.mark.slow
@given(any_lines)
def test_no_more_bytes_break_detection_or_reading(lines: EventLines) -> None:
    _check_detection(lines)


def _check_mixture(given_lines: list[bytes]) -> None:
    lines = lines_of(*given_lines)
    reading = detect_plan(lines.series) or ParsePlan(())
    _accounted(lines, read_lines(lines, reading), reading)
    _accounted(lines, read_lines(lines, reading, detector=detect_plan), reading)


@pytest.mark.slow
@settings(max_examples=about(10))
@given(mixtures())
def test_every_line_of_any_mixture_is_accounted_for(given_lines: list[bytes]) -> None:
    _check_mixture(given_lines)


@pytest.mark.slow
@given(mixtures())
def test_every_line_of_more_mixtures_is_accounted_for(given_lines: list[bytes]) -> None:
    _check_mixture(given_lines)


def _any_format() -> st.SearchStrategy[Format]:
    inferred = [FORMAT_DETECTORS[k].infer(pl.Series(s)) for k, s in (KEYED | INFERRED).items()]
    return st.sampled_from([*ALL_TEXT_FORMATS, *(found for found in inferred if found)])


any_format = st.deferred(_any_format)
"""Found when it is first drawn, since importing this module needs none of them."""


@given(any_format, mixtures())
def test_every_format_answers_to_any_line(log_format: Format, given_lines: list[bytes]) -> None:
    lines = lines_of(*given_lines)
    parsed = log_format.parse(lines, COLUMNS)
    kept = list(range(lines.count)) if parsed.rows is None else parsed.rows.to_list()
    assert len(kept) == parsed.records.height
    rejected = parsed.rejects["row"].to_list()
    assert kept == sorted(kept)
    assert rejected == sorted(rejected)
    assert sorted([*kept, *rejected]) == list(range(lines.count))
    for line in lines.series:
        assert 0 <= log_format.explain(line).position <= len(line)


# Lines of one format, whatever stands beside them

_ADDED = st.sampled_from(
    [b" ", b"[", b"]", b"-", b"0", b".", b":", b"\\x", b"\xff", b"\t", b"a", b'"', b'""', b'\\"']
)


@st.composite
def _of_one_format(draw: st.DrawFn) -> tuple[NginxFormat, list[bytes]]:
    """A format, and lines of it: good ones, some with a character added, and any bytes."""
    log_format = draw(st.sampled_from(ALL_TEXT_FORMATS))
    good = st.sampled_from([sample.encode() for sample in log_format.samples])

    @st.composite
    def spoilt(draw: st.DrawFn) -> bytes:
        words = draw(good).split(b" ")
        at = draw(st.integers(0, len(words) - 1))
        middle = len(words[at]) // 2
        words[at] = words[at][:middle] + draw(_ADDED) + words[at][middle:]
        return b" ".join(words[draw(st.integers(0, 1)) :])

    noise = any_bytes.filter(lambda line: b'"' not in line)
    return log_format, draw(st.lists(good | spoilt() | noise, min_size=1, max_size=8))


def _table(outcome: ParsedRecords) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    return (
        plain(outcome.records).sort("row").to_dicts(),
        outcome.rejects.sort("row").to_dicts(),
    )


@given(_of_one_format(), st.sets(st.integers(0, 8)))
def test_chunks_may_be_cut_anywhere(case: tuple[NginxFormat, list[bytes]], cuts: set[int]) -> None:
    log_format, lines = case
    reading = reading_of(log_format)
    edges = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    records: list[dict[str, object]] = []
    rejects: list[dict[str, object]] = []
    for start, end in pairwise(edges):
        some, others = _table(read_lines(lines_of(*lines[start:end]), reading))
        records += [row | {"row": row["row"] + start} for row in some]  # type: ignore[operator]
        rejects += [row | {"row": row["row"] + start} for row in others]  # type: ignore[operator]
    assert (records, rejects) == _table(read_lines(lines_of(*lines), reading))


@given(_of_one_format(), st.sets(st.sampled_from(COLUMNS), min_size=1))
def test_columns_do_not_depend_on_what_else_is_asked(
    case: tuple[NginxFormat, list[bytes]], columns: set[str]
) -> None:
    log_format, lines = case
    chosen = sorted(columns)
    whole = read_lines(lines_of(*lines), reading_of(log_format))
    some = read_lines(lines_of(*lines), reading_of(log_format), chosen)
    assert plain(some.records).equals(plain(whole.records).select(chosen))
    assert some.rejects.equals(whole.rejects)
    assert some.skipped == whole.skipped


@given(st.sampled_from(ALL_TEXT_FORMATS), st.lists(damaged() | any_bytes, max_size=4))
def test_a_good_line_is_read_whatever_stands_beside_it(
    log_format: NginxFormat, others: list[bytes]
) -> None:
    good = [sample.encode() for sample in log_format.samples]
    lines = [*others[:2], *good, *others[2:]]
    together = read_lines(lines_of(*lines), reading_of(log_format))
    start = min(len(others), 2)
    kept = plain(together.records).filter(pl.col("row").is_between(start, start + len(good) - 1))
    alone = plain(read_lines(lines_of(*good), reading_of(log_format)).records)
    assert kept.drop("row").equals(alone.drop("row"))


@settings(max_examples=about(15))
@given(st.sampled_from(ALL_TEXT_FORMATS), st.integers(1, 40))
def test_fields_and_expression_read_the_same(log_format: NginxFormat, times: int) -> None:
    """A log format is read in two ways, by splitting and by an expression."""
    lines = lines_of(*(log_format.samples * times))
    variables = log_format.mapper.needed_variables(log_format.columns)
    if log_format.token_plan is None:  # as of XML, which has no fields to split
        return
    split = log_format.token_plan.read_values(lines, variables)
    assert split is not None
    ok = split["ok"]
    assert log_format.expression.matches(lines.series).all()
    found = log_format.expression.read_values(lines.series, variables)
    made = [
        plain(
            pl.DataFrame(
                log_format.mapper.build_columns(values.filter(ok), sorted(log_format.columns))
            )
        )
        for values in (split, found)
    ]
    assert made[0].equals(made[1])


def test_records_of_two_formats_stand_in_the_order_of_their_lines() -> None:
    mixed = [line for pair in zip(SAMPLES["combined"] * 2, JSON * 2, strict=True) for line in pair]
    outcome = read_lines(lines_of(*mixed))
    assert outcome.records["row"].to_list() == list(range(len(mixed)))
    assert rows(outcome)[1]["path"] == "/v1/users/42"


def test_a_reading_of_no_formats_rejects_what_is_not_skipped() -> None:
    outcome = parse_lines(lines_of("", "# comment", "what"), ParsePlan(()), COLUMNS)
    assert (outcome.skipped, outcome.rejects["reason"].to_list()) == (2, ["no known format"])
    outcome = parse_lines(lines_of("what"), ParsePlan((ParseStage(ENVELOPES[:1], ()),)), COLUMNS)
    assert outcome.rejects["line"].to_list() == ["what"]


def test_text_may_come_encoded() -> None:
    records = read_lines(lines_of(*SAMPLES["combined"])).records
    assert isinstance(encode_texts(records["path"]).dtype, pl.Categorical)
