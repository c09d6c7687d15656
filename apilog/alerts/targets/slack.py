"""Slack, and what takes the same messages (Mattermost, Rocket.Chat, Discord's /slack)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from apilog.alerts.message import sentence
from apilog.alerts.rules import Notice
from apilog.alerts.targets.base import Delivery
from apilog.alerts.targets.http import Address, post
from apilog.outputs.escape import json_text, terminal_text

_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """An incoming webhook; its address is the secret."""

    name: str
    address: Address
    delivery: Delivery = field(default_factory=Delivery)

    def send(self, notice: Notice) -> None:
        """Post it; see `post` for errors."""
        message = {"text": slack_text(sentence(notice))}
        body = json_text(json.dumps(message, ensure_ascii=False)).encode()
        post(self.address, body, {}, self.delivery.timeout)


def slack_text(text: str) -> str:
    """Text that mentions nobody, links nowhere and hides nothing."""
    return terminal_text(text).translate(_MARKUP)
