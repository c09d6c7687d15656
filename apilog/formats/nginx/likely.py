"""Which formats a text may be of, judged by a few of its lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

from apilog.formats.nginx.expression import any_starts
from apilog.formats.nginx.format import NginxFormat

_SAMPLE = 25
"""So many lines show which formats to try at all."""

_GROUP = 8
"""So many formats are asked for at once."""


def likely_formats(texts: pl.Series, formats: Sequence[NginxFormat]) -> list[NginxFormat]:
    """The formats that some of the texts may be of, judged by a few of them; the most specific
    first."""
    sample = texts.gather_every(max(1, len(texts) // _SAMPLE))
    begun = {
        log_format.name
        for group in _groups(formats)
        if any_starts([f.strict for f in group], sample)
        for log_format in group
        if log_format.strict.starts(sample).any()
    }
    found = [f for f in formats if f.name in begun]
    seen = {time for time in {f.strict.time for f in found} if sample.str.contains(time).any()}
    return by_specificity([f for f in found if f.strict.time in seen])


def _groups(formats: Sequence[NginxFormat]) -> Iterator[Sequence[NginxFormat]]:
    """The formats, several at a time, those that begin alike together.

    Polars keeps 32 compiled expressions a thread. Asked one by one, all of the formats would be
    compiled again for each file, which takes longer than everything else.
    """
    alike = sorted(formats, key=lambda f: f.strict.pattern)
    return (alike[at : at + _GROUP] for at in range(0, len(alike), _GROUP))


def by_specificity(formats: Sequence[NginxFormat]) -> list[NginxFormat]:
    """The formats, those before others whose samples they don't read.

    A format that reads the samples of another, but not the other way round, is the more
    general one.
    """

    def generality(log_format: NginxFormat) -> int:
        pattern = re.compile(f"{log_format.strict.pattern}\\Z")
        return sum(
            all(pattern.match(line) for line in other.samples)
            for other in formats
            if other is not log_format and other.samples
        )

    return sorted(formats, key=generality)
