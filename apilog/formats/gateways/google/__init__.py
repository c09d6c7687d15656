"""Google Cloud's services in front of APIs, which log to Cloud Logging.

The load balancers' entry is beside Apigee's, whose front they are.
"""

from __future__ import annotations

from apilog.formats.gateways.google.serverless import CLOUD_RUN
from apilog.formats.gateways.google.service_proxies import API_GATEWAY, ENDPOINTS

GATEWAYS = (API_GATEWAY, ENDPOINTS, CLOUD_RUN)
"""What Google Cloud logs of requests, by service."""
