"""API Gateway's `$context` variables: values of columns, and JSON that their texts broke."""

from __future__ import annotations

import polars as pl

from apilog.values.convert import blank_to_null, to_statuses
from apilog.values.dictionary import encode_texts, map_categories
from apilog.values.requests import method_from_key, target_path

_EXECUTE_API = r"^([a-z0-9]+)(?:-vpce-[a-z0-9-]+)?\.execute-api\..*$"
_BLOCKED = "WAF_BLOCK"

# Each stands for what is settled already; the lines are cleared of control characters first.
_QUOTE, _ESCAPED_QUOTE, _ESCAPED_BACKSLASH, _CODE = "\x01", "\x02", "\x03", "\x04"
_KEY = rf'([{{,]\s*)"([^"\\{_QUOTE}]*)"(\s*:)'
_VALUE_STARTS = rf'({_QUOTE}\s*:\s*)"'
_VALUE_ENDS = rf'"(\s*(?:\}}|,\s*{_QUOTE}))'
_IS_CODE = r"\\u([0-9A-Fa-f]{4})"
_NO_ESCAPE = r"\\([^/bfnrt])"


def request_paths(values: pl.Series) -> pl.Series:
    """Return paths as sent, that of the stage included, without their query."""
    return map_categories(encode_texts(values), lambda s: target_path(blank_to_null(s)))


def route_methods(values: pl.Series) -> pl.Series:
    """Return the verbs of route keys."""
    return map_categories(encode_texts(values), method_from_key)


def api_of_domain(values: pl.Series) -> pl.Series:
    """Return the API's id where the domain is API Gateway's own, or the user's domain."""
    return map_categories(
        encode_texts(values), lambda domains: blank_to_null(domains.str.replace(_EXECUTE_API, "$1"))
    )


def xray_trace_ids(values: pl.Series) -> pl.Series:
    """Return trace ids, also from the header's `Root=1-…;Parent=…`."""
    return blank_to_null(values.str.replace(r"^(?:Self=[^;]*;)?Root=([^;]*).*$", "$1"))


def error_messages(values: pl.Series) -> pl.Series:
    """Return messages without the quotes that `messageString` brings."""
    return map_categories(encode_texts(values), lambda s: blank_to_null(s.str.strip_chars('" ')))


def blocked_by_code(values: pl.Series) -> pl.Series:
    """Return `WAF_BLOCK` where the firewall said so; to let a request pass is no error."""
    return map_categories(encode_texts(values), lambda s: s.set(s != _BLOCKED, None))


def blocked_by_status(values: pl.Series) -> pl.Series:
    """Return `WAF_BLOCK` where the firewall answered 403."""
    return map_categories(
        encode_texts(values), lambda s: s.set(s != "403", None).replace("403", _BLOCKED)
    )


def service_status(service: pl.Series, *others: pl.Series | None, client_count: int) -> pl.Series:
    """Return what the service behind answered, from `integrationStatus`.

    The first `client_count` of the others are the client's status under various names, the rest
    are failures that the gateway names.

    For a Lambda function `integrationStatus` is the status of its invocation, 200 also where the
    function answered 500. A 200 that the client did not get, although the gateway names no
    failure of its own, is taken to be such a one, and says nothing of the service.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
    """
    statuses = to_statuses(service)
    client = next((s for s in others[:client_count] if s is not None), None)
    if client is None:
        return statuses
    is_unsure = (statuses == 200) & (to_statuses(client) != 200)
    for failure in others[client_count:]:
        if failure is not None:
            is_unsure = is_unsure & blank_to_null(failure).is_null()
    return statuses.set(is_unsure.fill_null(value=False), None)


def escape_inner_quotes(lines: pl.Series) -> pl.Series:
    """Return lines of JSON objects with the quotes within their texts escaped.

    API Gateway replaces `$context` variables in the format without escaping their values, so that
    a user agent with a quote ends its text early. A quote is taken for JSON's only next to what
    JSON has there, a key before it or a comma and a key behind it; every other one is part of a
    text.
    """
    return (
        # What is escaped already stays as it is.
        lines.str.replace_all(r"[\x00-\x1f]", " ")
        .str.replace_all(r"\\", _ESCAPED_BACKSLASH, literal=True)
        .str.replace_all(r"\"", _ESCAPED_QUOTE, literal=True)
        # JSON's own quotes: around keys, then around the values between two keys.
        .str.replace_all(_KEY, f"${{1}}{_QUOTE}${{2}}{_QUOTE}${{3}}")
        .str.replace_all(_VALUE_STARTS, f"${{1}}{_QUOTE}")
        .str.replace_all(_VALUE_ENDS, f"{_QUOTE}${{1}}")
        # A backslash before anything that JSON knows no escape for is a character of the text.
        .str.replace_all(_IS_CODE, f"{_CODE}${{1}}")
        .str.replace_all(_NO_ESCAPE, r"\\${1}")
        .str.replace_all(_CODE, r"\u", literal=True)
        # Every quote that is left is one, too.
        .str.replace_all('"', r"\"", literal=True)
        .str.replace_all(_ESCAPED_QUOTE, r"\"", literal=True)
        .str.replace_all(_ESCAPED_BACKSLASH, r"\\", literal=True)
        .str.replace_all(_QUOTE, '"', literal=True)
    )
