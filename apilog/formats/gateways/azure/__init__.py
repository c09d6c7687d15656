"""Azure's gateways, which log to Azure Monitor: API Management and the two at the edge."""

from __future__ import annotations

from apilog.formats.gateways.azure.apim import API_MANAGEMENT
from apilog.formats.gateways.azure.app_service import APP_SERVICE
from apilog.formats.gateways.azure.application_gateway import APPLICATION_GATEWAY
from apilog.formats.gateways.azure.application_insights import APPLICATION_INSIGHTS
from apilog.formats.gateways.azure.front_door import FRONT_DOOR

GATEWAYS = (API_MANAGEMENT, APPLICATION_GATEWAY, FRONT_DOOR, APPLICATION_INSIGHTS, APP_SERVICE)
