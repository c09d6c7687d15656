"""Skipped lines: those that stand in access logs and are none, and why.

The rules are asked only about lines that no format could read. A line is skipped when it is plainly
something else; anything that may be a broken access line is not.
"""

from __future__ import annotations

import polars as pl

from apilog.formats import gateways
from apilog.formats.contract import SkipRule
from apilog.formats.haproxy import text_formats as haproxy
from apilog.transport.csv_messages import EXPORT_HEADER
from apilog.transport.json_envelopes import JOURNAL_KEY, is_of_another_unit
from apilog.transport.line_prefixes import CONTAINER_NAME, is_of_another_container
from apilog.transport.logger_prefixes import PYTHON_PREFIX
from apilog.transport.syslog import SYSLOG_HEADED, is_of_another_program

BLANK = "blank line"
COMMENT = "comment"
ERROR_LOG = "error log line"
NOTICE = "notice of a program that starts or stops"
MARKER = "marker of a log tool"
SERVER_LOG = "line of the server's own log"
# What a program says of requests in its own log is no less a record.
_OF_A_REQUEST = r"\bHTTP/[0-9]|\b[1-5][0-9]{2}\b.* /|/.* [1-5][0-9]{2}\b|\bstatus"
TABLE_HEADER = "header of an export"
HEADING = "heading of an export"
NO_REQUEST = "connection without a request"
OTHER_PROGRAM = "line of another program"

_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_LEVEL = "emerg|alert|crit|error|err|warn|warning|notice|info|debug|trace[1-8]?"


SKIP_RULES: tuple[SkipRule, ...] = (
    SkipRule(BLANK, r"^[\s\x00]*$", ("", " \t", "\r", "\x00\x00")),
    SkipRule(COMMENT, r"^\s*#", ("#Fields: date time cs-uri-stem", "# rotated", "#")),
    SkipRule(
        ERROR_LOG,
        rf"^[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} {_TIME} \[(?:{_LEVEL})\] ",
        (
            '2021/04/01 13:02:31 [error] 31#31: *1 open() "/a" failed (2: No such file)',
            "2021/04/01 13:02:31 [notice] 1#1: start worker processes",
        ),
    ),
    SkipRule(
        ERROR_LOG,
        rf"^\[[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [0-9 ]{{2}} {_TIME}(?:\.[0-9]+)? [0-9]{{4}}\] \[",
        (
            "[Thu Oct 13 12:24:49.880562 2022] [auth_basic:error] [pid 10:tid 1] AH01618: user x",
            "[Sun Mar  7 16:02:00 2021] [error] [client 10.0.0.1] File does not exist: /var/www/a",
        ),
    ),
    SkipRule(
        ERROR_LOG,
        rf"^\[[^\]\"]{{10,40}}\] (?:\[(?:[A-Za-z0-9_]*:)?(?:{_LEVEL})\] "
        # Some servers write their access lines so, too: those have a request in quotes.
        rf"|\[[0-9]{{1,7}}\] \[(?i:{_LEVEL})\] [^\"]*$)",
        (
            "[01/Mar/2021:12:00:19 +0000] [ab:alert] [pid 1] AH0: stopped",
            "[2021-03-01T12:00:19Z] [warn] deprecated",
            # gunicorn: https://docs.gunicorn.org/en/stable/settings.html#errorlog
            "[2026-03-01 12:00:19 +0000] [7] [INFO] Booting worker with pid: 7",
        ),
    ),
    SkipRule(
        # https://symfony.com/doc/current/logging.html
        "route that Symfony matched, of a request whose answer is not told",
        r'^\[[^\]\"]+\] (?:[a-z]+\.)?request\.INFO: Matched route "',
        (
            (
                '[2026-11-21T10:00:00.123456+00:00] request.INFO: Matched route "shop". {"route":'
                '"shop","request_uri":"https://api.example.com/v1","method":"GET"} []'
            ),
        ),
    ),
    SkipRule(
        NOTICE,
        rf"^(?:/docker-entrypoint\.(?:sh|d/)|[0-9]{{1,3}}-[a-z0-9-]+\.(?:env)?sh: |"
        rf"nginx: \[(?:{_LEVEL})\] |nginx: (?:the )?configuration |AH[0-9]{{5}}: |httpd: )",
        (
            "/docker-entrypoint.sh: Configuration complete; ready for start up",
            "/docker-entrypoint.d/40-site.sh: done",
            "10-listen-on-ipv6-by-default.sh: info: IPv6 listen already enabled",
            "nginx: [warn] the 'user' directive makes sense only if run as super-user",
            "nginx: configuration file /etc/nginx/nginx.conf test is successful",
            "AH00558: httpd: Could not reliably determine the server's name",
        ),
    ),
    SkipRule(
        # Flask's development server: https://flask.palletsprojects.com/en/stable/server/
        NOTICE,
        r"^ \* (?:Serving Flask app|Debug mode:|Running on|Restarting with|Debugger |Environment:)"
        r"|^ \* Detected change in |^Press CTRL\+C to quit$"
        r"|^WARNING: This is a development server\.",
        (
            " * Serving Flask app 'orders'",
            " * Debug mode: on",
            " * Running on http://127.0.0.1:5000",
            " * Detected change in '/app/main.py', reloading",
            "Press CTRL+C to quit",
            "WARNING: This is a development server. Do not use it in a production deployment.",
        ),
    ),
    SkipRule(
        NOTICE,
        r"^-{20,}$|^NGINX Ingress controller$|^ +(?:Release|Build|Repository|nginx version): ",
        ("-" * 79, "NGINX Ingress controller", "  nginx version: nginx/1.25.5"),
    ),
    SkipRule(
        MARKER,
        r"^-- (?:Boot [0-9a-f]+|Reboot|Logs begin at .*|Journal begins at .*|No entries) ?--$"
        r"|^==> .* <==$|^-+ ?last message repeated [0-9]+ times? ?-+$"
        r"|^(?:tail|journalctl): ",
        (
            "-- Boot 6b1c3f7a2d --",
            "-- Reboot --",
            "-- Logs begin at Mon 2026-10-05 08:00:01 UTC, end at Mon 2026-10-05 09:00:01 UTC. --",
            "-- No entries --",
            "==> /var/log/nginx/access.log <==",
            "tail: /var/log/nginx/access.log: file truncated",
        ),
    ),
    SkipRule(
        SERVER_LOG,
        rf"^[IWEF][0-9]{{4}} {_TIME}\.[0-9]{{6}} +[0-9]+ [^ :]+:[0-9]+\] ",
        ("I0318 15:00:00.000000       7 main.go:101] Running in Kubernetes cluster",),
    ),
    SkipRule(
        SERVER_LOG,
        r'^time="[^"]*" level=[a-z]+ |^[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ (?:TRC|DBG|INF|WRN|ERR|FTL) ',
        (
            'time="2026-10-10T13:55:36Z" level=info msg="Configuration loaded"',
            "2026-10-10T13:55:36Z INF Traefik version 3.2.0 built on 2026-10-01",
        ),
        # Access lines have the same beginning where the program logs requests the same way.
        unless=r"(?i)\b(?:status|status_?code|response_?code)=\"?[0-9]{3}\b",
    ),
    SkipRule(
        # Uvicorn: https://github.com/encode/uvicorn/tree/master/uvicorn/protocols
        SERVER_LOG,
        r"^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):\s+(?:[A-Z][A-Za-z']+ |connection (?:open|closed|"
        r'rejected)\b|\S* - "WebSocket )|^\S+:[0-9]+ - "WebSocket ',
        (
            "INFO:     Started server process [7]",
            "WARNING:  Invalid HTTP request received.",
            "INFO:     ASGI 'lifespan' protocol appears unsupported.",
            "INFO:     connection open",
            'INFO:     203.0.113.7:51234 - "WebSocket /feed" [accepted]',
        ),
    ),
    SkipRule(
        # https://github.com/fastapi/fastapi-cli
        SERVER_LOG,
        r"^ *(?:\u2595|INFO|WARNING|ERROR) +[A-Z][a-z]+ "
        r"|^ {1,4}\S{1,3} +(?:Starting FastAPI|Using import string|Server started at)"
        r"|^ +(?:Documentation at http|Logs:$|Searching for package)"
        r"|^ {3,}(?:FastAPI|server|module|code|app|tip) {3}\S",
        (
            "      INFO   Started server process [7]",
            " \u2595  Application startup complete.",
            " \U0001f310 Server started at http://127.0.0.1:8000",
            "    Documentation at http://127.0.0.1:8000/docs",
            "  Logs:",
            "   FastAPI   Starting production server",
            "    server   Server started at http://0.0.0.0:8000",
        ),
        unless=r"\bHTTP/[0-9]",
    ),
    SkipRule(
        SERVER_LOG,
        PYTHON_PREFIX,
        (
            "2026-10-10 13:55:37,000 - shop - INFO - starting",
            "2026-10-10 13:55:37.000 | INFO     | __main__:main:4 - started",
            "INFO:shop:started",
        ),
        unless=_OF_A_REQUEST,
    ),
    SkipRule(
        SERVER_LOG,
        r"^\[Nest\] [0-9]+ +- |^ *<-- [A-Z]+ /\S*$",
        ("[Nest] 7  - 11/20/2026, 1:55:36 PM     LOG [NestFactory] Starting", "  <-- GET /v1"),
        unless=r"\bHTTP/[0-9]| /\S* .*\b[1-5][0-9]{2}\b|\b[1-5][0-9]{2} .*/",
    ),
    SkipRule(
        # https://learn.microsoft.com/dotnet/core/extensions/console-log-formatter
        SERVER_LOG,
        r"^(?:trce|dbug|info|warn|fail|crit): [\w.<>+`]+\[-?[0-9]+\]$"
        r"|^ {6}(?:Request starting HTTP/|Execut(?:ing|ed) |Route matched |Request reached "
        r"|Now listening on: |Application (?:started|is shutting)|Hosting environment: "
        "|Content root )",
        (
            "info: Microsoft.AspNetCore.Hosting.Diagnostics[2]",
            "      Request starting HTTP/1.1 GET http://localhost:5000/x - - -",
            "      Now listening on: http://localhost:5000",
        ),
    ),
    SkipRule(
        SERVER_LOG,
        r"tower_http::trace::(?:on_request|on_eos|on_body_chunk|on_failure|make_span): ",
        (
            (
                "2026-11-21T10:00:00.120Z DEBUG request{method=GET uri=/v1 version=HTTP/1.1}: "
                "tower_http::trace::on_request: started processing request"
            ),
        ),
    ),
    SkipRule(
        # Python's http.server, of a request that has a line of its own.
        SERVER_LOG,
        r"^\S+ - - \[[^\]]+\] code [0-9]{3}, message ",
        ("127.0.0.1 - - [20/Nov/2026 12:00:00] code 404, message File not found",),
    ),
    SkipRule(
        # https://supervisord.org/logging.html
        SERVER_LOG,
        rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_TIME},[0-9]{{3}} "
        "(?:CRIT|ERRO|WARN|INFO|DEBG|TRAC|BLAT) ",
        (
            "2026-11-21 10:00:00,123 INFO spawned: 'app' with pid 7",
            "2026-11-21 10:00:00,123 DEBG 'app' stdout output:",
        ),
        unless=_OF_A_REQUEST,
    ),
    SkipRule(
        # https://github.com/gin-gonic/gin/blob/master/debug.go
        SERVER_LOG,
        r"^\[GIN-debug\] |^Error #[0-9]{2}: | - using (?:env|code):\t"
        r"|^[0-9/]{10} [0-9:.]{8,} KRAKEND [A-Z]+: |^\[KRAKEND\] |^Parsing configuration file: "
        r'|"module": ?"KRAKEND"',
        (
            "[GIN-debug] GET    /v1/users/:id             --> main.user (3 handlers)",
            "[GIN-debug] Listening and serving HTTP on :8080",
            " - using env:\texport GIN_MODE=release",
            "Error #01: record not found",
            "2026/11/21 10:00:00 KRAKEND INFO: Starting KrakenD v2.7.0",
            "[KRAKEND] 2026/11/21 - 10:00:00.123 \u25b6 DEBUG [SERVICE: Gin] Debug enabled",
        ),
    ),
    SkipRule(
        # https://docs.spring.io/spring-boot/reference/features/logging.html
        SERVER_LOG,
        rf"^(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_TIME}\S* +)?"
        r"(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +[0-9]+ --- \[|^ :: Spring Boot :: "
        r"|^ {1,2}(?:\.   ____ |/\\\\ / ___|\( \( \)\\___|\\\\/  ___\)|'  \|____\| |=========\|_)",
        (
            "2026-11-21T10:00:00.123Z  INFO 1 --- [  main] o.s.b.w.NettyWebServer : Netty started",
            "  .   ____          _            __ _ _",
            " :: Spring Boot ::                (v3.2.0)",
        ),
        unless=r'" (?:[1-5][0-9]{2}|-) ',
    ),
    SkipRule(
        SERVER_LOG,
        r"^Traceback \(most recent call last\):$|^ +File \".*\", line [0-9]+"
        r"|^ {4,}[A-Za-z_^~(@][^\"{}]*$|^[A-Za-z_][\w.]*(?:Error|Exception)(?:: |$)"
        r"|^\s+at \S+|^Caused by: |^\s+\.\.\. [0-9]+ (?:more|common)",
        (
            "Traceback (most recent call last):",
            '  File "/app/main.py", line 12, in orders',
            "    return total / count",
            "           ~~~~~~^~~~~~~",
            "ZeroDivisionError: division by zero",
            "\tat com.example.Shop.total(Shop.java:12)",
            "    at Layer.handle (/app/node_modules/express/lib/router/layer.js:95:5)",
            "Caused by: java.net.ConnectException: Connection refused",
            "\t... 12 more",
        ),
        unless=r"\bHTTP/[0-9]",
    ),
    SkipRule(
        # https://docs.djangoproject.com/en/stable/ref/django-admin/#runserver
        NOTICE,
        r"^(?:Watching for file changes with|Performing system checks|System check identified|"
        r"Django version |Starting (?:ASGI/\S+ |WSGI )?development server at|Quit the server with|"
        r"Starting ASGI/|For more information on production servers see|"
        r"[A-Z][a-z]+ [0-9]{1,2}, [0-9]{4} - [0-9:]{8}$|You have [0-9]+ unapplied migration|"
        r"Run 'python manage\.py|(?:Not Found|Bad Request|Forbidden|Unauthorized|Gone|"
        r"Internal Server Error|Service Unavailable|Method Not Allowed|Not Acceptable|"
        r"Too Many Requests|Conflict)(?: \([^)]*\))?: /)|^(?:\[[^\]]*\] |- )Broken pipe from ",
        (
            "Watching for file changes with StatReloader",
            "System check identified no issues (0 silenced).",
            "November 21, 2026 - 10:00:00",
            "Starting development server at http://127.0.0.1:8000/",
            "Not Found: /v1/orders/33",
            "Forbidden (CSRF cookie not set.): /v1/orders",
            "- Broken pipe from ('127.0.0.1', 51234)",
        ),
    ),
    SkipRule(
        # What a program says when it starts, npm before it, and what restarts it.
        NOTICE,
        r'(?i)^[^"\[{]*\b(?:listening|running|started|ready|serving)\b[^"]*\b(?:on|at|in)\b[^"]*'
        r'(?:\b[0-9]{2,5}|https?://|:[0-9]{2,5}|\bmode)\b[^"]*$'
        r"|^> \S|^\[nodemon\] |^npm (?:info|warn|ERR!) ",
        (
            "Example app listening on port 3000",
            "Server ready at http://localhost:3000",
            "> shop@1.0.0 start",
            "[nodemon] starting `node server.js`",
        ),
        unless=r"\bHTTP/[0-9]|\bstatus\b|(?: |=)[1-5][0-9]{2} ",
    ),
    SkipRule(
        SERVER_LOG,
        rf"^\[[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_TIME}(?:\.[0-9]+)?\]"
        r"\[[0-9]+\]\[[a-z]+\]\[[a-z_0-9]+\] ",
        ("[2026-11-21 10:00:00.402][1][info][main] [source/server/server.cc:945] starting",),
    ),
    SkipRule(
        HEADING,
        r'^(?:Common labels: \{|Line limit: "?[0-9]|Total bytes processed: "?[0-9])',
        (
            'Common labels: {"app":"web"}',
            "Line limit: 1000 (200 returned)",
            'Total bytes processed: "2.07  MB"',
        ),
    ),
    SkipRule(
        SERVER_LOG,
        rf"^[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}[T ]{_TIME}\S*\t(?:\x1b\[[0-9;]*m)*"
        r"(?i:debug|info|warn|warning|error|dpanic|panic|fatal)(?:\x1b\[[0-9;]*m)*\t",
        (
            "2026/10/10 13:55:36.123\tINFO\tserving initial configuration",
            "2026-10-10T13:55:36.123Z\twarn\ttls\tstapling OCSP",
        ),
        unless=r'"status": ?"?[0-9]{3}\b',
    ),
    SkipRule(
        SERVER_LOG,
        rf"^[DIWEFA], \[[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}\S*(?: #[0-9]+)?\] +[A-Z]+ -- ",
        ("W, [2026-10-10T13:55:37.000001 #4711]  WARN -- shop: retrying",),
        unless=r'\bstatus=[0-9]{3}\b|\bHTTP/[0-9]|Completed [1-5][0-9]{2} |Started [A-Z]+ "'
        r"|Processing by |\(No route matches \[",
    ),
    SkipRule(
        NOTICE,
        r"^(?:=> (?:Booting|Rails|Run |Ctrl-C)|(?:\[[0-9]+\] )?(?:Puma (?:starting|version)"
        r"|\* +(?:Puma|Min|Max|Listening|Environment|PID|Version|Workers|Preloading|Ruby|Restarts)"
        r"|Use Ctrl-C to stop|- (?:Worker|Goodbye|Gracefully)))",
        (
            "=> Booting Puma",
            "=> Rails 7.1.3 application starting in production",
            "Puma starting in single mode...",
            "* Listening on http://0.0.0.0:3000",
            "[7] - Worker 0 (PID: 12) booted in 0.01s, phase: 0",
            "Use Ctrl-C to stop",
        ),
    ),
    *gateways.SKIP_RULES,
    *haproxy.SKIP_RULES,
    SkipRule(
        # Squid's, of health checks and the like: https://wiki.squid-cache.org/SquidFaq/SquidLogs
        NO_REQUEST,
        r' "- error:transaction-end-before-headers [A-Z]+/0\.0" 0 ',
        (
            (
                '10.0.0.1 - - [01/Mar/2026:12:00:19 +0000] "- error:transaction-end-before-headers '
                'NONE/0.0" 0 0 "-" "-" NONE_NONE:HIER_NONE'
            ),
        ),
    ),
    SkipRule(
        TABLE_HEADER,
        EXPORT_HEADER,
        ('"_raw","_time",host,source', "Date,Host,Service,Message", "Time\tLine\ttsNs"),
    ),
)
"""All rules; the first that matches gives the reason."""

_ANY_RULE = "|".join(f"(?:{rule.pattern})" for rule in SKIP_RULES)
_HEADED_BY_A_PROGRAM = f"{SYSLOG_HEADED}|{CONTAINER_NAME}|{JOURNAL_KEY}"


def skip_reasons(lines: pl.Series) -> pl.Series:
    """Return why each line is skipped, one of the constants above; null where it is not."""
    # Few lines match any rule: asking for all rules at once spares asking for each.
    may_be_other, by_any_rule = lines.to_frame("line").select_seq(
        pl.col("line").str.contains(_HEADED_BY_A_PROGRAM).any(),
        pl.col("line").str.contains(_ANY_RULE).alias("by_any_rule"),
    )
    if may_be_other.any():
        is_other = (
            is_of_another_program(lines)
            | is_of_another_unit(lines)
            | is_of_another_container(lines)
        )
        other = pl.when(is_other).then(pl.lit(OTHER_PROGRAM)).alias("reason")
        reasons = pl.select(other).to_series()
    else:
        reasons = pl.Series("reason", [None], pl.String).new_from_index(0, len(lines))
    if not by_any_rule.any():
        return reasons
    rows = by_any_rule.arg_true()
    line = pl.col("line")
    by_rule = [
        pl.when(
            line.str.contains(rule.pattern) & ~line.str.contains(rule.unless)
            if rule.unless
            else line.str.contains(rule.pattern)
        ).then(pl.lit(rule.reason))
        for rule in SKIP_RULES
    ]
    frame = lines.gather(rows).to_frame("line")
    return reasons.scatter(rows, frame.select(pl.coalesce(by_rule)).to_series())
