"""What each nginx variable says, in the terms of the schema.

`FIELDS` names, for every column, the variables that can fill it, best first; the first one
that a log format has is read. A new variable is one entry here.

Source: the variable indexes of nginx's http modules; Apache's mod_log_config for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.values import convert, requests, times
from apilog.values.dictionary import category_texts, encode_texts, from_codes, map_categories
from apilog.values.requests import ColumnConverter, split_request_lines, target_path, target_query


@dataclass(frozen=True, slots=True)
class VariableSource:
    """How a column is made of one variable."""

    variable: str
    convert: ColumnConverter


def _sources(convert_text: ColumnConverter, *names: str) -> tuple[VariableSource, ...]:
    return tuple(VariableSource(name, convert_text) for name in names)


VARIABLES_BY_COLUMN: Mapping[str, tuple[VariableSource, ...]] = {
    "timestamp": (
        VariableSource("msec", times.parse_epoch_times),
        VariableSource("time_iso8601", times.parse_iso_times),
        VariableSource("time_local", times.parse_joined_clf_times),
        VariableSource("time_any", times.parse_times),
    ),
    "api": _sources(
        requests.strip_brackets,
        "proxy_upstream_name",
        "api_name",
        "service_name",
        "upstream_http_x_apigee_proxy",
    ),
    "host": (
        *_sources(requests.encode_host, "host"),
        *_sources(requests.encode_given, "http_host", "server_name", "ssl_server_name"),
    ),
    "operation": _sources(requests.encode_given, "event_type"),
    "protocol": (
        *_sources(requests.encode_given, "server_protocol"),
        *_sources(requests.part_of_route_request("protocol"), "route_request"),
    ),
    "referer": _sources(requests.encode_given, "http_referer"),
    "user_agent": _sources(requests.encode_given, "http_user_agent"),
    "method": (
        *_sources(requests.encode_given, "request_method"),
        *_sources(requests.part_of_route_request("method"), "route_request"),
    ),
    "route": (
        *_sources(requests.encode_route_key, "resource_path", "http_route_key"),
        *_sources(requests.part_of_route_request("route"), "route_request"),
    ),
    "path": _sources(requests.encode_given, "request_uri", "uri", "document_uri"),
    "status": _sources(convert.to_statuses, "status"),
    "upstream_status": _sources(convert.last_upstream_status, "upstream_status", "origin_status"),
    "duration_ms": (
        VariableSource("request_time", convert.seconds_to_ms),
        VariableSource("request_time_ms", requests.bare_ms),
        VariableSource("request_time_us", requests.micros_to_ms),
    ),
    "upstream_duration_ms": (
        *_sources(convert.sum_upstream_ms, "upstream_response_time"),
        *_sources(requests.seconds_or_ms, "my_x_apigee_target_latency"),
    ),
    "request_bytes": _sources(convert.to_sizes, "request_length"),
    "response_bytes": _sources(convert.to_sizes, "body_bytes_sent", "bytes_sent"),
    "client_ip": (
        *_sources(convert.blank_to_null, "remote_addr", "realip_remote_addr", "source_ip"),
        *_sources(requests.strip_port, "remote_addr_port"),
        *_sources(
            requests.encode_first_address, "http_x_forwarded_for", "proxy_add_x_forwarded_for"
        ),
    ),
    "consumer": _sources(
        requests.encode_given,
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
    "plan": _sources(requests.encode_given, "plan", "api_plan", "http_x_plan"),
    "request_id": _sources(
        convert.blank_to_null,
        "request_id",
        "req_id",
        "http_x_request_id",
        "aws_request_id",
        "upstream_http_x_apigee_message_id",
    ),
    "trace_id": (
        *_sources(convert.blank_to_null, "opentelemetry_trace_id", "otel_trace_id"),
        *_sources(
            requests.extract_trace_id,
            "http_traceparent",
            "http_x_b3_traceid",
            "http_x_amzn_trace_id",
        ),
    ),
    "query": _sources(requests.encode_query, "args", "query_string"),
    "cache_status": _sources(requests.last_attempt, "upstream_cache_status"),
    "error_type": _sources(requests.encode_given, "upstream_http_x_apigee_fault_code"),
}

_FROM_REQUEST = ("method", "path", "protocol", "query")
_FROM_TARGET: Mapping[str, ColumnConverter] = {"path": target_path, "query": target_query}


@dataclass(frozen=True, slots=True)
class VariableMapper:
    """Makes schema columns of the values of a log format's variables."""

    variables: frozenset[str]
    unescape: Callable[[pl.Series], pl.Series]
    """Undoes the format's escaping, over distinct texts."""
    fields: Mapping[str, VariableSource] = field(init=False)

    def __post_init__(self) -> None:
        chosen = {
            column: field
            for column, candidates in VARIABLES_BY_COLUMN.items()
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

    def needed_variables(self, columns: Collection[str]) -> set[str]:
        """The variables that these columns are made of."""
        needed = {self.fields[c].variable for c in columns if c in self.fields}
        if "request" in self.variables and any(self._is_from_request(c) for c in columns):
            needed.add("request")
        if "query" in columns and "path" in self.fields:
            needed.add(self.fields["path"].variable)
        if "error_type" in columns and "error_type" in self.columns:
            needed |= {"status", "upstream_status"} & self.variables
        return needed

    def build_columns(
        self, values: pl.DataFrame, columns: Collection[str], *, escaped: bool = True
    ) -> dict[str, pl.Series]:
        """The columns that can be made of these values (String columns named by variable).

        `escaped` is False where no value holds a backslash.
        """
        unescape = self.unescape if escaped else _keep_escapes
        made = {
            column: _unescape_texts(_convert_values(self.fields[column], values), unescape)
            for column in columns
            if column in self.fields and column != "path" and not self._is_from_request(column)
        }
        wanted = [c for c in columns if self._is_from_request(c)]
        if wanted:
            made |= _request_columns(values["request"], wanted, unescape)
        of_target = [c for c in columns if c in _FROM_TARGET and c not in made]
        if of_target and "path" in self.fields:
            targets = _unescape_texts(_convert_values(self.fields["path"], values), unescape)
            made |= {c: map_categories(targets, _FROM_TARGET[c]) for c in of_target}
        if "error_type" in columns and "error_type" in self.columns and "error_type" not in made:
            made["error_type"] = convert.mark_no_upstream(
                values["status"], values["upstream_status"]
            )
        return {column: series.alias(column) for column, series in made.items()}

    def _is_from_request(self, column: str) -> bool:
        return column in _FROM_REQUEST and "request" in self.variables


def _request_columns(
    request: pl.Series, columns: list[str], unescape: ColumnConverter
) -> dict[str, pl.Series]:
    lines = encode_texts(request)
    codes = lines.to_physical()
    split = split_request_lines(category_texts(lines))
    texts = {s.name: s for s in split.iter_columns()}
    texts |= {c: _FROM_TARGET[c](split["target"]) for c in columns if c in _FROM_TARGET}
    return {name: from_codes(codes, unescape(texts[name])) for name in columns}


def _unescape_texts(series: pl.Series, unescape: ColumnConverter) -> pl.Series:
    is_text = isinstance(series.dtype, (pl.String, pl.Categorical))
    return unescape(series) if is_text else series


def _keep_escapes(texts: pl.Series) -> pl.Series:
    return texts


def _convert_values(field: VariableSource, values: pl.DataFrame) -> pl.Series:
    if field.variable == "time_local" and "time_local_zone" in values.columns:
        return times.parse_clf_times(values["time_local"], values["time_local_zone"])
    return field.convert(values[field.variable])
