"""Azure's gateways: their access logs, what else lies beside them, and how to turn them on.

Invariant: everything of Azure that other modules need is named here.
"""

from __future__ import annotations

from apilog.formats.gateways.azure import apim, application_gateway, front_door
from apilog.formats.gateways.azure.resource_logs import (
    ADVICE,
    NON_ACCESS_LINES,
    REFUSALS,
    TEMPLATES,
)

GATEWAYS = (apim.GATEWAY, application_gateway.GATEWAY, front_door.GATEWAY)

__all__ = ["ADVICE", "GATEWAYS", "NON_ACCESS_LINES", "REFUSALS", "TEMPLATES"]
