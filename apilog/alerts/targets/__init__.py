"""Who is told of alerts: commands, webhooks, Slack, and files for Prometheus.

A log's text is data for all of them: never a command's argument, never markup.
"""

from __future__ import annotations

from apilog.alerts.targets.base import Delivery, DeliveryError, Exporter, Notifier
from apilog.alerts.targets.command import Command
from apilog.alerts.targets.slack import Slack
from apilog.alerts.targets.textfile import Textfile
from apilog.alerts.targets.webhook import Webhook

__all__ = [
    "Command",
    "Delivery",
    "DeliveryError",
    "Exporter",
    "Notifier",
    "Slack",
    "Textfile",
    "Webhook",
]
