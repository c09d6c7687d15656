"""Envelopes that are told by the first characters of a line: CRI, compose, kubectl, quotes."""

from __future__ import annotations

import polars as pl

from apilog.formats.envelopes.base import (
    LOOKS_LIKE_ACCESS,
    Envelope,
    Sample,
    Unwrapped,
    mostly,
    unwrapped,
    unwrapped_pieces,
)
from apilog.formats.times import iso_times

_TIME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_CRI = rf"^{_TIME} (?:stdout|stderr) [FP](?::\S*)? ?"
_CRI_PARTIAL = rf"^{_TIME} std(?:out|err) P"
_CRI_ERRORS = rf"^{_TIME} stderr"
_SOURCE = rf"^(?:[A-Za-z0-9._-]*[A-Za-z_][A-Za-z0-9._-]* +\| |\[pod/[^\] ]+\] )(?:{_TIME} )?"
_QUOTE_NOT_DOUBLED = r'^(?:[^"]|"")*"(?:[^"]|$)'
_QUOTE_NOT_ESCAPED = r'^(?:[^"\\]|\\.)*"'
_LAST_QUOTE_ESCAPED = r"^(?:[^\\]|\\.)*\\$"


def unwrap_cri(lines: pl.Series) -> Unwrapped:
    """The texts after `time stream tag`; pieces (tag P) joined."""
    texts = _without(_CRI, lines)
    complete = ~lines.str.contains(_CRI_PARTIAL)
    if complete.all():
        return unwrapped(texts)
    return unwrapped_pieces(texts, lines.str.contains(_CRI_ERRORS), complete)


def _times_cri(lines: pl.Series) -> pl.Series:
    return iso_times(lines.str.extract(rf"^({_TIME}) ", 1))


def unwrap_source(lines: pl.Series) -> Unwrapped:
    """The texts after `container  | ` or `[pod/name/container] `."""
    return unwrapped(_without(_SOURCE, lines))


def unwrap_quotes(lines: pl.Series) -> Unwrapped:
    """The texts of lines that are one quoted string, its inner quotes doubled or escaped."""
    quoted = lines.str.starts_with('"') & lines.str.ends_with('"')
    inner = lines.str.slice(1).str.strip_suffix('"').set(~quoted, None)
    undoubled = inner.str.replace_all('""', '"', literal=True)
    other = inner.str.contains(_QUOTE_NOT_DOUBLED).fill_null(False)
    if not other.any():
        return unwrapped(undoubled)
    return unwrapped(_unescape(inner).zip_with(other, undoubled))


def _unescape(inner: pl.Series) -> pl.Series:
    r"""With `\"` and `\\` resolved; null where a quote is not escaped, or the outer one is."""
    broken = inner.str.contains(_QUOTE_NOT_ESCAPED) | inner.str.contains(_LAST_QUOTE_ESCAPED)
    return inner.str.replace_all(r'\\(["\\])', "$1").set(broken.fill_null(True), None)


def _without(prefix: str, lines: pl.Series) -> pl.Series:
    """The lines after the prefix; null for those that do not start with it."""
    rest = lines.str.replace(prefix, "")
    return rest.set(rest.str.len_bytes() == lines.str.len_bytes(), None)


def _detect_cri(head: pl.Series) -> bool:
    return mostly(head.str.contains(_CRI))


def _detect_source(head: pl.Series) -> bool:
    inner = _without(_SOURCE, head)
    return mostly(inner.is_not_null()) and mostly(
        inner.drop_nulls().str.contains(LOOKS_LIKE_ACCESS)
    )


def _detect_quotes(head: pl.Series) -> bool:
    inner = unwrap_quotes(head).texts["text"]
    return 2 * len(inner) > len(head) and mostly(inner.str.contains(LOOKS_LIKE_ACCESS))


_LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'

CRI = Envelope(
    name="cri",
    title="Kubernetes container log (CRI)",
    unwrap=unwrap_cri,
    detect=_detect_cri,
    times=_times_cri,
    joins_lines=True,
    samples=(
        Sample(
            (
                f"2026-10-10T13:55:36.123456789Z stdout F {_LINE}",
                f"2026-10-10T13:55:36.123456789Z stdout P {_LINE[:40]}",
                "2026-10-10T13:55:36.123456790Z stderr F oops",
                f"2026-10-10T13:55:36.123456791+02:00 stdout F {_LINE[40:]}",
            ),
            (_LINE, _LINE, "oops"),
        ),
    ),
)

SOURCE = Envelope(
    name="compose",
    title="docker compose logs, kubectl logs --prefix",
    unwrap=unwrap_source,
    detect=_detect_source,
    samples=(
        Sample(
            (
                f"web-1  | {_LINE}",
                f"web-1  | 2026-10-10T13:55:36.123456789Z {_LINE}",
                f"[pod/web-7d4b9c6f5d-x2x9z/nginx] {_LINE}",
            ),
            (_LINE, _LINE, _LINE),
        ),
    ),
)

QUOTES = Envelope(
    name="quoted",
    title="lines wrapped whole in quotes",
    unwrap=unwrap_quotes,
    detect=_detect_quotes,
    samples=(
        Sample(
            (
                '"' + _LINE.replace('"', '""') + '"',
                '"' + _LINE.replace('"', r"\"") + '"',
                '"/a" "GET"',
            ),
            (_LINE, _LINE),
        ),
    ),
)
