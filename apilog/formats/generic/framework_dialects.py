"""Frameworks, servers and collectors that write JSON or key=value about requests."""

from __future__ import annotations

from apilog.formats.generic.dialect import LogDialect, all_of, fields_named

_ELASTIC_MODULES = ("nginx", "apache", "traefik", "haproxy", "iis", "envoyproxy")
_ELASTIC_SAMPLE = (
    '{"@timestamp":"2026-10-10T13:55:36.000Z","event":{"module":"MODULE","dataset":"MODULE.acce'
    'ss"},"fileset":{"module":"MODULE"},"source":{"address":"203.0.113.9"},"url":{"original":"/'
    'a?b=1"},"http":{"request":{"method":"GET"},"response":{"status_code":200,"body":{"bytes":1'
    "20}}}}"
)

FRAMEWORK_DIALECTS: tuple[LogDialect, ...] = (
    LogDialect(
        name="rails-semantic-logger",
        gateway="rails",
        names=all_of("payloadcontroller payloadaction payloadstatus durationms"),
        units=("ms",),
        # Of these names, the first two say where the program runs.
        fields=fields_named(host="", consumer="", duration_ms="durationms"),
        sample=(
            '{"host":"web1","application":"Shop","timestamp":"2026-10-10T13:55:36.123456Z","level":'
            '"info","duration_ms":15.25,"duration":"15.25ms","name":"ShopController","message":"Com'
            'pleted #show","payload":{"controller":"ShopController","action":"show","method":"GET",'
            '"path":"/a","status":200}}'
        ),
        url="https://logger.rocketjob.io/rails.html",
    ),
    LogDialect(
        # Phoenix's, in one line; of lograge's keys it has one more.
        name="logster",
        lacks_time=True,
        names=all_of("controller action status duration state"),
        units=("ms",),
        sample=(
            "method=GET path=/a format=json controller=Shop.PageController action=show params={}"
            " status=200 duration=15.25 state=set"
        ),
        url="https://hexdocs.pm/logster/readme.html",
    ),
    LogDialect(
        name="rails",
        gateway="rails",
        lacks_time=True,
        names=all_of("controller action status duration", "controller action status view"),
        units=("ms",),
        fields=fields_named(host="host requesthost"),
        sample=(
            '{"method":"GET","path":"/a","format":"json","controller":"ShopController","action"'
            ':"show","status":200,"duration":15.25,"view":3.1,"db":9.2,"@timestamp":"2026-10-10'
            'T13:55:36.123Z"}'
        ),
        url="https://github.com/roidrage/lograge",
    ),
    LogDialect(
        # By the template that `apilog formats gin --template` prints.
        name="gin",
        gateway="gin",
        names=all_of("logger latencyms clientip"),
        values={"logger": "^gin$"},
        units=("ms",),
        fields=fields_named(duration_ms="latencyms:ms"),
        sample=(
            '{"client_ip":"203.0.113.9","consumer":null,"host":"shop.example","latency_ms":15.25,'
            '"logger":"gin","method":"GET","protocol":"HTTP/1.1","request_bytes":0,"response_byt'
            'es":120,"status":200,"time":"2026-10-10T13:55:36.123456789Z","uri":"/a?b=1"}'
        ),
        url="https://gin-gonic.com/en/docs/logging/custom-log-format/",
    ),
    LogDialect(
        # Its keys are those of Fastify but for this one.
        name="restify",
        names=all_of("audit .reqid requrl"),
        units=("ms",),
        sample=(
            '{"name":"audit","hostname":"web1","pid":7,"audit":true,"level":30,"remoteAddress":"203'
            '.0.113.9","req_id":"6a9b","req":{"method":"GET","url":"/a?b=1","headers":{"host":"shop'
            '.example"},"httpVersion":"1.1"},"res":{"statusCode":200},"latency":15,"msg":"handled: '
            '200","time":"2026-10-10T13:55:36.123Z","v":0}'
        ),
        url="https://github.com/restify/node-restify/blob/master/lib/plugins/audit.js",
    ),
    LogDialect(
        name="fastify",
        gateway="fastify",
        names=all_of(".reqid responsetime", ".reqid requrl"),
        values={"level": "^[0-9]+$"},
        units=("ms",),
        begin_lines={"msg": "^incoming request$"},
        sample=(
            '{"level":30,"time":1791640536123,"pid":7,"hostname":"web1","reqId":"req-1","req":{'
            '"method":"GET","url":"/a?b=1","host":"shop.example","remoteAddress":"203.0.113.9"}'
            ',"res":{"statusCode":200},"responseTime":15.25,"msg":"request completed"}'
        ),
        url="https://fastify.dev/docs/latest/Reference/Logging/",
    ),
    LogDialect(
        name="pino-http",
        names=all_of("requrl resstatuscode responsetime"),
        values={"level": "^[0-9]+$"},
        units=("ms",),
        sample=(
            '{"level":30,"time":1791640536123,"pid":7,"hostname":"web1","req":{"id":1,"method":'
            '"GET","url":"/a?b=1","headers":{"host":"shop.example"},"remoteAddress":"203.0.113.'
            '9"},"res":{"statusCode":200},"responseTime":15,"msg":"request completed"}'
        ),
        url="https://github.com/pinojs/pino-http",
    ),
    LogDialect(
        name="express-winston",
        lacks_time=True,
        names=all_of("metareqmethod metaresponsetime", "metareqmethod metaresstatuscode"),
        units=("ms",),
        sample=(
            '{"level":"info","message":"HTTP GET /a","timestamp":"2026-10-10T13:55:36.123Z","me'
            'ta":{"req":{"url":"/a?b=1","method":"GET","httpVersion":"1.1"},"res":{"statusCode"'
            ':200},"responseTime":15}}'
        ),
        url="https://github.com/bithavoc/express-winston",
    ),
    LogDialect(
        # By pino-pretty, in one line: it takes the time and the level out of the object.
        name="pino-pretty",
        lacks_time=True,
        names=all_of("requrl resstatuscode responsetime"),
        units=("ms",),
        sample=(
            '[13:55:36.123] INFO (7): request completed {"req":{"id":1,"method":"GET","url":"/a?b=1'
            '","headers":{"host":"shop.example"},"remoteAddress":"203.0.113.9"},"res":{"statusCode"'
            ':200},"responseTime":15}'
        ),
        url="https://github.com/pinojs/pino-pretty",
    ),
    LogDialect(
        name="echo",
        names=all_of("latency latencyhuman"),
        units=("ns",),
        fields=fields_named(request_id="id"),
        sample=(
            '{"time":"2026-10-10T13:55:36.123456789Z","id":"6a9b","remote_ip":"203.0.113.9","ho'
            'st":"shop.example","method":"GET","uri":"/a?b=1","status":200,"latency":1500000,"l'
            'atency_human":"1.5ms","bytes_in":0,"bytes_out":120}'
        ),
        url="https://echo.labstack.com/docs/middleware/logger",
    ),
    LogDialect(
        name="matomo",
        # The key says milliseconds and holds nginx's seconds.
        names=all_of("generationtimemilli"),
        fields=fields_named(duration_ms="generationtimemilli:s", response_bytes="length"),
        sample=(
            '{"ip":"203.0.113.9","host":"shop.example","path":"/a","status":"200","length":120,'
            '"generation_time_milli":0.015,"date":"2026-10-10T13:55:36+00:00"}'
        ),
        url="https://github.com/matomo-org/matomo-log-analytics#nginx",
    ),
    LogDialect(
        name="logback-access",
        names=all_of("requestedurl statuscode elapsedtime", "requesteduri statuscode elapsedtime"),
        units=("ms",),
        sample=(
            '{"@timestamp":"2026-10-10T13:55:36.123+00:00","method":"GET","protocol":"HTTP/1.1"'
            ',"status_code":200,"requested_url":"GET /a?b=1 HTTP/1.1","requested_uri":"/a","rem'
            'ote_host":"203.0.113.9","content_length":120,"elapsed_time":15}'
        ),
        url="https://github.com/logfellow/logstash-logback-encoder#accessevent-fields",
    ),
    LogDialect(
        name="aspnetcore",
        # The line at the end holds the request, too: the one at the beginning adds nothing.
        names=all_of("elapsedmilliseconds statuscode category"),
        values={"category": r"^Microsoft\.AspNetCore\."},
        units=("ms",),
        access_lines={"message": r"^Request finished"},
        sample=(
            '{"Timestamp":"2026-10-10T13:55:36.123Z","EventId":2,"LogLevel":"Information","Cate'
            'gory":"Microsoft.AspNetCore.Hosting.Diagnostics","Message":"Request finished HTTP/'
            '1.1 GET http://shop.example/a - 200","State":{"ElapsedMilliseconds":15.25,"StatusC'
            'ode":200,"Protocol":"HTTP/1.1","Method":"GET","Host":"shop.example","Path":"/a"}}'
        ),
        url="https://learn.microsoft.com/aspnet/core/fundamentals/logging/",
    ),
    LogDialect(
        name="serilog",
        names=all_of("requestmethod requestpath statuscode .elapsed"),
        units=("ms",),
        sample=(
            '{"@t":"2026-10-10T13:55:36.1234567Z","@mt":"HTTP {RequestMethod} {RequestPath} res'
            'ponded {StatusCode} in {Elapsed:0.0000} ms","RequestMethod":"GET","RequestPath":"/'
            'a","StatusCode":200,"Elapsed":15.2501}'
        ),
        url="https://github.com/serilog/serilog-aspnetcore",
    ),
    *(
        LogDialect(
            name=f"filebeat-{module}",
            gateway="envoy" if module == "envoyproxy" else module,
            names=all_of(key),
            values={key: rf"^{module}(?:\.|$)"},
            units=("ns",) if key != "filesetmodule" else (),
            sample=_ELASTIC_SAMPLE.replace("MODULE", module),
            url="https://www.elastic.co/docs/reference/beats/filebeat/filebeat-modules",
        )
        for module in _ELASTIC_MODULES
        for key in ("eventmodule", "eventdataset", "filesetmodule")
    ),
    LogDialect(
        # The names of COMBINEDAPACHELOG; `host` and `path` are those of the file.
        name="logstash-grok",
        names=all_of("clientip verb httpversion response"),
        fields=fields_named(host="", path="request", status="response", consumer="auth"),
        sample=(
            '{"@timestamp":"2026-10-10T13:55:36.000Z","@version":"1","host":"web1",'
            '"path":"/var/log/access.log","clientip":"203.0.113.9","ident":"-","auth":"-",'
            '"verb":"GET","request":"/a?b=1","httpversion":"1.1","response":"200","bytes":"120",'
            '"agent":"\\"curl/8\\""}'
        ),
        url="https://github.com/logstash-plugins/logstash-patterns-core/blob/main/patterns/legacy/httpd",
    ),
    LogDialect(
        name="ecs",
        names=all_of("eventduration httpresponsestatuscode", "eventduration urlpath"),
        units=("ns",),
        sample=(
            '{"@timestamp":"2026-10-10T13:55:36.123Z","event":{"duration":1500000},"source":{"a'
            'ddress":"203.0.113.9"},"url":{"path":"/a"},"http":{"request":{"method":"GET"},"res'
            'ponse":{"status_code":200,"body":{"bytes":120}}}}'
        ),
        url="https://www.elastic.co/docs/reference/ecs/ecs-event",
    ),
    LogDialect(
        name="grafana",
        names=all_of("logger uname timems"),
        fields=fields_named(consumer="uname"),
        sample=(
            'logger=context uname=till t=2026-10-10T13:55:36.123456789Z level=info msg="Request'
            ' Completed" method=GET path=/a status=200 remote_addr=203.0.113.9 time_ms=15 durat'
            "ion=15.25ms size=120"
        ),
        url="https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/",
    ),
    LogDialect(
        name="chi-httplog",
        names=all_of("httpresponseelapsed httprequesturl", "httpresponseelapsed httprequestpath"),
        units=("ms",),
        sample=(
            '{"timestamp":"2026-10-10T13:55:36.123Z","level":"INFO","msg":"Response: 200 OK","http'
            'Request":{"url":"http://shop.example/a?b=1","method":"GET","path":"/a","remoteIP":"20'
            '3.0.113.9:4711","proto":"HTTP/1.1"},"httpResponse":{"status":200,"bytes":120,"elapse'
            'd":15.25}}'
        ),
        url="https://pkg.go.dev/github.com/go-chi/httplog/v2",
    ),
    LogDialect(
        # A time.Duration is written as a number of milliseconds, with a fraction.
        name="zerolog",
        names=all_of("time level message"),
        values={"level": "^(?:trace|debug|info|warn|error)$"},
        units=("ms",),
        sample=(
            '{"level":"info","ip":"203.0.113.9:4711","user_agent":"curl/8","method":"GET","url":"/a'
            '?b=1","status":200,"size":120,"duration":15.25,"time":"2026-10-10T13:55:36Z",'
            '"message":"request"}'
        ),
        url="https://pkg.go.dev/github.com/rs/zerolog#pkg-variables",
    ),
    LogDialect(
        # The same by its ConsoleWriter.
        name="zerolog-console",
        lacks_time=True,
        names=all_of("zerologlevel"),
        units=("ms",),
        sample="1:55PM INF request method=GET path=/a status=200 size=120 duration=15.25",
        url="https://pkg.go.dev/github.com/rs/zerolog#ConsoleWriter",
    ),
    LogDialect(
        # A time.Duration is written as a number of nanoseconds.
        name="go-slog",
        names=all_of("time level msg"),
        values={"level": r"^(?:DEBUG|INFO|WARN|ERROR)(?:[+-][0-9]+)?$"},
        units=("ns",),
        sample=(
            '{"time":"2026-10-10T13:55:36.123456789Z","level":"INFO","msg":"request",'
            '"method":"GET","path":"/a","status":200,"duration":1500000}'
        ),
        url="https://pkg.go.dev/log/slog#JSONHandler",
    ),
)
"""The first that matches counts."""
