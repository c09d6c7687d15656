"""Gateways, proxies and services in front of APIs that write JSON or key=value."""

from __future__ import annotations

from apilog.formats.field_entry import ENVOY_URL, FieldEntry
from apilog.formats.generic.dialect import JoinedNames, LogDialect, all_of, fields_named
from apilog.formats.generic.special_fields import (
    APISIX_AI,
    GRAVITEE_FIELDS,
    KRAKEND_FIELDS,
    TYK_FIELDS,
    W3C_FIELDS,
    WSO2_CALLERS,
)
from apilog.formats.haproxy.values import encode_server_name, encode_termination
from apilog.values import looks
from apilog.values.convert import (
    attempts_of_retries,
    sum_seconds,
    to_counts,
    upstream_status_by_details,
)

_GOOGLE_RESOURCES = {
    "apigee": (r"^apigee(?:connect)?\.googleapis\.com/", "apigee.googleapis.com/Environment"),
}
_GOOGLE_SAMPLE = (
    '{"insertId":"1","httpRequest":{"requestMethod":"GET","requestUrl":"https://shop.example/a?'
    'b=1","requestSize":"87","status":200,"responseSize":"120","remoteIp":"203.0.113.9","latenc'
    'y":"0.015s"},"logName":"projects/p/logs/requests","resource":{"type":"RESOURCE"},"timestam'
    'p":"2026-10-10T13:55:36.123Z"}'
)

GATEWAY_DIALECTS: tuple[LogDialect, ...] = (
    LogDialect(
        # The table of its logs that Athena's guide makes; each part is -1 where there was none.
        name="aws-alb-table",
        gateway="aws-alb",
        names=all_of(
            "requestprocessingtime targetprocessingtime responseprocessingtime elbstatuscode"
        ),
        units=("s",),
        fields=fields_named(
            duration_ms="",
            upstream_duration_ms="targetprocessingtime:s",
            status="elbstatuscode",
            upstream_status="targetstatuscode",
            request_bytes="receivedbytes",
            response_bytes="sentbytes",
            method="requestverb",
            trace_id="traceid",
        ),
        joined={
            "duration_ms": JoinedNames(
                ("requestprocessingtime", "targetprocessingtime", "responseprocessingtime"),
                sum_seconds,
            )
        },
        sample=(
            '{"type":"https","time":"2026-10-10T13:55:36.123456Z","elb":"app/shop/50dc6c495c0c9188",'
            '"client_ip":"203.0.113.9","client_port":51234,"target_ip":"10.0.0.1","request_processing'
            '_time":0.001,"target_processing_time":0.012,"response_processing_time":0.002,"elb_status'
            '_code":200,"target_status_code":"200","received_bytes":87,"sent_bytes":120,"request_verb'
            '":"GET","request_url":"https://shop.example:443/a?b=1","request_proto":"HTTP/1.1"}'
        ),
        url="https://docs.aws.amazon.com/athena/latest/ug/create-alb-access-logs-table.html",
    ),
    LogDialect(
        name="traefik",
        gateway="traefik",
        names=all_of("downstreamstatus", "originduration", "requestcount duration routername"),
        # Durations are Go's.
        units=("ns",),
        sample=(
            '{"ClientHost":"203.0.113.9","ClientUsername":"-","DownstreamContentSize":12,"Downs'
            'treamStatus":200,"Duration":1500000,"OriginDuration":1200000,"OriginStatus":200,"R'
            'equestCount":7,"RequestHost":"shop.example","RequestMethod":"GET","RequestPath":"/'
            'a?b=1","RequestProtocol":"HTTP/1.1","RouterName":"shop@docker","StartUTC":"2026-10'
            '-10T13:55:36.123456789Z","time":"2026-10-10T13:55:36Z"}'
        ),
        url="https://doc.traefik.io/traefik/observe/logs-and-access-logs/",
    ),
    LogDialect(
        name="caddy",
        gateway="caddy",
        names=all_of(
            "logger requesturi duration", "logger requesturi ts", "logger requesturi size"
        ),
        values={"logger": r"^http\."},
        units=("s", "ms", "ns"),
        access_lines={"logger": r"^http\.log\.access"},
        sample=(
            '{"level":"info","ts":1791640536.5,"logger":"http.log.access.log0","msg":"handled r'
            'equest","request":{"remote_ip":"203.0.113.9","proto":"HTTP/2.0","method":"GET","ho'
            'st":"shop.example","uri":"/a?b=1","headers":{"User-Agent":["curl/8"]}},"bytes_read'
            '":0,"user_id":"","duration":0.0015,"size":12,"status":200}'
        ),
        url="https://caddyserver.com/docs/caddyfile/directives/log",
    ),
    LogDialect(
        name="envoy",
        gateway="envoy",
        names=all_of(
            "upstreamservicetime upstreamcluster",
            "xenvoyupstreamservicetime",
            "responseflags responsecode",
            "responseflags upstreamhost",
            "responseflags downstreamremoteaddress",
        ),
        units=("ms",),
        # A log without retries has an attempt for each request, which looks like any number.
        fields={
            "upstream_attempts": (
                FieldEntry(
                    names=("upstreamrequestattemptcount",), look=looks.is_size, convert=to_counts
                ),
            )
        },
        joined={
            "upstream_status": JoinedNames(
                ("responsecodedetails", "responsecode"), upstream_status_by_details
            )
        },
        sample=(
            '{"start_time":"2026-10-10T13:55:36.123Z","method":"GET","path":"/a?b=1","protocol"'
            ':"HTTP/1.1","response_code":200,"response_flags":"-","bytes_received":0,"bytes_sen'
            't":12,"duration":15,"upstream_service_time":"12","upstream_cluster":"shop","upstre'
            'am_host":"10.0.0.5:80","authority":"shop.example","downstream_remote_address":"203'
            '.0.113.9:4711","request_id":"6a9b"}'
        ),
        url=ENVOY_URL,
    ),
    LogDialect(
        # By the template that `apilog formats haproxy --template` prints.
        name="haproxy",
        gateway="haproxy",
        names=all_of("terminationstate backend server"),
        units=("ms",),
        fields={
            "upstream_addr": (
                FieldEntry(names=("server",), look=looks.is_text, convert=encode_server_name),
            ),
            "error_type": (
                FieldEntry(
                    names=("terminationstate",), look=looks.is_text, convert=encode_termination
                ),
            ),
            **fields_named(
                api="backend",
                duration_ms="activetimems:ms",
                upstream_duration_ms="servertimems:ms",
            ),
        },
        joined={"upstream_attempts": JoinedNames(("retries", "server"), attempts_of_retries)},
        sample=(
            '{"time":1791640536.123,"client_ip":"203.0.113.9","method":"GET","uri":"/a?b=1",'
            '"status":200,"bytes_sent":120,"server_time_ms":12,"active_time_ms":15,"backend":"be",'
            '"server":"app1","retries":0,"termination_state":"--","host":"shop.example"}'
        ),
        url="https://docs.haproxy.org/3.2/configuration.html#8.2.6",
    ),
    LogDialect(
        name="kong",
        gateway="kong",
        names=all_of("latencieskong latenciesproxy", "latenciesrequest latenciesproxy"),
        units=("ms",),
        fields=fields_named(
            duration_ms="latenciesrequest",
            upstream_duration_ms="latenciesproxy",
            timestamp="startedat",
            consumer="consumerusername consumercustomid consumerid",
            api="servicename",
            operation="routename",
            response_bytes="responsesize",
            request_bytes="requestsize",
            request_id="requestid",
            # https://developer.konghq.com/ai-gateway/ai-audit-log-reference/
            model="metaresponsemodel metarequestmodel",
            input_tokens="usageprompttokens usageprompttoken",
            output_tokens="usagecompletiontokens usagecompletiontoken",
            time_to_first_token_ms="usagetimetofirsttoken metatimetofirsttoken",
        ),
        sample=(
            '{"latencies":{"request":15,"kong":3,"proxy":12},"service":{"name":"shop"},"request'
            '":{"method":"GET","size":87,"uri":"/a?b=1","headers":{"host":"shop.example"}},"res'
            'ponse":{"status":200,"size":120},"route":{"name":"shop-all"},"client_ip":"203.0.11'
            '3.9","started_at":1791640536123}'
        ),
        url="https://developer.konghq.com/plugins/file-log/",
    ),
    LogDialect(
        name="apisix",
        gateway="apisix",
        names=all_of("apisixlatency", "routeid serverversion upstreamlatency"),
        units=("ms",),
        fields=fields_named(
            duration_ms="latency",
            upstream_duration_ms="upstreamlatency",
            timestamp="starttime",
            response_bytes="responsesize",
            request_bytes="requestsize",
            model="llmsummarymodel",
        )
        | APISIX_AI,
        sample=(
            '{"apisix_latency":3.1,"start_time":1791640536123,"latency":15.25,"upstream_latency'
            '":12,"client_ip":"203.0.113.9","route_id":"1","server":{"version":"3.9.0"},"reques'
            't":{"method":"GET","size":87,"uri":"/a?b=1","headers":{"host":"shop.example"}},"re'
            'sponse":{"status":200,"size":120}}'
        ),
        url="https://apisix.apache.org/docs/apisix/plugins/file-logger/",
    ),
    LogDialect(
        name="tyk",
        gateway="tyk",
        names=all_of(
            "latencytotal latencygateway apiid",
            "latencytotal upstreamlatency apiid",
            "apiid orgid apikey requesttime responsecode",
            "apiid orgid apikey requesttimems",
        ),
        units=("ms",),
        fields=fields_named(
            duration_ms="latencytotal requesttimems requesttime",
            upstream_duration_ms="latencyupstream upstreamlatency",
            # A key's name, or else its hash.
            consumer="alias apikey",
            api="apiname apiid",
            # https://tyk.io/docs/ai-management/mcp-gateway/mcp-access-logs
            operation="mcpmethod",
            tool="mcpprimitivename",
            request_bytes="contentlength",
            response_bytes="",
        )
        | TYK_FIELDS,
        access_lines={"prefix": r"^access-log$"},
        sample=(
            '{"api_id":"a1","api_key":"c0ffee","api_name":"shop","client_ip":"203.0.113.9","hos'
            't":"shop.example","latency_gateway":3,"latency_total":15,"method":"GET","org_id":"'
            'o1","path":"/a","prefix":"access-log","status":200,"time":"2026-10-10T13:55:36Z","'
            'upstream_latency":12}'
        ),
        url="https://tyk.io/docs/api-management/logs-metrics/",
    ),
    LogDialect(
        # The Enterprise Edition's, if it is told to write JSON.
        name="krakend",
        gateway="krakend",
        names=all_of("prefix statuscode latency clientip"),
        values={"prefix": r"(?i)^\[?krakend"},
        units=("s",),
        fields=KRAKEND_FIELDS,
        sample=(
            '{"prefix":"[KRAKEND]","time":"2026/10/10 - 13:55:36.123","status_code":200,"latency":'
            '"0.015","client_ip":"203.0.113.9","method":"GET","path":"/a"}'
        ),
        url="https://www.krakend.io/docs/enterprise/logging/",
    ),
    LogDialect(
        name="gravitee",
        gateway="gravitee",
        names=all_of(
            "gatewayresponsetimems",
            "proxyresponsetimems apiresponsetimems",
            "responsetime apiresponsetime proxylatency",
            "gateway responsetime transaction remoteaddress",
        ),
        units=("ms",),
        fields=GRAVITEE_FIELDS
        | fields_named(
            duration_ms="gatewayresponsetimems proxyresponsetimems responsetime",
            upstream_duration_ms="endpointresponsetimems apiresponsetimems apiresponsetime",
            path="uri path pathinfo",
            api="apiname api apiid",
            request_id="requestid id",
            request_bytes="requestcontentlength",
            response_bytes="responsecontentlength",
        ),
        sample=(
            '{"timestamp":1791640536123,"requestId":"6a9b","apiName":"shop","applicationId":"ti'
            'll","httpMethod":"GET","remoteAddress":"203.0.113.9","host":"shop.example","uri":"'
            '/a?b=1","endpointResponseTimeMs":12,"status":200,"requestContentLength":-1,"respon'
            'seContentLength":120,"gatewayResponseTimeMs":15,"gatewayLatencyMs":3}'
        ),
        url="https://documentation.gravitee.io/apim/analyze-and-monitor-apis/reporters",
    ),
    LogDialect(
        name="wso2",
        gateway="wso2",
        names=all_of(
            "proxyresponsecode responselatency backendlatency",
            "proxyresponsecode targetresponsecode apimethod",
        ),
        units=("ms",),
        fields=WSO2_CALLERS
        | fields_named(
            timestamp="requesttimestamp timestamp",
            duration_ms="responselatency",
            upstream_duration_ms="backendlatency",
            status="proxyresponsecode",
            upstream_status="targetresponsecode",
            method="apimethod",
            route="apiresourcetemplate",
            api="apiname",
            request_id="correlationid",
            client_ip="userip",
            error_type="errormessage errortype",
        ),
        sample=(
            '{"apiName":"shop","proxyResponseCode":200,"apiMethod":"GET","apiResourceTemplate":'
            '"/a/{id}","responseLatency":15,"backendLatency":12,"targetResponseCode":200,"appli'
            'cationName":"till","requestTimestamp":"2026-10-10T13:55:36.123Z","correlationId":"'
            '6a9b","userIp":"203.0.113.9"}'
        ),
        url="https://apim.docs.wso2.com/en/latest/api-analytics/on-prem/elk-installation-guide/",
    ),
    LogDialect(
        name="iis",
        gateway="iis",
        names=all_of("csmethod csuristem scsubstatus", "csmethod csuristem scwin32status"),
        units=("ms",),
        fields=W3C_FIELDS,
        sample=(
            '{"date":"2026-10-10","time":"13:55:36","s-ip":"10.0.0.4","cs-method":"GET",'
            '"cs-uri-stem":"/a","cs-uri-query":"b=1","s-port":443,"cs-username":"-",'
            '"c-ip":"203.0.113.9","sc-status":200,"sc-substatus":0,"sc-win32-status":0,'
            '"time-taken":15}'
        ),
        url="https://learn.microsoft.com/windows/win32/http/w3c-logging",
    ),
    LogDialect(
        name="iis-by-software",
        gateway="iis",
        names=all_of("#software csmethod csuristem"),
        values={"#software": r"^Microsoft Internet Information Services"},
        units=("ms",),
        fields=W3C_FIELDS,
        sample=(
            '{"#Software":"Microsoft Internet Information Services 10.0","date":"2026-10-10",'
            '"time":"13:55:36","cs-method":"GET","cs-uri-stem":"/a","c-ip":"203.0.113.9",'
            '"sc-status":200,"time-taken":15}'
        ),
        url="https://learn.microsoft.com/windows/win32/http/w3c-logging",
    ),
    LogDialect(
        # Its `time-taken` are seconds, which Tomcat writes whole.
        name="tomcat-w3c",
        gateway="tomcat",
        names=all_of("#software csmethod csuristem", "#software csmethod csuri"),
        values={"#software": r"^Apache Tomcat/"},
        units=("s",),
        fields=W3C_FIELDS
        | fields_named(path="csuristem csuri", duration_ms="timetaken:s", response_bytes="bytes"),
        sample=(
            '{"#Software":"Apache Tomcat/10.1.60","date":"2026-10-10","time":"13:55:36",'
            '"c-ip":"203.0.113.9","cs-method":"GET","cs-uri":"/a?b=1","sc-status":"200",'
            '"bytes":"120","time-taken":"2"}'
        ),
        url="https://tomcat.apache.org/tomcat-10.1-doc/config/valve.html#Extended_Access_Log_Valve",
    ),
    LogDialect(
        # ASP.NET Core's: milliseconds, with a fraction.
        name="aspnetcore-w3c",
        names=all_of("csmethod csuristem timetaken csversion scomputername"),
        units=("ms",),
        fields=W3C_FIELDS,
        sample=(
            '{"date":"2026-10-10","time":"13:55:36","c-ip":"203.0.113.9","s-computername":"WEB1",'
            '"s-ip":"10.0.0.4","s-port":"5000","cs-method":"GET","cs-uri-stem":"/a","sc-status":'
            '"200","time-taken":"59.9171","cs-version":"HTTP/1.1","cs-host":"shop.example"}'
        ),
        url="https://learn.microsoft.com/aspnet/core/fundamentals/w3c-logger",
    ),
    LogDialect(
        # Whatever else names its fields as the draft of the format does.
        name="w3c",
        names=all_of("csmethod csuristem", "csmethod csuripath", "csmethod csuri scstatus"),
        units=("ms", "s"),
        fields=W3C_FIELDS | fields_named(path="csuristem csuripath csuri"),
        sample=(
            '{"date":"2026-10-10","time":"13:55:36","c-ip":"203.0.113.9","cs-method":"GET",'
            '"cs-uri-stem":"/a","sc-status":"200","time-taken":"15","cs-host":"shop.example"}'
        ),
        url="https://www.w3.org/TR/WD-logfile.html",
    ),
    LogDialect(
        name="vercel",
        gateway="vercel",
        names=all_of("deploymentid projectid proxystatuscode", "deploymentid proxyvercelid"),
        units=("ms",),
        # Of a function's lines, `path` and `statusCode` are the function's.
        fields=fields_named(
            method="proxymethod method",
            path="proxypath path",
            status="proxystatuscode statuscode",
            client_ip="proxyclientip clientip",
            cache_status="proxyvercelcache vercelcache",
        ),
        sample=(
            '{"id":"6a9b","deploymentId":"d1","projectId":"p1","source":"lambda","host":"shop.e'
            'xample","timestamp":1791640536123,"proxy":{"timestamp":1791640536123,"method":"GET'
            '","host":"shop.example","path":"/a?b=1","userAgent":["curl/8"],"statusCode":200,"c'
            'lientIp":"203.0.113.9","vercelCache":"MISS"}}'
        ),
        url="https://vercel.com/docs/drains/reference/logs",
    ),
    LogDialect(
        name="netlify",
        gateway="netlify",
        names=all_of("siteid deployid statuscode", "siteid logtype statuscode"),
        units=("ms",),
        # The account is that of whose site it is.
        fields=fields_named(consumer=""),
        sample=(
            '{"log_type":"traffic","site_id":"s1","deploy_id":"d1","client_ip":"203.0.113.9","d'
            'uration":15,"method":"GET","request_id":"6a9b","status_code":200,"timestamp":"2026'
            '-10-10T13:55:36.123Z","url":"https://shop.example/a?b=1","user_agent":"curl/8"}'
        ),
        url="https://docs.netlify.com/manage/monitoring/log-drains/",
    ),
    *(
        LogDialect(
            name=gateway,
            gateway=gateway,
            names=all_of("resourcetype insertid", "resourcetype logname"),
            values={"resourcetype": pattern},
            sample=_GOOGLE_SAMPLE.replace("RESOURCE", resource),
            url="https://cloud.google.com/logging/docs/api/v2/resource-list",
        )
        for gateway, (pattern, resource) in _GOOGLE_RESOURCES.items()
    ),
    LogDialect(
        name="heroku",
        gateway="heroku",
        names=all_of("dyno connect service status fwd"),
        units=("ms",),
        fields=fields_named(
            duration_ms="service",
            upstream_duration_ms="",
            client_ip="fwd",
            error_type="code",
            status="status",
            api="",
        ),
        sample=(
            'at=info method=GET path="/a?b=1" host=shop.example request_id=6a9b fwd="203.0.113.'
            '9" dyno=web.1 connect=1ms service=15ms status=200 bytes=120 protocol=https'
        ),
        url="https://devcenter.heroku.com/articles/http-routing#heroku-router-log-format",
    ),
    LogDialect(
        name="linkerd",
        names=all_of("totalns processingns"),
        units=("ns",),
        fields=fields_named(protocol="version", consumer="clientid", duration_ms="totalns"),
        sample=(
            '{"client.addr":"203.0.113.9:4711","client.id":"till.shop.serviceaccount.identity.l'
            'inkerd.cluster.local","host":"shop.example","method":"GET","processing_ns":"39826"'
            ',"response_bytes":"120","status":200,"timestamp":"2026-10-10T13:55:36.123456789Z",'
            '"total_ns":"1500000","uri":"http://shop.example/a?b=1","version":"HTTP/2.0"}'
        ),
        url="https://linkerd.io/2/features/access-logging/",
    ),
    LogDialect(
        name="ingress-nginx",
        gateway="nginx",
        # https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/
        # Under the names of Cloud Logging, the one duration is that of the service behind.
        names=all_of("proxyupstreamname httprequestlatency"),
        fields=fields_named(
            duration_ms="",
            upstream_duration_ms="httprequestlatency:s",
            response_bytes="responsesize",
        ),
        sample=(
            '{"timestamp":"2026-10-10T13:55:36+00:00","requestID":"6a9b","proxyUpstreamName":"s'
            'hop-api-80","upstreamStatus":"200","httpRequest":{"requestMethod":"GET","requestUr'
            'l":"shop.example/a?b=1","status":200,"requestSize":"87","responseSize":"120","remo'
            'teIp":"203.0.113.9","latency":"0.012 s","protocol":"HTTP/2.0"}}'
        ),
        url="https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/",
    ),
)
"""The first that matches counts."""
