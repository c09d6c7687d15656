"""Named text formats of web frameworks and their servers, in the language of nginx.

Some of their lines tell no time: then a record has that of its envelope, or none.
"""

from __future__ import annotations

from collections.abc import Mapping

from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import EscapeMode, parse_log_format

_UVICORN = "https://www.uvicorn.org/settings/#logging"
_HYPERCORN = "https://hypercorn.readthedocs.io/en/latest/how_to_guides/logging.html"
_MORGAN = "https://github.com/expressjs/morgan#predefined-formats"
_GIN = "https://gin-gonic.com/en/docs/logging/"
_DJANGO = "https://docs.djangoproject.com/en/stable/ref/logging/#django-server"
_WERKZEUG = "https://werkzeug.palletsprojects.com/en/stable/serving/"
_SANIC = "https://sanic.dev/en/guide/best-practices/logging.html"
_FASTAPI = "https://fastapi.tiangolo.com/deployment/manually/"
_TORNADO = "https://www.tornadoweb.org/en/stable/log.html"
_FIBER = "https://docs.gofiber.io/api/middleware/logger/"
_REACTOR_NETTY = "https://projectreactor.io/docs/netty/release/reference/http-server.html"

_SQUID = "https://www.squid-cache.org/Doc/config/logformat/"
_AGENTS = '"$http_referer" "$http_user_agent"'


def framework_format(
    name: str,
    gateway: str | None,
    string: str,
    title: str,
    url: str,
    *samples: str,
    lacks_time: bool = False,
    escape: EscapeMode = "default",
    relatives: Mapping[str, str] | None = None,
    writes_whole_us: bool = False,
) -> NginxFormat:
    return NginxFormat(
        name=name,
        log_format=parse_log_format(string, escape),
        gateway=gateway,
        title=title,
        url=url,
        samples=samples,
        lacks_time=lacks_time,
        relatives=relatives or {},
        writes_whole_us=writes_whole_us,
    )


FRAMEWORK_FORMATS: tuple[NginxFormat, ...] = (
    framework_format(
        "uvicorn",
        "uvicorn",
        'INFO:     $peer - "$request" $status $tail_reason',
        "Uvicorn's access log, also that of `fastapi run` through it; no time",
        _UVICORN,
        'INFO:     203.0.113.7:51234 - "GET /v1/users/42?a=b HTTP/1.1" 200 OK',
        'INFO:     2001:db8::7:51234 - "GET /v1/users/42 HTTP/1.1" 404 Not Found',
        lacks_time=True,
    ),
    framework_format(
        "uvicorn-timed",
        "uvicorn",
        '${opening}$time_python${closing}${pad}INFO:${pad}$peer - "$request" $status $tail_reason',
        "Uvicorn's access log with a time before it, as many set it up",
        _UVICORN,
        '2026-11-21 10:00:00,123 INFO:     203.0.113.7:51234 - "GET /v1 HTTP/1.1" 200 OK',
        '[2026-11-21 10:00:00] INFO:     203.0.113.7:51234 - "GET /v1 HTTP/1.1" 404 Not Found',
    ),
    framework_format(
        "uvicorn-bare",
        "uvicorn",
        '$peer - "$request" $status',
        "Uvicorn's access log as a worker of gunicorn writes it; no time",
        "https://www.uvicorn.org/deployment/#gunicorn",
        '203.0.113.7:51234 - "GET /v1/users/42?a=b HTTP/1.1" 200',
        lacks_time=True,
    ),
    framework_format(
        "fastapi-cli",
        "uvicorn",
        '${fastapi_tag}$peer - "$request" $status',
        "Uvicorn's access log as `fastapi run` and `fastapi dev` draw it; no time",
        _FASTAPI,
        '      INFO   203.0.113.7:51234 - "GET /v1/users/42?a=b HTTP/1.1" 200',
        ' \u2595  203.0.113.7:51234 - "GET /v1/users/42 HTTP/1.1" 404',
        lacks_time=True,
    ),
    framework_format(
        "tornado",
        None,
        "[${level_letter} $time_tornado ${logger_and_line}] $status $request_method $target "
        "($remote_addr) $request_time_ms",
        "Tornado's access log, with or without its colours",
        _TORNADO,
        "[I 261121 10:00:00 web:2348] 200 GET /v1/users/42?a=b (203.0.113.7) 0.85ms",
        "[E 261121 10:00:01 web:2348] 500 POST /v1 (2001:db8::7) 1201.13ms",
    ),
    framework_format(
        "tornado-bare",
        None,
        "${python_prefix}$status $request_method $target ($remote_addr) $request_time_ms",
        "Tornado's access log through Python's own logging; no time",
        _TORNADO,
        "INFO:tornado.access:200 GET /v1/users/42?a=b (203.0.113.7) 0.85ms",
        lacks_time=True,
    ),
    *(
        framework_format(
            name,
            None,
            time + " |${pad}$status${pad}|${pad}$request_duration${pad}|${pad}$remote_addr${pad}|"
            "${pad}$request_method${pad}|${pad}$target${bar}$tail",
            f"Fiber's default logger, with or without its colours; {told}",
            _FIBER,
            f"{sample} | 200 |     1.2345ms |     203.0.113.7 | GET     | /v1/users/42 |",
            f"{sample} | 404 |         43\u00b5s |             ::1 | POST    | /v1 | Not Found",
            lacks_time=time == "$clock",
        )
        for name, time, sample, told in (
            ("fiber", "$clock", "10:00:00", "no date"),
            ("fiber-timed", "$time_python", "2026-11-21 10:00:00", "with a date"),
        )
    ),
    *(
        framework_format(
            name,
            None,
            f"[{time}] "
            "${client_or_none}${pad}$status -${pad}$request_duration $request_method $target${bar}"
            "$tail",
            f"Fiber's logger of old, and the format of version 3; {told}",
            _FIBER,
            f"[{sample}] 200 -   1.2345ms GET /v1/users/42",
            f"[{sample}] 203.0.113.7 404 - 43.1\u00b5s POST /v1 Not Found",
            lacks_time=time == "$clock",
        )
        for name, time, sample, told in (
            ("fiber-short", "$clock", "10:00:00", "no date"),
            ("fiber-short-timed", "$time_python", "2026-11-21 10:00:00", "with a date"),
        )
    ),
    framework_format(
        "hypercorn",
        "hypercorn",
        '[$logged_at $logged_zone] [$pid] [$level] $peer - - [$time_local] "$request_method '
        f'$request_uri $server_protocol" $status $sent_http_content_length {_AGENTS}',
        "Hypercorn's access log",
        _HYPERCORN,
        "[2026-11-21 10:00:00 +0000] [7] [INFO] 203.0.113.7:51234 - - [21/Nov/2026:10:00:00 +0000] "
        '"GET /v1/users/42 1.1" 200 512 "-" "curl/8.1"',
        "[2026-11-21 10:00:01 +0000] [7] [INFO] 203.0.113.7:51234 - - [21/Nov/2026:10:00:01 +0000] "
        '"GET /v1/users/42 2" 204 - "-" "-"',
        # Its %(D)s; no atom of its has milliseconds.
        writes_whole_us=True,
    ),
    framework_format(
        "morgan-dev",
        "morgan",
        "$request_method $target $status $request_time_ms ms - $sent_http_content_length",
        "morgan's dev, with or without its colours; no time",
        _MORGAN,
        "GET /v1/users/42?a=b 200 74.807 ms - 4855",
        "DELETE /v1/users/42 204 1.002 ms - -",
        lacks_time=True,
    ),
    framework_format(
        "morgan-tiny",
        "morgan",
        "$request_method $target $status $sent_http_content_length - $request_time_ms ms",
        "morgan's tiny; no time",
        _MORGAN,
        "GET /v1/users/42?a=b 200 4855 - 74.807 ms",
        "DELETE /v1/users/42 204 - - 1.002 ms",
        lacks_time=True,
    ),
    framework_format(
        "morgan-short",
        "morgan",
        "$remote_addr $remote_user $request_method $target $server_protocol $status "
        "$sent_http_content_length - $request_time_ms ms",
        "morgan's short; no time",
        _MORGAN,
        "203.0.113.7 - GET /v1/users/42?a=b HTTP/1.1 200 4855 - 74.807 ms",
        "::ffff:203.0.113.7 alice DELETE /v1/users/42 HTTP/1.1 204 - - 1.002 ms",
        lacks_time=True,
    ),
    framework_format(
        # Vert.x writes the same.
        "morgan-default",
        None,
        '$remote_addr - $remote_user [$time_web] "$request_method $target $server_protocol" '
        f"$status $sent_http_content_length {_AGENTS}",
        "morgan's default, which it advises against, and Vert.x's",
        _MORGAN,
        "203.0.113.7 - - [Sat, 21 Nov 2026 10:00:00 GMT] "
        '"GET /v1/users/42?a=b HTTP/1.1" 200 512 "-" "curl/8.1"',
    ),
    framework_format(
        "gin",
        "gin",
        "[GIN] $time_gin |${pad}$status${pad}|${pad}$request_duration${pad}"
        '|${pad}$remote_addr${pad}|${pad}$request_method${pad}"$request_uri"',
        "Gin's default logger, with or without its colours",
        _GIN,
        "[GIN] 2026/11/21 - 10:00:00 | 200 |     43.7102ms |     203.0.113.7 | GET      "
        '"/v1/users/42?a=b"',
        '[GIN] 2026/11/21 - 10:00:01 | 504 |         1m30s |     2001:db8::7 | POST     "/v1"',
        escape="apache",
        # https://www.krakend.io/docs/logging/
        relatives={r" KRAKEND [A-Z]+: |\[KRAKEND\] |\"module\": ?\"KRAKEND\"": "krakend"},
    ),
    framework_format(
        "werkzeug",
        None,
        '${python_prefix}$remote_addr - - [$time_no_zone] "$request" $status '
        "$sent_http_content_length",
        "Werkzeug's development server, Flask's; also Python's http.server",
        _WERKZEUG,
        '203.0.113.7 - - [21/Nov/2026 10:00:00] "GET /v1/users/42?a=b HTTP/1.1" 200 -',
    ),
    framework_format(
        "django",
        None,
        '[$time_no_zone] "$request" $status $body_bytes_sent',
        "Django's development server",
        _DJANGO,
        '[21/Nov/2026 10:00:00] "GET /v1/users/42?a=b HTTP/1.1" 200 512',
    ),
    framework_format(
        "apisix-ai",
        "apisix",
        '$remote_addr - $remote_user [$time_local] $http_host "$request" $status $body_bytes_sent '
        f"$request_time {_AGENTS} $upstream_addr $upstream_status $upstream_response_time "
        '"$upstream_scheme://$upstream_host$upstream_uri" "$request_id" "$request_type" '
        '"$llm_time_to_first_token" "$llm_model" "$request_llm_model"${blanks}'
        '"$llm_prompt_tokens" "$llm_completion_tokens"',
        "APISIX's access log with what its ai-proxy knows, as its documentation has it",
        "https://apisix.apache.org/docs/apisix/plugins/ai-proxy/",
        "203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] api.example.com "
        '"POST /v1/chat HTTP/1.1" 200 804 2.858 "-" "curl/8.1" api.openai.com:443 200 2.858 '
        '"https://api.openai.com/v1/chat/completions" "5c5e0b95f8d303cb81e4dc456a4b12d9" "ai_chat" '
        '"311" "gpt-4-0613" "gpt-4"  "23" "8"',
    ),
    framework_format(
        "aiohttp",
        None,
        '${python_prefix}$remote_addr [$time_local] "$request" $status $body_bytes_sent '
        f"{_AGENTS}",
        "aiohttp's access log",
        "https://docs.aiohttp.org/en/stable/logging.html#access-logs",
        '203.0.113.7 [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42?a=b HTTP/1.1" 200 512 "-" '
        '"curl/8.1"',
        "INFO:aiohttp.access:203.0.113.7 [21/Nov/2026:10:00:00 +0000] "
        '"GET /v1/users/42 HTTP/1.1" 404 166 "-" "curl/8.1"',
    ),
    *(
        framework_format(
            name,
            None,
            f'$time_go {token}"$request" from $peer - $status '
            "${body_bytes_sent}B in $request_duration",
            f"chi's Logger{told}, with or without its colours",
            "https://pkg.go.dev/github.com/go-chi/chi/v5/middleware#Logger",
            f'2026/11/21 10:00:00 {sample}"GET http://api.example.com/v1/users/42?a=b HTTP/1.1" '
            "from 203.0.113.7:51234 - 200 512B in 1.2345ms",
        )
        for name, token, sample, told in (
            ("chi", "", "", ""),
            ("chi-with-id", "[$request_id_any] ", "[web1/8f4Xa2bQ-000001] ", ", with request ids"),
        )
    ),
    framework_format(
        "rack",
        None,
        '$remote_addr - $remote_user [$time_local] "$request" $status $sent_http_content_length '
        "$request_time_rack",
        "Rack's common log, also Puma's, with seconds at its end",
        "https://github.com/rack/rack/blob/main/lib/rack/common_logger.rb",
        '203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 0.0153',
        '203.0.113.7 - alice [21/Nov/2026:10:00:01 +0000] "POST /v1 HTTP/1.1" 204 - 12.3456',
    ),
    framework_format(
        "aspnetcore",
        None,
        "${aspnet_head}Request finished $server_protocol $request_method $target "
        "${aspnet_body}- $status $sent_http_content_length ${one_word} $request_time_ms",
        "ASP.NET Core's console, of one line or two; no time",
        "https://learn.microsoft.com/dotnet/core/extensions/console-log-formatter",
        "      Request finished HTTP/1.1 GET http://api.example.com/v1/users/42?a=b - 200 512 "
        "application/json 12.3456ms",
        "info: Microsoft.AspNetCore.Hosting.Diagnostics[2] Request finished HTTP/2 POST "
        "https://api.example.com/v1 application/json 2 - 500 - - 1.2345ms",
        lacks_time=True,
    ),
    framework_format(
        "serilog",
        None,
        "${serilog_head}HTTP $request_method $target responded $status in $request_time_ms ms",
        "Serilog's request logging in a console; no date",
        "https://github.com/serilog/serilog-aspnetcore",
        "[10:00:00 INF] HTTP GET /v1/users/42 responded 200 in 12.3456 ms",
        lacks_time=True,
    ),
    framework_format(
        "koa",
        None,
        "${koa_arrow}$request_method $target $status $request_duration ${one_word}",
        "koa-logger, with or without its colours; no time",
        "https://github.com/koajs/logger",
        "  --> GET /v1/users/42?a=b 200 15ms 1.2kb",
        "  xxx POST /v1 500 3s -",
        lacks_time=True,
    ),
    framework_format(
        "sanic",
        None,
        "${sanic_process}$time_any INFO: $peer $request_method $target $status $body_bytes_sent"
        "${pad}$request_duration",
        "Sanic's access log",
        _SANIC,
        "Main |2026-11-21 10:00:00 +0000 INFO: 203.0.113.7:51234 GET http://api.example.com/v1?a=b "
        "200 512  1.2ms",
    ),
    framework_format(
        "sanic-old",
        None,
        "${opening}$time_any${closing} - (sanic.access)[$level][$peer]: $request_method $target "
        "${pad}$status $body_bytes_sent",
        "Sanic's access log before version 24",
        _SANIC,
        "[2026-11-21 10:00:00 +0000] - (sanic.access)[INFO][203.0.113.7:51234]: "
        "GET http://api.example.com/v1?a=b  200 512",
    ),
    framework_format(
        "actix",
        None,
        '[$time_iso8601 $level${pad} $one_word] $remote_addr "$request" $status $body_bytes_sent '
        f"{_AGENTS} $request_time_actix",
        "actix-web's Logger through env_logger",
        "https://docs.rs/actix-web/latest/actix_web/middleware/struct.Logger.html",
        "[2026-11-21T10:00:00Z INFO  actix_web::middleware::logger] 203.0.113.7 "
        '"GET /v1/users/42?a=b HTTP/1.1" 200 512 "-" "curl/8.1" 0.000123',
    ),
    framework_format(
        "tower-http",
        None,
        "$time_iso8601 ${pad}$level ${spans}request{method=$request_method uri=$target "
        "version=$server_protocol$more_fields}: tower_http::trace::on_response: "
        "finished processing request latency=$request_time_any status=$status",
        "tower-http's TraceLayer through tracing, axum's",
        "https://docs.rs/tower-http/latest/tower_http/trace/index.html",
        "2026-11-21T10:00:00.123456Z DEBUG request{method=GET uri=/v1/users/42?a=b "
        "version=HTTP/1.1}: tower_http::trace::on_response: finished processing request "
        "latency=1 ms status=200",
    ),
    framework_format(
        "ktor",
        None,
        "$status $reason_phrase: $request_method - $target in $request_duration",
        "Ktor's CallLogging; no time of its own",
        "https://ktor.io/docs/server-call-logging.html",
        "200 OK: GET - /v1/users/42 in 12ms",
        lacks_time=True,
    ),
    framework_format(
        "laravel-octane",
        None,
        "${pad}$status${pad}$request_method $target$dots $request_time_ms ms",
        "Laravel Octane's requests in a console; no time",
        "https://laravel.com/docs/octane",
        "  200    GET /v1/users/42 .................... 12.34 ms",
        lacks_time=True,
    ),
    framework_format(
        "uwsgi",
        None,
        "[pid: $pid|app: $one_word|req: $one_word] $remote_addr ($remote_user) {$uwsgi_vars} "
        "[$time_any] $request_method $target => generated $body_bytes_sent bytes in "
        "$request_time_ms msecs ($server_protocol $status)$tail",
        "uWSGI's request log",
        "https://uwsgi-docs.readthedocs.io/en/latest/LogFormat.html",
        "[pid: 7|app: 0|req: 1/1] 203.0.113.7 () {36 vars in 400 bytes} [Sat Nov 21 10:00:00 2026] "
        "GET /v1/users/42?a=b => generated 512 bytes in 12 msecs (HTTP/1.1 200) 2 headers in 80 "
        "bytes (1 switches on core 0)",
    ),
    framework_format(
        "granian",
        None,
        '[$time_any] $remote_addr - "$request" $status $request_time_ms',
        "Granian's access log, with milliseconds at its end",
        "https://github.com/emmett-framework/granian#access-log-format",
        '[2026-11-21 10:00:00 +0000] 203.0.113.7 - "GET /v1/users/42?a=b HTTP/1.1" 200 1.234',
    ),
    framework_format(
        "squid-combined",
        None,
        '$remote_addr $ident $remote_user [$time_local] "$request" $status $body_bytes_sent '
        f"{_AGENTS} $squid_result:$hierarchy",
        "Squid's logformat combined",
        _SQUID,
        "203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "
        '"GET http://api.example.com/v1 HTTP/1.1" 200 512 "-" "curl/8.1" TCP_MISS:HIER_DIRECT',
    ),
    framework_format(
        "squid-common",
        None,
        '$remote_addr $ident $remote_user [$time_local] "$request" $status $body_bytes_sent '
        "$squid_result:$hierarchy",
        "Squid's logformat common",
        _SQUID,
        "203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "
        '"GET http://api.example.com/v1 HTTP/1.1" 200 512 TCP_MEM_HIT:HIER_NONE',
    ),
    framework_format(
        "jetty",
        "jetty",
        '${jetty_prefix}$remote_addr - $remote_user [$time_local] "$request" $status '
        f"$sent_http_content_length {_AGENTS}",
        "Jetty's request log through its logger; that of a file is `combined`",
        "https://jetty.org/docs/jetty/12/operations-guide/modules/standard.html#requestlog",
        "2026-11-21 10:00:00.137:INFO :oejs.RequestLog:qtp1-20: 203.0.113.7 - - "
        '[21/Nov/2026:10:00:00 +0000] "GET /v1/users/42?a=b HTTP/1.1" 200 512 "-" "curl/8.1"',
    ),
    framework_format(
        "reactor-netty",
        "spring",
        "${logger_prefix}reactor.netty.http.server.AccessLog${pad}: $remote_addr - $remote_user "
        '[$time_local] "$request" $status $sent_http_content_length $request_time_ms',
        "Reactor Netty's access log among Spring Boot's lines, also Spring Cloud Gateway's",
        _REACTOR_NETTY,
        "2026-11-21T10:00:00.123Z  INFO 1 --- [ctor-http-nio-3] "
        "reactor.netty.http.server.AccessLog      : 203.0.113.7 - - [21/Nov/2026:10:00:00 +0000] "
        '"GET /v1/users/42?a=b HTTP/1.1" 200 512 57',
        "2026-11-21 10:00:00.123  INFO 1 --- [shop] [nio-3] reactor.netty.http.server.AccessLog : "
        '203.0.113.7 - alice [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 204 - 3',
    ),
)
