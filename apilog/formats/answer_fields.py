"""The fields of the answer: its status, who gave it, how long it took and how large it was.

They are a part of the field map, which see.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from apilog.formats.field_entry import (
    ECS_URL,
    ENVOY_URL,
    NGINX_URL,
    OTEL_URL,
    FieldEntry,
    durations,
    fields,
    sizes,
    variables,
)
from apilog.formats.haproxy.values import encode_server_name, finished_bytes, finished_ms
from apilog.formats.nginx.values import encode_host_behind
from apilog.values import looks
from apilog.values.convert import (
    count_attempts,
    durations_to_ms,
    durations_with_unit,
    encode_last_attempt,
    last_upstream_status,
    seconds_or_ms,
    seconds_to_ms,
    sum_upstream_ms,
    to_counts,
    to_sizes,
    to_statuses,
)

DURATION_COLUMNS = frozenset({"duration_ms", "upstream_duration_ms"})

ANSWER_FIELDS: Mapping[str, tuple[FieldEntry, ...]] = {
    "status": (
        fields(
            """$status statuscode responsestatus responsestatuscode responsecode downstreamstatus
            httpstatus httpstatuscode httpresponsestatuscode httpresponsecode edgeresponsestatus
            resstatuscode resstatus respstatus scstatus httpcode httpreturncode respcode rspcode
            rescode replystatus httpresponsestatus finalstatus statusvalue clientstatus
            clientstatuscode proxyresponsecode elbstatuscode statut estado code response st sc
            resultcode httpresultcode returncode stato codigo codigohttp codice codiceestado
            codigoestado codestatut""",
            looks.is_status,
            to_statuses,
            given=to_statuses,
        ),
    ),
    "upstream_status": (
        fields(
            """$upstream_status upstreamstatuscode $origin_status integrationstatus backendstatus
            backendstatuscode originresponsestatus targetstatuscode targetresponsecode""",
            looks.is_status_list,
            last_upstream_status,
            given=last_upstream_status,
        ),
    ),
    "upstream_addr": (
        fields(
            """$upstream_addr upstreamaddress $upstream_host serviceaddr backendaddr backendaddress
            targetaddr upstreamurl backendurl serviceurl upstream""",
            looks.is_upstream,
            encode_last_attempt,
            given=encode_last_attempt,
            special={"upstream_host": encode_host_behind},
            kind="upstream",
            url=NGINX_URL,
        ),
        variables("server_url", encode_last_attempt),
        variables("server_addr_port", encode_host_behind),
        variables("upstream_ip upstream_server", encode_server_name),
    ),
    # Servers tried: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#var_upstream_addr
    "upstream_attempts": (
        variables("attempt_count", to_counts),
        fields(
            "$upstream_addr upstreamaddrs",
            looks.is_upstream,
            count_attempts,
            given=count_attempts,
            kind="upstream",
            url=NGINX_URL,
        ),
    ),
    "duration_ms": (
        # nginx writes seconds with three decimals.
        durations("$request_time reqtime", "s", NGINX_URL, seconds_to_ms),
        variables("request_time_rack request_time_actix request_time_seconds", seconds_to_ms),
        variables("request_time_ms", partial(durations_to_ms, unit="ms")),
        variables("request_time_us", partial(durations_to_ms, unit="us")),
        variables("request_time_ns", partial(durations_to_ms, unit="ns")),
        variables("active_time_ms", finished_ms),
        variables("request_time_any", durations_with_unit),
        durations("latenciesrequest responselatency latencytotal totallatency", "ms"),
        durations("httpserverrequestduration", "s", OTEL_URL),
        durations("eventduration", "ns", ECS_URL),
        durations(
            """duration latency elapsed elapsedtime responsetime resptime restime apptime taken
            timetaken took dur lat elapsedmilliseconds processingtime $request_duration
            requestlatency responseduration dauer antwortzeit durée duración duração runtime
            executiontime exectime totaltime timetotal total timespent spenttime cost costtime
            servetime turnaroundtime clientduration timetoresponse handlertime servertime
            requestprocessingtime
            walltime totalelapsed totalresponsetime totalms totalus reqms respms resms requestms
            responsems time rt ms millis milliseconds latencyhuman timeelapsed mselapsed processtime
            requesttotaltime totalrequesttime requestelapsed reqduration timetoserve
            timetoserverequest servedin handledin completedin processedin finishedin respondedin
            handletime handlingtime durata duracao duree tiempo tempo temps tiemporespuesta
            temporesposta temporisposta tempsreponse duracion gesamtdauer laufzeit"""
        ),
    ),
    "upstream_duration_ms": (
        # One time per attempt: https://nginx.org/en/docs/http/ngx_http_upstream_module.html
        durations("$upstream_response_time upstreamtime urt", "s", NGINX_URL, sum_upstream_ms),
        variables("upstream_response_time_ms", partial(sum_upstream_ms, unit="ms")),
        variables("upstream_response_time_us", partial(sum_upstream_ms, unit="us")),
        variables("upstream_response_time_ns", partial(sum_upstream_ms, unit="ns")),
        variables("server_time_ms", partial(durations_to_ms, unit="ms")),
        variables("upstream_response_time_any", durations_with_unit),
        variables("my_x_apigee_target_latency", seconds_or_ms),
        durations("upstreamservicetime xenvoyupstreamservicetime", "ms", ENVOY_URL),
        durations("latenciesproxy integrationlatency", "ms"),
        durations("originduration", "ns"),
        durations(
            """upstreamduration upstreamlatency latencyupstream upstreamelapsed backendelapsed
            backendms backendus targetms targetus originms originus servicems serviceus targettime
            targetlatency targetduration origintime originlatency originresponsetime servicetime
            servicelatency serviceduration latencytarget latencybackend latencyorigin latencyservice
            timingupstream backendtime backendlatency backendduration backendresponsetime
            upstreamresptime targetresponsetime endpointresponsetime upstream apptime
            responsetime svcms svcus svctime upstreamtotal proxyduration proxylatency proxytime
            originfetchtime backendprocessingtime backendresptime"""
        ),
    ),
    "request_bytes": (
        sizes(
            """$request_length requestsize requestbytes requestcontentsize requestbodysize
            requestcontentlength requestbodylength requestbodybytes requestbyteslength reqlen
            reqlength reqsizebytes requestlen inbytes rxbytes receivedbytes bytesrecv bytesreceived
            bytesread bytesin reqsize reqbodysize reqbytes httprequestbodybytes httprequestbodysize
            httprequestsize requestsizeinbytes csbytes bytesrx readbytes rxsize"""
        ),
        variables("bytes_uploaded", to_sizes),
    ),
    "response_bytes": (
        sizes(
            """$body_bytes_sent bodybytes bodysize bodysentbytes downstreamcontentsize
            responsebodysize respbodysize resbodysize responsesize responsebytes responselength
            responselen responsecontentlength responsebodylength responsebodybytes resplen
            resplength reslen bodylen bodylength outbytes txbytes byteswrote bytesoutput
            bytestransferred $bytes_sent bytesout sentbytes edgeresponsebytes respsize ressize
            respbytes resbytes bytes size responsebyteslength respbyteslength httpresponsebodybytes
            httpresponsebodysize httpresponsesize scbytes rescontentlength reslength
            resheaderscontentlength responseheaderscontentlength contentlength contentsize length
            len totalbytes writtenbytes byteswritten responsewritten written responsesizeinbytes
            bytestx txsize writebytes bytesresponse sizebytes bbs bs"""
        ),
        variables("sent_http_content_length", to_sizes),
        variables("bytes_read", finished_bytes),
    ),
}
"""Columns to what they can be made of, the best first; the order of columns matters."""
