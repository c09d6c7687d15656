"""What the terminal report is drawn with: bars, charts, and text that fits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from apilog.render.terminal.charts import draw_bar, draw_chart
from apilog.render.terminal.fit_text import (
    flow_parts,
    shorten_end,
    shorten_list,
    shorten_middle,
    wrap_text,
)
from tests.examples import about

WIDE_TEXT = st.text(st.sampled_from("ab/é漢字🎉e\u0301{}…"))


@given(
    st.lists(st.floats(0, 1e9, allow_subnormal=False) | st.none(), min_size=1), st.integers(1, 4)
)
def test_a_chart_shows_what_is_above_zero_and_nothing_else(values, height):
    rows = draw_chart(values, height)
    assert len(rows) == height
    for i, value in enumerate(values):
        assert (rows[-1][i] != " ") == bool(value)
    if any(values):
        assert "█" in rows[0]


@given(st.floats(0, 1), st.integers(1, 40))
def test_a_bar_is_as_long_as_its_share(fraction, width):
    drawn = draw_bar(fraction, width)
    assert len(drawn) <= width
    assert bool(drawn) == (fraction > 0)
    assert abs(len(drawn) - fraction * width) < 1.0625


@pytest.mark.parametrize("fraction", [None, 0, -1, float("nan"), float("-inf")])
def test_no_bar_for_what_is_no_share(fraction):
    assert draw_bar(fraction, 10) == ""


@given(WIDE_TEXT, st.integers(0, 20))
@settings(max_examples=about(300))
def test_shortened_text_fits_and_only_loses_what_it_must(text, width):
    for shorten in (shorten_middle, shorten_end):
        short = shorten(text, width)
        assert cell_len(short) <= width
        if cell_len(text) <= width:
            assert short == text
        elif width:
            assert "…" in short
            # A wide character may leave a cell on either side.
            assert cell_len(short) >= width - 2


def test_a_path_is_shortened_in_the_middle():
    assert shorten_middle("/v1/users/{id}/orders/{id}", 15) == "/v1/use…rs/{id}"
    assert shorten_middle("日本語日本語", 7) == "日本…語"


@given(st.lists(st.integers(100, 10**6), min_size=1), st.integers(1, 60))
def test_a_shortened_list_holds_whole_parts(numbers, width):
    text = " · ".join(map(str, numbers))
    short = shorten_list(text, width, " · ")
    assert cell_len(short) <= width
    if len(str(numbers[0])) + 4 <= width:
        *whole, last = short.split(" · ")
        assert short == text or (whole == text.split(" · ")[: len(whole)] and last == "…")


@given(WIDE_TEXT, st.integers(4, 30))
def test_a_word_that_may_be_broken_loses_nothing(text, width):
    lines = [line.plain for line in wrap_text(text, width, keeps_words=False)]
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= width for line in lines)


@given(st.lists(WIDE_TEXT), st.integers(1, 30))
def test_flowing_parts_fit(parts, width):
    assert all(cell_len(line.plain) <= width for line in flow_parts(map(Text, parts), width))


@given(st.lists(WIDE_TEXT).map(" ".join), st.integers(3, 30))
def test_wrapped_text_fits(text, width):
    assert all(cell_len(line.plain) <= width for line in wrap_text(text, width))
