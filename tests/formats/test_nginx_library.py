"""Asking for several formats at once finds those that asking for each would find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.library import (
    candidate_formats,
    iso_variants,
    sort_by_specificity,
    untimed_variants,
)
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from apilog.transport.envelope_registry import detect_envelopes, unwrap_texts
from apilog.values.event_lines import EventLines

CASES = sorted((Path(__file__).parents[1] / "cases").glob("*/*.log"))
SETS = {"named": ALL_TEXT_FORMATS, "iso": iso_variants(), "untimed": untimed_variants()}


def asked_one_by_one(texts: pl.Series, formats: Sequence[NginxFormat]) -> list[NginxFormat]:
    sample = texts.gather_every(max(1, len(texts) // 25))
    return sort_by_specificity(
        [
            f
            for f in formats
            if sample.str.contains(f.strict_expression.time_pattern).any()
            and f.strict_expression.matches_beginning(sample).any()
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("formats", SETS.values(), ids=SETS)
def test_every_format_is_found_in_its_samples(formats: Sequence[NginxFormat]) -> None:
    # Variants are made of the formats in one way: some of these tell of all.
    every = 1 if formats is ALL_TEXT_FORMATS else 5
    for i in range(0, len(ALL_TEXT_FORMATS), 3 * every):
        named = ALL_TEXT_FORMATS[i : i + 3 * every : every]
        samples = [sample for log_format in named for sample in log_format.samples]
        texts = pl.Series([*samples, *(("no request", "") if i % 2 else ())])
        assert candidate_formats(texts, formats) == asked_one_by_one(texts, formats)


@pytest.mark.parametrize(
    "case",
    {path.parent: path for path in CASES}.values(),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_the_same_formats_are_likely_for_a_case_of_each_gateway(case: Path) -> None:
    lines = EventLines(case.read_bytes()).series
    inside = unwrap_texts(detect_envelopes(lines), lines)
    for texts in (lines, lines.head(1), *([] if inside.equals(lines) else [inside])):
        assert candidate_formats(texts, ALL_TEXT_FORMATS) == asked_one_by_one(
            texts, ALL_TEXT_FORMATS
        )
