"""What an envelope is: the syntax that a log driver puts around the lines of another program.

An envelope accounts for each outer line once: as part of one inner event, or as unmatched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.values.colours import strip_colours

LOOKS_LIKE_ACCESS = (
    r'(?-u:\b)HTTP/[0-9]|[" ](?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT) '
    r'|^[ \t]*\{\s*"|^time:'
    r'|[\[,> ][0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:|(?-u:\b)status="?[1-5][0-9]{2}(?-u:\b)'
    # The lines of Rails' own log, one a request and two in all of most.
    r"|(?-u:\b)Completed [1-5][0-9]{2} |(?-u:\b)Processing by [A-Za-z0-9_:]+#"
    r"|\(No route matches \["
    # The text of Azure's self-hosted gateway.
    r"|\[GatewayLogs\], "
    r"| /[^ ]* .*(?-u:\b)[1-5][0-9]{2}(?-u:\b)|(?-u:\b)[1-5][0-9]{2}(?-u:\b).* /[^ ]* "
)
"""Text that may be an access line of any format."""


SAMPLE_LINE = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"'
"""An access line that samples of envelopes hold."""


@dataclass(frozen=True, slots=True)
class UnwrappedEvents:
    """The inner events of some lines, and the lines that are not in the envelope."""

    texts: pl.DataFrame
    """`row` (UInt32, ascending): the line an event starts on; `text` (String), one line each."""
    unmatched: pl.Series
    """The other rows (UInt32, ascending)."""


@dataclass(frozen=True, slots=True)
class EnvelopeSample:
    """Lines as they stand in a file, and the texts inside."""

    lines: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One envelope."""

    name: str
    title: str
    unwrap: Callable[[pl.Series], UnwrappedEvents]
    """What is inside these lines (String, no nulls); never raises on content.

    A piece whose end is missing, as at the end of a file, is an event of its own.
    """
    detect: Callable[[pl.Series], bool]
    """Whether the head of a file is in this envelope."""
    samples: tuple[EnvelopeSample, ...]
    first_characters: str = ""
    """What each line in it begins with, blanks apart; empty if it may be anything.

    So a head of other lines need not be asked, which costs expressions that must be compiled.
    """
    times: Callable[[pl.Series], pl.Series] | None = None
    """When each line was written, as the envelope says; null where it does not say so."""
    joins_lines: bool = False
    """Whether it may cut an event into several lines."""


def unwrap_lines(texts: pl.Series) -> UnwrappedEvents:
    """Return the events of lines that hold one text each, null where not in the envelope."""
    inside = texts.is_not_null()
    rows = pl.int_range(len(texts), dtype=pl.UInt32, eager=True)
    frame = pl.DataFrame({"row": rows, "text": texts}).filter(inside)
    return UnwrappedEvents(_without_newlines(frame), rows.filter(~inside).alias("row"))


def unwrap_pieces(texts: pl.Series, streams: pl.Series, complete: pl.Series) -> UnwrappedEvents:
    """Return the events of texts that may be pieces.

    A text that is not `complete` goes on in the next one of its stream.
    """
    if (complete | texts.is_null()).all():
        return unwrap_lines(texts)
    rows = pl.int_range(len(texts), dtype=pl.UInt32, eager=True)
    inside = texts.is_not_null()
    pieces = pl.DataFrame(
        {"row": rows, "text": texts, "stream": streams, "complete": complete}
    ).filter(inside)
    event = pl.col("complete").shift(1, fill_value=True).cum_sum().over("stream")
    joined = (
        pieces.group_by("stream", event.alias("event"), maintain_order=True)
        .agg(pl.col("row").first(), pl.col("text").str.join())
        .select("row", "text")
        .sort("row")
    )
    return UnwrappedEvents(_without_newlines(joined), rows.filter(~inside).alias("row"))


def begins_as_in(envelope: Envelope, head: Sequence[str]) -> bool:
    """Return whether more than half of the lines begin with what lines in the envelope do."""
    first = envelope.first_characters
    return not first or 2 * sum(line.lstrip()[:1] in first for line in head) > len(head)


def is_mostly_true(matches: pl.Series) -> bool:
    """Return whether more than half are true; nulls are not. No values are not mostly true."""
    return 2 * int(matches.sum()) > len(matches)


def holds_access_lines(texts: pl.Series, head: pl.Series) -> bool:
    """Return whether most lines of a head hold texts, and most of these may be access lines."""
    looks_like_access = texts.str.contains(LOOKS_LIKE_ACCESS)
    return 2 * len(texts) > len(head) and is_mostly_true(looks_like_access)


def _without_newlines(events: pl.DataFrame) -> pl.DataFrame:
    r"""Return the texts without the newline at the end; one inside is shown as `\x0A`.

    Colours go, as they do from lines that are in no envelope.
    """
    texts = strip_colours(events["text"]).str.strip_chars_end("\r\n")
    if texts.str.contains("\n", literal=True).any():
        texts = texts.str.replace_all("\n", r"\x0A", literal=True)
    return events.with_columns(texts.alias("text"))
