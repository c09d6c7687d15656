"""API Gateway's access-log formats as they stand in a template: text or JSON with `$context`.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from apilog.errors import UsageError
from apilog.formats.contract import MatchFailure
from apilog.formats.gateways.aws import API_GATEWAY
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.keyed import KeyedFormat
from apilog.formats.key_paths import normalise_name
from apilog.formats.nginx.expression import LineExpression, compile_expression
from apilog.formats.nginx.format import parse_json_template
from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText, LogFormat
from apilog.values.event_lines import EventLines
from apilog.values.json_text import KeyPath

_VARIABLE = re.compile(r"\$(?:\{context((?:\.[\w:-]+)+)\}|context((?:\.\w[\w:-]*)+))", re.ASCII)

_SHAPED: Mapping[str, str] = {
    "requesttime": "time_local",
    "status": "status",
    "responselength": "body_bytes_sent",
    "identitysourceip": "remote_addr",
    "httpmethod": "request_method",
    "protocol": "server_protocol",
}
"""Variables whose values look as those of these do."""
_FREE_TEXT = re.compile(r"(?:.*error.*|.*useragent|path|routekey|.*claims.*|customdomain.*)\Z")
"""Variables whose values may hold blanks."""


def is_context_format(string: str) -> bool:
    """Return whether a text has a `$context` variable."""
    return _VARIABLE.search(string) is not None


def compile_context_format(string: str) -> GatewayFormat:
    """Return the format that reads what API Gateway writes by an access-log format.

    Raises `UsageError` for a JSON object that tells nothing of requests.
    """
    parts: list[FormatPart] = []
    names: dict[str, str] = {}
    end = 0
    # Firehose needs a newline at the end of the format.
    text = re.sub(r"(?:\\n|\s)+\Z", "", string).replace("\\t", "\t").replace('\\"', '"')
    for match in _VARIABLE.finditer(text):
        if match.start() > end:
            parts.append(LiteralText(text[end : match.start()]))
        name = normalise_name(match[1] or match[2])
        variable = _SHAPED.get(name) or (f"sent_{name}" if _FREE_TEXT.match(name) else name)
        names.setdefault(name, variable)
        parts.append(FormatVariable(variable))
        end = match.end()
    if end < len(text):
        parts.append(LiteralText(text[end:]))
    log_format = LogFormat(tuple(parts), "none" if text.lstrip().startswith("{") else "default")
    if log_format.escape == "none":
        return _keyed_format(log_format, names, string)
    locations: dict[str, tuple[Any, ...]] = {name: (v,) for name, v in names.items()}
    return ContextTextFormat(
        spec=API_GATEWAY,
        locations=locations,
        written=string,
        expression=compile_expression(log_format),
    )


def _keyed_format(log_format: LogFormat, names: Mapping[str, str], string: str) -> GatewayFormat:
    template = parse_json_template(log_format, string, "aws-apigateway")
    if template is None:
        raise UsageError(
            f"{string!r} is no JSON object", "give the access-log format as it stands in the stage"
        )
    paths: dict[str, KeyPath] = {
        value.variables[0]: path
        for path, value in template.value_formats.items()
        if len(value.parts) == 1
    }
    located = {name: (paths[v],) for name, v in names.items() if v in paths}
    return KeyedFormat(spec=API_GATEWAY, locations=located)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextTextFormat(GatewayFormat):
    """Lines of text with the values of `$context` variables in them."""

    takes_delivery_times = True

    written: str
    """The access-log format."""
    expression: LineExpression

    @property
    def name(self) -> str:
        # A user's format has a name of its own.
        return self.written if self.spec.name == API_GATEWAY.name else self.spec.name

    def places_by_key(self) -> Mapping[str, str]:
        return {name: variable for name, (variable,) in self.locations.items()}

    def _key_of(self, name: str) -> str:
        return name

    def explain(self, line: str) -> MatchFailure:
        return self.expression.explain(line)

    def _read_locations(
        self, lines: EventLines, locations: list[str]
    ) -> tuple[Mapping[str, pl.Series], pl.Series]:
        values = self.expression.read_values(lines.series, {*locations})
        if "time_local" in locations:
            time = pl.concat_str("time_local", "time_local_zone", separator=" ")
            values = values.with_columns(time.alias("time_local"))
        return {name: values[name] for name in locations}, values["ok"]

    def _unread_reasons(self, lines: EventLines) -> str:
        return f"not {self.name}"
