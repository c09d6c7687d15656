"""What a target is, and how it can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from apilog.alerts.rules import Alert, Notice, Rule
from apilog.errors import ApilogError


class DeliveryError(ApilogError):
    """A target did not take what it was told."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        """`may_pass` where trying again may help."""
        super().__init__(message)
        self.may_pass = may_pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How often and how long a target is tried."""

    timeout: timedelta = timedelta(seconds=10)
    retries: int = 4
    """Tries after the first one, where that may help."""
    pause: timedelta = timedelta(seconds=1)
    """Before the first of them; each next one waits twice as long, give or take a half."""


class Notifier(Protocol):
    """Is told when an alert fires and when it is over."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""

    @property
    def delivery(self) -> Delivery:
        """How it is tried."""

    def send(self, notice: Notice) -> None:
        """Tell it; raises DeliveryError. Takes no longer than a few times the time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How all alerts stand after an evaluation."""

    rules: Sequence[Rule]
    alerts: Sequence[Alert]
    at: datetime


class Exporter(Protocol):
    """Shows how all alerts stand."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""

    def write(self, standing: Standing) -> None:
        """Show it; raises DeliveryError."""
