"""What each nginx variable says, in the terms of the schema.

`FIELDS` names, for every column, the variables that can fill it, best first; the first one
that a log format has is read. A new variable is one entry here.

Source: the variable indexes of nginx's http modules; Apache's mod_log_config for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.formats import convert, times
from apilog.formats.dictionary import categories, encode, from_codes, map_categories
from apilog.formats.nginx import conversions
from apilog.formats.nginx.conversions import Convert
from apilog.formats.request import split_request, target_path, target_query


@dataclass(frozen=True, slots=True)
class Field:
    """How a column is made of one variable."""

    variable: str
    convert: Convert


def _fields(convert_text: Convert, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, convert_text) for name in names)


FIELDS: Mapping[str, tuple[Field, ...]] = {
    "timestamp": (
        Field("msec", times.epoch_times),
        Field("time_iso8601", times.iso_times),
        Field("time_local", times.clf_times_joined),
        Field("time_any", times.times),
    ),
    "api": _fields(
        conversions.without_brackets,
        "proxy_upstream_name",
        "api_name",
        "service_name",
        "upstream_http_x_apigee_proxy",
    ),
    "host": (
        *_fields(conversions.host, "host"),
        *_fields(conversions.text, "http_host", "server_name", "ssl_server_name"),
    ),
    "operation": _fields(conversions.text, "event_type"),
    "protocol": (
        *_fields(conversions.text, "server_protocol"),
        *_fields(conversions.of_route_request("protocol"), "route_request"),
    ),
    "referer": _fields(conversions.text, "http_referer"),
    "user_agent": _fields(conversions.text, "http_user_agent"),
    "method": (
        *_fields(conversions.text, "request_method"),
        *_fields(conversions.of_route_request("method"), "route_request"),
    ),
    "route": (
        *_fields(conversions.route, "resource_path", "http_route_key"),
        *_fields(conversions.of_route_request("route"), "route_request"),
    ),
    "path": _fields(conversions.text, "request_uri", "uri", "document_uri"),
    "status": _fields(convert.statuses, "status"),
    "upstream_status": _fields(convert.upstream_last_status, "upstream_status", "origin_status"),
    "duration_ms": (
        Field("request_time", convert.seconds_to_ms),
        Field("request_time_ms", conversions.millis),
        Field("request_time_us", conversions.micros_to_ms),
    ),
    "upstream_duration_ms": (
        *_fields(convert.upstream_sum_ms, "upstream_response_time"),
        *_fields(conversions.seconds_or_millis, "my_x_apigee_target_latency"),
    ),
    "request_bytes": _fields(convert.sizes, "request_length"),
    "response_bytes": _fields(convert.sizes, "body_bytes_sent", "bytes_sent"),
    "client_ip": (
        *_fields(convert.blank_to_null, "remote_addr", "realip_remote_addr", "source_ip"),
        *_fields(conversions.without_port, "remote_addr_port"),
        *_fields(conversions.first_address, "http_x_forwarded_for", "proxy_add_x_forwarded_for"),
    ),
    "consumer": _fields(
        conversions.text,
        "http_x_consumer_id",
        "http_x_consumer_username",
        "http_x_client_id",
        "http_x_app_id",
        "jwt_claim_client_id",
        "jwt_claim_sub",
        "consumer",
        "api_consumer",
        "ssl_client_s_dn_cn",
        "remote_user",
        "caller",
    ),
    "plan": _fields(conversions.text, "plan", "api_plan", "http_x_plan"),
    "request_id": _fields(
        convert.blank_to_null,
        "request_id",
        "req_id",
        "http_x_request_id",
        "aws_request_id",
        "upstream_http_x_apigee_message_id",
    ),
    "trace_id": (
        *_fields(convert.blank_to_null, "opentelemetry_trace_id", "otel_trace_id"),
        *_fields(
            conversions.trace_id, "http_traceparent", "http_x_b3_traceid", "http_x_amzn_trace_id"
        ),
    ),
    "query": _fields(conversions.query, "args", "query_string"),
    "cache_status": _fields(conversions.last_of_list, "upstream_cache_status"),
    "error_type": _fields(conversions.text, "upstream_http_x_apigee_fault_code"),
}

_FROM_REQUEST = ("method", "path", "protocol", "query")
_FROM_TARGET: Mapping[str, Convert] = {"path": target_path, "query": target_query}


@dataclass(frozen=True, slots=True)
class Mapper:
    """Makes schema columns of the values of a log format's variables."""

    variables: frozenset[str]
    unescape: Callable[[pl.Series], pl.Series]
    """Undoes the format's escaping, over distinct texts."""
    fields: Mapping[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        chosen = {
            column: field
            for column, candidates in FIELDS.items()
            for field in reversed(candidates)
            if field.variable in self.variables
        }
        object.__setattr__(self, "fields", chosen)

    @property
    def columns(self) -> frozenset[str]:
        """The schema columns that can be made."""
        made = set(self.fields)
        if "request" in self.variables:
            made |= set(_FROM_REQUEST)
        if "path" in made:
            made.add("query")
        if {"status", "upstream_status"} <= self.variables:
            made.add("error_type")
        return frozenset(made)

    def needed(self, columns: Collection[str]) -> set[str]:
        """The variables that these columns are made of."""
        needed = {self.fields[c].variable for c in columns if c in self.fields}
        if "request" in self.variables and any(self._of_request(c) for c in columns):
            needed.add("request")
        if "query" in columns and "path" in self.fields:
            needed.add(self.fields["path"].variable)
        if "error_type" in columns and "error_type" in self.columns:
            needed |= {"status", "upstream_status"} & self.variables
        return needed

    def records(
        self, values: pl.DataFrame, columns: Collection[str], *, escaped: bool = True
    ) -> dict[str, pl.Series]:
        """The columns that can be made of these values (String columns named by variable).

        `escaped` is False where no value holds a backslash.
        """
        unescape = self.unescape if escaped else _unchanged
        made = {
            column: _unescaped(_converted(self.fields[column], values), unescape)
            for column in columns
            if column in self.fields and column != "path" and not self._of_request(column)
        }
        wanted = [c for c in columns if self._of_request(c)]
        if wanted:
            made |= _request_columns(values["request"], wanted, unescape)
        of_target = [c for c in columns if c in _FROM_TARGET and c not in made]
        if of_target and "path" in self.fields:
            targets = _unescaped(_converted(self.fields["path"], values), unescape)
            made |= {c: map_categories(targets, _FROM_TARGET[c]) for c in of_target}
        if "error_type" in columns and "error_type" in self.columns and "error_type" not in made:
            made["error_type"] = convert.no_upstream(values["status"], values["upstream_status"])
        return {column: series.alias(column) for column, series in made.items()}

    def _of_request(self, column: str) -> bool:
        return column in _FROM_REQUEST and "request" in self.variables


def _request_columns(
    request: pl.Series, columns: list[str], unescape: Convert
) -> dict[str, pl.Series]:
    lines = encode(request)
    codes = lines.to_physical()
    split = split_request(categories(lines))
    texts = {s.name: s for s in split.iter_columns()}
    texts |= {c: _FROM_TARGET[c](split["target"]) for c in columns if c in _FROM_TARGET}
    return {name: from_codes(codes, unescape(texts[name])) for name in columns}


def _unescaped(series: pl.Series, unescape: Convert) -> pl.Series:
    is_text = isinstance(series.dtype, (pl.String, pl.Categorical))
    return unescape(series) if is_text else series


def _unchanged(texts: pl.Series) -> pl.Series:
    return texts


def _converted(field: Field, values: pl.DataFrame) -> pl.Series:
    if field.variable == "time_local" and "time_local_zone" in values.columns:
        return times.clf_times(values["time_local"], values["time_local_zone"])
    return field.convert(values[field.variable])
