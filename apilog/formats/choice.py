"""The format that the user chose with `--log-format` or `--nginx-conf`.

A chosen format is never second-guessed: a line that it can't read is a reject. What a file
is wrapped in is still found by looking.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass

import polars as pl

from apilog.errors import UsageError
from apilog.formats.base import Format
from apilog.formats.detect import FORMATS, HEAD_LINES, KINDS, Kind
from apilog.formats.envelopes import detect_envelopes, unwrap
from apilog.formats.nginx.conf import read_conf
from apilog.formats.nginx.format import compiled
from apilog.formats.nginx.grammar import parse
from apilog.formats.reading import Reading, Stage
from apilog.formats.registry import FORMATS as NAMES


@dataclass(frozen=True, slots=True)
class Choice:
    """Formats to read every file with."""

    formats: tuple[Format, ...] = ()
    kind: Kind | None = None
    """A kind of format whose fields are found in the head of each file."""

    def reading(self, head: pl.Series) -> Reading | None:
        """How to read a file that begins with these lines; None: it is not of the chosen kind."""
        head = head.head(HEAD_LINES)
        stages = []
        if envelopes := detect_envelopes(head):
            stages.append(Stage(envelopes, self._formats(unwrap(envelopes, head))))
        stages.append(Stage((), self._formats(head)))
        stages = [stage for stage in stages if stage.formats]
        return Reading(tuple(stages)) if stages else None

    def _formats(self, texts: pl.Series) -> tuple[Format, ...]:
        if self.kind is None:
            return self.formats
        inferred = self.kind.infer(texts)
        return (inferred,) if inferred else ()


def choose(
    log_format: str | None = None, nginx_conf: str | os.PathLike[str] | None = None
) -> Choice | None:
    """The choice that the two options make; None for neither.

    Raises `UsageError` for an unknown name, `InputError` for a bad nginx.conf.
    """
    if log_format is None and nginx_conf is None:
        return None
    conf = read_conf(nginx_conf).formats if nginx_conf is not None else ()
    if log_format is None:
        return Choice(conf)
    if log_format in KINDS:
        return Choice(kind=KINDS[log_format])
    named = {f.name: f for f in (*FORMATS, *conf)}
    if log_format in named:
        return Choice((named[log_format],))
    if "$" in log_format:
        return Choice((compiled(parse(log_format)),))
    near = difflib.get_close_matches(log_format, [*NAMES, *named], n=1)
    raise UsageError(
        f"unknown log format {log_format!r}",
        (f"did you mean {near[0]!r}? " if near else "")
        + "`apilog formats` lists the names; nginx's log_format string serves too",
    )
