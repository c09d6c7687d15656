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


TEMPLATES: Mapping[str, str] = {
    "azure-apim": _template("GatewayLogs", "API Management service"),
    "azure-appgateway": _template("ApplicationGatewayAccessLog", "Application Gateway"),
    "azure-frontdoor": _template("FrontDoorAccessLog", "Front Door profile"),
}
"""Gateway to what to run so that it writes its log: lines of a shell."""
