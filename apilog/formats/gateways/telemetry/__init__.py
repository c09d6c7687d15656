"""Telemetry of services themselves: OpenTelemetry's spans and access logs."""

from __future__ import annotations

from apilog.formats.gateways.telemetry.open_telemetry import OPEN_TELEMETRY

GATEWAYS = (OPEN_TELEMETRY,)
"""What instrumented services tell of requests."""
