"""Content delivery networks in front of APIs."""

from __future__ import annotations

from apilog.formats.gateways.edge_networks.akamai import AKAMAI
from apilog.formats.gateways.edge_networks.cloudflare import CLOUDFLARE
from apilog.formats.gateways.edge_networks.fastly import FASTLY

GATEWAYS = (CLOUDFLARE, FASTLY, AKAMAI)
"""What content delivery networks log of requests, by vendor."""
