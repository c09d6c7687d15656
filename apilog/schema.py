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
    "aws-apigateway",
    "apigee",
    "azure-apim",
    "azure-appgateway",
    "azure-frontdoor",
)
"""Every value of the column `gateway`."""

ROUTELESS_GATEWAYS = ("apache", "nginx", "traefik")
"""Gateways that name no routes themselves: their routes are guessed from paths."""

GATEWAY = pl.Enum(GATEWAYS)
TIMESTAMP = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordColumn:
    """One column of the record."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    """One sentence, with the unit."""
    otel: str
    """OpenTelemetry's name for it, or an empty string."""

    @property
    def type_name(self) -> str:
        """The type as documentation writes it."""
        match self.dtype:
            case pl.Datetime():
                return "Datetime(us, UTC)"
            case pl.Enum():
                return "Enum"
            case _:
                return str(self.dtype)


COLUMNS: tuple[RecordColumn, ...] = (
    RecordColumn(
        name="timestamp",
        dtype=TIMESTAMP,
        meaning="When the request ended (nginx, Apache) or started (the other gateways), UTC.",
        otel="",
    ),
    RecordColumn(
        name="gateway",
        dtype=GATEWAY,
        meaning="The gateway that wrote the line.",
        otel="",
    ),
    RecordColumn(
        name="api",
        dtype=pl.String,
        meaning="API or proxy name; of an ingress, the service behind it.",
        otel="service.name",
    ),
    RecordColumn(
        name="stage",
        dtype=pl.String,
        meaning="Stage or environment.",
        otel="deployment.environment.name",
    ),
    RecordColumn(
        name="operation",
        dtype=pl.String,
        meaning="The gateway's own name of the operation (operation id, flow).",
        otel="",
    ),
    RecordColumn(
        name="method",
        dtype=pl.String,
        meaning="HTTP method as sent.",
        otel="http.request.method",
    ),
    RecordColumn(
        name="path",
        dtype=pl.String,
        meaning="Path as sent, without the query string.",
        otel="url.path",
    ),
    RecordColumn(
        name="route",
        dtype=pl.String,
        meaning="Low-cardinality template of the path, such as /users/{id}.",
        otel="http.route",
    ),
    RecordColumn(
        name="host",
        dtype=pl.String,
        meaning="Host the client asked for.",
        otel="server.address",
    ),
    RecordColumn(
        name="protocol",
        dtype=pl.String,
        meaning="Protocol as logged, such as HTTP/1.1.",
        otel="network.protocol.version",
    ),
    RecordColumn(
        name="referer",
        dtype=pl.String,
        meaning="Referer header.",
        otel="http.request.header.referer",
    ),
    RecordColumn(
        name="user_agent",
        dtype=pl.String,
        meaning="User-Agent header.",
        otel="user_agent.original",
    ),
    RecordColumn(
        name="status",
        dtype=pl.Int16,
        meaning="Status the client got; null if none was sent.",
        otel="http.response.status_code",
    ),
    RecordColumn(
        name="upstream_status",
        dtype=pl.Int16,
        meaning="Status the service behind the gateway answered, last attempt.",
        otel="",
    ),
    RecordColumn(
        name="duration_ms",
        dtype=pl.Float64,
        meaning="Whole request, milliseconds.",
        otel="http.server.request.duration",
    ),
    RecordColumn(
        name="upstream_duration_ms",
        dtype=pl.Float64,
        meaning="Time in the service behind the gateway, sum of attempts, milliseconds.",
        otel="http.client.request.duration",
    ),
    RecordColumn(
        name="request_bytes",
        dtype=pl.Int64,
        meaning="Size of the request, bytes.",
        otel="http.request.size",
    ),
    RecordColumn(
        name="response_bytes",
        dtype=pl.Int64,
        meaning="Size of the response, bytes; the body alone where the format tells.",
        otel="http.response.body.size",
    ),
    RecordColumn(
        name="client_ip",
        dtype=pl.String,
        meaning="Address of the caller as the gateway saw it.",
        otel="client.address",
    ),
    RecordColumn(
        name="consumer",
        dtype=pl.String,
        meaning="Who called: API key id, application, subscription or user.",
        otel="enduser.id",
    ),
    RecordColumn(
        name="plan",
        dtype=pl.String,
        meaning="Product or usage plan of the consumer.",
        otel="",
    ),
    RecordColumn(
        name="request_id",
        dtype=pl.String,
        meaning="The gateway's id of the request.",
        otel="",
    ),
    RecordColumn(
        name="trace_id",
        dtype=pl.String,
        meaning="Id of the distributed trace.",
        otel="trace_id",
    ),
    RecordColumn(
        name="error_type",
        dtype=pl.String,
        meaning="The gateway's own name of the failure.",
        otel="error.type",
    ),
    RecordColumn(
        name="cache_status",
        dtype=pl.String,
        meaning="What the gateway's cache did (HIT, MISS, …).",
        otel="",
    ),
    RecordColumn(
        name="source",
        dtype=pl.String,
        meaning="File or stream the line was read from.",
        otel="log.file.path",
    ),
    RecordColumn(
        name="line_number",
        dtype=pl.Int64,
        meaning="Number of the line in its source, from 1.",
        otel="",
    ),
)

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {c.name: c.dtype for c in COLUMNS}
"""Maps each column to its Polars type, in order."""


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
