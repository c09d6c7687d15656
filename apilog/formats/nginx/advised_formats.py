"""Named text formats that programs write once they are told to, in the language of nginx.

Some are what `apilog formats NAME --template` prints, others are layouts of their manuals.
"""

from __future__ import annotations

from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.frameworks import framework_format

_AGENTS = '"$http_referer" "$http_user_agent"'
_TOMCAT = "https://tomcat.apache.org/tomcat-10.1-doc/config/valve.html#Access_Log_Valve"
_JETTY = "https://javadoc.jetty.org/jetty-12/org/eclipse/jetty/server/CustomRequestLog.html"
_KRAKEND = "https://www.krakend.io/docs/enterprise/logging/"
_PLAY = "https://www.playframework.com/documentation/latest/ScalaLogging"
_GOOD = "https://github.com/hapijs/good-console"

ADVISED_FORMATS: tuple[NginxFormat, ...] = (
    framework_format(
        "tomcat",
        "tomcat",
        '$remote_addr $ident $remote_user [$time_local] "$request" $status '
        f'$sent_http_content_length {_AGENTS} $request_duration $host "$request_id_any" tomcat',
        "what apilog advises for Tomcat: combined with the duration, host and id",
        _TOMCAT,
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42?a=b HTTP/1.1" 200 512 "-" '
        '"curl/8.1" 12345us api.example.com "6a9b" tomcat',
        '203.0.113.7 - alice [21/Nov/2026:10:00:01 +0000] "POST /v1 HTTP/1.1" 204 - "-" '
        '"curl/8.1" 812us api.example.com "-" tomcat',
        escape="apache",
    ),
    framework_format(
        "jetty-timed",
        "jetty",
        '$remote_addr - $remote_user [$time_local] "$request" $status $sent_http_content_length '
        f'{_AGENTS} $request_duration $host "$request_id_any" jetty',
        "what apilog advises for Jetty: combined with the duration, host and id",
        _JETTY,
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42?a=b HTTP/1.1" 200 512 "-" '
        '"curl/8.1" 12345us api.example.com "6a9b" jetty',
        escape="apache",
    ),
    framework_format(
        "krakend",
        "krakend",
        '$remote_addr - $remote_user [$time_gin] "$request" $status $sent_http_content_length '
        f"{_AGENTS} $request_time_ms $host krakend",
        "what apilog advises for KrakenD Enterprise: combined with the duration and host",
        _KRAKEND,
        '203.0.113.7 - alice [2026/11/21 - 10:00:00.123] "GET /v1/users/42 HTTP/1.1" 200 - "-" '
        '"curl/8.1" 12.345 api.example.com krakend',
        escape="apache",
    ),
    framework_format(
        "krakend-enterprise",
        "krakend",
        "${prefix}$time_gin [AccessLog] |$status| $request_time_ms | $remote_addr | "
        "$request_method $target",
        "KrakenD Enterprise's default access log",
        _KRAKEND,
        "[KRAKEND] 2026/11/21 - 10:00:00.123 [AccessLog] |200| 12.345 | 203.0.113.7 | GET /v1/a",
    ),
    framework_format(
        "krakend-common",
        "krakend",
        '$remote_addr - - [$time_gin] "$request" $status $sent_http_content_length',
        "KrakenD Enterprise's httpdCommon",
        _KRAKEND,
        '203.0.113.7 - - [2026/11/21 - 10:00:00.123] "GET /v1/users/42 HTTP/1.1" 200 -',
    ),
    framework_format(
        "krakend-combined",
        "krakend",
        f'$remote_addr - - [$time_gin] "$request" $status $sent_http_content_length {_AGENTS}',
        "KrakenD Enterprise's httpdCombined",
        _KRAKEND,
        '203.0.113.7 - - [2026/11/21 - 10:00:00.123] "GET /v1/users/42 HTTP/1.1" 200 - "-" '
        '"curl/8.1"',
    ),
    framework_format(
        "hapi-good",
        None,
        "$time_good,${good_id} [response${good_tags}] ${one_word}: $method_lower "
        "$target${good_query} $status ($request_time_ms)",
        "hapi's requests by good-console, with or without its colours",
        _GOOD,
        "261121/100000.123, (1795255200123:web1:4711:k0u742ki:10000) [response] "
        "http://localhost:3000: get /v1/users/42 {} 200 (34ms)",
        '261121/100000.123, [response,api] http://localhost:3000: post /v1 {"a":"b"} 404 (6ms)',
    ),
    framework_format(
        "play",
        None,
        "${play_head}method=$request_method uri=$request_uri remote-address=$remote_addr "
        "status=$status",
        "Play's access logger, as its documentation has it; no time",
        _PLAY,
        "[info] access - method=GET uri=/v1/users/42?a=b remote-address=203.0.113.7 status=200",
        lacks_time=True,
    ),
    framework_format(
        "play-timed",
        None,
        "${play_head_or_none}$request_method $target took $request_time_ms and returned $status",
        "Play's logging filter with durations, as its documentation has it; no time",
        "https://www.playframework.com/documentation/latest/ScalaHttpFilters",
        "[info] f.LoggingFilter - GET /v1/users/42?a=b took 15ms and returned 200",
        lacks_time=True,
    ),
)
