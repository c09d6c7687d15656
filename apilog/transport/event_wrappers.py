"""Wrappers of events in JSON: arrays, containers, and tables of Log Analytics.

A container starts with a member that wrappers start with, has only numbers, texts, short lists and
small objects before an array of objects under a known name, and no member of a request. What does
not fit is left as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from apilog.transport.json_scan import PLAIN_OBJECT, STRING

_COLON = rb"\s*+:\s*+"
_decoder = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)
_OF_REQUEST = re.compile("time|date|status|method|path|uri|url|latency|duration", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapperFrame:
    """An array that is open, and what its wrapper says about its elements."""

    closing_braces: int = 0
    """How many objects close after the array."""
    common_names: tuple[str, ...] = ()
    """Names of the members beside the array that belong to every event."""
    common_members: tuple[tuple[bytes, bytes], ...] = ()
    """Those of them that are present: name in quotes, and value, as they stand."""
    row_template: bytes | None = None
    """A row as an object, with `%b` for each value; None if the elements are objects."""

    def add_common_members(self, event: bytes) -> bytes:
        """Return an object with the members that it lacks of those that all have in common."""
        missing = [pair for pair in self.common_members if pair[0] not in event]
        if len(missing) < len(self.common_members):  # a name may also stand deeper, or in a text
            try:
                names = _decoder.decode(event.decode("latin-1"))
            except (ValueError, RecursionError):
                pass
            else:
                missing = [
                    p
                    for p in self.common_members
                    if p in missing or p[0][1:-1].decode() not in names
                ]
        if not missing:
            return event
        members = b",".join(name + b":" + value for name, value in missing)
        rest = event[1:].lstrip()
        return b"{" + members + (b"" if rest.startswith(b"}") else b",") + rest

    def is_bare_tail(self, tail: bytes) -> bool:
        """Return whether nothing of an event stands between the array and its container's end."""
        opening = '{"":[{"":[]' if self.closing_braces > 1 else '{"":[]'
        try:
            members = _decoder.decode(opening + tail.decode("latin-1"))
        except (ValueError, RecursionError):
            return False
        lost = set(self.common_names) - {name[1:-1].decode() for name, _ in self.common_members}
        return not any(name in lost or is_request_member(name) for name in members)


def is_request_member(name: str) -> bool:
    """Return whether a member of this name belongs to an event rather than to a wrapper."""
    return _OF_REQUEST.search(name) is not None


# Answers of Log Analytics name the columns once and give rows as arrays:
# https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format
_OUTSIDE = rb'[^"\[\]]*+(?:' + STRING + rb'[^"\[\]]*+)*+'
_TABLE_NAME = rb'"name"' + _COLON + STRING
_COLUMNS = rb'"columns"' + _COLON + rb"(?P<columns>\[" + _OUTSIDE + rb"\])"
_ROWS = rb'"rows"' + _COLON + rb"\["
_NEXT = rb"\s*+,\s*+"
_NAMED = rb"(?:" + _TABLE_NAME + _NEXT + rb")?+"
_TABLE = re.compile(
    rb"\{\s*+" + _NAMED + rb"(?:" + _COLUMNS + _NEXT + _NAMED + rb")?+" + _ROWS, re.DOTALL
)
TABLE_FIRST_MEMBERS = ("tables", "error", "render", "statistics")
"""What an answer may start with."""
_BESIDE = rb'"(?:error|render|statistics)"' + _COLON + PLAIN_OBJECT + _NEXT
_FIRST_TABLE = re.compile(
    rb"\{\s*+(?:" + _BESIDE + rb')*+"tables"' + _COLON + rb"\[\s*+(?=\{)", re.DOTALL
)
_NEXT_TABLE = re.compile(
    rb"\](?:"
    + _NEXT
    + rb"(?:"
    + _TABLE_NAME
    + rb'|"columns"'
    + _COLON
    + rb"\["
    + _OUTSIDE
    + rb"\]))*+"
    rb"\s*+\}\s*+,\s*+(?=\{)",
    re.DOTALL,
)

_CELL = STRING + rb'|[^\s,"\[\]{}]++'
_CELLS = re.compile(_CELL, re.DOTALL)
_FLAT_ROW = re.compile(
    rb"\[\s*+(?:" + _CELL + rb")\s*+(?:,\s*+(?:" + _CELL + rb")\s*+)*+\]", re.DOTALL
)
_LEVELS = 3
_BLANKS = " \t\r\n"


def _nested_array(levels: int) -> bytes:
    pattern = rb"\[" + _OUTSIDE + rb"\]"
    for _ in range(levels):
        pattern = rb"\[" + _OUTSIDE + rb"(?:" + pattern + _OUTSIDE + rb")*+\]"
    return pattern


_SHALLOW_ROW = re.compile(_nested_array(_LEVELS), re.DOTALL)
_LATE_COLUMNS = re.compile(_nested_array(_LEVELS + 1) + _NEXT + _NAMED + _COLUMNS, re.DOTALL)


def open_table(data: bytes, start: int) -> tuple[WrapperFrame | None, int] | None:
    """Return the first table of the answer that starts here, and where its rows start.

    No frame if its columns are not in these bytes.
    """
    match = _FIRST_TABLE.match(data, start)
    return _open_table_at(data, match.end()) if match else None


def open_next_table(data: bytes, start: int) -> tuple[WrapperFrame | None, int] | None:
    """Return the table after the rows whose closing bracket stands here, like `open_table`."""
    match = _NEXT_TABLE.match(data, start)
    return _open_table_at(data, match.end()) if match else None


def row_as_object(data: bytes, start: int, template: bytes) -> tuple[bytes, int] | None:
    """Return the row that starts here, and where it ends; None if it does not."""
    if match := _FLAT_ROW.match(data, start):
        end = match.end()
        values = _CELLS.findall(data, start, end)
    else:
        match = _SHALLOW_ROW.match(data, start)
        values, length = _array_elements(match[0] if match else data[start:])
        if match is None and not length:
            return None
        end = match.end() if match else start + length
    try:
        return template % tuple(values), end
    except TypeError:  # a row that does not fit the columns is left as it is
        return data[start:end], end


def _open_table_at(data: bytes, start: int) -> tuple[WrapperFrame | None, int] | None:
    table = _TABLE.match(data, start)
    if table is None:
        return None
    with_columns = table if table["columns"] else _LATE_COLUMNS.match(data, table.end() - 1)
    if with_columns is None:
        return None, table.end()
    try:
        columns = [json.dumps(column["name"]) for column in json.loads(with_columns["columns"])]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    members = ",".join(name.replace("%", "%%") + ":%b" for name in columns)
    return WrapperFrame(closing_braces=2, row_template=b"{" + members.encode() + b"}"), table.end()


def _array_elements(data: bytes) -> tuple[list[bytes], int]:
    """Return the elements of the JSON array that starts here, and where it ends.

    Nothing and 0 if this is no array, or not all of one.
    """
    text = data.decode("latin-1")
    elements: list[bytes] = []
    try:
        at = _skip_blanks(text, 1)
        while text[at] != "]":
            _, end = _decoder.raw_decode(text, at)
            elements.append(data[at:end])
            at = _skip_blanks(text, end)
            if text[at] == ",":
                at = _skip_blanks(text, at + 1)
            elif text[at] != "]":
                return [], 0
    except (ValueError, IndexError, RecursionError):
        return [], 0
    return elements, at + 1


def _skip_blanks(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerKind:
    """One kind of container."""

    array_name: str
    """The member that holds the events."""
    common_names: tuple[str, ...] = ()
    """Members that say something of every event."""
    first_members: tuple[str, ...] = ()
    """Members of the wrapper's own with which it may start."""


CONTAINER_KINDS = (
    # Azure resource logs (https://learn.microsoft.com/azure/azure-monitor/essentials/
    # resource-logs-schema); analytics records of Apigee's adapters and microgateway; what Firehose
    # hands to a function.
    ContainerKind(
        array_name="records",
        common_names=("organization", "environment"),
        first_members=("invocationId", "deliveryStreamArn", "region"),
    ),
    # Records of Kinesis, as a function gets them and as the AWS command line does, see
    # https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html.
    ContainerKind(array_name="Records", first_members=("NextShardIterator", "MillisBehindLatest")),
    # aws logs filter-log-events and get-log-events, see
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html.
    ContainerKind(
        array_name="events",
        first_members=("searchedLogStreams", "nextToken", "nextForwardToken", "nextBackwardToken"),
    ),
    # A subscription to CloudWatch Logs, see
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html.
    ContainerKind(
        array_name="logEvents",
        first_members=("messageType", "owner", "logGroup", "logStream", "subscriptionFilters"),
    ),
    # A page of Cloud Logging's API, and what is sent to it to be written, see
    # https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list.
    ContainerKind(
        array_name="entries",
        common_names=("logName",),
        first_members=("nextPageToken", "resource", "labels", "partialSuccess", "dryRun"),
    ),
)
MAX_SIBLINGS = 20
"""How many members may stand before the events."""


def _any_of(names: Iterable[str]) -> bytes:
    return "|".join(map(re.escape, names)).encode()


FIRST_MEMBERS = _any_of(
    [
        *TABLE_FIRST_MEMBERS,
        *(
            name
            for kind in CONTAINER_KINDS
            for name in (kind.array_name, *kind.common_names, *kind.first_members)
        ),
    ]
)
"""A pattern of the members with which containers start."""

_CONTROL_MESSAGE = b'"CONTROL_MESSAGE"'
_ARRAYS = _any_of(kind.array_name for kind in CONTAINER_KINDS)
_SCALAR = rb"(?:" + STRING + rb"|[-+.\w]++)"
_FLAT_LIST = rb'\[[^\[\]"]*+(?:' + STRING + rb'[^\[\]"]*+)*+\]'
_SHORT_LIST = rb'\[[^\[\]"]*+(?:' + STRING + rb'[^\[\]"]*+){0,50}+\]'
_NAME = rb'"((?!(?:' + _ARRAYS + rb')")[^"\\]++)"'
_SIBLING = (
    _NAME + _COLON + rb"(?:" + _SCALAR + rb"|" + _SHORT_LIST + rb"|" + PLAIN_OBJECT + rb")\s*+,\s*+"
)
_SIBLINGS = rb"(?P<siblings>(?:" + _SIBLING + rb"){0,%d}+)" % MAX_SIBLINGS
_ARRAY = rb'"(?P<array>' + _ARRAYS + rb')"' + _COLON + rb"\[(?=\s*+[{\]])"
_OPENING = re.compile(rb'\{\s*+(?="(?:' + FIRST_MEMBERS + rb')")' + _SIBLINGS + _ARRAY, re.DOTALL)
_MEMBER = (
    rb"\s*+,\s*+" + STRING + _COLON + rb"(?:" + _SCALAR + rb"|" + _FLAT_LIST + rb"|" + PLAIN_OBJECT
    + rb")"
)  # fmt: skip
_TAILS = {
    1: re.compile(rb"\](?:" + _MEMBER + rb")*+\s*+\}", re.DOTALL),
    2: re.compile(
        rb"\](?:" + _MEMBER + rb")*+\s*+\}\s*+\](?:" + _MEMBER + rb")*+\s*+\}", re.DOTALL
    ),
}
_EACH_SIBLING = re.compile(_SIBLING, re.DOTALL)
_KIND_BY_ARRAY = {kind.array_name.encode(): kind for kind in CONTAINER_KINDS}
_COMMON_MEMBERS = {
    kind.array_name: re.compile(
        rb'("(?:' + _any_of(kind.common_names) + rb')")' + _COLON + rb"(" + _SCALAR + rb")",
        re.DOTALL,
    )
    for kind in CONTAINER_KINDS
    if kind.common_names
}


def open_container(data: bytes, start: int) -> tuple[WrapperFrame, int] | None:
    """Return the container that opens here and where its events start, if it is one.

    A control message is none: it tests a connection and carries no events.
    """
    match = _match_opening(data, start)
    if match is None or _CONTROL_MESSAGE in match["siblings"]:
        return None
    kind = _KIND_BY_ARRAY[match["array"]]
    present = (
        _COMMON_MEMBERS[kind.array_name].findall(match["siblings"]) if kind.common_names else ()
    )
    return WrapperFrame(
        closing_braces=1, common_names=kind.common_names, common_members=tuple(present)
    ), match.end()


def find_container_end(data: bytes, start: int, frame: WrapperFrame) -> int | None:
    """Return where the container ends whose events end here, if just members follow."""
    match = _TAILS[frame.closing_braces].match(data, start)
    return match.end() if match else None


def add_late_members(frame: WrapperFrame, rest: bytes) -> WrapperFrame:
    """Return the frame with the members to keep that come after its events."""
    if rest[rest.rfind(b"]") :].split() in ([b"]}"], [b"]", b"}"]):
        return frame
    try:
        members = json.loads(b'{"":[' + rest, strict=False)
    except (ValueError, RecursionError):
        return frame
    late = [
        (f'"{name}"'.encode(), json.dumps(members[name]).encode())
        for name in frame.common_names
        if isinstance(members.get(name), (str, int, float))
    ]
    return replace(frame, common_members=tuple(late))


def starts_like_container(data: bytes, start: int) -> bool:
    """Return whether a container or a control message starts here, by how it starts."""
    return _match_opening(data, start) is not None


def is_whole_container(text: bytes) -> bool:
    """Return whether a whole object that starts like a container is one to its end."""
    try:
        members = json.loads(text.decode("latin-1"), strict=False)
    except (ValueError, RecursionError):
        return True
    return not any(map(is_request_member, members))


def _match_opening(data: bytes, start: int) -> re.Match[bytes] | None:
    match = _OPENING.match(data, start)
    if match is None:
        return None
    names = _EACH_SIBLING.findall(match["siblings"])
    return None if any(is_request_member(name.decode("latin-1")) for name in names) else match
