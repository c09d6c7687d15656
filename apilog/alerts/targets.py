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
from typing import Any, Protocol
from urllib import error, request
from urllib.parse import urlsplit

from apilog.alerts.message import notice_document, notice_environment, notice_sentence
from apilog.alerts.rules import Alert, AlertLabels, AlertNotice, AlertRule, AlertStatus
from apilog.errors import ApilogError, OutputError, UsageError
from apilog.render.data.prometheus import label_set, metric_head
from apilog.render.text.escape import escape_json, escape_terminal
from apilog.storage.local_folder import atomic_file
from apilog.version import __version__


class DeliveryError(ApilogError):
    """A target did not accept a notice."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        """Set `may_pass` if trying again may help."""
        super().__init__(message)
        self.may_pass = may_pass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How often and how long delivery to a target is tried."""

    timeout: timedelta = timedelta(seconds=10)
    retries: int = 4
    """How many tries may follow the first one, if they may help."""
    pause: timedelta = timedelta(seconds=1)
    """The pause before the first retry; it doubles each time, give or take a half."""


class Notifier(Protocol):
    """A target that is notified when an alert fires and when it is resolved."""

    @property
    def name(self) -> str:
        """The name in the configuration."""

    @property
    def delivery(self) -> DeliveryPolicy:
        """How delivery is tried."""

    def send(self, notice: AlertNotice) -> None:
        """Deliver a notice within a few times the time-out; raises DeliveryError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSnapshot:
    """All rules and active alerts after an evaluation."""

    rules: Sequence[AlertRule]
    alerts: Sequence[Alert]
    at: datetime


class SnapshotWriter(Protocol):
    """A target that publishes each snapshot of all alerts."""

    @property
    def name(self) -> str:
        """The name in the configuration."""

    def write(self, snapshot: AlertSnapshot) -> None:
        """Publish a snapshot; raises DeliveryError."""


_SHOWN_BYTES = 300
"""How much of what a failed command has written to its standard error is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTarget:
    """A program with fixed arguments; the notice is JSON on its stdin and in `APILOG_ALERT_…`."""

    name: str
    argv: Sequence[str]
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)

    def send(self, notice: AlertNotice) -> None:
        """Run the command; raises DeliveryError if it fails or takes longer than the time-out.

        A failure is never retried: nobody knows what the command did before it failed.
        """
        document = escape_json(json.dumps(notice_document(notice), ensure_ascii=False))
        variables = {k: escape_terminal(text) for k, text in notice_environment(notice).items()}
        seconds = self.delivery.timeout.total_seconds()
        # A pipe that nobody empties would block a command that writes much; a file never does.
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    list(self.argv),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env={**os.environ, **variables},
                    start_new_session=True,  # a group of its own, to be killed as a whole
                )
            except (OSError, ValueError) as error:
                raise DeliveryError(f"{self.argv[0]} can't be run: {error}") from error
            try:
                process.communicate(f"{document}\n".encode(), timeout=seconds)
            except subprocess.TimeoutExpired as error:
                # Its children would otherwise go on after the time-out.
                if hasattr(os, "killpg"):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                process.kill()
                process.wait()
                raise DeliveryError(f"{self.argv[0]} took longer than {seconds:g} s") from error
            if code := process.returncode:
                errors.seek(max(0, errors.tell() - _SHOWN_BYTES))
                output = errors.read().decode("utf-8", "replace").strip()
                raise DeliveryError(f"{self.argv[0]} ended with {code}{output and ': '}{output}")


_RETRIED_CODES = {408, 425, 429}
"""Client errors that may pass: request timeout, too early, too many requests."""
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAddress:
    """An address to post to; it may be a secret, so messages name only its host."""

    url: str
    host: str

    @classmethod
    def parse(cls, url: str) -> WebhookAddress:
        """Parse an http or https URL; raises UsageError for others and for URLs with a password."""
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
    """Treats a redirect as a failure: a notice must not go to an address nobody configured."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def post_json(
    address: WebhookAddress, body: bytes, headers: Mapping[str, str], timeout: timedelta
) -> None:
    """Post a JSON body; raises DeliveryError unless the answer is a 2xx."""
    own = {"Content-Type": "application/json", "User-Agent": f"apilog/{__version__}"}
    post = request.Request(address.url, data=body, headers={**own, **headers}, method="POST")
    opener: Any = request.build_opener(_RedirectRefusal)
    try:
        with opener.open(post, timeout=timeout.total_seconds()) as answer:
            answer.read(_READ_BYTES)  # bounded: an endless answer must not fill the memory
    except error.HTTPError as answer:
        answer.close()
        message = f"{address.host} answered {answer.code}"
        if 300 <= answer.code < 400:
            raise DeliveryError(f"{message}, and redirects are not followed") from answer
        may_pass = answer.code >= 500 or answer.code in _RETRIED_CODES
        raise DeliveryError(message, may_pass=may_pass) from answer
    except (OSError, http.client.HTTPException, ValueError) as problem:
        reason = getattr(problem, "reason", None) or problem
        text = str(reason) or type(problem).__name__
        raise DeliveryError(f"{address.host}: {text}", may_pass=True) from problem


def read_variable(variable: str, what: str) -> str:
    """Return the value of an environment variable; raises UsageError if it is not set."""
    value = os.environ.get(variable, "")
    if not value:
        raise UsageError(f"the variable {variable}, which holds {what}, is not set")
    return value


SIGNATURE_HEADER = "X-Apilog-Signature"
"""The header that holds `sha256=` and the hexadecimal HMAC-SHA256 of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """An address that notices are posted to as JSON, signed if there is a secret."""

    name: str
    address: WebhookAddress
    secret: str | None = field(default=None, repr=False)
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)

    def send(self, notice: AlertNotice) -> None:
        """Post a notice; raises DeliveryError."""
        body = escape_json(json.dumps(notice_document(notice), ensure_ascii=False)).encode()
        headers = {}
        if self.secret is not None:
            digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE_HEADER] = f"sha256={digest}"
        post_json(self.address, body, headers, self.delivery.timeout)


_SLACK_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""The characters that could mention people, link or hide something.

See https://docs.slack.dev/messaging/formatting-message-text for the three of them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackTarget:
    """An incoming webhook of Slack, Mattermost, Rocket.Chat, or of Discord with `/slack`."""

    name: str
    address: WebhookAddress
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)

    def send(self, notice: AlertNotice) -> None:
        """Post a notice; raises DeliveryError."""
        message = {"text": escape_terminal(notice_sentence(notice)).translate(_SLACK_MARKUP)}
        body = escape_json(json.dumps(message, ensure_ascii=False)).encode()
        post_json(self.address, body, {}, self.delivery.timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextfileTarget:
    """A file for node_exporter's textfile collector, replaced atomically after each evaluation."""

    name: str
    path: Path

    def write(self, snapshot: AlertSnapshot) -> None:
        """Replace the file; raises DeliveryError."""
        try:
            with atomic_file(self.path, force=True) as stream:
                stream.writelines(f"{line}\n".encode() for line in prometheus_lines(snapshot))
        except OutputError as error:
            raise DeliveryError(str(error)) from error


def prometheus_lines(snapshot: AlertSnapshot) -> Iterator[str]:
    """Yield the lines of a snapshot in Prometheus' text format.

    `apilog_alert_firing` and `apilog_alert_pending` are 1 or 0 for each rule, and for each value
    of its `for each` that fails; `apilog_alert_value` is what was measured. The format:
    https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
    """
    # A rule without failing alerts has 0 instead of no line, so that absence means a dead watch.
    for status in AlertStatus:
        yield from metric_head(f"apilog_alert_{status}", f"Whether the alert is {status}.")
        for rule in snapshot.rules:
            failing = [alert for alert in snapshot.alerts if alert.rule == rule.name]
            samples = [(alert.labels, int(alert.status is status)) for alert in failing]
            for labels, number in samples or [((), 0)]:
                yield f"apilog_alert_{status}{_label_set(rule, labels)} {number}"
    meaning = "What the alert's metric measures, while it fails."
    yield from metric_head("apilog_alert_value", meaning)
    rules = {rule.name: rule for rule in snapshot.rules}
    for alert in snapshot.alerts:
        if alert.value is not None and alert.rule in rules:
            yield f"apilog_alert_value{_label_set(rules[alert.rule], alert.labels)} {alert.value!r}"
    name = "apilog_alerts_evaluated_timestamp_seconds"
    yield from metric_head(name, "When the alerts were last evaluated.")
    yield f"{name} {snapshot.at.timestamp():.3f}"


def _label_set(rule: AlertRule, labels: AlertLabels) -> str:
    return label_set([("alert", rule.name), ("severity", rule.severity.value), *labels])
