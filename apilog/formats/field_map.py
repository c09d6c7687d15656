"""The field map: which fields make which column, by which names, and how they are read.

`FIELD_MAP` is the one place that says so, for the variables of format strings, into which those of
other servers' languages are translated, and for the keys of logs without fixed names. A variable
means what it is documented to mean; the name of a key is never enough: a field is used only if its
values have the look of the column.

Variables: https://nginx.org/en/docs/varindex.html, and for what only Apache has
https://httpd.apache.org/docs/current/mod/mod_log_config.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from apilog.formats.answer_fields import ANSWER_FIELDS
from apilog.formats.field_entry import (
    FieldEntry,
    JoinedSource,
    VariableSource,
    also,
    fields,
    request_lines,
    sizes,
    texts,
    variables,
)
from apilog.formats.haproxy.values import (
    captured_agent,
    captured_host,
    encode_frontend,
    encode_termination,
)
from apilog.formats.nginx.values import (
    encode_header_address,
    encode_message,
    encode_query_string,
    encode_unbracketed,
    parse_gin_times,
    parse_joined_times,
    parse_month_first,
    parse_short_times,
)
from apilog.values import looks
from apilog.values.convert import (
    attempts_of_retries,
    blank_to_null,
    durations_to_ms,
    encode_last_attempt,
    positive_milliseconds,
    positive_sizes,
    upstream_status_by_details,
)
from apilog.values.local_times import is_local_time
from apilog.values.requests import (
    encode_client_address,
    encode_first,
    encode_first_host,
    encode_host,
    encode_method,
    encode_route_key,
    encode_target_query,
    encode_tool,
    encode_upper,
    encode_url_host,
    encode_url_path,
    extract_trace_id,
    first_given,
    mask_query_column,
    part_of_route_request,
    strip_port,
    target_path,
    target_query,
)
from apilog.values.times import (
    parse_epoch_times,
    parse_epochs_of,
    parse_iso_times,
    parse_joined_clf_times,
    parse_times,
    parse_unzoned_clf_times,
)

_TIMES = fields(
    """$msec startutc startlocal timestampns timestampus timestampms timestamp ts time $time_iso8601
    $time_local datetime date startedat starttime requesttimestamp requesttimeepoch requesttime
    accesstime eventtime logtime epoch edgestarttimestamp timestampiso zeit zeitstempel zeitpunkt
    horodatage fecha t timeunixnano asctime requestdate reqtimesec isotime utctime eventtimestamp
    logtimestamp loggedat createdat receivedat requestedat completedat finishedat endedat endtime
    timestampepoch timeepoch unixtime epochtime start end logged at when receivetime receivedtime
    eventtimestampms reqtime timestampus timestampsec tsms tsus tsns logdate accessdate occurredat
    data fechahora datahora dataora dateheure heure hora uhrzeit""",
    looks.is_time,
    parse_times,
    special={
        "msec": parse_epoch_times,
        "time_iso8601": parse_iso_times,
        "time_local": parse_joined_clf_times,
    },
)
_TARGETS = fields(
    """$request_uri requesturl originalurl originaluri urloriginal requestedurl requesteduri
    clientrequesturi csuristem xenvoyoriginpath xenvoyoriginalpath""",
    looks.is_target,
    encode_url_path,
    part=target_path,
    kind="target",
)
_OTHER_TARGETS = fields(
    """$uri url requestpath path urlpath urlfull httppath httptarget httpurl $target originalpath
    rawpath fullpath fullurl requestfullpath requesttarget pathname uripath requri pfad chemin ruta
    pathinfo reqpath requrl urlstem csuri httproutepath endpoint resource request
    req camino caminho percorso rota recurso ressource urlrequested requestedpath ru""",
    looks.is_target,
    encode_url_path,
    part=target_path,
    kind="target",
)
_ROUTE_NAMES = "route httproute routepath pathtemplate urltemplate $resource_path"
_CONCRETE_ROUTES = replace(
    fields(_ROUTE_NAMES, looks.are_concrete_paths, encode_url_path, part=target_path),
    variables=(),
    kind="target",
)

FIELD_MAP: Mapping[str, tuple[FieldEntry, ...]] = {
    "timestamp": (
        _TIMES,
        # Which of day and month comes first is decided over the values.
        replace(_TIMES, variables=(), look=is_local_time, is_local_time=True),
        variables("time_unzoned", parse_unzoned_clf_times),
        variables("time_month_first", parse_month_first),
        variables("time_any time_no_zone time_python time_web time_go", parse_times),
        variables("time_gin", parse_gin_times),
        variables("epoch_ms", partial(parse_epochs_of, unit="ms")),
        variables("time_tornado", parse_short_times),
        variables("time_good", parse_joined_times),
    ),
    "method": (
        fields(
            """method $request_method httpmethod httprequestmethod reqmethod verb requestverb
            clientrequestmethod csmethod methode méthode método metodo methodname httpverb reqverb
            requesttype verbo""",
            looks.is_method,
            encode_method,
            given=encode_first,
        ),
        request_lines("method"),
        # Names that are used for other things as well.
        fields("request req operation action rm", looks.is_common_method, encode_method),
        variables("route_request", part_of_route_request("method")),
        variables("method_lower", encode_upper),
    ),
    "path": (
        _TARGETS,
        request_lines("target", target_path),
        _OTHER_TARGETS,
        variables("document_uri", part=target_path),
        variables("absolute_url", encode_url_path),
        # Some call the path so: it is no template if it has a number or a query in it.
        _CONCRETE_ROUTES,
    ),
    "query": (
        fields(
            "$args $query_string query requestquery urlquery requestqueryargs csuriquery",
            looks.is_text,
            mask_query_column,
            given=encode_query_string,
        ),
        also(_TARGETS, encode_target_query),
        request_lines("target", target_query),
        also(_OTHER_TARGETS, encode_target_query),
        also(_CONCRETE_ROUTES, encode_target_query),
        variables("marked_query query_or_dash absolute_url", part=target_query),
    ),
    "protocol": (
        texts(
            """protocol $server_protocol requestprotocol requestproto proto httpprotocol
            clientrequestprotocol httpversion networkprotocolversion""",
            looks.is_protocol,
        ),
        request_lines("protocol"),
        variables("route_request", part_of_route_request("protocol")),
    ),
    **ANSWER_FIELDS,
    "client_ip": (
        fields(
            """clientip $remote_addr remoteip remoteaddress clienthost clientaddr clientaddress
            clientipaddress client ip ipaddress $source_ip sourceaddress srcip cip remotehost realip
            xrealip userip requestip address remote peeraddr sourceipport cliip
            downstreamremoteaddress httpremoteaddr httpclientip remoteipaddress clientipaddr
            callerip calleripaddress calleraddress srcaddr srcaddress originip visitorip xclientip
            sourceipaddress xforwardedfor forwardedfor peer peerip peeraddress ipcliente clienteip
            adresseip adresseipclient direccionip enderecoip indirizzoip ipaddr ra xff""",
            looks.is_address,
            encode_client_address,
            given=blank_to_null,
        ),
        variables("proxy_protocol_addr", encode_header_address),
        variables("realip_remote_addr", blank_to_null),
        variables("remote_addr_port peer direct_addr_port client_or_none", strip_port),
        # Only without an address of the connection, or where the lines show that it is a proxy's:
        # clients can write anything into headers.
        fields(
            """$http_cf_connecting_ip $http_true_client_ip $http_x_real_ip $http_x_forwarded_for
            $proxy_add_x_forwarded_for""",
            looks.is_address,
            encode_client_address,
            given=encode_header_address,
        ),
        # Some write the client's address into it: the values tell.
        fields("host", looks.is_address, encode_client_address),
    ),
    "host": (
        fields(
            """$host $http_host requestheadershost requestdomain vhost virtualhost
            authority $server_name $ssl_server_name $requested_server_name domain urldomain
            clientrequesthost hostheader xhostheader reqhost cshost serveraddress""",
            looks.is_host,
            encode_first,
            special={"host": encode_host},
        ),
        # As Caddy has it, whose sites mostly listen at ports of their own while they are tried.
        fields("requesthost", looks.is_host, encode_first_host),
        replace(also(_TARGETS, encode_url_host), look=looks.is_url_with_host),
        replace(also(_OTHER_TARGETS, encode_url_host), look=looks.is_url_with_host),
        variables("captured_headers", captured_host),
        variables("dotted_host", encode_host),
        variables("absolute_url", encode_url_host),
    ),
    "consumer": (
        # What a gateway has authenticated comes before what basic authentication was given.
        variables(
            """http_x_consumer_id http_x_consumer_username http_x_client_id http_x_app_id
            jwt_claim_client_id jwt_claim_sub"""
        ),
        texts(
            """$consumer consumerusername consumerid consumername apikeyid clientid appid
            application applicationname applicationid appname subscriptionid authenticatedentityid
            clientusername $api_consumer $ssl_client_s_dn_cn $remote_user username uname userid user
            account accountid customer customerid tenant tenantid enduserid developerapp
            developerappname principalid usrid subscriberid apikeyname"""
        ),
        variables("caller"),
    ),
    "plan": (
        texts("$plan usageplan apiproduct tier planid planname"),
        variables("api_plan http_x_plan"),
    ),
    "referer": (
        texts(
            """referer referrer $http_referer httpreferrer requestreferer httprequestreferrer
            csreferer"""
        ),
        variables("referer_to_bar"),
    ),
    "user_agent": (
        texts(
            """useragent $http_user_agent requestuseragent useragentoriginal clientrequestuseragent
            csuseragent agent ua useragentname useragentstring agentutilisateur agenteusuario"""
        ),
        variables("captured_headers", captured_agent),
        variables("agent_to_bar"),
    ),
    "request_id": (
        fields(
            """$request_id $req_id xrequestid $http_x_request_id correlationid xcorrelationid
            httprequestid uniqueid rayid rid""",
            looks.is_identifier,
            first_given,
            given=blank_to_null,
        ),
        variables(
            "aws_request_id upstream_http_x_apigee_message_id request_id_any stream_id",
            blank_to_null,
        ),
    ),
    "trace_id": (
        fields(
            """traceid xb3traceid xtraceid $opentelemetry_trace_id $otel_trace_id traceparent
            $http_traceparent $http_x_b3_traceid tracecontexttraceid ddtraceid xamzntraceid
            $http_x_amzn_trace_id trace""",
            looks.is_identifier,
            extract_trace_id,
            given=extract_trace_id,
            special={"opentelemetry_trace_id": blank_to_null, "otel_trace_id": blank_to_null},
        ),
    ),
    "cache_status": (
        fields(
            "$upstream_cache_status cachestatus cachecachestatus cache xcache cfcachestatus",
            looks.is_wordy,
            encode_first,
            given=encode_last_attempt,
        ),
        variables("squid_result"),
    ),
    "api": (
        fields(
            """api $api_name apiproxy apiproxyname proxyname $proxy_upstream_name upstreamname
            $service_name service""",
            looks.is_wordy,
            encode_first,
            given=encode_unbracketed,
        ),
        variables("upstream_http_x_apigee_proxy", encode_unbracketed),
        texts("$upstream_cluster $backend_name backend"),
        variables("frontend_name", encode_frontend),
    ),
    "api_version": (texts("$api_version apiversion apirevision apiproxyrevision apiproxyversion"),),
    "stage": (texts("stage environment environmentname env"),),
    "operation": (
        texts("operation operationid operationname routername $route_name"),
        variables("event_type"),
    ),
    "route": (
        fields(
            _ROUTE_NAMES,
            looks.is_path,
            encode_first,
            given=encode_route_key,
        ),
        variables("http_route_key", encode_route_key),
        variables("route_request", part_of_route_request("route")),
    ),
    "error_type": (
        variables("upstream_http_x_apigee_fault_code", encode_message),
        fields("$error_type $response_flags", looks.is_wordy, encode_first, given=encode_message),
        variables("error_message", encode_message),
        variables("termination_state", encode_termination),
    ),
    # https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/, and as variables
    # APISIX: https://apisix.apache.org/docs/apisix/plugins/ai-proxy/
    "model": (
        texts("genairesponsemodel $llm_model"),
        texts("genairequestmodel $request_llm_model"),
    ),
    "input_tokens": (
        sizes(
            """genaiusageinputtokens genaiusageprompttokens $llm_prompt_tokens inputtokens
            prompttokens""",
            positive_sizes,
        ),
    ),
    "output_tokens": (
        sizes(
            """genaiusageoutputtokens genaiusagecompletiontokens $llm_completion_tokens outputtokens
            completiontokens""",
            positive_sizes,
        ),
    ),
    "tool": (fields("genaitoolname mcptoolname", looks.is_text, encode_tool),),
    "time_to_first_token_ms": (
        fields(
            "$llm_time_to_first_token timetofirsttokenms ttftms",
            looks.is_duration,
            partial(durations_to_ms, unit="ms"),
            given=positive_milliseconds,
        ),
    ),
}
"""Column to what it can be made of, the best first.

The order of columns matters: a key that one column has taken is not there for the next."""

KEYS: Mapping[str, tuple[FieldEntry, ...]] = {
    column: keyed
    for column, entries in FIELD_MAP.items()
    if (keyed := tuple(entry for entry in entries if entry.names))
}
"""The entries of each column that keys can be of."""

VARIABLES: Mapping[str, tuple[VariableSource, ...]] = {
    column: sources
    for column, entries in FIELD_MAP.items()
    if (sources := tuple(source for entry in entries for source in entry.variables))
}
"""The variables that can fill each column, best first; the first one that a format has is read."""

JOINED_VARIABLES: Mapping[str, tuple[JoinedSource, ...]] = {
    # Envoy has no operator for the upstream's answer, but one for who gave the answer.
    "upstream_status": (
        JoinedSource(("response_code_details", "status"), upstream_status_by_details),
    ),
    "upstream_attempts": (JoinedSource(("retries", "upstream_server"), attempts_of_retries),),
}
"""Columns that several variables make together, where a format has none that makes it alone."""


def entry_named(column: str, *names: str, unit: str | None = None) -> FieldEntry:
    """Return a column's entry for fields of other names, which are as `normalise_name` says."""
    return replace(KEYS[column][0], names=names, unit=unit)
