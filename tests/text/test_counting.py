"""Counting bytes in small and large blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.text.counting import LARGE_BYTES, count_byte


@given(block=st.binary(min_size=1, max_size=300), byte=st.integers(0, 255))
def test_blocks_of_any_size_have_the_count_that_bytes_give(block: bytes, byte: int) -> None:
    large = block * (LARGE_BYTES // len(block) + 1)
    for data in (block, large):
        assert count_byte(data, byte) == data.count(bytes([byte]))


@pytest.mark.parametrize("size", [0, 1, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1])
def test_both_sides_of_the_edge_agree(size: int) -> None:
    assert count_byte(b"\n" * size, 10) == size
    assert count_byte(b"\x00" * size, 10) == 0
