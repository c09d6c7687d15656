"""The inference of fields that follow a known format at the end of its lines.

Many a log is `combined` with fields of one's own behind it. What they are is told by their names
and looks, never by their order: this makes a `log_format` of such lines.

Invariant: a field that nothing tells about becomes a variable that nothing reads, and no field
that the known format has is changed. Lines of another layout than most have no say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apilog.formats.nginx.field_looks import (
    LineContext,
    is_list_of,
    looks_like,
    mostly_looks_like,
)
from apilog.formats.nginx.field_names import TIMED_VARIABLES, variable_of_key
from apilog.formats.nginx.field_naming import FieldNaming
from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText
from apilog.formats.nginx.line_fields import FieldColumn, FieldTable, tabulate
from apilog.formats.nginx.timed_fields import name_durations, variant_of

UNREAD_TAIL = FormatVariable("tail")
"""Stands for all that follows the known format, whatever it is."""

_UPSTREAM_MARKS = frozenset(
    {"upstream_status", "upstream_addr", "upstream_connect_time", "upstream_header_time"}
)


@dataclass(frozen=True, slots=True)
class InferredFields:
    """Fields that were found, and what is to be said of them."""

    parts: tuple[FormatPart, ...]
    doubts: tuple[str, ...] = ()
    gateway: str | None = None
    """Who writes such fields, if they tell."""


def infer_trailing_fields(
    tails: Sequence[str], values: Mapping[str, Sequence[str]], gateway: str | None = None
) -> InferredFields:
    """Return the fields of what follows a known format in most of these lines.

    `values` are those of the known format, one for each line; `gateway` is who writes it.
    """
    table = tabulate(tails)
    if table is None:
        return InferredFields((LiteralText(" "), UNREAD_TAIL))
    rows = table.rows
    context = LineContext({name: [texts[i] for i in rows] for name, texts in values.items()})
    naming = FieldNaming(table.columns, context, set(values))
    name_keys(naming)
    name_fields(naming)
    parts = with_free_tail(naming, table, dict(enumerate(values.get("status", ()))))
    writer = gateway or betrayed_gateway(naming)
    return InferredFields(tuple(parts), tuple(naming.doubts), writer)


def with_free_tail(
    naming: FieldNaming, table: FieldTable, statuses: Mapping[int, str]
) -> list[FormatPart]:
    """Return the fields as parts of a log format, free text at the end of lines among them."""
    parts = field_parts(naming)
    free = free_tail(table, statuses, naming.known)
    if free and not table.is_cut:
        parts[-1 if not table.columns[-1].after else -2] = FormatVariable(free)
    elif free:
        parts += [LiteralText(" "), FormatVariable(free)]
    return parts


def name_keys(naming: FieldNaming) -> None:
    """Name fields by their keys."""
    for position, column in enumerate(naming.columns):
        variable, unit = variable_of_key(column) if column.name else ("", "")
        if variable in TIMED_VARIABLES:
            variable = variant_of(naming, position, variable, unit)
        naming.name(position, variable)


def name_fields(naming: FieldNaming) -> None:
    """Name fields by their looks."""
    _name_texts(naming)
    _name_identifiers(naming)
    name_durations(naming)


def _name_texts(naming: FieldNaming) -> None:
    """Name texts: referer and user agent, addresses, hosts, statuses, cache."""
    columns, context = naming.columns, naming.context
    free = [i for i in naming.unnamed if not columns[i].name]

    def those(look: str) -> list[int]:
        return [i for i in free if mostly_looks_like(columns[i].given, look)]

    agents = [i for i in those("user_agent") if not looks_like(columns[i].given, "protocol")]
    if "http_user_agent" not in naming.known and len(agents) == 1:
        naming.name(agents[0], "http_user_agent")
        for beside in (agents[0] - 1, agents[0] + 1):
            if beside in free and all("://" in value for value in columns[beside].given):
                naming.name(beside, "http_referer")
    moments = [i for i in free if columns[i].values and context.is_moment_of_line(columns[i])]
    naming.name_only([i for i in moments if looks_like(columns[i].values, "epoch")], "msec")
    lists = [i for i in free if columns[i].is_quoted and _may_be_forwarded(columns[i])]
    naming.name_only([i for i in lists if columns[i].given] or lists, "http_x_forwarded_for")
    naming.name_only([i for i in free if is_list_of(columns[i], "cache")], "upstream_cache_status")
    naming.name_only(
        [i for i in free if _is_upstream_status(naming, columns[i])], "upstream_status"
    )
    naming.name_only([i for i in free if _is_upstream_address(columns[i])], "upstream_addr")
    hosts = [
        i
        for i in free
        if i in naming.unnamed and columns[i].after != "]" and looks_like(columns[i].given, "host")
    ]
    if not naming.known & {"host", "http_host", "server_name"}:
        naming.name_only(hosts, "host")


def _may_be_forwarded(column: FieldColumn) -> bool:
    return mostly_looks_like(column.given or column.values, "forwarded")


def _is_upstream_address(column: FieldColumn) -> bool:
    return is_list_of(column, "upstream") and not looks_like(column.given, "host")


def _is_upstream_status(naming: FieldNaming, column: FieldColumn) -> bool:
    # An upstream's status is mostly that of the line.
    return is_list_of(column, "status") and naming.context.agrees_with_status(column)


def _name_identifiers(naming: FieldNaming) -> None:
    """Name ids of requests: of several that look so, nothing tells which is the request's."""
    columns = naming.columns
    free = [i for i in naming.unnamed if not columns[i].name]

    def those(look: str) -> list[int]:
        return [i for i in free if looks_like(columns[i].given, look)]

    traces, short = those("xray"), those("aws_short_id")
    by_aws = bool(traces or short)
    naming.name_only(traces, "http_x_amzn_trace_id")
    if naming.known & {"request_id", "req_id", "aws_request_id"}:
        return
    ids = those("hex_id") + those("uuid")
    if ids:
        naming.name_only(ids, "aws_request_id" if by_aws else "request_id")
        naming.name_only(short, "aws_extended_id")
    elif by_aws:
        naming.name_only(short, "aws_request_id")


def betrayed_gateway(naming: FieldNaming) -> str | None:
    """Return who wrote fields of these names; None if nothing tells."""
    if naming.known & {"aws_request_id", "aws_extended_id"}:
        return "aws-apigateway"
    names = {column.name for column in naming.columns}
    if "kong_request_id" in names:
        return "kong"
    by_name = {naming.names.get(i) for i, c in enumerate(naming.columns) if c.name}
    return "nginx" if by_name & _UPSTREAM_MARKS else None


def field_parts(naming: FieldNaming) -> list[FormatPart]:
    """Return the fields as parts of a log format."""
    parts: list[FormatPart] = []
    literal = ""
    for position, column in enumerate(naming.columns):
        literal += column.before
        if literal:
            parts.append(LiteralText(literal))
        parts.append(FormatVariable(naming.names.get(position) or f"tail_{position + 1}"))
        literal = column.after
    if literal:
        parts.append(LiteralText(literal))
    return parts


def free_tail(table: FieldTable, statuses: Mapping[int, str], known: set[str]) -> str:
    """Return the variable of free text at the end of lines; empty if there is none.

    Text that only failing requests have says why they failed.
    """
    if not table.rests:
        return ""
    last = table.columns[-1] if table.columns else None
    if last and not table.is_cut and (last.after or last.name or last.given):
        return ""
    texts = {i: rest.strip() for i, rest in table.rests.items()}
    told = {i: text for i, text in texts.items() if text not in ("-", "")}
    if told and all(statuses.get(i, "") >= "400" for i in told):
        return "error_message"
    if "http_user_agent" not in known and mostly_looks_like(list(told.values()), "user_agent"):
        return "http_user_agent"
    return UNREAD_TAIL.name
