"""A webhook: the notice as a JSON body, signed if there is a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field

from apilog.alerts.message import document
from apilog.alerts.rules import Notice
from apilog.alerts.targets.base import Delivery
from apilog.alerts.targets.http import Address, post
from apilog.outputs.escape import json_text

SIGNATURE = "X-Apilog-Signature"
"""The header with `sha256=` and the HMAC-SHA256 of the body, as hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that takes notices."""

    name: str
    address: Address
    secret: str | None = field(default=None, repr=False)
    delivery: Delivery = field(default_factory=Delivery)

    def send(self, notice: Notice) -> None:
        """Post it; see `post` for errors."""
        body = json_text(json.dumps(document(notice), ensure_ascii=False)).encode()
        headers = {} if self.secret is None else {SIGNATURE: signature(self.secret, body)}
        post(self.address, body, headers, self.delivery.timeout)


def signature(secret: str, body: bytes) -> str:
    """The signature of a body, as the header has it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
