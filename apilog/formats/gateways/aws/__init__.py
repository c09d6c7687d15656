"""AWS API Gateway: its access logs, what else lies beside them, and how to turn them on.

Invariant: everything of API Gateway that other modules need is named here.
"""

from __future__ import annotations

from apilog.formats.gateways.aws.non_access_lines import NON_ACCESS_LINES, REFUSALS
from apilog.formats.gateways.aws.records import GATEWAY
from apilog.formats.gateways.aws.templates import ADVICE, LOG_FORMATS, TEMPLATES
from apilog.formats.gateways.aws.text_formats import TEXT_FORMATS

__all__ = [
    "ADVICE",
    "GATEWAY",
    "LOG_FORMATS",
    "NON_ACCESS_LINES",
    "REFUSALS",
    "TEMPLATES",
    "TEXT_FORMATS",
]
