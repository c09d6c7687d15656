"""The named formats with their time written otherwise, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import parse
from apilog.formats.nginx.library import FORMATS


@cache
def iso_variants() -> tuple[NginxFormat, ...]:
    """With `$time_iso8601` in the place of `$time_local`."""
    return tuple(_replaced("$time_local", "$time_iso8601"))


@cache
def untimed_variants() -> tuple[NginxFormat, ...]:
    """Without a time: for lines in an envelope that has one."""
    return tuple(_replaced("[$time_local] ", ""))


def _replaced(old: str, new: str) -> Iterator[NginxFormat]:
    for named in FORMATS:
        string = named.log_format.string.replace(old, new)
        yield NginxFormat(
            name=string,
            log_format=parse(string, named.log_format.escape),
            gateway=named.gateway,
            title=named.title,
            url=named.url,
        )
