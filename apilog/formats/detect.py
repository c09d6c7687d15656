"""Finding out how a file is to be read, from its head.

Every format is run over the head; the one that reads most lines wins, and of two that read
as many the more specific one. What it leaves is shown to the others again, so that a file
of two formats is read with both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import polars as pl

from apilog.formats.base import Format, Lines, Stop
from apilog.formats.envelopes import Envelope, detect_envelope
from apilog.formats.jsonlines import JsonLinesFormat
from apilog.formats.ltsv import LogfmtFormat, LtsvFormat
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import LogFormat, as_string
from apilog.formats.nginx.library import FORMATS
from apilog.formats.nginx.tails import UNREAD, tail_parts
from apilog.formats.reading import Reading, Stage
from apilog.formats.skips import skip_reasons

HEAD_LINES = 500
"""How many lines of a file's head are looked at."""

_FEW = 3

_AT_MOST = 4
"""How many formats one head may have; more are noise that happens to fit."""


class Kind(Protocol):
    """A kind of format whose fields are found in the head of a file."""

    @staticmethod
    def infer(head: pl.Series) -> Format | None:
        """The format of a file that begins with these lines, if it is of this kind."""


KINDS: Mapping[str, Kind] = {
    "json": JsonLinesFormat,
    "ltsv": LtsvFormat,
    "logfmt": LogfmtFormat,
}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first line that no format reads, and the format that came furthest."""

    line: str
    format: str
    stop: Stop


def detect(head: pl.Series) -> Reading | None:
    """How to read a file that begins with these lines; None if no line can be read.

    A head of nothing but lines that are skipped gives a reading without formats.
    """
    head = head.head(HEAD_LINES)
    head = head.filter(skip_reasons(head).is_null())
    if not len(head):
        return Reading(())
    stages: list[Stage] = []
    envelope = detect_envelope(head)
    if envelope:
        inside = envelope.unwrap(head)
        stage = _stage(envelope, inside.texts["text"])
        if stage:
            stages.append(stage)
            head = head.gather(inside.unmatched)
    if len(head) and (stage := _stage(None, head)):
        stages.append(stage)
    return Reading(tuple(stages)) if stages else None


def mismatch(head: pl.Series) -> Mismatch:
    """What to say of a head that `detect` can't make anything of."""
    lines = head.filter(skip_reasons(head).is_null())
    envelope = detect_envelope(lines)
    if envelope and len(inside := envelope.unwrap(lines).texts):
        lines = inside["text"]
    line = lines[0]
    stops = {f.name: f.explain(line) for f in by_specificity()}
    furthest = max(stops, key=lambda name: stops[name].position)
    return Mismatch(line, furthest, stops[furthest])


def _stage(envelope: Envelope | None, texts: pl.Series) -> Stage | None:
    unread = texts.filter(skip_reasons(texts).is_null())
    found: list[Format] = []
    while len(unread) and len(found) < _AT_MOST:
        best = _best(unread)
        if best is None:
            break
        found.append(best[0])
        unread = unread.filter(~best[1])
    return Stage(envelope, tuple(found)) if found else None


def _best(texts: pl.Series) -> tuple[Format, pl.Series] | None:
    """The format that reads most of the texts, and which ones."""
    named = max(  # the first of equals: the most specific
        ((f, f.strict.matches(texts)) for f in by_specificity()), key=_count
    )
    if 2 * _count(named) >= len(texts):
        return named[0], named[0].expression.matches(texts)
    others = (_extended(texts, is_read=_count(named) > 0), _keyed(texts))
    best: tuple[Format, pl.Series] = max([named, *(o for o in others if o)], key=_count)
    return best if _count(best) else None


def _count(candidate: tuple[object, pl.Series]) -> int:
    return int(candidate[1].sum())


def _extended(texts: pl.Series, *, is_read: bool) -> tuple[NginxFormat, pl.Series] | None:
    """A format for lines that begin as a known one and go on with fields of their own.

    `is_read` tells that a known format reads some of the lines whole.
    """
    base, begins = max(
        ((f, texts.str.contains(f"^{f.strict.pattern} ")) for f in by_specificity()), key=_count
    )
    start = re.compile(base.strict.pattern)
    lines = texts.filter(begins).to_list()
    tails = [t for line in lines if (m := start.match(line)) and (t := line[m.end() :]).strip()]
    if not tails:
        return None
    parts = tail_parts(base.log_format, tails)
    if UNREAD in parts and (is_read or len(tails) < _FEW):
        return None  # a few cut lines beside good ones are no format
    extended = NginxFormat(
        name=f"{base.name}{as_string(parts)}",
        log_format=LogFormat((*base.log_format.parts, *parts), base.log_format.escape),
        gateway=base.gateway,
        title=base.title,
    )
    return extended, extended.expression.matches(texts)


def _keyed(texts: pl.Series) -> tuple[Format, pl.Series] | None:
    """JSON, LTSV or key=value, whichever reads most of the texts."""
    inferred = (kind.infer(texts) for kind in KINDS.values())
    return max(((f, _reads(f, texts)) for f in inferred if f), key=_count, default=None)


def _reads(log_format: Format, texts: pl.Series) -> pl.Series:
    rejected = log_format.parse(Lines.of(texts), ["timestamp"]).rejects["row"]
    every = pl.int_range(len(texts), dtype=pl.UInt32, eager=True)
    return ~every.is_in(rejected.implode())


@cache
def by_specificity() -> tuple[NginxFormat, ...]:
    """The named formats, those before others whose samples they don't read.

    A format that reads the samples of another, but not the other way round, is the more
    general one.
    """
    samples = {f.name: f.samples for f in FORMATS}

    def generality(log_format: NginxFormat) -> int:
        pattern = re.compile(f"{log_format.strict.pattern}\\Z")
        return sum(
            all(pattern.match(line) for line in lines)
            for name, lines in samples.items()
            if name != log_format.name
        )

    return tuple(sorted(FORMATS, key=generality))
