"""Who wrote a log without fixed names, told by its keys, and what that software is known to mean.

Each entry says which names together betray the software, in which units it writes durations, and
which fields make a column where its names would mislead. Nothing is said of the gateway where no
entry matches.

Invariant: an entry matches by names and by the look of telling values, never by one name that
others use, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from apilog.formats.field_map import (
    ENVOY_URL,
    NGINX_URL,
    FieldEntry,
    candidate_paths,
    entry_named,
    normalise_name,
)
from apilog.values import looks
from apilog.values.json_text import KeyPath
from apilog.values.requests import encode_method_codes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDialect:
    """A software that writes JSON, LTSV or key=value, by the names of its fields."""

    name: str
    gateway: str | None = None
    """The value of the column `gateway`; None: what writes it is none of them."""
    names: tuple[frozenset[str], ...]
    """Sets of names: a log that has all names of one set is of this software. A name that begins
    with a dot is the last key alone."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Names to what most of their values match, for names that tell nothing alone."""
    units: tuple[str, ...] = ()
    """The units of durations that it may be set to write, the default first."""
    fields: Mapping[str, tuple[FieldEntry, ...]] = field(default_factory=dict)
    """Columns to the fields that make them; empty: none does."""
    access_lines: Mapping[str, str] = field(default_factory=dict)
    """Names to what their values match on access lines; other lines are of another log."""
    url: str


def _all_of(*names: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(given.split()) for given in names)


def _fields(**names: str) -> dict[str, tuple[FieldEntry, ...]]:
    """Return the fields of columns; `duration_ms="latency:us"` tells the unit of that one."""
    return {column: _entries(column, given.split()) for column, given in names.items()}


def _entries(column: str, names: Iterable[str]) -> tuple[FieldEntry, ...]:
    split = (name.partition(":") for name in names)
    return tuple(entry_named(column, name, unit=unit or None) for name, _, unit in split)


_GRAVITEE_METHODS = {
    "method": (
        FieldEntry(
            names=("httpmethod", "method"),
            look=looks.is_method_or_code,
            convert=encode_method_codes,
        ),
    )
}

_GOOGLE_RESOURCES = {
    "gcp-loadbalancer": r"^(?:http_load_balancer|[a-z_]+_lb_rule)$",
    "gcp-cloudrun": r"^cloud_run_revision$",
    "gcp-endpoints": r"^(?:api|produced_api)$",
    "gcp-apigateway": r"^apigateway\.googleapis\.com/",
    "apigee": r"^apigee(?:connect)?\.googleapis\.com/",
}
_ELASTIC_MODULES = ("nginx", "apache", "traefik", "haproxy", "iis", "envoyproxy")

NGINX_VARIABLES = frozenset(
    {
        *("body_bytes_sent", "time_iso8601", "time_local", "request_time", "request_length"),
        *("upstream_addr", "upstream_status", "upstream_response_time", "upstream_connect_time"),
        *("upstream_header_time", "upstream_response_length", "upstream_cache_status", "msec"),
        *("proxy_upstream_name", "gzip_ratio", "connection_requests", "http_x_forwarded_for"),
    }
)
"""Names that only nginx gives to what it logs; CGI's `remote_addr` and its kin are not among
them. Two of them tell nginx."""

DIALECTS: tuple[LogDialect, ...] = (
    LogDialect(
        name="traefik",
        gateway="traefik",
        names=_all_of("downstreamstatus", "originduration", "requestcount duration routername"),
        # Durations are Go's.
        units=("ns",),
        url="https://doc.traefik.io/traefik/observe/logs-and-access-logs/",
    ),
    LogDialect(
        name="caddy",
        gateway="caddy",
        names=_all_of(
            "logger requesturi duration", "logger requesturi ts", "logger requesturi size"
        ),
        values={"logger": r"^http\."},
        units=("s", "ms", "ns"),
        access_lines={"logger": r"^http\.log\.access"},
        url="https://caddyserver.com/docs/caddyfile/directives/log",
    ),
    LogDialect(
        name="envoy",
        gateway="envoy",
        names=_all_of(
            "upstreamservicetime upstreamcluster",
            "xenvoyupstreamservicetime",
            "responseflags responsecode",
            "responseflags upstreamhost",
            "responseflags downstreamremoteaddress",
        ),
        units=("ms",),
        url=ENVOY_URL,
    ),
    LogDialect(
        name="kong",
        gateway="kong",
        names=_all_of("latencieskong latenciesproxy", "latenciesrequest latenciesproxy"),
        units=("ms",),
        fields=_fields(
            duration_ms="latenciesrequest",
            upstream_duration_ms="latenciesproxy",
            timestamp="startedat",
            consumer="consumerusername consumercustomid consumerid",
            api="servicename",
            operation="routename",
            response_bytes="responsesize",
            request_bytes="requestsize",
            request_id="requestid",
        ),
        url="https://developer.konghq.com/plugins/file-log/",
    ),
    LogDialect(
        name="apisix",
        gateway="apisix",
        names=_all_of("apisixlatency", "routeid serverversion upstreamlatency"),
        units=("ms",),
        fields=_fields(
            duration_ms="latency",
            upstream_duration_ms="upstreamlatency",
            timestamp="starttime",
            response_bytes="responsesize",
            request_bytes="requestsize",
        ),
        url="https://apisix.apache.org/docs/apisix/plugins/file-logger/",
    ),
    LogDialect(
        name="tyk",
        gateway="tyk",
        names=_all_of(
            "latencytotal latencygateway apiid",
            "latencytotal upstreamlatency apiid",
            "apiid orgid apikey requesttime responsecode",
            "apiid orgid apikey requesttimems",
        ),
        units=("ms",),
        fields=_fields(
            timestamp="timestamp time",
            duration_ms="latencytotal requesttimems requesttime",
            upstream_duration_ms="latencyupstream upstreamlatency",
            # A key's name, or else its hash.
            consumer="alias apikey",
            api="apiname apiid",
            operation="",
            request_bytes="contentlength",
            response_bytes="",
        ),
        access_lines={"prefix": r"^access-log$"},
        url="https://tyk.io/docs/api-management/logs-metrics/",
    ),
    LogDialect(
        name="gravitee",
        gateway="gravitee",
        names=_all_of(
            "gatewayresponsetimems",
            "proxyresponsetimems apiresponsetimems",
            "responsetime apiresponsetime proxylatency",
            "gateway responsetime transaction remoteaddress",
        ),
        units=("ms",),
        fields=_GRAVITEE_METHODS
        | _fields(
            duration_ms="gatewayresponsetimems proxyresponsetimems responsetime",
            upstream_duration_ms="endpointresponsetimems apiresponsetimems apiresponsetime",
            path="uri path pathinfo",
            api="apiname api apiid",
            consumer="applicationname applicationid application user",
            plan="planname planid plan",
            request_id="requestid id",
            request_bytes="requestcontentlength",
            response_bytes="responsecontentlength",
        ),
        url="https://documentation.gravitee.io/apim/analyze-and-monitor-apis/reporters",
    ),
    LogDialect(
        name="wso2",
        gateway="wso2",
        names=_all_of(
            "proxyresponsecode responselatency backendlatency",
            "proxyresponsecode targetresponsecode apimethod",
        ),
        units=("ms",),
        fields=_fields(
            timestamp="requesttimestamp timestamp",
            duration_ms="responselatency",
            upstream_duration_ms="backendlatency",
            status="proxyresponsecode",
            upstream_status="targetresponsecode",
            method="apimethod",
            route="apiresourcetemplate",
            api="apiname",
            consumer="applicationname applicationid",
            request_id="correlationid",
            client_ip="userip",
        ),
        url="https://apim.docs.wso2.com/en/latest/api-analytics/on-prem/elk-installation-guide/",
    ),
    LogDialect(
        name="cloudflare",
        gateway="cloudflare",
        names=_all_of("rayid edgeresponsestatus", "rayid clientrequesturi", "edgeresponsebytes"),
        units=("ms",),
        fields=_fields(
            timestamp="edgestarttimestamp edgeendtimestamp",
            path="clientrequesturi clientrequestpath",
            # Times of the edge are in whole seconds by default: no duration follows from them.
            duration_ms="",
            upstream_duration_ms="originresponsedurationms originresponsetime:ns",
            upstream_status="originresponsestatus",
            request_bytes="clientrequestbytes",
            cache_status="cachecachestatus",
            referer="clientrequestreferer",
        ),
        url="https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/zone/http_requests/",
    ),
    LogDialect(
        name="fastly",
        gateway="fastly",
        names=_all_of("fastlyserver", "fastlyisedge", "fastlyserviceid"),
        fields=_fields(cache_status="responsestate cachestatus fastlyinfostate"),
        url="https://www.fastly.com/documentation/guides/integrations/logging/",
    ),
    LogDialect(
        name="akamai",
        gateway="akamai",
        names=_all_of("cliip reqpath statuscode", "reqtimesec reqpath statuscode"),
        units=("ms",),
        fields=_fields(
            timestamp="reqtimesec",
            host="reqhost",
            path="reqpath",
            duration_ms="turnaroundtimemsec",
            response_bytes="totalbytes bytes",
            request_bytes="",
            protocol="proto",
        ),
        url="https://techdocs.akamai.com/datastream2/docs/data-set-parameters",
    ),
    LogDialect(
        name="aws-vpc-lattice",
        gateway="aws-vpc-lattice",
        names=_all_of("servicenetworkarn responsecode", "servicearn requestpath responsecode"),
        units=("ms",),
        fields=_fields(
            client_ip="sourceipport sourceip",
            consumer="callerprincipal",
            host="hostheader",
            timestamp="starttime",
        ),
        url="https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html",
    ),
    LogDialect(
        name="vercel",
        gateway="vercel",
        names=_all_of("deploymentid projectid proxystatuscode", "deploymentid proxyvercelid"),
        units=("ms",),
        fields=_fields(cache_status="proxyvercelcache vercelcache"),
        url="https://vercel.com/docs/drains/reference/logs",
    ),
    LogDialect(
        name="netlify",
        gateway="netlify",
        names=_all_of("siteid deployid statuscode", "siteid logtype statuscode"),
        units=("ms",),
        url="https://docs.netlify.com/manage/monitoring/log-drains/",
    ),
    *(
        LogDialect(
            name=gateway,
            gateway=gateway,
            names=_all_of("resourcetype insertid", "resourcetype logname"),
            values={"resourcetype": pattern},
            url="https://cloud.google.com/logging/docs/api/v2/resource-list",
        )
        for gateway, pattern in _GOOGLE_RESOURCES.items()
    ),
    LogDialect(
        name="heroku",
        gateway="heroku",
        names=_all_of("dyno connect service status fwd"),
        units=("ms",),
        fields=_fields(
            duration_ms="service",
            upstream_duration_ms="",
            client_ip="fwd",
            error_type="code",
            status="status",
            api="",
        ),
        url="https://devcenter.heroku.com/articles/http-routing#heroku-router-log-format",
    ),
    LogDialect(
        name="rails",
        gateway="rails",
        names=_all_of("controller action status duration", "controller action status view"),
        units=("ms",),
        fields=_fields(host="host requesthost"),
        url="https://github.com/roidrage/lograge",
    ),
    LogDialect(
        name="fastify",
        gateway="fastify",
        names=_all_of(".reqid responsetime", ".reqid requrl"),
        values={"level": "^[0-9]+$"},
        units=("ms",),
        url="https://fastify.dev/docs/latest/Reference/Logging/",
    ),
    LogDialect(
        name="pino-http",
        names=_all_of("requrl resstatuscode responsetime"),
        values={"level": "^[0-9]+$"},
        units=("ms",),
        url="https://github.com/pinojs/pino-http",
    ),
    LogDialect(
        name="express-winston",
        names=_all_of("metareqmethod metaresponsetime", "metareqmethod metaresstatuscode"),
        units=("ms",),
        url="https://github.com/bithavoc/express-winston",
    ),
    LogDialect(
        name="echo",
        names=_all_of("latency latencyhuman"),
        units=("ns",),
        fields=_fields(request_id="id"),
        url="https://echo.labstack.com/docs/middleware/logger",
    ),
    LogDialect(
        name="linkerd",
        names=_all_of("totalns processingns"),
        units=("ns",),
        fields=_fields(protocol="version", consumer="clientid", duration_ms="totalns"),
        url="https://linkerd.io/2/features/access-logging/",
    ),
    LogDialect(
        name="matomo",
        # The key says milliseconds and holds nginx's seconds.
        names=_all_of("generationtimemilli"),
        fields=_fields(duration_ms="generationtimemilli:s", response_bytes="length"),
        url="https://github.com/matomo-org/matomo-log-analytics#nginx",
    ),
    LogDialect(
        name="logback-access",
        names=_all_of("requestedurl statuscode elapsedtime", "requesteduri statuscode elapsedtime"),
        units=("ms",),
        url="https://github.com/logfellow/logstash-logback-encoder#accessevent-fields",
    ),
    LogDialect(
        name="aspnetcore",
        # The line at the end holds the request, too: the one at the beginning adds nothing.
        names=_all_of("elapsedmilliseconds statuscode category"),
        values={"category": r"^Microsoft\.AspNetCore\."},
        units=("ms",),
        access_lines={"message": r"^Request finished"},
        url="https://learn.microsoft.com/aspnet/core/fundamentals/logging/",
    ),
    LogDialect(
        name="serilog",
        names=_all_of("requestmethod requestpath statuscode .elapsed"),
        units=("ms",),
        url="https://github.com/serilog/serilog-aspnetcore",
    ),
    LogDialect(
        name="ingress-nginx",
        gateway="nginx",
        # https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/
        # Under the names of Cloud Logging, the one duration is that of the service behind.
        names=_all_of("proxyupstreamname httprequestlatency"),
        fields=_fields(
            duration_ms="",
            upstream_duration_ms="httprequestlatency:s",
            response_bytes="responsesize",
        ),
        url="https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/",
    ),
    *(
        LogDialect(
            name=f"filebeat-{module}",
            gateway="envoy" if module == "envoyproxy" else module,
            names=_all_of(key),
            values={key: rf"^{module}(?:\.|$)"},
            units=("ns",) if key != "filesetmodule" else (),
            url="https://www.elastic.co/docs/reference/beats/filebeat/filebeat-modules",
        )
        for module in _ELASTIC_MODULES
        for key in ("eventmodule", "eventdataset", "filesetmodule")
    ),
    LogDialect(
        name="ecs",
        names=_all_of("eventduration httpresponsestatuscode", "eventduration urlpath"),
        units=("ns",),
        url="https://www.elastic.co/docs/reference/ecs/ecs-event",
    ),
    LogDialect(
        name="grafana",
        names=_all_of("logger uname timems"),
        fields=_fields(consumer="uname"),
        url="https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/",
    ),
)
"""The first that matches counts."""

_NGINX = LogDialect(name="nginx", gateway="nginx", names=(), url=NGINX_URL)


def find_dialect(values: Mapping[KeyPath, pl.Series]) -> LogDialect | None:
    """Return the software that fields with these values (String, no nulls) are of."""
    for dialect in DIALECTS:
        if _is_of(dialect, values):
            return dialect
    variables = {path[-1].lstrip("$") for path in values} & NGINX_VARIABLES
    return _NGINX if len(variables) >= 2 else None


def _is_of(dialect: LogDialect, values: Mapping[KeyPath, pl.Series]) -> bool:
    if not any(all(find_path(name, values) for name in names) for names in dialect.names):
        return False
    for name, pattern in dialect.values.items():
        path = find_path(name, values)
        if path is None or 2 * int(values[path].str.contains(pattern).sum()) < len(values[path]):
            return False
    return True


def find_path(name: str, paths: Collection[KeyPath]) -> KeyPath | None:
    """Return the field that goes by a name; one that begins with a dot is the last key alone."""
    if name.startswith("."):
        return next((path for path in paths if normalise_name(path[-1]) == name[1:]), None)
    found = candidate_paths((name,), paths)
    return found[0][2] if found else None
