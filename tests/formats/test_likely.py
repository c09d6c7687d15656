"""Asking for several formats at once finds those that asking for each would find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from apilog.formats.base import Lines
from apilog.formats.detect import FORMATS
from apilog.formats.envelopes import detect_envelopes, unwrap
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.likely import by_specificity, likely_formats
from apilog.formats.nginx.variants import iso_variants, untimed_variants

CASES = sorted((Path(__file__).parents[1] / "cases").glob("*/*.log"))
SETS = {"named": FORMATS, "iso": iso_variants(), "untimed": untimed_variants()}


def asked_one_by_one(texts: pl.Series, formats: Sequence[NginxFormat]) -> list[NginxFormat]:
    sample = texts.gather_every(max(1, len(texts) // 25))
    return by_specificity(
        [
            f
            for f in formats
            if sample.str.contains(f.strict.time).any() and f.strict.starts(sample).any()
        ]
    )


@pytest.mark.parametrize("formats", SETS.values(), ids=SETS)
def test_every_format_is_found_in_its_samples(formats: Sequence[NginxFormat]) -> None:
    for named in FORMATS:
        for texts in (pl.Series(named.samples), pl.Series([*named.samples, "no request", ""])):
            assert likely_formats(texts, formats) == asked_one_by_one(texts, formats)


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_the_same_formats_are_likely_for_every_case(case: Path) -> None:
    lines = Lines(case.read_bytes()).series
    for texts in (lines, lines.head(1), unwrap(detect_envelopes(lines), lines)):
        assert likely_formats(texts, FORMATS) == asked_one_by_one(texts, FORMATS)
