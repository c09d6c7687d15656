"""Which fields make which column: the names that may hold it, the look it needs, how it is read.

`FIELD_MAP` is the one place that says so for logs without fixed names. A name is never enough: a
field is used only if its values have the look of the column.

Invariant: names are compared without case and without `_ - . $ @ : ( )` and blanks, so that
`http_host`, `httpHost` and `$http_host` are one name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from apilog.values import looks
from apilog.values.convert import (
    count_attempts,
    durations_to_ms,
    encode_last_attempt,
    last_upstream_status,
    sum_upstream_ms,
    to_sizes,
    to_statuses,
)
from apilog.values.dictionary import ColumnConverter
from apilog.values.json_text import KeyPath
from apilog.values.local_times import is_local_time
from apilog.values.looks import ValueLook
from apilog.values.requests import (
    encode_client_address,
    encode_first,
    encode_target_query,
    encode_tool,
    encode_url_host,
    encode_url_path,
    extract_trace_id,
    first_given,
    keep_texts,
    mask_query_column,
    target_path,
    target_query,
)
from apilog.values.times import parse_times

_IGNORED_CHARACTERS = str.maketrans("", "", "_-.$@:() ")

NGINX_URL = "https://nginx.org/en/docs/varindex.html"
ECS_URL = "https://www.elastic.co/docs/reference/ecs/ecs-field-reference"
OTEL_URL = "https://opentelemetry.io/docs/specs/semconv/http/http-spans/"
ENVOY_URL = (
    "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage"
)


def normalise_name(name: str) -> str:
    """Return the form in which names are compared."""
    return name.lower().translate(_IGNORED_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldEntry:
    """Fields that a column can be made of, by their names."""

    names: tuple[str, ...]
    """Names as `normalise_name` gives them, the best first."""
    look: ValueLook
    convert: ColumnConverter
    """For durations, it is replaced by that of their unit."""
    unit: str | None = None
    """The unit in which durations of these names mostly are."""
    is_duration: bool = False
    """Whether the names may end in a unit."""
    is_local_time: bool = False
    """Whether the values are times as people of a place write them, see `values.local_times`."""
    request_part: str = ""
    """The part of request lines that `convert` takes, if they are request lines."""
    kind: str = ""
    """Fields of one kind serve several columns; others serve one."""
    url: str = ""
    """Where the names are documented."""


def _words(names: str) -> tuple[str, ...]:
    return tuple(names.split())


_TARGETS = _words(
    """requesturi requesturl originalurl originaluri urloriginal requestedurl requesteduri
    clientrequesturi csuristem xenvoyoriginpath xenvoyoriginalpath"""
)
_OTHER_TARGETS = _words(
    """uri url requestpath path urlpath urlfull httppath httptarget httpurl target originalpath
    rawpath fullpath fullurl requestfullpath requesttarget pathname uripath requri pathinfo reqpath
    requrl urlstem csuri httproutepath endpoint request req"""
)
_REQUEST_LINES = _words("request requestline httprequest req requesturi uri path")


def _request_line(part: str, convert: ColumnConverter = keep_texts) -> FieldEntry:
    return FieldEntry(
        names=_REQUEST_LINES,
        look=looks.is_request_line,
        convert=convert,
        request_part=part,
        kind="request line",
        url=NGINX_URL,
    )


def _targets(names: tuple[str, ...], convert: ColumnConverter) -> FieldEntry:
    return FieldEntry(names=names, look=looks.is_target, convert=convert, kind="target")


def _texts(names: str, look: ValueLook = looks.is_wordy, url: str = "") -> tuple[FieldEntry, ...]:
    return (FieldEntry(names=_words(names), look=look, convert=encode_first, url=url),)


def _token_counts(names: str) -> tuple[FieldEntry, ...]:
    return (FieldEntry(names=_words(names), look=looks.is_size, convert=to_sizes),)


def _durations(names: str, unit: str | None = None, url: str = "") -> FieldEntry:
    return FieldEntry(
        names=_words(names),
        look=looks.is_duration_list,
        convert=durations_to_ms,
        unit=unit,
        is_duration=True,
        url=url,
    )


_ADDRESSES_BEHIND = _words(
    """upstreamaddr upstreamaddress upstreamhost serviceaddr backendaddr backendaddress targetaddr
    upstreamurl backendurl serviceurl upstream"""
)
_TIMES = _words(
    """msec startutc startlocal timestampns timestampus timestampms timestamp ts time
    timeiso8601 timelocal datetime date startedat starttime requesttimestamp
    requesttimeepoch requesttime accesstime eventtime logtime epoch edgestarttimestamp
    timestampiso t timeunixnano asctime requestdate reqtimesec isotime utctime
    eventtimestamp logtimestamp loggedat createdat receivedat requestedat completedat
    finishedat endedat endtime timestampepoch timeepoch unixtime epochtime start end"""
)
DURATION_COLUMNS = frozenset({"duration_ms", "upstream_duration_ms"})

FIELD_MAP: Mapping[str, tuple[FieldEntry, ...]] = {
    "timestamp": (
        FieldEntry(names=_TIMES, look=looks.is_time, convert=parse_times),
        # Which of day and month comes first is decided over the values.
        FieldEntry(names=_TIMES, look=is_local_time, convert=parse_times, is_local_time=True),
    ),
    "method": (
        *_texts(
            """method requestmethod httpmethod httprequestmethod reqmethod verb requestverb
            clientrequestmethod csmethod methodname httpverb reqverb requesttype""",
            looks.is_method,
        ),
        _request_line("method"),
    ),
    "path": (
        _targets(_TARGETS, encode_url_path),
        _request_line("target", target_path),
        _targets(_OTHER_TARGETS, encode_url_path),
    ),
    "query": (
        FieldEntry(
            names=_words(
                "args querystring query requestquery urlquery requestqueryargs csuriquery"
            ),
            look=looks.is_text,
            convert=mask_query_column,
        ),
        _targets(_TARGETS, encode_target_query),
        _request_line("target", target_query),
        _targets(_OTHER_TARGETS, encode_target_query),
    ),
    "protocol": (
        *_texts(
            """protocol serverprotocol requestprotocol requestproto proto httpprotocol
            clientrequestprotocol httpversion networkprotocolversion""",
            looks.is_protocol,
        ),
        _request_line("protocol"),
    ),
    "status": (
        FieldEntry(
            names=_words(
                """status statuscode responsestatus responsestatuscode responsecode
                downstreamstatus httpstatus httpstatuscode httpresponsestatuscode
                httpresponsecode edgeresponsestatus resstatuscode resstatus respstatus scstatus
                httpcode httpreturncode respcode rspcode rescode replystatus httpresponsestatus
                finalstatus statusvalue clientstatus clientstatuscode proxyresponsecode
                elbstatuscode code response st sc"""
            ),
            look=looks.is_status,
            convert=to_statuses,
        ),
    ),
    "upstream_status": (
        FieldEntry(
            names=_words(
                """upstreamstatus upstreamstatuscode originstatus integrationstatus backendstatus
                backendstatuscode originresponsestatus targetstatuscode targetresponsecode"""
            ),
            look=looks.is_status_list,
            convert=last_upstream_status,
        ),
    ),
    "upstream_addr": (
        FieldEntry(
            names=_ADDRESSES_BEHIND,
            look=looks.is_upstream,
            convert=encode_last_attempt,
            kind="upstream",
            url=NGINX_URL,
        ),
    ),
    "upstream_attempts": (
        FieldEntry(
            names=("upstreamaddr", "upstreamaddrs"),
            look=looks.is_upstream,
            convert=count_attempts,
            kind="upstream",
            url=NGINX_URL,
        ),
    ),
    "duration_ms": (
        # nginx writes seconds with three decimals.
        _durations("requesttime reqtime", "s", NGINX_URL),
        _durations("latenciesrequest responselatency latencytotal totallatency", "ms"),
        _durations("httpserverrequestduration", "s", OTEL_URL),
        _durations("eventduration", "ns", ECS_URL),
        _durations(
            """duration latency elapsed elapsedtime responsetime resptime restime apptime taken
            timetaken took dur lat elapsedmilliseconds processingtime requestduration
            requestlatency responseduration runtime
            executiontime exectime totaltime timetotal total timespent spenttime cost costtime
            servetime turnaroundtime timetoresponse handlertime servertime requestprocessingtime
            walltime totalelapsed totalresponsetime totalms totalus reqms
            respms resms requestms responsems time rt ms millis milliseconds latencyhuman"""
        ),
    ),
    "upstream_duration_ms": (
        _durations("upstreamresponsetime upstreamtime urt", "s", NGINX_URL),
        _durations("""upstreamservicetime xenvoyupstreamservicetime""", "ms", ENVOY_URL),
        _durations("latenciesproxy integrationlatency", "ms"),
        _durations("originduration", "ns"),
        _durations(
            """upstreamduration upstreamlatency latencyupstream upstreamelapsed backendelapsed
            backendms backendus targetms targetus originms originus
            servicems serviceus targettime targetlatency targetduration origintime
            originlatency originresponsetime servicetime servicelatency serviceduration
            latencytarget latencybackend latencyorigin latencyservice timingupstream
            backendtime backendlatency
            backendduration backendresponsetime upstreamresptime targetresponsetime
            endpointresponsetime upstream apptime responsetime"""
        ),
    ),
    "request_bytes": (
        FieldEntry(
            names=_words(
                """requestlength requestsize requestbytes requestcontentsize requestbodysize
                requestcontentlength requestbodylength requestbodybytes requestbyteslength reqlen
                reqlength reqsizebytes requestlen inbytes rxbytes receivedbytes bytesrecv
                bytesreceived bytesread bytesin reqsize reqbodysize reqbytes
                httprequestbodybytes httprequestbodysize httprequestsize csbytes"""
            ),
            look=looks.is_size,
            convert=to_sizes,
        ),
    ),
    "response_bytes": (
        FieldEntry(
            names=_words(
                """bodybytessent bodybytes bodysize bodysentbytes downstreamcontentsize
                responsebodysize respbodysize resbodysize responsesize responsebytes
                responselength responselen responsecontentlength responsebodylength
                responsebodybytes resplen resplength reslen bodylen bodylength outbytes txbytes
                byteswrote bytesoutput bytestransferred bytessent bytesout sentbytes
                edgeresponsebytes respsize ressize respbytes resbytes bytes size
                responsebyteslength respbyteslength
                httpresponsebodybytes httpresponsebodysize httpresponsesize scbytes
                rescontentlength reslength resheaderscontentlength responseheaderscontentlength
                contentlength contentsize length totalbytes writtenbytes byteswritten
                responsewritten written"""
            ),
            look=looks.is_size,
            convert=to_sizes,
        ),
    ),
    "client_ip": (
        FieldEntry(
            names=_words(
                """clientip remoteaddr remoteip remoteaddress clienthost clientaddr clientaddress
                clientipaddress client ip ipaddress sourceip sourceaddress srcip cip remotehost
                realip xrealip userip requestip address remote peeraddr sourceipport cliip
                downstreamremoteaddress httpremoteaddr httpclientip remoteipaddress
                clientipaddr callerip calleripaddress calleraddress srcaddr srcaddress originip
                visitorip xclientip sourceipaddress xforwardedfor httpxforwardedfor forwardedfor
                host"""
            ),
            # Some write the client's address into `host`: the values tell.
            look=looks.is_address,
            convert=encode_client_address,
        ),
    ),
    "host": (
        *_texts(
            """host httphost requesthost requestheadershost requestdomain vhost virtualhost
            authority servername requestedservername domain urldomain clientrequesthost hostheader
            xhostheader reqhost cshost serveraddress""",
            looks.is_host,
        ),
        FieldEntry(
            names=(*_TARGETS, *_OTHER_TARGETS),
            look=looks.is_url_with_host,
            convert=encode_url_host,
            kind="target",
        ),
    ),
    "consumer": _texts(
        """consumer consumerusername consumerid consumername apikeyid clientid appid application
        applicationname applicationid appname subscriptionid authenticatedentityid clientusername
        remoteuser username uname userid user account accountid customer customerid tenant
        tenantid enduserid developerapp developerappname principalid"""
    ),
    "plan": _texts("plan usageplan apiproduct tier planid planname"),
    "referer": _texts(
        "referer referrer httpreferer httpreferrer requestreferer httprequestreferrer csreferer"
    ),
    "user_agent": _texts(
        """useragent httpuseragent requestuseragent useragentoriginal clientrequestuseragent
        csuseragent agent ua"""
    ),
    "request_id": (
        FieldEntry(
            names=_words(
                """requestid reqid xrequestid httpxrequestid correlationid xcorrelationid
                httprequestid uniqueid rayid rid"""
            ),
            look=looks.is_identifier,
            convert=first_given,
        ),
    ),
    "trace_id": (
        FieldEntry(
            names=_words(
                """traceid xb3traceid xtraceid traceparent httptraceparent tracecontexttraceid
                opentelemetrytraceid ddtraceid xamzntraceid trace"""
            ),
            look=looks.is_identifier,
            convert=extract_trace_id,
        ),
    ),
    "cache_status": _texts(
        "upstreamcachestatus cachestatus cachecachestatus cache xcache cfcachestatus"
    ),
    "api": _texts(
        """api apiname apiproxy apiproxyname proxyname proxyupstreamname upstreamname
        upstreamcluster servicename service backendname backend"""
    ),
    "stage": _texts("stage environment environmentname env"),
    "operation": _texts("operation operationid operationname routername routename"),
    "route": _texts(
        "route httproute routepath pathtemplate urltemplate resourcepath", looks.is_path
    ),
    "error_type": _texts("errortype responseflags"),
    # https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
    "model": (
        *_texts("genairesponsemodel llmmodel"),
        *_texts("genairequestmodel requestllmmodel"),
    ),
    "input_tokens": _token_counts(
        "genaiusageinputtokens genaiusageprompttokens llmprompttokens inputtokens prompttokens"
    ),
    "output_tokens": _token_counts(
        """genaiusageoutputtokens genaiusagecompletiontokens llmcompletiontokens outputtokens
        completiontokens"""
    ),
    "tool": (
        FieldEntry(
            names=_words("genaitoolname mcptoolname"), look=looks.is_text, convert=encode_tool
        ),
    ),
    "time_to_first_token_ms": (
        FieldEntry(
            names=_words("llmtimetofirsttoken timetofirsttokenms ttftms"),
            look=looks.is_duration,
            convert=partial(durations_to_ms, unit="ms"),
        ),
    ),
}
"""Column to what it can be made of, the best first.

The order of columns matters: a field that one column has taken is not there for the next."""

SCOPES = frozenset(
    _words(
        """agent args cloud container ecs env geo host input kubernetes k8s labels log metadata
        params process query querystring resource server service tags tls upstream tries route
        respheaders responseheaders resheaders cookies body"""
    )
)
"""Objects that are about the machine, the collector, the service behind, or the caller's own
parameters: what they hold goes by its whole path alone."""
_UNITS = _words(
    """s sec secs second seconds ms msec msecs milli millis millisec milliseconds us usec usecs
    micro micros microsec microseconds ns nsec nsecs nano nanos nanosec nanoseconds"""
)
_RESPONSES = frozenset(_words("res resp response httpresponse upstream"))


def candidate_paths(
    names: Collection[str], paths: Collection[KeyPath], *, with_unit: bool = False
) -> list[tuple[int, int, KeyPath]]:
    """Return the fields that go by one of the names, the best first, each with two ranks.

    A field goes by its whole path, and by the path without its beginning, `with_unit` also without
    the unit at its end; the first rank is how much was left out, the second the place of its name.
    A key with dots is a path, too.
    """
    rank = _rank_names(tuple(names), with_unit=with_unit)
    ranked: list[tuple[int, int, KeyPath]] = []
    for path in paths:
        for cut, name in enumerate(names_of_path(path)):
            position = rank.get(name)
            if position is not None:
                ranked.append((cut, position, path))
                break
    return sorted(ranked, key=lambda entry: entry[:2])


@lru_cache(maxsize=4096)
def names_of_path(path: KeyPath) -> tuple[str, ...]:
    """Return the names that a field goes by: its whole path, and less and less of its beginning."""
    keys = [name for key in path for part in key.split(".") if (name := normalise_name(part))]
    scope = next((at for at in range(len(keys) - 1) if _is_scope(keys, at)), len(keys) - 1)
    return tuple("".join(keys[cut:]) for cut in range(scope + 1))


@lru_cache(maxsize=512)
def _rank_names(names: tuple[str, ...], *, with_unit: bool) -> Mapping[str, int]:
    """Return the places of names, also with a unit at their end."""
    units = ("", *_UNITS, *(f"in{unit}" for unit in _UNITS)) if with_unit else ("",)
    ranks: dict[str, int] = {}
    for unit in units:
        for position, name in enumerate(names):
            ranks.setdefault(name + unit, position)
    return ranks


def _is_scope(keys: list[str], at: int) -> bool:
    if keys[at] == "headers":
        return at > 0 and keys[at - 1] in _RESPONSES
    return keys[at] in SCOPES


@lru_cache(maxsize=64)
def duration_converter(column: str, unit: str) -> ColumnConverter:
    """Return what converts durations to milliseconds, bare numbers being in `unit`.

    The same function each time, so that formats can be compared.
    """
    if column == "upstream_duration_ms":
        return partial(sum_upstream_ms, unit=unit)
    return partial(durations_to_ms, unit=unit)


def entry_named(column: str, *names: str, unit: str | None = None) -> FieldEntry:
    """Return a column's entry for fields of other names, which are as `normalise_name` says."""
    return replace(FIELD_MAP[column][0], names=names, unit=unit)
