"""Hypothesis strategies for lines: valid ones, damaged ones, and any bytes."""

from __future__ import annotations

from hypothesis import strategies as st

from apilog.formats.nginx.library import NGINX_FORMATS
from apilog.formats.skipped_lines import SKIP_RULES
from apilog.transport.envelope_registry import ENVELOPES

JSON = (
    '{"time":"2026-11-21T10:00:00+00:00","method":"GET","uri":"/v1/users/42","status":"200"}',
    '{"time":"2026-11-21T10:00:01+00:00","method":"POST","uri":"/v1/orders","status":201}',
)
LTSV = (
    "time:2026-11-21T10:00:00+00:00\thost:203.0.113.7\tmethod:GET\turi:/v1/users/42\tstatus:200",
    "time:2026-11-21T10:00:01+00:00\thost:203.0.113.8\tmethod:POST\turi:/v1/orders\tstatus:201",
)
LOGFMT = (
    'time=2026-11-21T10:00:00Z method=GET path=/v1/users/42 status=200 agent="curl 8"',
    "time=2026-11-21T10:00:01Z method=POST path=/v1/orders status=201 agent=curl",
)

valid = st.sampled_from(
    [
        *(line for f in NGINX_FORMATS for line in f.samples),
        *JSON,
        *LTSV,
        *LOGFMT,
        *(line for e in ENVELOPES for sample in e.samples for line in sample.lines),
        *(line for skip in SKIP_RULES for line in skip.samples),
    ]
).map(str.encode)
"""Lines of every format, in every envelope, and lines that are skipped."""

any_bytes = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b""))
"""A line of any bytes."""

_pieces = st.sampled_from(
    [b"", b" ", b"  ", b'"', b'""', b'\\"', b"\\", b"\\x", b"[", b"]", b"-", b"0", b"9.5", b"e5"]
    + [b":", b"/", b",", b", ", b" : ", b"\t", b"\r", b"\0", b"\xff", b"\xc3\xa9", b"{", b"}"]
    + [b"=", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"nan", b"-1", b"200", b"'", b"a"]
)


@st.composite
def damaged(draw: st.DrawFn, lines: st.SearchStrategy[bytes] = valid) -> bytes:
    """Draw a line with some pieces of it replaced, added or cut out."""
    line = draw(lines)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(line)))
        end = min(len(line), start + draw(st.integers(0, 3)))
        line = line[:start] + draw(_pieces) + line[end:]
    return line


def mixtures(lines: st.SearchStrategy[bytes] = valid) -> st.SearchStrategy[list[bytes]]:
    """Return a strategy for files of good, damaged and meaningless lines."""
    return st.lists(lines | damaged(lines) | damaged(lines) | any_bytes, max_size=8)
