"""User agents that API Gateway logs as they came: quotes and backslashes within JSON."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.formats.gateways.aws import API_GATEWAY
from apilog.formats.gateways.aws.context_variables import escape_inner_quotes
from tests.formats.read_rows import lines_of, read_lines, rows

KEYS = {
    "requestId": "8d1fbbf2",
    "requestTime": "21/Nov/2026:10:00:00 +0000",
    "httpMethod": "GET",
    "resourcePath": "/users",
    "status": 200,
}
AGENTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)


def logged(agent: str, *, nested: bool = False, first: bool = False) -> str:
    """Return a line as API Gateway writes it: the agent put in as it is."""
    where = {"identity": {"userAgent": "AGENT"}} if nested else {"userAgent": "AGENT"}
    return json.dumps({**where, **KEYS} if first else {**KEYS, **where}).replace("AGENT", agent)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "agent",
    [
        '"',
        '"quoted"',
        'a "b" c',
        'curl/8 ("x", "y")',
        "C:\\users\\x",
        '\\"half escaped"',
        'x"y\\\\',
        "\\u12 \\q",
        "{}",
    ],
)
def test_any_user_agent_is_read(agent: str, first: bool) -> None:
    nested = (len(agent) % 2 == 0) == first  # half of the agents each, whatever comes first
    line = logged(agent, nested=nested, first=first)
    outcome = read_lines(lines_of(logged("curl/8", nested=nested), line))
    assert outcome.rejects.is_empty()
    read = rows(outcome)[1]
    assert (read["request_id"], read["status"], read["method"]) == ("8d1fbbf2", 200, "GET")
    assert isinstance(read["user_agent"], str)


def test_a_file_of_nothing_else_is_recognised() -> None:
    outcome = read_lines(lines_of(*[logged('a "b" c')] * 3))
    assert [row["user_agent"] for row in rows(outcome)] == ['a "b" c'] * 3


@given(AGENTS.filter(lambda agent: not set(agent) & set("\\{}")))
def test_quotes_come_back_as_they_came(agent: str) -> None:
    (mended,) = escape_inner_quotes(pl.Series([logged(agent)]))
    try:
        found = json.loads(mended)["userAgent"]
    except json.JSONDecodeError:
        # What looks like the end of the text and a key can't be told from them.
        assert '"' in agent
        assert any(sign in agent for sign in ",:")
    else:
        assert found == agent or '"' in agent


@pytest.mark.slow
@given(st.lists(AGENTS, max_size=4), st.integers(0, 3))
def test_one_line_costs_no_other(agents: list[str], good: int) -> None:
    lines = [*[logged("curl/8")] * (good + 1), *map(logged, agents)]
    outcome = read_lines(lines_of(*lines))
    assert outcome.records.height >= good + 1
    assert outcome.records.height + outcome.rejects.height + outcome.skipped == len(lines)


@pytest.mark.parametrize("sample", API_GATEWAY.samples[:3])
def test_sound_lines_are_left_alone(sample: str) -> None:
    (mended,) = escape_inner_quotes(pl.Series([sample]))
    assert mended == sample
