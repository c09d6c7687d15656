"""Containers of events in JSON: what services answer, and what collectors send on.

A container starts with a member that wrappers start with, has only numbers, texts, short lists and
small objects before an array of events under a known name, and no member of a request that is not
its own. What does not fit is left as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from apilog.transport.event_wrappers import TABLE_FIRST_MEMBERS, WrapperFrame, is_request_member
from apilog.transport.json_scan import PLAIN_OBJECT, STRING
from apilog.transport.result_rows import named_values, timed_line

_COLON = rb"\s*+:\s*+"
_OBJECTS = rb"(?=\s*+[{\]])"
_OBJECTS_OR_ROWS = rb"(?=\s*+[{\[\]])"
_ROWS = rb"(?=\s*+[\[\]])"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerKind:
    """One kind of container."""

    array_name: str
    """The member that holds the events."""
    outer_name: str = ""
    """The member whose object holds this member."""
    elements: bytes = _OBJECTS
    """How the array goes on behind its bracket."""
    common_names: tuple[str, ...] = ()
    """Members that say something of every event."""
    first_members: tuple[str, ...] = ()
    """Members of the wrapper's own with which it may start."""
    sure_members: tuple[bytes, ...] = ()
    """Patterns of more of them, with as much of their value as makes them the wrapper's own."""
    own_names: tuple[str, ...] = ()
    """Members of the wrapper's own that are named as if they were of an event."""
    row_object: Callable[[bytes], bytes | None] | None = None
    """Makes an object of an element that is an array."""
    holds_containers: bool = False
    """Whether its elements are containers in turn."""


_PAGE_MEMBERS = (
    *("total", "count", "page", "limit", "offset", "next", "total_count", "page_size", "per_page"),
    *("has_more", "next_cursor", "cursor"),
)

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
        first_members=(
            *("searchedLogStreams", "nextToken", "nextForwardToken", "nextBackwardToken"),
            # Papertrail and Loggly, see https://www.papertrail.com/help/search-api/ and
            # https://documentation.solarwinds.com/en/success_center/loggly/content/admin/api-retrieving-data.htm.
            *("min_id", "max_id", "total_events"),
        ),
        own_names=("reached_time_limit",),
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
    # Elasticsearch and OpenSearch, see
    # https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search.
    ContainerKind(
        array_name="hits",
        outer_name="hits",
        first_members=("took", "timed_out", "_shards", "_scroll_id", "pit_id", "_clusters"),
        own_names=("timed_out",),
    ),
    # Results of CloudWatch Logs Insights (rows of fields), see
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html,
    # and of Splunk with output_mode=json (objects), see
    # https://docs.splunk.com/Documentation/Splunk/latest/RESTREF/RESTsearch.
    ContainerKind(
        array_name="results",
        elements=_OBJECTS_OR_ROWS,
        first_members=("queryLanguage", "statistics", "preview", "init_offset"),
        sure_members=(rb'"status"' + _COLON + rb'"[A-Z][a-z]++"',),
        own_names=("status",),
        row_object=named_values,
    ),
    # Loki's answer, and what is pushed to it, see
    # https://grafana.com/docs/loki/latest/reference/loki-http-api/.
    ContainerKind(
        array_name="result",
        outer_name="data",
        sure_members=(
            rb'"status"' + _COLON + rb'"success"',
            rb'"data"' + _COLON + rb'\{\s*+"result',
        ),
        own_names=("status",),
        holds_containers=True,
    ),
    ContainerKind(
        array_name="streams",
        elements=rb'(?=\s*+\{\s*+"(?:stream|values)")',
        holds_containers=True,
    ),
    ContainerKind(
        array_name="values",
        elements=_ROWS,
        sure_members=(rb'"stream"' + _COLON + rb"\{",),
        row_object=timed_line,
    ),
    # Datadog, see https://docs.datadoghq.com/api/latest/logs/#search-logs.
    ContainerKind(
        array_name="data",
        elements=rb'(?=\s*+\{\s*+"(?:id|type|attributes)"' + _COLON + rb")",
        sure_members=(rb'"meta"' + _COLON + rb'\{\s*+"(?:elapsed|page|request_id|status)"',),
    ),
    # A page of an API that lists what it has logged: counts and cursors before the array.
    *(
        ContainerKind(array_name=name, elements=rb'(?=\s*+\{\s*+")', first_members=_PAGE_MEMBERS)
        for name in ("data", "items", "logs", "rows")
    ),
)
MAX_SIBLINGS = 20
"""How many members may stand before the events."""


def _any_of(names: Iterable[str]) -> bytes:
    return "|".join(map(re.escape, names)).encode()


def _any_start() -> bytes:
    """Return a pattern of how containers start, behind the brace."""
    names = [*TABLE_FIRST_MEMBERS]
    looks: list[bytes] = []
    for kind in CONTAINER_KINDS:
        names += [*kind.common_names, *kind.first_members]
        looks += kind.sure_members
        if kind.outer_name and kind.outer_name != kind.array_name:
            continue
        inner = rb"\{" if kind.outer_name else rb"\[" + kind.elements
        looks.append(b'"' + kind.array_name.encode() + b'"' + _COLON + inner)
    return b"|".join([rb'"(?:' + _any_of(names) + rb')"', *looks])


CONTAINER_START = rb"\{\s*+(?:" + _any_start() + rb")"
"""A pattern of how containers start."""

_CONTROL_MESSAGE = b'"CONTROL_MESSAGE"'
_ARRAYS = _any_of(kind.array_name for kind in CONTAINER_KINDS)
_SCALAR = rb"(?:" + STRING + rb"|[-+.\w]++)"
_FLAT_LIST = rb'\[[^\[\]"]*+(?:' + STRING + rb'[^\[\]"]*+)*+\]'
_SHORT_LIST = rb'\[[^\[\]"]*+(?:' + STRING + rb'[^\[\]"]*+){0,400}+\]'
_NAME = rb'"((?!(?:' + _ARRAYS + rb')")[^"\\]++)"'
_SIBLING = (
    _NAME + _COLON + rb"(?:" + _SCALAR + rb"|" + _SHORT_LIST + rb"|" + PLAIN_OBJECT + rb")\s*+,\s*+"
)
_MORE_SIBLINGS = rb"(?:" + _SIBLING + rb"){0,%d}+" % MAX_SIBLINGS


def _array(index: int, kind: ContainerKind) -> bytes:
    """Return the pattern of what comes before the events, as a group of its own."""
    array = b'"' + kind.array_name.encode() + b'"' + _COLON + rb"\[" + kind.elements
    if kind.outer_name:
        outer = b'"' + kind.outer_name.encode() + b'"' + _COLON + rb"\{\s*+"
        array = outer + _MORE_SIBLINGS.replace(b"((?!", b"(?:(?!") + array
    return rb"(?P<kind%d>" % index + array + rb")"


_OPENING = re.compile(
    rb"(?=" + CONTAINER_START + rb")\{\s*+(?P<siblings>" + _MORE_SIBLINGS + rb")"
    rb"(?:" + b"|".join(_array(i, kind) for i, kind in enumerate(CONTAINER_KINDS)) + rb")",
    re.DOTALL,
)
_MEMBER = (
    rb"\s*+,\s*+" + STRING + _COLON + rb"(?:" + _SCALAR + rb"|" + _FLAT_LIST + rb"|" + PLAIN_OBJECT
    + rb")"
)  # fmt: skip
_MEMBERS = rb"(?:" + _MEMBER + rb")*+\s*+"
_TAILS = {
    "}": re.compile(rb"\]" + _MEMBERS + rb"\}", re.DOTALL),
    "}]}": re.compile(rb"\]" + _MEMBERS + rb"\}\s*+\]" + _MEMBERS + rb"\}", re.DOTALL),
    "}}": re.compile(rb"\]" + _MEMBERS + rb"\}" + _MEMBERS + rb"\}", re.DOTALL),
}
_EACH_SIBLING = re.compile(_SIBLING, re.DOTALL)
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
    opening = _match_opening(data, start)
    if opening is None or _CONTROL_MESSAGE in opening[1]["siblings"]:
        return None
    kind, match = opening
    present = (
        _COMMON_MEMBERS[kind.array_name].findall(match["siblings"]) if kind.common_names else ()
    )
    frame = WrapperFrame(
        closers="}}" if kind.outer_name else "}",
        common_names=kind.common_names,
        common_members=tuple(present),
        row_object=kind.row_object,
        holds_containers=kind.holds_containers,
        own_names=frozenset(kind.own_names),
    )
    return frame, match.end()


def find_container_end(data: bytes, start: int, frame: WrapperFrame) -> int | None:
    """Return where the container ends whose events end here, if just members follow."""
    match = _TAILS[frame.closers].match(data, start)
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
    opening = _match_opening(text, 0)
    own_names = opening[0].own_names if opening else ()
    try:
        members = json.loads(text.decode("latin-1"), strict=False)
    except (ValueError, RecursionError):
        return True
    return not any(is_request_member(name) for name in members if name not in own_names)


def _match_opening(data: bytes, start: int) -> tuple[ContainerKind, re.Match[bytes]] | None:
    match = _OPENING.match(data, start)
    if match is None:
        return None
    kind = next(k for i, k in enumerate(CONTAINER_KINDS) if match[f"kind{i}"] is not None)
    names = (name.decode("latin-1") for name in _EACH_SIBLING.findall(match["siblings"]))
    if any(is_request_member(name) for name in names if name not in kind.own_names):
        return None
    return kind, match
