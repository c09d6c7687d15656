"""Lines after the name of the program that wrote them, as collectors leave them of syslog."""

from __future__ import annotations

import polars as pl

from apilog.formats.envelopes.base import (
    LOOKS_LIKE_ACCESS,
    Envelope,
    Sample,
    Unwrapped,
    mostly,
    unwrapped,
)
from apilog.formats.envelopes.syslog import keep_access

_TAG = r"^(?:[A-Za-z0-9_.-]+ )?([A-Za-z0-9_.@/+-]*[A-Za-z][A-Za-z0-9_.@/+-]*)(?:\[[0-9]+\])?: "
_NO_PROGRAMS = ("unix", "requestId")
"""An address and a key, although a colon follows them."""


def unwrap_tagged(lines: pl.Series) -> Unwrapped:
    """The texts after `program: ` or `host program[1]: `, of web servers and whatever else
    looks like an access line."""
    tags = lines.str.extract(_TAG, 1)
    inside = tags.is_not_null() & ~tags.is_in(_NO_PROGRAMS).fill_null(value=False)
    return unwrapped(keep_access(tags, lines.str.replace(_TAG, "").set(~inside, None)))


def _detect_tagged(head: pl.Series) -> bool:
    if not mostly(head.str.contains(_TAG)):
        return False
    inner = unwrap_tagged(head).texts["text"]
    return 2 * len(inner) > len(head) and mostly(inner.str.contains(LOOKS_LIKE_ACCESS))


_LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'

TAGGED = Envelope(
    name="tagged",
    title="lines after the name of their program",
    unwrap=unwrap_tagged,
    detect=_detect_tagged,
    samples=(
        Sample(
            (
                f"nginx: {_LINE}",
                f"web1 nginx[4711]: {_LINE}",
                "web1 sshd[812]: Accepted publickey for root",
            ),
            (_LINE, _LINE),
        ),
    ),
)
