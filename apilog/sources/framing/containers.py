"""Objects that only wrap the events: which they are, and what of them belongs to the events.

A container starts with a member that wrappers start with, has only numbers, texts, short
lists and small objects before an array of objects under a known name, and tells nothing of a
request itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from apilog.sources.framing.frame import Frame, tells_of_request
from apilog.sources.framing.scan import PLAIN_OBJECT, STRING
from apilog.sources.framing.tables import TABLE_FIRST_MEMBERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of container."""

    array: str
    """The member that holds the events."""
    kept: tuple[str, ...] = ()
    """Members that say something of every event."""
    others: tuple[str, ...] = ()
    """Members of the wrapper's own with which it may start."""


KINDS = (
    # Azure resource logs; analytics records of Apigee's adapters and microgateway; what Firehose
    # hands to a function.
    Kind(
        array="records",
        kept=("organization", "environment"),
        others=("invocationId", "deliveryStreamArn", "region"),
    ),
    # Records of Kinesis, as a function gets them and as the AWS command line does.
    Kind(array="Records", others=("NextShardIterator", "MillisBehindLatest")),
    # aws logs filter-log-events and get-log-events.
    Kind(
        array="events",
        others=("searchedLogStreams", "nextToken", "nextForwardToken", "nextBackwardToken"),
    ),
    # A subscription to CloudWatch Logs.
    Kind(
        array="logEvents",
        others=("messageType", "owner", "logGroup", "logStream", "subscriptionFilters"),
    ),
    # A page of Cloud Logging's API, and what is sent to it to be written.
    Kind(
        array="entries",
        kept=("logName",),
        others=("nextPageToken", "resource", "labels", "partialSuccess", "dryRun"),
    ),
)
MAX_SIBLINGS = 20
"""How many members may stand before the events."""


def _alternatives(names: Iterable[str]) -> bytes:
    return "|".join(map(re.escape, names)).encode()


FIRST_MEMBERS = _alternatives(
    [
        *TABLE_FIRST_MEMBERS,
        *(name for kind in KINDS for name in (kind.array, *kind.kept, *kind.others)),
    ]
)
"""A pattern of the members with which containers start."""

_CONTROL_MESSAGE = b'"CONTROL_MESSAGE"'
_ARRAYS = _alternatives(kind.array for kind in KINDS)
_COLON = rb"\s*+:\s*+"
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
_KINDS = {kind.array.encode(): kind for kind in KINDS}
_KEPT = {
    kind.array: re.compile(
        rb'("(?:' + _alternatives(kind.kept) + rb')")' + _COLON + rb"(" + _SCALAR + rb")", re.DOTALL
    )
    for kind in KINDS
    if kind.kept
}


def opened_container(data: bytes, start: int) -> tuple[Frame, int] | None:
    """The container that opens here and where its events start; None if this is no container.

    A control message is none: it tests a connection and carries no events.
    """
    found = _opening(data, start)
    if found is None or _CONTROL_MESSAGE in found["siblings"]:
        return None
    kind = _KINDS[found["array"]]
    kept = _KEPT[kind.array].findall(found["siblings"]) if kind.kept else ()
    return Frame(braces=1, keeps=kind.kept, kept=tuple(kept)), found.end()


def container_end(data: bytes, start: int, frame: Frame) -> int | None:
    """Where the container ends whose events end here; None if not just members follow."""
    found = _TAILS[frame.braces].match(data, start)
    return found.end() if found else None


def with_late_members(frame: Frame, rest: bytes) -> Frame:
    """The frame with the members to keep that come after its events, given all that follows."""
    if rest[rest.rfind(b"]") :].split() in ([b"]}"], [b"]", b"}"]):
        return frame
    try:
        members = json.loads(b'{"":[' + rest, strict=False)
    except (ValueError, RecursionError):
        return frame
    late = [
        (f'"{name}"'.encode(), json.dumps(members[name]).encode())
        for name in frame.keeps
        if isinstance(members.get(name), (str, int, float))
    ]
    return replace(frame, kept=tuple(late))


def opens_like_container(data: bytes, start: int) -> bool:
    """Whether a container or a control message starts here, going by what it starts with."""
    return _opening(data, start) is not None


def is_container(text: bytes) -> bool:
    """Whether a whole object that starts like a container is one to its end."""
    try:
        members = json.loads(text.decode("latin-1"), strict=False)
    except (ValueError, RecursionError):
        return True
    return not any(map(tells_of_request, members))


def _opening(data: bytes, start: int) -> re.Match[bytes] | None:
    found = _OPENING.match(data, start)
    if found is None:
        return None
    names = _EACH_SIBLING.findall(found["siblings"])
    return None if any(tells_of_request(name.decode("latin-1")) for name in names) else found
