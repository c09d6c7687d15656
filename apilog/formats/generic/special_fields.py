"""Fields of single dialects that are read otherwise than the field map says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from apilog.formats.field_entry import FieldEntry
from apilog.formats.field_map import entry_named
from apilog.formats.generic.dialect import fields_named
from apilog.formats.nginx.values import parse_gin_times
from apilog.transport.syslog import parse_yearless_times
from apilog.values import looks
from apilog.values.convert import encode_given, positive_milliseconds, positive_sizes
from apilog.values.requests import (
    encode_json_rpc_error,
    encode_method_codes,
    encode_plus_texts,
)

# https://apisix.apache.org/docs/apisix/plugins/ai-proxy/
APISIX_AI = {
    "input_tokens": (
        FieldEntry(names=("llmsummaryprompttokens",), look=looks.is_size, convert=positive_sizes),
    ),
    "output_tokens": (
        FieldEntry(
            names=("llmsummarycompletiontokens",), look=looks.is_size, convert=positive_sizes
        ),
    ),
    "time_to_first_token_ms": (
        FieldEntry(
            names=("llmsummaryduration",), look=looks.is_duration, convert=positive_milliseconds
        ),
    ),
}

TYK_FIELDS = {
    # Its text has no year: https://tyk.io/docs/api-management/logs/access-logs
    "timestamp": (
        entry_named("timestamp", "timestamp"),
        entry_named("timestamp", "time"),
        FieldEntry(names=("time",), look=looks.is_yearless_time, convert=parse_yearless_times),
    ),
    "api_version": (
        FieldEntry(
            names=("apiversion",),
            look=looks.is_wordy,
            convert=partial(encode_given, blanks=("-", "", "Non Versioned")),
        ),
    ),
    # The code that an MCP proxy answers with, or else the gateway's own flag.
    "error_type": (
        FieldEntry(names=("mcperrorcode",), look=looks.is_text, convert=encode_json_rpc_error),
        entry_named("error_type", "responseflag"),
    ),
}


# Of KrakenD's Enterprise Edition: https://www.krakend.io/docs/enterprise/logging/
KRAKEND_FIELDS = {
    "timestamp": (
        FieldEntry(names=("time",), look=looks.is_text, convert=parse_gin_times),
        entry_named("timestamp", "time"),
    ),
    **fields_named(duration_ms="latency:s"),
}


def _given_unless(blanks: tuple[str, ...], column: str, *names: str) -> tuple[FieldEntry, ...]:
    """Return the field of these names, of which the texts in `blanks` stand for nobody."""
    convert = partial(encode_given, blanks=("-", "", *blanks))
    return tuple(replace(entry_named(column, name), convert=convert) for name in names)


_UNKNOWN_CALLER = ("1",)
"""What Gravitee writes for the application of an unknown caller, and for its plan: see
`APPLICATION_NAME_ANONYMOUS` of https://github.com/gravitee-io/gravitee-api-management"""

GRAVITEE_FIELDS = {
    "method": (
        FieldEntry(
            names=("httpmethod", "method"),
            look=looks.is_method_or_code,
            convert=encode_method_codes,
        ),
    ),
    "consumer": _given_unless(
        _UNKNOWN_CALLER, "consumer", "applicationname", "applicationid", "application", "user"
    ),
    "plan": _given_unless(_UNKNOWN_CALLER, "plan", "planname", "planid", "plan"),
}

# Calls without an application have these in all of its fields; see `getAnonymousApp` of
# https://github.com/wso2/apim-analytics-publisher
WSO2_CALLERS = {
    "consumer": _given_unless(
        ("anonymous", "UNKNOWN"), "consumer", "applicationname", "applicationid"
    )
}

W3C_FIELDS = {
    "user_agent": (
        FieldEntry(names=("csuseragent",), look=looks.is_wordy, convert=encode_plus_texts),
    ),
    **fields_named(
        path="csuristem",
        duration_ms="timetaken",
        consumer="csusername",
        host="cshost",
        protocol="csversion",
        client_ip="cip",
        request_bytes="csbytes",
        response_bytes="scbytes",
    ),
}
