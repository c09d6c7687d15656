"""The nginx variables, and what each says in the terms of the schema.

`VARIABLES_BY_COLUMN` names, for every column, the variables that can fill it, best first; the first
one that a log format has is read. A new variable is one entry here.

Source: https://nginx.org/en/docs/varindex.html, and for what only Apache has
https://httpd.apache.org/docs/current/mod/mod_log_config.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from apilog.formats.haproxy.values import (
    captured_agent,
    captured_host,
    encode_frontend,
    encode_server_name,
    encode_termination,
    finished_bytes,
    finished_ms,
)
from apilog.values.addresses import first_addresses
from apilog.values.convert import (
    attempts_of_retries,
    blank_to_null,
    count_attempts,
    durations_to_ms,
    durations_with_unit,
    encode_given,
    encode_last_attempt,
    last_upstream_status,
    mark_no_upstream,
    positive_milliseconds,
    positive_sizes,
    seconds_or_ms,
    seconds_to_ms,
    sum_upstream_ms,
    to_counts,
    to_sizes,
    to_statuses,
    upstream_status_by_details,
)
from apilog.values.dictionary import (
    ColumnConverter,
    category_texts,
    encode_texts,
    from_codes,
    hardly_repeats,
    map_categories,
)
from apilog.values.requests import (
    encode_host,
    encode_route_key,
    extract_trace_id,
    part_of_route_request,
    split_request_lines,
    strip_port,
    target_host,
    target_path,
    target_query,
)
from apilog.values.times import (
    parse_clf_times,
    parse_epoch_times,
    parse_iso_times,
    parse_joined_clf_times,
    parse_layout,
    parse_times,
)


@dataclass(frozen=True, slots=True)
class VariableSource:
    """How a column is made of one variable."""

    variable: str
    convert: ColumnConverter
    part: ColumnConverter | None = None
    """Takes the column out of the converted and unescaped texts, once per distinct text."""


@dataclass(frozen=True, slots=True)
class JoinedSource:
    """How a column is made of several variables at once."""

    variables: tuple[str, ...]
    convert: Callable[..., pl.Series]
    """Takes the raw values of each variable."""


def _sources(
    convert: ColumnConverter, *names: str, part: ColumnConverter | None = None
) -> tuple[VariableSource, ...]:
    return tuple(VariableSource(name, convert, part) for name in names)


def _encode_first_address(values: pl.Series) -> pl.Series:
    return map_categories(encode_texts(values), first_addresses)


def _encode_unbracketed(values: pl.Series) -> pl.Series:
    """Return texts without the brackets that a field of ingress-nginx may come in."""
    return blank_to_null(map_categories(encode_texts(values), lambda s: s.str.strip_chars("[]")))


def _encode_message(values: pl.Series) -> pl.Series:
    """Return texts without the quotes that may be part of them."""
    return map_categories(encode_given(values), lambda s: blank_to_null(s.str.strip_chars('" ')))


def _parse_gin_times(values: pl.Series) -> pl.Series:
    """Return the times of texts like `2026/11/20 - 09:15:11`, which tell no zone, as UTC."""
    return parse_times(values.str.replace(" - ", " ", literal=True))


def _parse_month_first(values: pl.Series) -> pl.Series:
    """Return times such as `11/21/26, 7:55:20`, which have no zone, as UTC."""
    of_century = parse_layout(values, "%m/%d/%Y, %H:%M:%S")
    short = values.str.contains("^[0-9]+/[0-9]+/[0-9]{2},").fill_null(value=False)
    return parse_layout(values, "%m/%d/%y, %H:%M:%S").zip_with(short, of_century)


def _encode_host_behind(values: pl.Series) -> pl.Series:
    """Return addresses; Envoy once wrote `tcp://` before them, HAProxy `-:-` for none."""
    given = encode_given(values, ("-", "", "-:-"))
    return map_categories(given, lambda s: s.str.strip_prefix("tcp://"))


def _encode_query_string(values: pl.Series) -> pl.Series:
    """Return `$args`, which has no question mark of its own, with the values of secrets masked."""
    return map_categories(encode_given(values), lambda s: target_query("?" + s))


VARIABLES_BY_COLUMN: Mapping[str, tuple[VariableSource, ...]] = {
    "timestamp": (
        VariableSource("msec", parse_epoch_times),
        VariableSource("time_iso8601", parse_iso_times),
        VariableSource("time_local", parse_joined_clf_times),
        VariableSource("time_unzoned", parse_times),
        VariableSource("time_month_first", _parse_month_first),
        VariableSource("time_any", parse_times),
        VariableSource("time_no_zone", parse_times),
        VariableSource("time_python", parse_times),
        VariableSource("time_web", parse_times),
        VariableSource("time_gin", _parse_gin_times),
    ),
    "api": (
        *_sources(
            _encode_unbracketed,
            "proxy_upstream_name",
            "api_name",
            "service_name",
            "upstream_http_x_apigee_proxy",
        ),
        *_sources(encode_given, "upstream_cluster", "backend_name"),
        *_sources(encode_frontend, "frontend_name"),
    ),
    "host": (
        *_sources(encode_host, "host"),
        *_sources(
            encode_given, "http_host", "server_name", "ssl_server_name", "requested_server_name"
        ),
        VariableSource("captured_headers", captured_host),
    ),
    "operation": _sources(encode_given, "event_type", "route_name"),
    "protocol": (
        *_sources(encode_given, "server_protocol"),
        *_sources(part_of_route_request("protocol"), "route_request"),
    ),
    "referer": _sources(encode_given, "http_referer"),
    "user_agent": (
        *_sources(encode_given, "http_user_agent"),
        VariableSource("captured_headers", captured_agent),
    ),
    "method": (
        *_sources(encode_given, "request_method"),
        *_sources(part_of_route_request("method"), "route_request"),
    ),
    "route": (
        *_sources(encode_route_key, "resource_path", "http_route_key"),
        *_sources(part_of_route_request("route"), "route_request"),
    ),
    "path": _sources(
        encode_given, "request_uri", "uri", "document_uri", "target", part=target_path
    ),
    "status": _sources(to_statuses, "status"),
    "upstream_status": _sources(last_upstream_status, "upstream_status", "origin_status"),
    "duration_ms": (
        VariableSource("request_time", seconds_to_ms),
        VariableSource("request_time_ms", partial(durations_to_ms, unit="ms")),
        VariableSource("request_time_us", partial(durations_to_ms, unit="us")),
        VariableSource("request_time_ns", partial(durations_to_ms, unit="ns")),
        VariableSource("active_time_ms", finished_ms),
        *_sources(durations_with_unit, "request_time_any", "request_duration"),
    ),
    "upstream_duration_ms": (
        # One time per attempt: https://nginx.org/en/docs/http/ngx_http_upstream_module.html
        *_sources(sum_upstream_ms, "upstream_response_time"),
        VariableSource("upstream_response_time_ms", partial(sum_upstream_ms, unit="ms")),
        VariableSource("upstream_response_time_us", partial(sum_upstream_ms, unit="us")),
        VariableSource("upstream_response_time_ns", partial(sum_upstream_ms, unit="ns")),
        VariableSource("server_time_ms", partial(durations_to_ms, unit="ms")),
        VariableSource("upstream_response_time_any", durations_with_unit),
        *_sources(seconds_or_ms, "my_x_apigee_target_latency"),
    ),
    "request_bytes": _sources(to_sizes, "request_length", "bytes_uploaded"),
    "response_bytes": (
        *_sources(to_sizes, "body_bytes_sent", "bytes_sent", "sent_http_content_length"),
        VariableSource("bytes_read", finished_bytes),
    ),
    "client_ip": (
        *_sources(
            blank_to_null, "remote_addr", "proxy_protocol_addr", "realip_remote_addr", "source_ip"
        ),
        *_sources(strip_port, "remote_addr_port", "peer", "direct_addr_port"),
        # Only without an address of the connection, or where the lines show that it is a proxy's:
        # clients can write anything into headers.
        *_sources(
            _encode_first_address,
            "http_cf_connecting_ip",
            "http_true_client_ip",
            "proxy_protocol_addr",
            "http_x_real_ip",
            "http_x_forwarded_for",
            "proxy_add_x_forwarded_for",
        ),
    ),
    "consumer": _sources(
        encode_given,
        # What a gateway has authenticated comes before what basic authentication was given.
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
    "plan": _sources(encode_given, "plan", "api_plan", "http_x_plan"),
    "request_id": _sources(
        blank_to_null,
        "request_id",
        "req_id",
        "http_x_request_id",
        "aws_request_id",
        "upstream_http_x_apigee_message_id",
        "request_id_any",
        "stream_id",
    ),
    "trace_id": (
        *_sources(blank_to_null, "opentelemetry_trace_id", "otel_trace_id"),
        *_sources(
            extract_trace_id, "http_traceparent", "http_x_b3_traceid", "http_x_amzn_trace_id"
        ),
    ),
    "query": (
        *_sources(_encode_query_string, "args", "query_string"),
        *_sources(encode_given, "marked_query", "query_or_dash", part=target_query),
    ),
    "cache_status": (
        *_sources(encode_last_attempt, "upstream_cache_status"),
        *_sources(encode_given, "squid_result"),
    ),
    "error_type": (
        *_sources(
            _encode_message,
            "upstream_http_x_apigee_fault_code",
            "error_type",
            "error_message",
            "response_flags",
        ),
        *_sources(encode_termination, "termination_state"),
    ),
    # APISIX: https://apisix.apache.org/docs/apisix/plugins/ai-proxy/
    "model": _sources(encode_given, "llm_model", "request_llm_model"),
    "input_tokens": _sources(positive_sizes, "llm_prompt_tokens"),
    "output_tokens": _sources(positive_sizes, "llm_completion_tokens"),
    "time_to_first_token_ms": _sources(positive_milliseconds, "llm_time_to_first_token"),
    # Servers tried: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#var_upstream_addr
    "upstream_addr": (
        *_sources(encode_last_attempt, "upstream_addr", "server_url"),
        *_sources(_encode_host_behind, "upstream_host", "server_addr_port"),
        *_sources(encode_server_name, "upstream_ip", "upstream_server"),
    ),
    "upstream_attempts": (
        *_sources(to_counts, "attempt_count"),
        *_sources(count_attempts, "upstream_addr"),
    ),
}

JOINED_BY_COLUMN: Mapping[str, tuple[JoinedSource, ...]] = {
    # Envoy has no operator for the upstream's answer, but one for who gave the answer.
    "upstream_status": (
        JoinedSource(("response_code_details", "status"), upstream_status_by_details),
    ),
    "upstream_attempts": (JoinedSource(("retries", "upstream_server"), attempts_of_retries),),
}
"""Columns that several variables make together, where a log has none that makes it alone."""

_FROM_REQUEST = ("method", "path", "protocol", "query")
_TARGET_PARTS = {"path": target_path, "query": target_query, "host": target_host}
_AS_DISTINCT_AS_LINES = frozenset({"path", "query"})
# A stand-in: what is made of request lines is made of all of them at once.
_REQUEST = VariableSource("request", encode_texts)
_NO_UPSTREAM = frozenset({"status", "upstream_status"})
"""The variables that together tell that a proxy failed without asking an upstream."""
# Each is `-` or 0 for an upstream that was asked and sent nothing.
_RECEIVED = ("upstream_bytes_received", "upstream_header_time")


@dataclass(frozen=True, slots=True)
class VariableMapper:
    """Makes schema columns of the values of a log format's variables."""

    variables: frozenset[str]
    unescape: ColumnConverter
    """Undoes the format's escaping, over distinct texts."""
    own: Mapping[str, tuple[VariableSource, ...]] = field(default_factory=dict)
    """Column to what it is made of in this log, whatever the variables mean elsewhere: the first
    that has a value counts. Without any, the column is not made."""
    sources: Mapping[str, VariableSource] = field(init=False)
    """The best source of each column that has one."""
    joined: Mapping[str, JoinedSource] = field(init=False)
    """What makes the columns that have no source."""
    columns: frozenset[str] = field(init=False)
    """The schema columns that can be made."""

    def __post_init__(self) -> None:
        sources = {
            column: source
            for column, candidates in VARIABLES_BY_COLUMN.items()
            for source in reversed(candidates)
            if source.variable in self.variables
        }
        if "request" in self.variables:
            sources = {"host": _REQUEST} | sources | dict.fromkeys(_FROM_REQUEST, _REQUEST)
        elif "path" in sources:
            # A proxy is asked for an absolute target, which has the host in it.
            for column, part in (("query", target_query), ("host", target_host)):
                sources.setdefault(column, replace(sources["path"], part=part))
        for column, own in self.own.items():
            sources.pop(column, None)
            if own:
                sources[column] = own[0]
        derived = {"error_type"} if self.variables >= _NO_UPSTREAM else set()
        derived -= self.own.keys()
        joined = {
            column: source
            for column, candidates in JOINED_BY_COLUMN.items()
            for source in candidates
            if column not in sources.keys() | self.own.keys()
            and self.variables.issuperset(source.variables)
        }
        object.__setattr__(self, "sources", sources)
        object.__setattr__(self, "joined", joined)
        object.__setattr__(self, "columns", frozenset(sources.keys() | derived | joined.keys()))

    @property
    def _received(self) -> tuple[str, ...]:
        return tuple(name for name in _RECEIVED if name in self.variables)

    def needed_variables(self, columns: Collection[str]) -> set[str]:
        """Return the variables that these columns are made of."""
        needed = {self.sources[c].variable for c in columns if c in self.sources}
        needed |= {source.variable for c in columns for source in self.own.get(c, ())[1:]}
        needed |= {name for c in columns if c in self.joined for name in self.joined[c].variables}
        if "error_type" in columns and "error_type" in self.columns:
            needed |= (_NO_UPSTREAM | {*self._received}) & self.variables
        return needed

    def build_columns(
        self, values: pl.DataFrame, columns: Collection[str], *, escaped: bool = True
    ) -> dict[str, pl.Series]:
        """Return the columns that can be made of these values (String, named by variable).

        `escaped` is False where no value holds a backslash.
        """
        built: dict[str, pl.Series] = {}
        for column in columns:
            source = self.sources.get(column)
            if joined := self.joined.get(column):
                given = (values[name] for name in joined.variables)
                built[column] = joined.convert(*given).alias(column)
                continue
            if source is None:
                if column == "error_type" and column in self.columns:
                    received = values[self._received[0]] if self._received else None
                    failed_alone = mark_no_upstream(
                        values["status"], values["upstream_status"], received
                    )
                    built[column] = failed_alone.alias(column)
                continue
            if source == _REQUEST:
                continue
            series = self._convert(source, values, escaped=escaped)
            for other in self.own.get(column, ())[1:]:
                if not series.null_count():
                    break
                more = self._convert(other, values, escaped=escaped)
                # Each encoded series has categories of its own: codes of two don't mix.
                earlier, later = (
                    s.cast(pl.String) if isinstance(s.dtype, pl.Categorical) else s
                    for s in (series, more)
                )
                series = earlier.fill_null(later)
            built[column] = series.alias(column)
        from_request = [c for c in columns if self.sources.get(c) == _REQUEST]
        if from_request:
            lines, codes = values["request"], None
            if not hardly_repeats(lines):
                encoded = encode_texts(lines)
                lines, codes = category_texts(encoded), encoded.to_physical()
            split = split_request_lines(lines)  # once per distinct line, if lines repeat
            for column in from_request:
                part = _TARGET_PARTS.get(column)
                texts = part(split["target"]) if part else split[column]
                # Only now: a decoded blank or question mark must not split the line elsewhere.
                texts = self.unescape(texts) if escaped else texts
                if codes is not None:
                    texts = from_codes(codes, texts)
                elif column not in _AS_DISTINCT_AS_LINES:
                    texts = encode_texts(texts)
                built[column] = texts.alias(column)
        return built

    def _convert(self, source: VariableSource, values: pl.DataFrame, *, escaped: bool) -> pl.Series:
        if source.variable == "time_local" and "time_local_zone" in values.columns:
            series = parse_clf_times(values["time_local"], values["time_local_zone"])
        else:
            series = source.convert(values[source.variable])
        if escaped and isinstance(series.dtype, (pl.String, pl.Categorical)):
            series = self.unescape(series)
        return map_categories(series, source.part) if source.part else series
