"""HAProxy's lines split at blanks have the values that one expression finds in them."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.formats.haproxy.log_format import parse_haproxy_format
from apilog.formats.haproxy.text_formats import HAPROXY_FORMATS
from apilog.formats.nginx.format import NginxFormat, compile_log_format
from apilog.formats.nginx.words import plan_words
from tests.examples import about
from tests.formats.read_rows import lines_of

CUSTOM = (
    '%ci:%cp [%tr] %ft %b/%s %si:%sp %ID %TR/%Tr/%Ta %ST %B {%[req.hdr(host)]} "%HM %HU %HV"',
    '%b %s %ST %Ta [%tr] %ci "%r" %sslv/%sslc',
)
LINES = (
    (
        "203.0.113.7:51310 [21/Nov/2026:10:00:00.066] fe~ be/app3 10.0.0.5:80 a-b 0/65/67 200 512 "
        '{api.example.com} "GET /v1 HTTP/1.1"'
    ),
    'be app3 200 67 [21/Nov/2026:10:00:00.066] 203.0.113.7 "GET /v1 HTTP/1.1" TLSv1.3/AES',
)
FORMATS = [f for f in HAPROXY_FORMATS if f.name != "haproxy-clf"] + [
    compile_log_format(parse_haproxy_format(text), gateway="haproxy") for text in CUSTOM
]
KNOWN = [*(line for f in FORMATS if isinstance(f, NginxFormat) for line in f.samples), *LINES]
ODD = st.sampled_from(
    ["", " ", "  ", "\t", '"', "{", "} ", "/", ":", "-", "2026-11-21T10:00:00Z ", "<134>", ",", "é"]
)
SPLICED = st.builds(
    lambda line, at, length, odd: line[: at % len(line)] + odd + line[at % len(line) + length :],
    st.sampled_from(KNOWN),
    st.integers(0, 300),
    st.integers(0, 4),
    ODD,
)


@given(
    st.lists(SPLICED | st.sampled_from(KNOWN), min_size=1, max_size=12),
    st.sampled_from([f for f in FORMATS if isinstance(f, NginxFormat)]),
    st.data(),
)
@settings(max_examples=about(50))
def test_words_have_the_values_of_the_expression(
    lines: list[str], log_format: NginxFormat, data: st.DataObject
) -> None:
    texts = pl.Series("line", lines)
    plan = plan_words(log_format.log_format, log_format.expression)
    assert plan
    wanted = data.draw(st.sets(st.sampled_from(sorted(log_format.mapper.variables)), min_size=1))
    found = plan.read_values(texts, wanted)
    expected = log_format.expression.read_values(texts, wanted)
    assert {*found.columns} == {*expected.columns}
    assert found.select(expected.columns).equals(expected)


@pytest.mark.parametrize("log_format", FORMATS[:3], ids=lambda f: f.name)
def test_haproxys_own_formats_are_split(log_format: NginxFormat) -> None:
    assert plan_words(log_format.log_format, log_format.expression)


def test_an_empty_last_value_is_no_missing_one() -> None:
    (clf,) = (f for f in HAPROXY_FORMATS if f.name == "haproxy-clf")
    assert clf.token_plan
    cut = clf.samples[0].removesuffix(' ""')
    read = clf.token_plan.read_values(lines_of(*clf.samples, cut), {"status"})
    assert read is not None
    assert read["ok"].to_list() == [True, True, False]
