"""What to set in frameworks and their servers so that their logs hold more."""

from __future__ import annotations

from collections.abc import Mapping

_HYPERCORN = (
    """--access-logformat '%(h)s %(l)s %(l)s %(t)s "%(R)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)s'"""
)
_MORGAN = (
    """morgan(':remote-addr - :remote-user [:date[clf]] ":method :url HTTP/:http-version" """
    """:status :res[content-length] ":referrer" ":user-agent" :response-time ms')"""
)

# Glued to the number, the unit is told.
_GUNICORN = (
    """--access-logformat '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)sus'"""
)
_AIOHTTP = """access_log_format='%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i" %Dus'"""
_FIBER = 'logger.New(logger.Config{TimeFormat: "2006-01-02 15:04:05", TimeZone: "UTC"})'
_ASPNETCORE = """builder.Logging.AddJsonConsole(options =>
{
    options.UseUtcTimestamp = true;
    options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
});
"""
_SERILOG = (
    '.WriteTo.Console(outputTemplate: "{Timestamp:yyyy-MM-dd HH:mm:ss.fff zzz} [{Level:u3}] '
    '{Message:lj}{NewLine}{Exception}")'
)
_LOGRAGE = """# config/environments/production.rb, with the gem lograge
config.lograge.enabled = true
config.lograge.formatter = Lograge::Formatters::Json.new
config.lograge.custom_options = ->(event) { { time: Time.now.utc.iso8601(3) } }
config.lograge.custom_payload do |controller|
  {
    host: controller.request.host,
    remote_ip: controller.request.remote_ip,
    request_id: controller.request.request_id
  }
end
"""
_KONG = """# kong.yaml
plugins:
- name: file-log
  config:
    path: /dev/stdout
"""
_TYK = """{
  "log_format": "json",
  "access_logs": {"enabled": true}
}
"""
_APISIX = """curl http://127.0.0.1:9180/apisix/admin/global_rules/apilog \\
  -H "X-API-KEY: $ADMIN_API_KEY" -X PUT \\
  -d '{"plugins": {"file-logger": {"path": "logs/apilog.log"}}}'
"""
# Glued to the number, the unit is told: `%D` are milliseconds until Tomcat 10, microseconds since.
_SERVLET_TAIL = '"%{Referer}i" "%{User-Agent}i" %{us}Tus'
_TOMCAT_PATTERN = f'%h %l %u %t "%r" %s %b {_SERVLET_TAIL} %v "%{{X-Request-ID}}i" tomcat'
_TOMCAT_VALVE = _TOMCAT_PATTERN.replace('"', "&quot;")
_TOMCAT = f"""<!-- conf/server.xml, in the Host -->
<Valve className="org.apache.catalina.valves.AccessLogValve" directory="logs"
       prefix="access" suffix=".log" pattern="{_TOMCAT_VALVE}"/>
"""
_JETTY_FORMAT = (
    f'%{{client}}a - %u %t "%r" %s %O {_SERVLET_TAIL} %{{server}}a "%{{X-Request-ID}}i" jetty'
)
_JETTY = f"""# start.d/requestlog.ini, after: java -jar start.jar --add-modules=requestlog
--module=requestlog
jetty.requestlog.formatString={_JETTY_FORMAT}
"""
_SPRING = f"""# application.properties, with Tomcat
server.tomcat.accesslog.enabled=true
server.tomcat.accesslog.directory=logs
server.tomcat.accesslog.pattern={_TOMCAT_PATTERN}
# With Jetty
#server.jetty.accesslog.enabled=true
#server.jetty.accesslog.custom-format={_JETTY_FORMAT}
# With Reactor Netty, also in Spring Cloud Gateway, this is for the command line of java
#-Dreactor.netty.http.server.accessLogEnabled=true
"""
_REACTOR_NETTY = """<!-- logback.xml; java -Dreactor.netty.http.server.accessLogEnabled=true -->
<configuration>
  <include resource="org/springframework/boot/logging/logback/base.xml"/>
  <appender name="accessLog" class="ch.qos.logback.core.FileAppender">
    <file>access.log</file>
    <encoder>
      <pattern>%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %5p 1 --- [%t] %logger : %msg%n</pattern>
    </encoder>
  </appender>
  <logger name="reactor.netty.http.server.AccessLog" level="INFO" additivity="false">
    <appender-ref ref="accessLog"/>
  </logger>
</configuration>
"""
_GIN = """// in place of gin.Default() or gin.Logger(); imports encoding/json and time
router := gin.New()
router.Use(gin.Recovery(), gin.LoggerWithFormatter(func(p gin.LogFormatterParams) string {
\tline, _ := json.Marshal(map[string]any{
\t\t"logger": "gin", "time": p.TimeStamp.Format(time.RFC3339Nano),
\t\t"latency_ms": float64(p.Latency.Microseconds()) / 1000, "status": p.StatusCode,
\t\t"method": p.Method, "uri": p.Path, "protocol": p.Request.Proto, "host": p.Request.Host,
\t\t"client_ip": p.ClientIP, "response_bytes": p.BodySize,
\t\t"request_bytes": p.Request.ContentLength, "referer": p.Request.Referer(),
\t\t"user_agent": p.Request.UserAgent(), "request_id": p.Request.Header.Get("X-Request-ID"),
\t\t"consumer": p.Keys[gin.AuthUserKey],
\t})
\treturn string(line) + "\\n"
}))
"""
_FASTIFY = """// one line a request, in place of the two that Fastify writes
const fastify = require("fastify")({
  disableRequestLogging: true,
  logger: {
    serializers: {
      req: (request) => ({
        method: request.method, url: request.url, route: request.routeOptions?.url,
        host: request.host, remoteAddress: request.ip,
        userAgent: request.headers["user-agent"], referer: request.headers.referer,
      }),
      res: (reply) => ({
        statusCode: reply.statusCode, contentLength: reply.getHeader("content-length"),
      }),
    },
  },
});
fastify.addHook("onResponse", (request, reply, done) => {
  request.log.info(
    { req: request, res: reply, responseTime: reply.elapsedTime }, "request completed");
  done();
});
"""
_CADDY = """# Caddyfile, in the block of the site
log {
\toutput file /var/log/caddy/access.log
\tformat json
}
"""

ADVICE: Mapping[str, Mapping[str, str]] = {
    "uvicorn": {
        "timestamp": "docker logs -t, kubectl logs --timestamps, or %(asctime)s before "
        "%(levelprefix)s in a --log-config",
        "duration_ms": "hypercorn or gunicorn in its place: uvicorn knows no durations",
    },
    "hypercorn": {"duration_ms": _HYPERCORN},
    "morgan": {"timestamp": _MORGAN, "duration_ms": _MORGAN, "client_ip": _MORGAN},
    "rails": {
        "request_id": "config.log_tags = [:request_id]",
        "method": "config.log_tags = [:request_id]",
        "path": "config.log_tags = [:request_id]",
    },
    "kong": {
        "duration_ms": "the plugin file-log",
        "upstream_duration_ms": "the plugin file-log",
        "api": "the plugin file-log",
        "consumer": "an authentication plugin, and file-log",
    },
    "apisix": {
        "api": "the plugin file-logger, and a name of the service",
        "consumer": "an authentication plugin, and file-logger",
        "request_bytes": "the plugin file-logger",
    },
    "caddy": {
        "consumer": "basic_auth, or another module that authenticates",
        "user_agent": "format json, without a filter on its request's headers",
    },
    "gin": {
        "user_agent": "gin.LoggerWithFormatter, with p.Request.UserAgent()",
        "host": "gin.LoggerWithFormatter, with p.Request.Host",
        "protocol": "gin.LoggerWithFormatter, with p.Request.Proto",
        "response_bytes": "gin.LoggerWithFormatter, with p.BodySize",
        "request_id": 'gin.LoggerWithFormatter, with p.Request.Header.Get("X-Request-ID")',
        "consumer": "gin.BasicAuth, or c.Set(gin.AuthUserKey, …), and gin.LoggerWithFormatter, "
        "with p.Keys[gin.AuthUserKey]",
    },
    "fastify": {
        "user_agent": 'a hook onResponse that logs request.headers["user-agent"]',
        "route": "a hook onResponse that logs request.routeOptions.url",
        "response_bytes": 'a hook onResponse that logs reply.getHeader("content-length")',
        "duration_ms": "a hook onResponse that logs reply.elapsedTime",
    },
    "tomcat": {
        "duration_ms": "%{us}Tus in the pattern of the AccessLogValve",
        "user_agent": "%{User-Agent}i in the pattern",
        "host": "%v in the pattern",
        "consumer": "%u in the pattern, and a realm that knows users",
        "request_id": "%{X-Request-ID}i in the pattern",
    },
    "jetty": {
        "duration_ms": "%{us}Tus in the CustomRequestLog's format",
        "host": "%{server}a in the CustomRequestLog's format",
        "consumer": "%u in the CustomRequestLog's format, and a SecurityHandler",
        "request_id": "%{X-Request-ID}i in the CustomRequestLog's format",
    },
    "spring": {
        "user_agent": "accessLog(true, args -> AccessLog.create(…)) in the HttpServer: Reactor "
        "Netty's default has none; or Tomcat, with server.tomcat.accesslog.pattern",
        "host": "accessLog(true, args -> AccessLog.create(…)) in the HttpServer; or Tomcat, with "
        "%v in server.tomcat.accesslog.pattern",
        "consumer": "accessLog(true, args -> AccessLog.create(…)) in the HttpServer; or Tomcat, "
        "with %u in server.tomcat.accesslog.pattern",
    },
    # Not gateways, but told by their lines.
    "werkzeug": {"duration_ms": f"gunicorn in its place, with {_GUNICORN}"},
    "django": {
        "duration_ms": f"gunicorn in its place, with {_GUNICORN}",
        "client_ip": f"gunicorn in its place, with {_GUNICORN}",
    },
    "aiohttp": {"duration_ms": _AIOHTTP},
    "fiber": {"timestamp": _FIBER},
    "fiber-short": {"timestamp": _FIBER, "client_ip": _FIBER},
    "aspnetcore": {"timestamp": "builder.Logging.AddJsonConsole, with a TimestampFormat"},
    "serilog": {"timestamp": _SERILOG},
    "tyk": {"duration_ms": "access_logs.enabled: true", "client_ip": "access_logs.enabled: true"},
}
"""The directive that fills each column, by gateway or else by the name of the format; the most
useful column first."""

TEMPLATES: Mapping[str, str] = {
    "hypercorn": _HYPERCORN,
    "morgan": _MORGAN,
    "gunicorn": _GUNICORN,
    "rails": _LOGRAGE,
    "kong": _KONG,
    "tyk": _TYK,
    "apisix": _APISIX,
    "caddy": _CADDY,
    "gin": _GIN,
    "fastify": _FASTIFY,
    "tomcat": _TOMCAT,
    "jetty": _JETTY,
    "spring": _SPRING,
    "reactor-netty": _REACTOR_NETTY,
    "aiohttp": _AIOHTTP,
    "fiber": _FIBER,
    "aspnetcore": _ASPNETCORE,
    "serilog": _SERILOG,
}
"""What `apilog formats NAME --template` prints, by gateway or by the name of the format."""
