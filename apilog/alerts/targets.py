"""The targets of alerts: commands, webhooks, Slack, and textfiles for Prometheus.

Text of the log is data for all of them: never a command's argument, never markup. HTTP targets
never follow a redirect, and messages show only the host of an address, which may be a secret.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Protocol
from urllib import error, request
from urllib.parse import urlsplit

from apilog.alerts.message import notice_document, notice_environment, notice_sentence
from apilog.alerts.rules import Alert, AlertLabels, AlertNotice, AlertRule, AlertStatus
from apilog.errors import ApilogError, OutputError, UsageError
from apilog.render.text.escape import escape_json, escape_terminal
from apilog.storage.local_folder import atomic_file
from apilog.version import __version__

__all__ = [
    "CommandTarget",
    "DeliveryError",
    "DeliveryPolicy",
    "Notifier",
    "SlackTarget",
    "SnapshotWriter",
    "TextfileTarget",
    "WebhookTarget",
]


class DeliveryError(ApilogError):
    """A target did not take what it was told."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        """`may_pass` where trying again may help."""
        super().__init__(message)
        self.may_pass = may_pass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
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
    def delivery(self) -> DeliveryPolicy:
        """How it is tried."""

    def send(self, notice: AlertNotice) -> None:
        """Tell it; raises DeliveryError. Takes no longer than a few times the time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSnapshot:
    """How all alerts stand after an evaluation."""

    rules: Sequence[AlertRule]
    alerts: Sequence[Alert]
    at: datetime


class SnapshotWriter(Protocol):
    """Shows how all alerts stand."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""

    def write(self, standing: AlertSnapshot) -> None:
        """Show it; raises DeliveryError."""


_SHOWN_BYTES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTarget:
    """A program with fixed arguments; the notice is JSON on its stdin and in `APILOG_ALERT_…`."""

    name: str
    argv: Sequence[str]
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)

    def send(self, notice: AlertNotice) -> None:
        """Run it to its end; raises DeliveryError if it fails, or takes longer than the time-out.

        It is not tried again: what it did before it failed is not known.
        """
        told = escape_json(json.dumps(notice_document(notice), ensure_ascii=False))
        variables = {
            name: escape_terminal(text) for name, text in notice_environment(notice).items()
        }
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    list(self.argv),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env={**os.environ, **variables},
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise DeliveryError(f"{self.argv[0]} can't be run: {error}") from error
            code = self._run_to_end(process, f"{told}\n".encode())
            if code:
                errors.seek(max(0, errors.tell() - _SHOWN_BYTES))
                said = errors.read().decode("utf-8", "replace").strip()
                raise DeliveryError(f"{self.argv[0]} ended with {code}{said and ': '}{said}")

    def _run_to_end(self, process: subprocess.Popen[bytes], told: bytes) -> int:
        seconds = self.delivery.timeout.total_seconds()
        try:
            process.communicate(told, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            _kill_group(process)
            raise DeliveryError(f"{self.argv[0]} took longer than {seconds:g} s") from error
        return process.returncode


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and those that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


_RETRIED_CODES = {408, 425, 429}
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAddress:
    """Where to post to. Addresses may be secrets, so messages name the host alone."""

    url: str
    host: str

    @classmethod
    def parse(cls, url: str) -> WebhookAddress:
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


class _RedirectRefusal(request.HTTPRedirectHandler):
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


def post_json(
    address: WebhookAddress, body: bytes, headers: Mapping[str, str], timeout: timedelta
) -> None:
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
    opener: Any = request.build_opener(_RedirectRefusal)
    try:
        with opener.open(asked, timeout=timeout.total_seconds()) as answer:
            answer.read(_READ_BYTES)
    except error.HTTPError as answer:
        answer.close()
        raise _refusal_error(address, answer.code) from answer
    except (OSError, http.client.HTTPException, ValueError) as problem:
        reason = getattr(problem, "reason", None) or problem
        text = str(reason) or type(problem).__name__
        raise DeliveryError(f"{address.host}: {text}", may_pass=True) from problem


def read_variable(variable: str, what: str) -> str:
    """What a variable of the environment holds; raises UsageError if that is nothing."""
    value = os.environ.get(variable, "")
    if not value:
        raise UsageError(f"the variable {variable}, which holds {what}, is not set")
    return value


def _refusal_error(address: WebhookAddress, code: int) -> DeliveryError:
    if 300 <= code < 400:
        return DeliveryError(f"{address.host} answered {code}, and redirects are not followed")
    return DeliveryError(
        f"{address.host} answered {code}", may_pass=code >= 500 or code in _RETRIED_CODES
    )


SIGNATURE_HEADER = "X-Apilog-Signature"
"""The header with `sha256=` and the HMAC-SHA256 of the body, as hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """An address that takes notices."""

    name: str
    address: WebhookAddress
    secret: str | None = field(default=None, repr=False)
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)

    def send(self, notice: AlertNotice) -> None:
        """Post it; see `post` for errors."""
        body = escape_json(json.dumps(notice_document(notice), ensure_ascii=False)).encode()
        headers = {} if self.secret is None else {SIGNATURE_HEADER: sign_body(self.secret, body)}
        post_json(self.address, body, headers, self.delivery.timeout)


def sign_body(secret: str, body: bytes) -> str:
    """The signature of a body, as the header has it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


_SLACK_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackTarget:
    """An incoming webhook; its address is the secret."""

    name: str
    address: WebhookAddress
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)

    def send(self, notice: AlertNotice) -> None:
        """Post it; see `post` for errors."""
        message = {"text": escape_slack(notice_sentence(notice))}
        body = escape_json(json.dumps(message, ensure_ascii=False)).encode()
        post_json(self.address, body, {}, self.delivery.timeout)


def escape_slack(text: str) -> str:
    """Text that mentions nobody, links nowhere and hides nothing."""
    return escape_terminal(text).translate(_SLACK_MARKUP)


_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TextfileTarget:
    """A file that is replaced after each evaluation, never seen half written."""

    name: str
    path: Path

    def write(self, standing: AlertSnapshot) -> None:
        """Write it beside its place and rename it; raises DeliveryError."""
        try:
            with atomic_file(self.path, force=True) as stream:
                stream.write("".join(f"{line}\n" for line in prometheus_lines(standing)).encode())
        except OutputError as error:
            raise DeliveryError(str(error)) from error


def prometheus_lines(standing: AlertSnapshot) -> Iterator[str]:
    """The lines of Prometheus' text format.

    `apilog_alert_firing` and `apilog_alert_pending` are 1 or 0 for each rule, and for each value
    of its `for each` that fails; `apilog_alert_value` is what was measured.
    """
    for status in AlertStatus:
        yield from _metric_head(f"apilog_alert_{status}", f"Whether the alert is {status}.")
        for rule in standing.rules:
            failing = [alert for alert in standing.alerts if alert.rule == rule.name]
            for alert in failing:
                number = int(alert.status is status)
                yield f"apilog_alert_{status}{_label_set(rule, alert.labels)} {number}"
            if not failing:
                yield f"apilog_alert_{status}{_label_set(rule, ())} 0"
    yield from _metric_head(
        "apilog_alert_value", "What the alert's metric measures, while it fails."
    )
    yield from _value_lines(standing)
    name = "apilog_alerts_evaluated_timestamp_seconds"
    yield from _metric_head(name, "When the alerts were last evaluated.")
    yield f"{name} {standing.at.timestamp():.3f}"


def _value_lines(standing: AlertSnapshot) -> Iterator[str]:
    rules = {rule.name: rule for rule in standing.rules}
    for alert in standing.alerts:
        if alert.value is not None and alert.rule in rules:
            yield f"apilog_alert_value{_label_set(rules[alert.rule], alert.labels)} {alert.value!r}"


def _metric_head(name: str, told: str) -> tuple[str, str]:
    return f"# HELP {name} {told}", f"# TYPE {name} gauge"


def _label_set(rule: AlertRule, labels: AlertLabels) -> str:
    pairs = [("alert", rule.name), ("severity", rule.severity.value), *labels]
    inner = ",".join(f'{name}="{_escape_label(value)}"' for name, value in pairs)
    return f"{{{inner}}}"


def _escape_label(value: str) -> str:
    return escape_terminal(value).translate(_LABEL_ESCAPES)
