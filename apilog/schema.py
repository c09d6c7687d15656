"""The normalised record: one row per request, the same columns for every gateway.

Names end in their unit, times are UTC, a missing value is null. `COLUMNS` is the
only place that lists the columns; documentation and checks are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from apilog.time import TimeWindow

GATEWAYS = (
    "nginx",
    "apache",
    "traefik",
    "caddy",
    "haproxy",
    "envoy",
    "kong",
    "apisix",
    "tyk",
    "krakend",
    "gravitee",
    "wso2",
    "aws-apigateway",
    "aws-alb",
    "aws-elb",
    "aws-cloudfront",
    "aws-s3",
    "aws-vpc-lattice",
    "aws-appsync",
    "gcp-loadbalancer",
    "gcp-apigateway",
    "gcp-cloudrun",
    "gcp-endpoints",
    "apigee",
    "azure-apim",
    "azure-appgateway",
    "azure-frontdoor",
    "azure-appservice",
    "cloudflare",
    "fastly",
    "akamai",
    "iis",
    "heroku",
    "vercel",
    "netlify",
    "gunicorn",
    "uvicorn",
    "hypercorn",
    "morgan",
    "fastify",
    "rails",
    "gin",
    "tomcat",
    "jetty",
    "spring",
    "otel",
)
"""The software and services that the column `gateway` can name; a user's formats may add more."""

ROUTE_NAMING_GATEWAYS = ("apigee", "aws-apigateway")
"""Gateways that name routes themselves. Of a stored record that is all that tells whether its
route was named or guessed from its path."""

ERROR_SOURCES = ("client", "upstream", "gateway", "unknown", "protocol")
"""Every value of the column `error_source`."""

JSON_RPC_PREFIX = "jsonrpc:"
"""What an `error_type` begins with that is the code of a JSON-RPC error, which an answer may carry
whatever its status is: https://www.jsonrpc.org/specification#error_object"""

NO_UPSTREAM, NO_RESPONSE = "no_upstream", "no_response"
"""Values of `error_type` for proxies that name no failures themselves: a 5xx for which no service
was asked, and one for which a service was asked and sent nothing."""

ERROR_SOURCE = pl.Enum(ERROR_SOURCES)
"""The encoding of `error_source` while records are read and summed up."""

TIMESTAMP = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """One column of the record."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    """One sentence, with the unit."""
    otel: str = ""
    """OpenTelemetry's name for it, or an empty string."""

    @property
    def type_name(self) -> str:
        """The type as documentation writes it."""
        match self.dtype:
            case pl.Datetime():
                return "Datetime(us, UTC)"
            case _:
                return str(self.dtype)


COLUMNS: tuple[RecordColumn, ...] = (
    RecordColumn(
        "timestamp",
        TIMESTAMP,
        "When the request ended (nginx, Apache, AWS load balancers) or started (most others), UTC.",
    ),
    RecordColumn(
        "gateway",
        pl.String,
        "Software or service that wrote the line; null where nothing in it tells.",
    ),
    RecordColumn(
        "api", pl.String, "API or proxy name; of an ingress, the service behind it.", "service.name"
    ),
    RecordColumn("stage", pl.String, "Stage or environment.", "deployment.environment.name"),
    RecordColumn(
        "operation", pl.String, "The gateway's own name of the operation (operation id, flow)."
    ),
    RecordColumn("method", pl.String, "HTTP method as sent.", "http.request.method"),
    RecordColumn("path", pl.String, "Path as sent, without the query string.", "url.path"),
    RecordColumn(
        "route",
        pl.String,
        "Low-cardinality template of the path, such as /users/{id}.",
        "http.route",
    ),
    RecordColumn("host", pl.String, "Host the client asked for.", "server.address"),
    RecordColumn(
        "protocol", pl.String, "Protocol as logged, such as HTTP/1.1.", "network.protocol.version"
    ),
    RecordColumn("referer", pl.String, "Referer header.", "http.request.header.referer"),
    RecordColumn("user_agent", pl.String, "User-Agent header.", "user_agent.original"),
    RecordColumn(
        "status",
        pl.Int16,
        "Status the client got; null if none was sent.",
        "http.response.status_code",
    ),
    RecordColumn(
        "upstream_status", pl.Int16, "Status the service behind the gateway answered, last attempt."
    ),
    RecordColumn("upstream_addr", pl.String, "Address of the service behind, last attempt."),
    RecordColumn("upstream_attempts", pl.Int16, "How many services behind were tried."),
    RecordColumn(
        "duration_ms", pl.Float64, "Whole request, milliseconds.", "http.server.request.duration"
    ),
    RecordColumn(
        "upstream_duration_ms",
        pl.Float64,
        "Time in the service behind the gateway, sum of attempts, milliseconds.",
        "http.client.request.duration",
    ),
    RecordColumn("request_bytes", pl.Int64, "Size of the request, bytes.", "http.request.size"),
    RecordColumn(
        "response_bytes",
        pl.Int64,
        "Size of the response, bytes; the body alone where the format tells.",
        "http.response.body.size",
    ),
    RecordColumn(
        "client_ip", pl.String, "Address of the caller as the gateway saw it.", "client.address"
    ),
    RecordColumn(
        "consumer",
        pl.String,
        "Who called: API key id, application, subscription or user.",
        "enduser.id",
    ),
    RecordColumn("plan", pl.String, "Product or usage plan of the consumer."),
    RecordColumn("request_id", pl.String, "The gateway's id of the request."),
    RecordColumn("trace_id", pl.String, "Id of the distributed trace.", "trace_id"),
    RecordColumn("error_type", pl.String, "The gateway's own name of the failure.", "error.type"),
    RecordColumn(
        "error_source",
        pl.String,
        "Who caused a 4xx or 5xx: client, upstream, gateway or unknown; protocol for an answer "
        "below 400 that carries an error of JSON-RPC; null without an error.",
    ),
    RecordColumn("cache_status", pl.String, "What the gateway's cache did (HIT, MISS, …)."),
    RecordColumn(
        "model",
        pl.String,
        "Language model that answered, or else the one asked for.",
        "gen_ai.response.model",
    ),
    RecordColumn("input_tokens", pl.Int64, "Tokens of the prompt.", "gen_ai.usage.input_tokens"),
    RecordColumn(
        "output_tokens", pl.Int64, "Tokens that the model answered.", "gen_ai.usage.output_tokens"
    ),
    RecordColumn(
        "tool", pl.String, "Tool that was called by the Model Context Protocol.", "gen_ai.tool.name"
    ),
    RecordColumn(
        "time_to_first_token_ms",
        pl.Float64,
        "Time until the first token of the answer, milliseconds.",
        "gen_ai.server.time_to_first_token",
    ),
    RecordColumn(
        "api_version",
        pl.String,
        "Version or revision of the API, as the gateway names it.",
        "service.version",
    ),
    RecordColumn("source", pl.String, "File or stream the line was read from.", "log.file.path"),
    RecordColumn("line_number", pl.Int64, "Number of the line in its source, from 1."),
)

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {c.name: c.dtype for c in COLUMNS}
"""Maps each column to its Polars type, in order."""

GUESSED_ROUTE = "route_is_guessed"
"""A column of records while they are read, beside those of the schema: true where `route` was made
from the path, where anyone can make up any number of them, null where the log named it."""
SPECIFIED_OPERATION = "specified_operation"
"""Another such column: the number of the operation that a specification has for the record, or one
below 0 that says why it has none; null where no specification is about it."""
DEPRECATED_OPERATION = "deprecated_operation"
"""The same number where that operation is deprecated, else null."""
SPECIFIED_COLUMNS = frozenset({SPECIFIED_OPERATION, DEPRECATED_OPERATION})
"""Both of them: there are none without a specification."""
READ_COLUMNS = {
    **SCHEMA,
    GUESSED_ROUTE: pl.Boolean(),
    SPECIFIED_OPERATION: pl.Int32(),
    DEPRECATED_OPERATION: pl.Int32(),
}
"""The columns of the schema, and these three."""


def is_within(window: TimeWindow) -> pl.Expr:
    """Return the condition that a record lies in the window; null for one without a time."""
    # Plain comparisons, so that Polars can hold them against the statistics of a Parquet file.
    time = pl.col("timestamp")
    if window.since is None:
        return pl.lit(value=True) if window.until is None else time < window.until
    return (
        time >= window.since
        if window.until is None
        else time.is_between(window.since, window.until, closed="left")
    )


def error_source(
    *, tells_upstream: bool, told: pl.Expr | None = None, has_answered: pl.Expr | None = None
) -> pl.Expr:
    """Return the expression of `error_source` over the other columns of a record.

    An answer below 400 that carries an error of JSON-RPC has `protocol`. A 4xx is the client's. A
    5xx that the service behind the gateway answered is the upstream's;
    with any other answer, or with the gateway's own word for the failure, it is the gateway's.
    `tells_upstream` says that the log has a field for the upstream's answer, so that a missing one
    says that there was none. `told` is who caused a 5xx where the log itself says so (String, one
    of `ERROR_SOURCES`), null where it does not. `has_answered` tells of each
    record whether the upstream answered, by the gateway's own words for it, and is null where these
    tell nothing.
    """
    status, answer = pl.col("status"), pl.col("upstream_status")
    failure = pl.col("error_type").cast(pl.String)
    is_gateways = answer.is_not_null() | failure.is_not_null() | tells_upstream
    # A proxy writes its own 502 and 504 into the place of the answer that it did not get.
    is_upstreams = answer.is_between(500, 599) & (failure != NO_RESPONSE).fill_null(value=True)
    if has_answered is not None and not tells_upstream:
        is_upstreams, is_gateways = has_answered, ~has_answered
    client, upstream, gateway, unknown, protocol = (pl.lit(s, ERROR_SOURCE) for s in ERROR_SOURCES)
    server = pl.when(is_upstreams).then(upstream).when(is_gateways).then(gateway)
    if told is not None:
        told = told.cast(pl.String)
        by_log = pl.when(told == "upstream").then(upstream).when(told == "gateway").then(gateway)
        by_log = by_log.when(told == "client").then(client)
        server = by_log.when(is_upstreams).then(upstream).when(is_gateways).then(gateway)
    return (
        pl.when(status.is_between(400, 499))
        .then(client)
        .when(status.is_between(500, 599))
        .then(server.otherwise(unknown))
        .when((status < 400) & failure.str.starts_with(JSON_RPC_PREFIX))
        .then(protocol)
        .alias("error_source")
    )
