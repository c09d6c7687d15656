"""API Gateway's access logs as text: the console's presets but for JSON, and Serverless' default.

Invariant: what stands where other servers write a path is a route, `/users/{userId}`, or a
route key, `GET /users/{userId}`.
"""

from __future__ import annotations

from apilog.formats.nginx.format import NginxFormat
from apilog.formats.nginx.grammar import parse_log_format

LOGGING_GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html"
_WEBSOCKET_GUIDE = (
    "https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html"
)
_SERVERLESS = (
    "https://www.serverless.com/framework/docs/providers/aws/events/apigateway#"
    "log-access-logs-for-api-gateway"
)

_UUID = "8d1fbbf2-5a3d-4a8e-9f63-0e1d2c3b4a59"
_SHORT = "GQIVriFLIAMEMsA="
_EXTENDED = "UBuxEFWvoAMFbVw="
_TIME = "21/Nov/2026:10:00:00 +0000"

_WHO = "$remote_addr $caller $user"
_ANSWER = "$status $body_bytes_sent $aws_request_id"
_CLF = f'{_WHO} [$time_local] "$route_request" {_ANSWER}'
_REST_LINE = f'203.0.113.7 - - [{_TIME}] "GET /users/{{userId}} HTTP/1.1" 200 512 {_UUID}'
_HTTP_LINE = f'203.0.113.7 - - [{_TIME}] "GET GET /users/{{userId}} HTTP/1.1" 200 512 {_SHORT}'
_MESSAGE = f'{_WHO} [$time_local] "$event_type $http_route_key $connection_id"'
_MESSAGE_LINE = f'203.0.113.7 - - [{_TIME}] "MESSAGE join GQIVrd7yoAMCJQw="'

_REST_CSV = (
    "$source_ip,$caller,$user,$time_local,$request_method,$resource_path,$server_protocol,"
    "$status,$body_bytes_sent,$aws_request_id"
)
_REST_CSV_LINE = f"203.0.113.7,-,-,{_TIME},GET,/users/{{userId}},HTTP/1.1,200,512,{_UUID}"
_HTTP_CSV = (
    "$source_ip,$time_local,$request_method,$http_route_key,$server_protocol,$status,"
    "$body_bytes_sent,$aws_request_id"
)
_HTTP_CSV_LINE = f"203.0.113.7,{_TIME},GET,GET /users/{{userId}},HTTP/1.1,200,512,{_SHORT}"

# XML element to the variable in it, and a value.
_XML_ELEMENTS = {
    "extendedRequestId": ("$aws_extended_id", _EXTENDED),
    "ip": ("$remote_addr", "203.0.113.7"),
    "caller": ("$caller", "-"),
    "user": ("$user", "-"),
    "requestTime": ("$time_local", _TIME),
    "httpMethod": ("$request_method", "GET"),
    "resourcePath": ("$resource_path", "/users/{userId}"),
    "routeKey": ("$http_route_key", "GET /users/{userId}"),
    "eventType": ("$event_type", "MESSAGE"),
    "status": ("$status", "200"),
    "protocol": ("$server_protocol", "HTTP/1.1"),
    "responseLength": ("$body_bytes_sent", "512"),
    "connectionId": ("$connection_id", "GQIVrd7yoAMCJQw="),
}


def _text_format(
    name: str, string: str, title: str, *samples: str, url: str = LOGGING_GUIDE
) -> NginxFormat:
    return NginxFormat(
        name=f"aws-{name}",
        log_format=parse_log_format(string),
        gateway="aws-apigateway",
        title=title,
        url=url,
        samples=samples,
    )


def _xml_format(
    name: str, title: str, request_id: str, tags: str, url: str = LOGGING_GUIDE
) -> NginxFormat:
    """Return the format of a `<request>` of these elements, with blanks between them."""

    def render(variable_or_value: int, start: str) -> str:
        inner = (f"<{tag}>{_XML_ELEMENTS[tag][variable_or_value]}</{tag}>" for tag in tags.split())
        return f'<request id="{start}"> {" ".join(inner)} </request>'

    string, sample = render(0, "$aws_request_id"), render(1, request_id)
    return _text_format(name, string, title, sample, url=url)


TEXT_FORMATS: tuple[NginxFormat, ...] = (
    _text_format(
        "clf",
        _CLF,
        "API Gateway, CLF of REST APIs (older preset, CDK) and of HTTP APIs",
        _REST_LINE,
        _HTTP_LINE,
        f'203.0.113.7 - - [{_TIME}] "GET $default HTTP/1.1" 404 23 {_SHORT}',
    ),
    _text_format(
        "clf-extended",
        f"{_CLF} $aws_extended_id",
        "API Gateway, CLF with the extended request id",
        f"{_REST_LINE} {_EXTENDED}",
        f"{_HTTP_LINE} {_SHORT}",
    ),
    _text_format(
        "clf-extended-first",
        f"$aws_extended_id {_CLF}",
        "API Gateway, CLF of CloudFormation's example: the extended request id first",
        f"{_EXTENDED} {_REST_LINE}",
    ),
    _text_format(
        "clf-joined",
        f"{_CLF.replace('] ', ']')} $aws_extended_id",
        "API Gateway, CLF as the developer guide has it: no blank after the time",
        f"{_REST_LINE.replace('] ', ']')} {_EXTENDED}",
    ),
    _text_format(
        "websocket-clf",
        f"{_MESSAGE} $status $aws_request_id",
        "API Gateway, CLF of WebSocket APIs",
        f"{_MESSAGE_LINE} 200 {_SHORT}",
        url=_WEBSOCKET_GUIDE,
    ),
    _text_format(
        "websocket-clf-guide",
        f"{_MESSAGE} $status  $aws_request_id",
        "API Gateway, CLF of WebSocket APIs as the developer guide has it: two blanks",
        f"{_MESSAGE_LINE} 200  {_SHORT}",
        url=_WEBSOCKET_GUIDE,
    ),
    _text_format(
        "websocket-clf-serverless",
        f"{_MESSAGE} $aws_request_id",
        "API Gateway, CLF of WebSocket APIs as Serverless has it: no status",
        f"{_MESSAGE_LINE} {_SHORT}",
        url=_SERVERLESS,
    ),
    _text_format("csv", _REST_CSV, "API Gateway, CSV of REST APIs (older preset)", _REST_CSV_LINE),
    _text_format(
        "csv-extended",
        f"{_REST_CSV},$aws_extended_id",
        "API Gateway, CSV of REST APIs",
        f"{_REST_CSV_LINE},{_EXTENDED}",
    ),
    _text_format("http-csv", _HTTP_CSV, "API Gateway, CSV of HTTP APIs", _HTTP_CSV_LINE),
    _text_format(
        "http-csv-extended",
        f"{_HTTP_CSV},$aws_extended_id",
        "API Gateway, CSV of HTTP APIs with the extended request id",
        f"{_HTTP_CSV_LINE},{_SHORT}",
    ),
    _text_format(
        "websocket-csv",
        "$source_ip,$caller,$user,$time_local,$event_type,$http_route_key,$connection_id,"
        "$status,$aws_request_id",
        "API Gateway, CSV of WebSocket APIs",
        f"203.0.113.7,-,-,{_TIME},MESSAGE,join,GQIVrd7yoAMCJQw=,200,{_SHORT}",
        url=_WEBSOCKET_GUIDE,
    ),
    _xml_format(
        "xml",
        "API Gateway, XML of REST APIs (older preset)",
        _UUID,
        "ip caller user requestTime httpMethod resourcePath status protocol responseLength",
    ),
    _xml_format(
        "xml-extended",
        "API Gateway, XML of REST APIs",
        _UUID,
        "extendedRequestId ip caller user requestTime httpMethod resourcePath status protocol "
        "responseLength",
    ),
    _xml_format(
        "http-xml",
        "API Gateway, XML of HTTP APIs",
        _SHORT,
        "ip requestTime httpMethod routeKey status protocol responseLength",
    ),
    _xml_format(
        "http-xml-extended",
        "API Gateway, XML of HTTP APIs with the extended request id",
        _SHORT,
        "ip requestTime httpMethod routeKey status protocol responseLength extendedRequestId",
    ),
    _xml_format(
        "websocket-xml",
        "API Gateway, XML of WebSocket APIs",
        _SHORT,
        "ip caller user requestTime eventType routeKey status connectionId",
        _WEBSOCKET_GUIDE,
    ),
    _text_format(
        "serverless",
        "requestId: $aws_request_id, ip: $remote_addr, caller: $caller, user: $user, requestTime: "
        "$time_local, httpMethod: $request_method, resourcePath: $resource_path, status: $status, "
        "protocol: $server_protocol, responseLength: $body_bytes_sent",
        "API Gateway, the Serverless Framework's default for REST APIs",
        f"requestId: {_UUID}, ip: 203.0.113.7, caller: -, user: -, requestTime: {_TIME}, "
        "httpMethod: GET, resourcePath: /users/{userId}, status: 200, protocol: HTTP/1.1, "
        "responseLength: 512",
        url=_SERVERLESS,
    ),
)
"""Every text format of API Gateway that is known; none reads a line of another."""
