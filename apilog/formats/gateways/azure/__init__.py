"""Azure's gateways: their access logs, what else lies beside them, and how to turn them on.

Invariant: everything of Azure that other modules need is named here.
"""

from __future__ import annotations

from apilog.formats.gateways.azure import apim, appgateway, frontdoor
from apilog.formats.gateways.azure.beside import REFUSALS, SKIPS
from apilog.formats.gateways.azure.templates import ADVICE, TEMPLATES

GATEWAYS = (apim.GATEWAY, appgateway.GATEWAY, frontdoor.GATEWAY)

__all__ = ["ADVICE", "GATEWAYS", "REFUSALS", "SKIPS", "TEMPLATES"]
