"""What HAProxy's values mean: names, times that go on, and how a session ended.

Source: https://docs.haproxy.org/3.2/configuration.html#8.2.3
"""

from __future__ import annotations

import polars as pl

from apilog.values.convert import durations_to_ms, encode_given, to_sizes
from apilog.values.dictionary import map_categories

# Braces stand around the captures of the request, bars between them.
_BEFORE = r"^\{(?:[^|}]*\|)*?"
_HOST_CAPTURED = _BEFORE + r"((?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]+)(?::[0-9]{1,5})?(?:\||\})"
_AGENT_CAPTURED = _BEFORE + r"([A-Za-z][A-Za-z0-9._+-]*/v?[0-9][^|}]*)(?:\||\})"


def encode_server_name(values: pl.Series) -> pl.Series:
    """Return names of HAProxy's servers; `<NOSRV>` and `<STATS>` stand for none."""
    return encode_given(values, ("-", "", "<NOSRV>", "<STATS>"))


def encode_frontend(values: pl.Series) -> pl.Series:
    """Return names of HAProxy's frontends, without the `~` that stands for TLS."""
    return map_categories(encode_given(values), lambda s: s.str.strip_suffix("~"))


def finished_ms(values: pl.Series) -> pl.Series:
    """Return milliseconds; those of a request that goes on, which begin with `+`, are null."""
    return durations_to_ms(_unless_going_on(values), "ms")


def finished_bytes(values: pl.Series) -> pl.Series:
    """Return sizes in bytes; those of a response that goes on are null."""
    return to_sizes(_unless_going_on(values))


def _unless_going_on(values: pl.Series) -> pl.Series:
    return values.set(values.str.starts_with("+").fill_null(value=False), None)


def encode_termination(values: pl.Series) -> pl.Series:
    """Return how a session of HAProxy ended otherwise than it should, in two letters.

    What HAProxy answers by its configuration (`L`) ends as it should; the two letters that may
    follow are about cookies: https://docs.haproxy.org/3.2/configuration.html#8.5
    """

    def ended(states: pl.Series) -> pl.Series:
        state = states.str.slice(0, 2)
        return state.set(state.is_in(["--", "-"]) | state.str.starts_with("L"), None)

    return map_categories(encode_given(values), ended)


def captured_host(values: pl.Series) -> pl.Series:
    """Return, encoded, the first captured request header that looks like the name of a host."""
    return map_categories(encode_given(values), lambda s: s.str.extract(_HOST_CAPTURED, 1))


def captured_agent(values: pl.Series) -> pl.Series:
    """Return, encoded, the first captured request header that looks like a user agent."""
    return map_categories(encode_given(values), lambda s: s.str.extract(_AGENT_CAPTURED, 1))
