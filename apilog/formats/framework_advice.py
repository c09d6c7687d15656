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
    "aiohttp": _AIOHTTP,
    "fiber": _FIBER,
    "aspnetcore": _ASPNETCORE,
    "serilog": _SERILOG,
}
"""What `apilog formats NAME --template` prints, by gateway or by the name of the format."""
