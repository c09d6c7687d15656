"""Gateways to language models that write JSON."""

from __future__ import annotations

import polars as pl

from apilog.formats.field_entry import FieldEntry
from apilog.formats.generic.dialect import JoinedNames, LogDialect, all_of, fields_named
from apilog.values import looks
from apilog.values.convert import blank_to_null, to_statuses
from apilog.values.requests import encode_first
from apilog.values.times import parse_times

# https://docs.litellm.ai/docs/proxy/logging_spec
_ERROR_CODE = "errorinformationerrorcode"
_OUTCOMES = (
    "whether a request was answered is told by `success` and `failure`: a success is read as 200, "
    "and a failure without a code as 500, which is what the proxy answers"
)


def _statuses(outcomes: pl.Series, codes: pl.Series | None) -> pl.Series:
    """Return 200 for a success, and for a failure its code or else 500."""
    told = pl.Series([None], dtype=pl.Int16).new_from_index(0, len(outcomes))
    told = told.set(outcomes == "success", 200).set(outcomes == "failure", 500)
    if codes is None:
        return told
    given = to_statuses(codes)
    return given.zip_with((given.is_not_null() & (told == 500)).fill_null(value=False), told)


def _provider_statuses(codes: pl.Series, providers: pl.Series) -> pl.Series:
    """Return the codes of failures that a provider of models returned."""
    return to_statuses(codes).set(blank_to_null(providers).is_null(), None)


def _milliseconds_between(begins: pl.Series, ends: pl.Series) -> pl.Series:
    gap = parse_times(ends).to_physical() - parse_times(begins).to_physical()
    return (gap / 1000.0).set((gap < 0).fill_null(value=False), None).alias("ms")


def _first_token_ms(begins: pl.Series, firsts: pl.Series, ends: pl.Series) -> pl.Series:
    """Return the time until the first token; null where it came with the whole answer."""
    is_whole = parse_times(firsts) >= parse_times(ends)
    ms = _milliseconds_between(begins, firsts)
    return ms.set(is_whole.fill_null(value=False), None)


AI_DIALECTS: tuple[LogDialect, ...] = (
    LogDialect(
        name="litellm",
        names=all_of("calltype completionstarttime", "calltype responsecost modelgroup"),
        fields={
            "status": (),
            "duration_ms": (),
            "upstream_duration_ms": (),
            "time_to_first_token_ms": (),
            "stage": (),
            "path": (
                FieldEntry(
                    names=("metadatauserapikeyrequestroute",),
                    look=looks.is_path,
                    convert=encode_first,
                ),
            ),
            **fields_named(
                timestamp="starttime",
                operation="calltype",
                model="model",
                input_tokens="prompttokens",
                output_tokens="completiontokens",
                tool="metadatamcptoolcallmetadataname",
                consumer="metadatauserapikeyalias metadatauserapikeyhash metadatauserapikeyuserid",
                client_ip="requesteripaddress metadatarequesteripaddress",
                request_id="id",
                upstream_addr="apibase",
                error_type="errorinformationerrorclass",
                host="",
                api="",
                plan="",
            ),
        },
        joined={
            "status": JoinedNames(("status",), _statuses, optional=(_ERROR_CODE,)),
            "upstream_status": JoinedNames(
                (_ERROR_CODE, "errorinformationllmprovider"), _provider_statuses
            ),
            "duration_ms": JoinedNames(("starttime", "endtime"), _milliseconds_between),
            "time_to_first_token_ms": JoinedNames(
                ("starttime", "completionstarttime", "endtime"), _first_token_ms
            ),
        },
        doubts=(_OUTCOMES,),
        sample=(
            '{"id":"chatcmpl-6a9b","trace_id":"4bf9","call_type":"acompletion","status":"success",'
            '"startTime":1791640536.123,"endTime":1791640538.456,"completionStartTime":'
            '1791640536.923,"response_time":0.8,"model":"gpt-4o","model_group":"gpt-4o",'
            '"response_cost":0.0012,"prompt_tokens":20,"completion_tokens":10,"total_tokens":30,'
            '"api_base":"https://api.openai.com","metadata":{"user_api_key_alias":"till",'
            '"requester_ip_address":"203.0.113.9"}}'
        ),
        url="https://docs.litellm.ai/docs/proxy/logging_spec",
    ),
)
"""The first that matches counts."""
