"""Sample logs that stand for all others, one for each way in which lines are read.

A way is what takes events out of the stream, the envelope around them, and the parser of the rest.
A property of a way needs no more logs; what differs from format to format is data, and is held for
each format by the tests of its samples.
"""

from __future__ import annotations

from collections.abc import Mapping

from apilog.formats.contract import Format
from apilog.formats.nginx.format import NginxFormat

ONE_OF_EACH_FAMILY: Mapping[str, tuple[str, ...]] = {
    "fields of a text": (
        *("combined", "api", "combined-key-value", "aws-csv", "envoy", "uvicorn-bare"),
    ),
    "expression of a text": ("haproxy", "aws-xml", "squid", "fiber"),
    "KeyedFormat": (*("apigee", "azure-apim", "aws-apigateway", "otel", "aws-cloudfront"),),
    "PositionalFormat": ("aws-alb",),
    "ApigeeRouterFormat": ("apigee-router",),
    "JsonLinesFormat": ("json",),
    "LtsvFormat": ("ltsv",),
    "LogfmtFormat": ("logfmt",),
    "RailsFormat": ("rails",),
    "envelope": (
        *("combined-in-quotes", "cri", "docker", "journald", "syslog-3164", "syslog-5424"),
    ),
    "lines of many kinds": ("broken",),
}
"""Family to the names of sample logs: languages of texts differ most, so there are several."""

LOGS_OF_FAMILIES = tuple(name for names in ONE_OF_EACH_FAMILY.values() for name in names)


def family_of(log_format: Format) -> str:
    """Return the family of the logs that a format reads."""
    if isinstance(log_format, NginxFormat) and type(log_format) is NginxFormat:
        return ("expression" if log_format.token_plan is None else "fields") + " of a text"
    return type(log_format).__name__
