"""The names that logs give to the fields that apilog looks for.

Invariant: names are compared without case and without `_ - . $ @` and blanks, so that
`http_host`, `httpHost` and `$http_host` are one name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from apilog.values.json_text import KeyPath

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "time": (
        "msec",
        "startutc",
        "startlocal",
        "timestampns",
        "timestampus",
        "timestampms",
        "timestamp",
        "ts",
        "time",
        "timeiso8601",
        "timelocal",
        "datetime",
        "date",
        "startedat",
        "starttime",
        "requesttimestamp",
        "requesttimeepoch",
        "requesttime",
        "accesstime",
        "eventtime",
        "logtime",
        "epoch",
    ),
    # A request line, or a target alone: which one, the values tell.
    "request": ("request", "requestline", "httprequest", "req", "requesturi", "uri", "path"),
    "method": (
        "method",
        "requestmethod",
        "httpmethod",
        "httprequestmethod",
        "reqmethod",
        "verb",
        "requestverb",
    ),
    "request_uri": (
        "requesturi",
        "requesturl",
        "urloriginal",
        "uri",
        "url",
        "requestpath",
        "path",
        "urlpath",
        "urlfull",
        "httppath",
        "httptarget",
        "target",
        "request",
        "req",
    ),
    "query": ("args", "querystring", "query", "requestquery", "urlquery"),
    "protocol": (
        "protocol",
        "serverprotocol",
        "requestprotocol",
        "requestproto",
        "proto",
        "httpprotocol",
        "httpversion",
    ),
    "status": (
        "status",
        "statuscode",
        "responsestatus",
        "responsestatuscode",
        "responsecode",
        "downstreamstatus",
        "httpstatus",
        "httpstatuscode",
        "httpresponsestatuscode",
        "scstatus",
        "code",
    ),
    "upstream_status": (
        "upstreamstatus",
        "upstreamstatuscode",
        "originstatus",
        "integrationstatus",
        "backendstatus",
    ),
    # The unit is in the name or known by convention; the first that is there counts.
    "duration_s": (
        "requesttime",
        "reqtime",
        "durations",
        "durationsec",
        "durationseconds",
        "latencyseconds",
        "elapsedseconds",
    ),
    "duration_ms": (
        "durationms",
        "requesttimems",
        "responsetimems",
        "latencyms",
        "elapsedms",
        "elapsedmilliseconds",
        "timems",
        "tookms",
        "totaltimems",
        "processingtimems",
        "latenciesrequest",
        "responselatency",
    ),
    "duration_us": (
        "durationus",
        "requesttimeus",
        "responsetimeus",
        "latencyus",
        "elapsedus",
        "timetakenus",
        "reqtimemicrosec",
        "durationmicros",
    ),
    "duration_ns": ("durationns", "eventduration", "elapsedns", "latencyns", "durationnanos"),
    # The unit is told by the gateway or by the values.
    "duration": (
        "duration",
        "latency",
        "elapsed",
        "responsetime",
        "apptime",
        "taken",
        "timetaken",
        "took",
        "processingtime",
        "runtime",
    ),
    "upstream_duration_s": ("upstreamresponsetime", "upstreamtime"),
    "upstream_duration_ms": (
        "upstreamservicetime",
        "upstreamresponsetimems",
        "upstreamdurationms",
        "upstreamlatencyms",
        "upstreamms",
        "latenciesproxy",
        "integrationlatency",
    ),
    "upstream_duration_us": ("upstreamresponsetimeus", "upstreamdurationus", "upstreamus"),
    "upstream_duration_ns": ("originduration", "upstreamdurationns", "upstreamns"),
    "upstream_duration": (
        "upstreamduration",
        "upstreamlatency",
        "backendtime",
        # What is left when the whole duration has a name of its own.
        "apptime",
        "responsetime",
    ),
    "request_bytes": (
        "requestlength",
        "requestsize",
        "requestbytes",
        "requestcontentsize",
        "bytesreceived",
        "bytesread",
        "bytesin",
        "reqsize",
        "httprequestbodybytes",
    ),
    "response_bytes": (
        "bodybytessent",
        "bodybytes",
        "bodysize",
        "downstreamcontentsize",
        "responsesize",
        "responsebytes",
        "responselength",
        "bytessent",
        "bytesout",
        "sentbytes",
        "bytes",
        "size",
        "httpresponsebodybytes",
        "contentlength",
    ),
    "client_ip": (
        "clientip",
        "remoteaddr",
        "remoteip",
        "remoteaddress",
        "clienthost",
        "clientaddr",
        "clientaddress",
        "client",
        "ip",
        "sourceip",
        "sourceaddress",
        "srcip",
        "remotehost",
        "realip",
        "xrealip",
        "downstreamremoteaddress",
        "xforwardedfor",
        "httpxforwardedfor",
        "forwardedfor",
        # Some write the client's address into `host`; the values tell.
        "host",
    ),
    "host": (
        "host",
        "httphost",
        "requesthost",
        "requestheadershost",
        "vhost",
        "virtualhost",
        "authority",
        "servername",
        "requestedservername",
        "domain",
        "urldomain",
    ),
    "consumer": (
        "consumer",
        "consumerusername",
        "consumerid",
        "apikeyid",
        "clientid",
        "appid",
        "application",
        "subscriptionid",
        "authenticatedentityid",
        "clientusername",
        "remoteuser",
        "username",
        "userid",
        "user",
        "account",
    ),
    "plan": ("plan", "usageplan", "apiproduct", "tier"),
    "referer": (
        "referer",
        "referrer",
        "httpreferer",
        "httpreferrer",
        "requestreferer",
        "httprequestreferrer",
    ),
    "user_agent": (
        "useragent",
        "httpuseragent",
        "requestuseragent",
        "useragentoriginal",
        "agent",
        "ua",
    ),
    "request_id": ("requestid", "reqid", "xrequestid", "httpxrequestid", "correlationid"),
    "trace_id": ("traceid", "xb3traceid", "xtraceid", "traceparent", "httptraceparent"),
    "cache_status": ("upstreamcachestatus", "cachestatus", "cache", "xcache", "cfcachestatus"),
    "api": (
        "api",
        "apiname",
        "proxyupstreamname",
        "upstreamname",
        "upstreamcluster",
        "servicename",
        "service",
        "backendname",
        "backend",
    ),
    "stage": ("stage", "environment", "env"),
    "operation": ("operation", "operationid", "operationname", "routername", "routename"),
    "route": ("route", "httproute", "routepath", "pathtemplate", "urltemplate", "resourcepath"),
    "error_type": ("errortype", "responseflags"),
}
"""What a field is to be used for, and the names it may have, the best first."""

# What these objects hold is about the machine, the collector or the service behind.
_NOT_THE_REQUEST = frozenset(
    {
        "agent",
        "cloud",
        "container",
        "ecs",
        "host",
        "input",
        "kubernetes",
        "labels",
        "log",
        "metadata",
        "process",
        "server",
        "service",
        "tags",
        "tls",
        "upstream",
    }
)
_IGNORED_CHARACTERS = str.maketrans("", "", "_-.$@ ")


def normalise_name(name: str) -> str:
    """Return the form in which names are compared."""
    return name.lower().translate(_IGNORED_CHARACTERS)


def candidate_paths(target: str, paths: Collection[KeyPath]) -> list[KeyPath]:
    """Return the fields that go by a name of the target, the best first.

    A field goes by its whole path, and by the path without its beginning.
    """
    rank = {name: position for position, name in enumerate(SYNONYMS[target])}
    ranked: list[tuple[int, int, KeyPath]] = []
    for path in paths:
        cuts = 1 if normalise_name(path[0]) in _NOT_THE_REQUEST else len(path)
        names = [normalise_name("".join(path[cut:])) for cut in range(cuts)]
        cut = next((cut for cut, name in enumerate(names) if name in rank), None)
        if cut is not None:
            ranked.append((cut, rank[names[cut]], path))
    return [path for _, _, path in sorted(ranked, key=lambda entry: entry[:2])]
