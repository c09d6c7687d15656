"""Texts of API Gateway's `$context` variables to values of columns."""

from __future__ import annotations

import polars as pl

from apilog.values import convert
from apilog.values.dictionary import encode_texts, map_categories
from apilog.values.requests import method_from_key, route_from_key, target_path

_EXECUTE_API = r"^([a-z0-9]+)(?:-vpce-[a-z0-9-]+)?\.execute-api\..*$"
_BLOCKED = "WAF_BLOCK"


def request_paths(values: pl.Series) -> pl.Series:
    """Paths as sent, that of the stage included, without their query."""
    return map_categories(encode_texts(values), lambda s: target_path(convert.blank_to_null(s)))


def route_templates(values: pl.Series) -> pl.Series:
    """Routes of resource paths and route keys."""
    return map_categories(encode_texts(values), route_from_key)


def route_methods(values: pl.Series) -> pl.Series:
    """The verbs of route keys."""
    return map_categories(encode_texts(values), method_from_key)


def api_of_domain(values: pl.Series) -> pl.Series:
    """The API's id where the domain is API Gateway's own; the user's domain as it stands."""

    def api(domains: pl.Series) -> pl.Series:
        return convert.blank_to_null(domains.str.replace(_EXECUTE_API, "$1"))

    return map_categories(encode_texts(values), api)


def xray_trace_ids(values: pl.Series) -> pl.Series:
    """Trace ids, also out of the header's `Root=1-…;Parent=…`."""
    bare = values.str.replace(r"^(?:Self=[^;]*;)?Root=([^;]*).*$", "$1")
    return convert.blank_to_null(bare)


def error_messages(values: pl.Series) -> pl.Series:
    """Messages; `messageString` brings quotes of its own."""
    return map_categories(
        encode_texts(values), lambda s: convert.blank_to_null(s.str.strip_chars('" '))
    )


def blocked_by_code(values: pl.Series) -> pl.Series:
    """`WAF_BLOCK`; that a firewall let a request pass is no error."""
    return map_categories(encode_texts(values), lambda s: s.set(s != _BLOCKED, None))


def blocked_by_status(values: pl.Series) -> pl.Series:
    """`WAF_BLOCK` where the firewall answered 403."""
    return map_categories(
        encode_texts(values), lambda s: s.set(s != "403", None).replace("403", _BLOCKED)
    )


def service_status(service: pl.Series, *others: pl.Series | None, clients: int) -> pl.Series:
    """What the service behind answered, from `integrationStatus`.

    The others are the client's status, under so many names, and failures that the gateway names.

    For a Lambda function that is the status of its invocation, 200 also where the function
    answered 500. A 200 that the client did not get, although the gateway names no failure of
    its own, is taken to be such a one, and says nothing of the service.
    """
    found = convert.to_statuses(service)
    client = next((s for s in others[:clients] if s is not None), None)
    if client is None:
        return found
    unsure = (found == 200) & (convert.to_statuses(client) != 200)
    for error in others[clients:]:
        if error is not None:
            unsure = unsure & convert.blank_to_null(error).is_null()
    return found.set(unsure.fill_null(value=False), None)
