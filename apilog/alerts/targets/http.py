"""POST of a JSON body: http and https only, and never on to another address."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any
from urllib import error, request
from urllib.parse import urlsplit

from apilog.alerts.targets.base import DeliveryError
from apilog.errors import UsageError
from apilog.version import __version__

_MAY_PASS = {408, 425, 429}
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to post to. Addresses may be secrets, so messages name the host alone."""

    url: str
    host: str

    @classmethod
    def of(cls, url: str) -> Address:
        """The address; raises UsageError if it is none of http or https, or holds a password."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("an address has to begin with http:// or https://, and name a host")
        if parts.username or parts.password:
            raise UsageError(
                "an address must not hold a user or password",
                "sign the body instead, with `secret_env`",
            )
        return cls(url=url, host=parts.hostname)


class _Staying(request.HTTPRedirectHandler):
    """Takes a redirect for the answer that it is."""

    def redirect_request(
        self,
        req: request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def post(address: Address, body: bytes, headers: Mapping[str, str], timeout: timedelta) -> None:
    """Send the body; raises DeliveryError for any answer but a 2xx, and for none."""
    asked = request.Request(
        address.url,
        data=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": f"apilog/{__version__}",
            **headers,
        },
        method="POST",
    )
    opener: Any = request.build_opener(_Staying)
    try:
        with opener.open(asked, timeout=timeout.total_seconds()) as answer:
            answer.read(_READ_BYTES)
    except error.HTTPError as answer:
        answer.close()
        raise _refused(address, answer.code) from answer
    except (OSError, http.client.HTTPException, ValueError) as problem:
        reason = getattr(problem, "reason", None) or problem
        text = str(reason) or type(problem).__name__
        raise DeliveryError(f"{address.host}: {text}", may_pass=True) from problem


def from_environment(variable: str, what: str) -> str:
    """What a variable of the environment holds; raises UsageError if that is nothing."""
    value = os.environ.get(variable, "")
    if not value:
        raise UsageError(f"the variable {variable}, which holds {what}, is not set")
    return value


def _refused(address: Address, code: int) -> DeliveryError:
    if 300 <= code < 400:
        return DeliveryError(f"{address.host} answered {code}, and redirects are not followed")
    return DeliveryError(
        f"{address.host} answered {code}", may_pass=code >= 500 or code in _MAY_PASS
    )
