"""What a line of text needs to be an access line, found by looks: a time, a request, a status.

Around these, fields stand in any order; addresses, hosts and users are told by their looks again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from ipaddress import ip_address, ip_network

from apilog.formats.nginx.field_looks import (
    is_client_port,
    is_counter,
    looks_like,
    mostly_looks_like,
    size_of_request,
)
from apilog.formats.nginx.field_naming import FieldNaming
from apilog.formats.nginx.line_fields import FieldColumn

_CLF_TIME = re.compile(r"\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\Z")
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})\Z")
_ANY_TIME = re.compile(
    r"\d{4}([-/])\d{2}\1\d{2}[T ]\d{2}:\d{2}:\d{2}|\d{1,2}/[A-Za-z]{3}/\d{4}[: ]\d{2}:\d{2}:\d{2}"
    # As C's asctime has it.
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}\Z"
)
_TIMES = (("time_local", _CLF_TIME), ("time_iso8601", _ISO_TIME), ("time_any", _ANY_TIME))
# Those of https://www.iana.org/assignments/http-status-codes, and what proxies have beside them:
# https://en.wikipedia.org/wiki/List_of_HTTP_status_codes#Unofficial_codes
_STATUSES = frozenset(
    str(code)
    for code in (
        *map(int, HTTPStatus),
        *(419, 420, 430, 440, 444, 449, 450, 460, 461, 463, 464, *range(494, 500), 509),
        *(*range(520, 528), 529, 530, 561, 598, 599),
    )
)
_BODY = "body_bytes_sent"
_PROXIES = tuple(
    ip_network(net)
    for net in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)


def name_anchors(naming: FieldNaming, *, is_timed: bool) -> bool:
    """Name time, request, status and who asked; tell whether these make an access line.

    `is_timed` says that a time came with the lines, so that they need none of their own.
    """
    if _are_two_lines(naming):
        return False
    _name_time(naming)
    after = _name_request(naming)
    _name_status(naming, after)
    _name_callers(naming, after)
    has_time = is_timed or bool(naming.known & {"time_local", "time_iso8601", "time_any", "msec"})
    has_request = bool(naming.known & {"request", "request_uri"})
    return has_time and has_request and "status" in naming.known


def _are_two_lines(naming: FieldNaming) -> bool:
    """Return whether two requests stand in each line, as where one was torn and another follows."""
    values = [column.values for column in naming.columns]
    requests = sum(mostly_looks_like(texts, "request") for texts in values)
    return requests > 1 or sum(_are_mostly(texts, _CLF_TIME) for texts in values) > 1


def _are_mostly(values: Sequence[str], pattern: re.Pattern[str]) -> bool:
    return 2 * sum(bool(pattern.match(value)) for value in values) > len(values)


def _name_time(naming: FieldNaming) -> None:
    if naming.known & {name for name, _ in _TIMES}:
        return
    for variable, pattern in _TIMES:
        for i in naming.unnamed:
            if _are_mostly(naming.columns[i].values, pattern):
                naming.name(i, variable)
                return
    for i in naming.unnamed:
        if looks_like(naming.columns[i].values, "epoch"):
            naming.name(i, "msec" if "." in naming.columns[i].values[0] else "time_any")
            return


def _name_request(naming: FieldNaming) -> int:
    """Name the request line or its words, and return the position of the first field behind."""
    columns = naming.columns
    for i in naming.unnamed:
        column = columns[i]
        if mostly_looks_like(column.given, "request"):
            naming.name(i, "request")
            return i + 1
        behind = columns[i + 1] if i + 1 < len(columns) else None
        if behind and looks_like(column.values, "method") and _is_target(behind):
            naming.name(i, "request_method")
            naming.name(i + 1, "request_uri")
            if i + 2 < len(columns) and looks_like(columns[i + 2].given, "protocol"):
                naming.name(i + 2, "server_protocol")
                return i + 3
            return i + 2
    named = [i for i, name in naming.names.items() if name in ("request", "request_uri")]
    return max(named) + 1 if named else 0


def _is_target(column: FieldColumn) -> bool:
    return (looks_like(column.given, "path", "url") and len(set(column.given)) > 1) or (
        len(column.values) == 1 and looks_like(column.given, "path", "url")
    )


def _name_status(naming: FieldNaming, after: int) -> None:
    """Name the status and the size, which stand behind the request in every log of this kind."""
    columns = naming.columns
    statuses = [i for i in naming.unnamed if looks_like(columns[i].given, "status")]
    # A port, such as 443 on every line, or a size looks like a status, too.
    statuses = [i for i in statuses if _STATUSES.issuperset(columns[i].given)] or statuses
    # Answers are not all one error.
    answers = [i for i in statuses if any(value[0] in "23" for value in columns[i].given)]
    behind = [i for i in answers or statuses if i >= after] or answers or statuses
    if behind and "status" not in naming.known:
        naming.name(behind[0], "status")
    at = next((i for i, name in naming.names.items() if name == "status"), len(columns))
    size = at + 1
    if size not in naming.unnamed or columns[size].name:
        return
    if columns[size].is_quoted and not columns[at].is_quoted:
        return
    if not looks_like(columns[size].given, "integer"):
        return
    following = size + 1
    if following in naming.unnamed and not columns[following].name:
        of_request = size_of_request(columns[size], columns[following], _request_texts(naming))
        if of_request:
            naming.name(size, of_request)
            naming.name(following, "bytes_sent" if of_request == "request_length" else _BODY)
            return
    naming.name(size, _BODY)


def _request_texts(naming: FieldNaming) -> list[str]:
    """Return the request line of each line."""
    by_name = {name: naming.columns[i].values for i, name in naming.names.items()}
    if "request" in by_name:
        return list(by_name["request"])
    rows = zip(by_name.get("request_method", ()), by_name.get("request_uri", ()), strict=True)
    return [" ".join(row) for row in rows]


def name_size(naming: FieldNaming) -> None:
    """Name the one number that is left the size of the answer, which logs of this kind have."""
    if naming.known & {"body_bytes_sent", "bytes_sent"}:
        return
    columns = naming.columns
    numbers = [
        i
        for i in naming.unnamed
        if looks_like(columns[i].given, "integer")
        and not columns[i].name
        and not columns[i].is_quoted
        and not is_client_port(columns[i])
        and not is_counter(columns[i])
    ]
    if len(numbers) == 1:
        naming.name(numbers[0], "body_bytes_sent")
        naming.doubts.append(
            f"the field `{columns[numbers[0]].given[0]}` is read as the size of the answer, as no "
            "other may be it: `-l` with the format's string says what it is"
        )


def _name_callers(naming: FieldNaming, before: int) -> None:
    """Name addresses, the host and the user in front of the request."""
    columns = naming.columns
    front = [i for i in naming.unnamed if i < before and not columns[i].name]
    addresses = [i for i in front if mostly_looks_like(columns[i].values, "forwarded")]
    addresses = [i for i in addresses if columns[i].given]
    client = _choose_client([columns[i] for i in addresses])
    with_port = [i for i in front if mostly_looks_like(columns[i].given, "address_and_port")]
    if client is None and with_port:
        naming.name(with_port[0], "remote_addr_port")
    if client is not None:
        # A list of addresses is what proxies have passed on, the caller's first.
        is_list = any("," in value for value in columns[addresses[client]].values)
        naming.name(addresses[client], "http_x_forwarded_for" if is_list else "remote_addr")
    others = [i for i in addresses if i in naming.unnamed]
    if len(others) == 1 and client is not None and others[0] > addresses[client]:
        naming.name(others[0], "http_x_forwarded_for")
    front = [i for i in front if i in naming.unnamed]
    hosts = [i for i in front if looks_like(columns[i].given, "host")]
    # In brackets stands the name of a logger or of a process; classes have capital letters.
    hosts = [i for i in hosts if columns[i].after != "]" and not _are_classes(columns[i].given)]
    naming.name_only(hosts, "host")
    first = addresses[0] if addresses else 0
    time = next((i for i, name in naming.names.items() if name.startswith("time_")), before)
    last = time if first < time else before
    words = [
        i
        for i in naming.unnamed
        if first < i < last
        and not columns[i].after
        and not columns[i].name
        and not looks_like(columns[i].given, "number", "protocol", "upstream", "go_duration")
    ]
    beside = not addresses or words[:1] == [first + 1]
    if beside and len(words) == 2 and words[1] == words[0] + 1:
        naming.name(words[0], "ident")
        naming.name(words[1], "remote_user")


def _are_classes(values: Sequence[str]) -> bool:
    return all(re.search(r"\.[A-Z]\w*\Z", value) for value in values)


def name_late_caller(naming: FieldNaming) -> None:
    """Name the one address behind the request the caller's, where nothing else may be it."""
    columns = naming.columns
    if naming.known & {"remote_addr", "remote_addr_port", "http_x_forwarded_for", "client_ip"}:
        return
    late = [
        i
        for i in naming.unnamed
        if not columns[i].name and columns[i].given and looks_like(columns[i].given, "address")
    ]
    if len(late) == 1 and _has_callers(columns[late[0]]):
        naming.name(late[0], "remote_addr")
        naming.doubts.append(
            f"the field `{columns[late[0]].given[0]}` is read as the client's address, as no "
            "other may be it: `-l` with the format's string says what it is"
        )


def _choose_client(columns: Sequence[FieldColumn]) -> int | None:
    """Return which of the columns has the callers' addresses: where others have proxies', it."""
    public = [i for i, column in enumerate(columns) if _has_callers(column)]
    if not columns:
        return None
    return public[0] if public else 0


def _has_callers(column: FieldColumn) -> bool:
    """Return whether most addresses are none of a private network."""
    outside = 0
    for value in column.given:
        try:
            address = ip_address(value.split(",")[0].strip("[] "))
        except ValueError:
            continue
        outside += not any(
            address in network for network in _PROXIES if network.version == address.version
        )
    return 2 * outside > len(column.given)
