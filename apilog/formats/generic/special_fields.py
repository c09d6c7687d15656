"""Fields of single dialects that are read otherwise than the field map says."""

from __future__ import annotations

from functools import partial

from apilog.formats.field_entry import FieldEntry
from apilog.formats.field_map import entry_named
from apilog.formats.generic.dialect import fields_named
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
        entry_named("timestamp", "timestamp", "time"),
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

GRAVITEE_METHODS = {
    "method": (
        FieldEntry(
            names=("httpmethod", "method"),
            look=looks.is_method_or_code,
            convert=encode_method_codes,
        ),
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
