"""AWS API Gateway: its access logs, what else lies beside them, and how to turn them on.

Invariant: everything of API Gateway that other modules need is named here.
"""

from __future__ import annotations

from apilog.formats.gateways.aws.beside import REFUSALS, SKIPS
from apilog.formats.gateways.aws.presets import FORMATS
from apilog.formats.gateways.aws.records import GATEWAY
from apilog.formats.gateways.aws.templates import ADVICE, LOG_FORMATS, TEMPLATES

__all__ = ["ADVICE", "FORMATS", "GATEWAY", "LOG_FORMATS", "REFUSALS", "SKIPS", "TEMPLATES"]
