"""API Gateway's access logs as XML, with elements in any order and of any number.

The console's preset is a format that users change: what an element holds is told by its name.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from apilog.formats.gateways.aws.context_format import compile_context_format
from apilog.formats.gateways.column_builder import GatewayFormat

_NAME = r"[A-Za-z][\w.:-]*"
_REQUEST = re.compile(
    rf'<request id="[^"<>]*">(?:\s*<{_NAME}>[^<>]*</{_NAME}>)+\s*</request>', re.ASCII
)
_VALUE = re.compile(rf'(?<=<request id=")[^"]*(?=")|<({_NAME})>([^<>]*)(?=</\1>)', re.ASCII)
_VARIABLES: Mapping[str, str] = {
    "ip": "identity.sourceIp",
    "caller": "identity.caller",
    "user": "identity.user",
    "userAgent": "identity.userAgent",
    "apiKeyId": "identity.apiKeyId",
    "errorMessage": "error.message",
    "errorResponseType": "error.responseType",
}
"""Elements that are called otherwise than their variable."""
_JUDGED_LINES = 50


class XmlDetector:
    """Finds formats of `<request>` elements that no preset has."""

    def infer(self, head: pl.Series, *, is_timed: bool = False) -> GatewayFormat | None:
        """Return the format of the first such line with a time; None if there is none."""
        for line in head.drop_nulls().head(_JUDGED_LINES):
            text = line.strip()
            if _REQUEST.fullmatch(text) and ("<requestTime" in text or is_timed):
                return compile_context_format(_VALUE.sub(_to_variable, text))
        return None


def _to_variable(value: re.Match[str]) -> str:
    name = value[1]
    if name is None:
        return "$context.requestId"
    return f"<{name}>${{context.{_VARIABLES.get(name, name)}}}"
