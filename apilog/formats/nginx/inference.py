"""Formats that are found in the lines of a file: known ones that go on with more fields."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from apilog.formats.nginx.expression import is_whole_rest
from apilog.formats.nginx.field_looks import LineContext
from apilog.formats.nginx.field_naming import FieldNaming
from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import FormatVariable, LiteralText, LogFormat, format_string
from apilog.formats.nginx.library import settle_format
from apilog.formats.nginx.line_anchors import name_anchors, name_late_caller, name_size
from apilog.formats.nginx.line_fields import tabulate
from apilog.formats.nginx.trailing_fields import (
    UNREAD_TAIL,
    betrayed_gateway,
    infer_trailing_fields,
    name_fields,
    name_keys,
    with_free_tail,
)
from apilog.values.event_lines import EventLines

_FEW_LINES = 3

_JUDGES = 25
"""How many lines tell which of two formats leaves less of them."""


def extend_format(
    texts: pl.Series, candidates: Sequence[NginxFormat], *, must_understand: bool
) -> NginxFormat | None:
    """Return the candidate that most texts begin as, with the fields that follow it in them.

    `must_understand` says that other lines are read whole: then lines whose tail nothing tells
    about are read but for that, if they are not cut off.
    """
    found = _find_base(texts, candidates)
    if found is None:
        return None
    base, lines = found
    base = settle_format(base, lines) if base.mark else base
    splits = [base.strict_expression.split_tail(line) for line in lines]
    splits = [(values, rest) for values, rest in splits if rest.strip()]
    whole = [(values, rest) for values, rest in splits if is_whole_rest(rest)]
    if not whole and (must_understand or len(splits) < _FEW_LINES):
        return None  # a few lines that are cut off or glued together are no format
    splits = whole or splits
    names = splits[0][0]
    given = {name: [values[name] for values, _ in splits] for name in names}
    _complete_context(given)
    fields = infer_trailing_fields([rest for _, rest in splits], given, base.gateway)
    if UNREAD_TAIL in fields.parts and (must_understand or len(splits) < _FEW_LINES):
        return _read_but_for_the_tail(base, lines)
    parts, doubts = fields.parts, fields.doubts
    if base.writes_whole_us and FormatVariable("request_time_ms") in parts:
        in_us = {"request_time_ms": FormatVariable("request_time_us")}
        parts = tuple(
            in_us.get(part.name, part) if isinstance(part, FormatVariable) else part
            for part in parts
        )
        doubts = ()
    return NginxFormat(
        name=f"{base.name}{format_string(parts)}",
        log_format=LogFormat((*base.log_format.parts, *parts), base.log_format.escape),
        gateway=fields.gateway or base.gateway,
        title=base.title,
        doubts=doubts,
        lacks_time=base.lacks_time,
    )


def _complete_context(given: dict[str, list[str]]) -> None:
    """Add request lines and sizes to the values of variables that say the same."""
    words = ("request_method", "request_uri", "server_protocol")
    if "request" not in given and {*words} <= given.keys():
        rows = zip(*(given[name] for name in words), strict=True)
        given["request"] = [" ".join(row) for row in rows]
    if "sent_http_content_length" in given:
        given.setdefault("body_bytes_sent", given["sent_http_content_length"])


def _read_but_for_the_tail(base: NginxFormat, lines: pl.Series) -> NginxFormat | None:
    """Return the format that reads what is known of lines; None if all of them are damaged."""
    parts = (*base.log_format.parts, LiteralText(" "), FormatVariable("rest"))
    cautious = NginxFormat(
        name=f"{base.name} $rest",
        log_format=LogFormat(parts, base.log_format.escape),
        gateway=base.gateway,
        title=base.title,
        lacks_time=base.lacks_time,
    )
    return cautious if cautious.expression.matches(lines).any() else None


def infer_format(texts: pl.Series, *, is_timed: bool, is_rest: bool) -> NginxFormat | None:
    """Return the format of lines that begin as no known one does; None if they are no access lines.

    `is_timed` says that times came with the lines, so that they need none of their own; `is_rest`
    that other lines are read already: then a few odd ones are no format.
    """
    table = tabulate(texts.to_list())
    if table is None or (is_rest and len(table.rows) < _FEW_LINES):
        return None
    naming = FieldNaming(table.columns, LineContext({}), set())
    name_keys(naming)
    if not name_anchors(naming, is_timed=is_timed):
        return None
    context = {name: table.columns[i].values for i, name in naming.names.items()}
    naming.context = LineContext(context)
    name_fields(naming)
    name_size(naming)
    name_late_caller(naming)
    statuses = dict(zip(table.rows, context["status"], strict=True))
    parts = with_free_tail(naming, table, statuses)
    log_format = LogFormat(tuple(parts))
    inferred = NginxFormat(
        name=log_format.string,
        log_format=log_format,
        gateway=betrayed_gateway(naming),
        doubts=tuple(naming.doubts),
    )
    if is_rest and not is_timed:
        records = inferred.parse(EventLines.from_series(texts), {"timestamp"}).records
        return inferred if records.height >= _FEW_LINES else None
    return inferred


def _find_base(
    texts: pl.Series, candidates: Sequence[NginxFormat]
) -> tuple[NginxFormat, pl.Series] | None:
    """Return the format that most texts begin as and go on, and those that do.

    Of several it is the one that leaves least of them.

    A line that is cut short begins as less than its format: one line more or less decides nothing.
    """
    if not candidates:
        return None
    extended = texts.to_frame("line").select_seq(
        f.strict_expression.goes_on(pl.col("line")).alias(str(i)) for i, f in enumerate(candidates)
    )
    begun = list(zip(candidates, extended.iter_columns(), strict=True))
    most = max((int(is_begun.sum()) for _, is_begun in begun), default=0)
    if not most:
        return None
    likely = [(f, is_begun) for f, is_begun in begun if 2 * int(is_begun.sum()) > most]

    def unread(choice: tuple[NginxFormat, pl.Series]) -> int:
        log_format, is_begun = choice
        lines = texts.filter(is_begun).head(_JUDGES)
        rests = sorted(map(log_format.strict_expression.measure_tail, lines))
        return rests[len(rests) // 2]

    base, is_begun = min(likely, key=unread)
    return base, texts.filter(is_begun)
