r"""Escapes of servers, held against a decoder that reads one character after the other."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apilog.values.dictionary import encode_texts
from apilog.values.escapes import decode_apache_escapes, decode_hex_escapes
from tests.any_text import any_text

HEX = re.compile(r"\\x([0-9A-Fa-f]{2})")
APACHE = re.compile(r'\\(?:x([0-9A-Fa-f]{2})|([\\"nrtbv]))')
CONTROLS = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "v": b"\v", "\\": b"\\", '"': b'"'}


def by_hand(pattern: re.Pattern[str], text: str) -> str:
    """The text with one escape after the other turned into bytes."""
    decoded, at = b"", 0
    for match in pattern.finditer(text):
        decoded += text[at : match.start()].encode()
        decoded += bytes.fromhex(match[1]) if match[1] else CONTROLS[match[2]]
        at = match.end()
    return (decoded + text[at:].encode()).decode("utf-8", "replace")


pieces = st.sampled_from(
    [
        "\\",
        "\\\\",
        "\\x",
        "\\x4",
        "\\x41",
        "\\x5C",
        "\\x0A",
        "\\x00",
        "\\xD0\\x9F",
        "\\xd0",
        "\\xEE\\x80",
        "\\x80",
        "\\xFF",
        '\\"',
        "\\n",
        "\\v",
        "\\u0041",
        "\\N{DASH}",
        "\\777",
        "\n",
        "\ue000",
        "\U00010000",
        "é",
        "x41",
        '"',
        "a",
    ]
)
any_escaped = st.lists(pieces | any_text(max_size=3), max_size=8).map("".join)
any_values = st.lists(st.none() | any_escaped, max_size=8)


@given(any_values)
@example(["\\x41\n", "\n", "\\x0A", "\ue000\\x41", "\ue001"])
@example(["\\xEE\\x80", "\\x80", "\\x41\\xEE"])
def test_hex_escapes_of_any_text(values: list[str | None]) -> None:
    expected = [None if v is None else by_hand(HEX, v) for v in values]
    series = pl.Series("name", values, dtype=pl.String)
    assert decode_hex_escapes(series).to_list() == expected
    assert decode_hex_escapes(encode_texts(series)).to_list() == expected
    assert decode_hex_escapes(series).name == "name"


@given(any_values)
@example(["\\", "\\x41"])
@example(["\\\\\\", "n"])
def test_backslashes_of_any_text(values: list[str | None]) -> None:
    expected = [None if v is None else by_hand(APACHE, v) for v in values]
    series = pl.Series("name", values, dtype=pl.String)
    assert decode_apache_escapes(series).to_list() == expected
    assert decode_apache_escapes(encode_texts(series)).to_list() == expected


@pytest.mark.parametrize(
    ("logged", "meant"),
    [
        (r"/\xD0\x9F\xD1\x80", "/Пр"),
        (r"\x16\x03\x01", "\x16\x03\x01"),
        (r"{\x22id\x22:1}", '{"id":1}'),
        (r"a\x5Cx41", r"a\x41"),
        (r"a\xC3", "a�"),
        (r"\xZZ\n", r"\xZZ\n"),
    ],
)
def test_what_nginx_writes(logged: str, meant: str) -> None:
    assert decode_hex_escapes(pl.Series([logged])).to_list() == [meant]


@pytest.mark.parametrize(
    ("logged", "meant"),
    [
        (r"say \"hi\"", 'say "hi"'),
        (r"\\x41", r"\x41"),
        (r"a\tb\nc", "a\tb\nc"),
        (r"\xc3\xa9", "é"),
        (r"C:\dir\q", r"C:\dir\q"),
    ],
)
def test_what_apache_writes(logged: str, meant: str) -> None:
    assert decode_apache_escapes(pl.Series([logged])).to_list() == [meant]


def test_values_without_escapes_are_not_copied() -> None:
    values = pl.Series(["/a", None, "-"])
    assert decode_hex_escapes(values) is values
