"""How to turn on the access logs of Azure's gateways: one command each."""

from __future__ import annotations

import json
from collections.abc import Mapping


def _template(category: str, resource: str) -> str:
    """The command that sends a category of logs to a storage account."""
    logs = json.dumps([{"category": category, "enabled": True}])
    return (
        f"# RESOURCE_ID: of the {resource}; STORAGE_ID: of a storage account in its region.\n"
        "az monitor diagnostic-settings create \\\n"
        "  --name apilog \\\n"
        '  --resource "$RESOURCE_ID" \\\n'
        '  --storage-account "$STORAGE_ID" \\\n'
        f"  --logs '{logs}'\n"
        f"# The log is then in the container insights-logs-{category.lower()}.\n"
    )


ADVICE: Mapping[str, Mapping[str, str]] = {
    "azure-apim": {
        "consumer": "nothing more, but turn on 'Subscription required' in the API's settings",
        "plan": "nothing more, but add the API to a product, whose subscriptions callers then use",
        "request_bytes": "the category GatewayLogs of today's diagnostic settings",
        "client_ip": "the category GatewayLogs of today's diagnostic settings",
    },
    "azure-appgateway": {
        "upstream_duration_ms": "with the SKU v2: v1 has no serverResponseLatency",
        "host": "with the SKU v2: v1 may have no host",
        "request_id": "with the SKU v2: its transactionId",
    },
    "azure-frontdoor": {
        "upstream_duration_ms": "the service behind: Front Door does not tell its time",
        "consumer": "the service behind, or API Management: Front Door knows no callers",
    },
}
"""Gateway to column to what to change: their logs have no format to be set."""

TEMPLATES: Mapping[str, str] = {
    "azure-apim": _template("GatewayLogs", "API Management service"),
    "azure-appgateway": _template("ApplicationGatewayAccessLog", "Application Gateway"),
    "azure-frontdoor": _template("FrontDoorAccessLog", "Front Door profile"),
}
"""Gateway to what to run so that it writes its log: lines of a shell."""
