"""`[alerts]` of a configuration."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from apilog.alerts.rules import Severity
from apilog.alerts.settings import AlertSettings, alert_settings
from apilog.alerts.targets import CommandTarget, SlackTarget, TextfileTarget, WebhookTarget
from apilog.config import load_config
from apilog.errors import UsageError

REPOSITORY = Path(__file__).resolve().parents[2]
Read = Callable[[str], AlertSettings]
WHOLE = """
repeat = "4h"
min_requests = 50

[[rules]]
name = "errors"
threshold = "error_rate < 5%"
over = "10m"
for = 3
severity = "critical"
repeat = "30m"
targets = ["ops", "pager"]

[[rules]]
threshold = 'latency_p95{route="/v1/orders"} < 300ms for each method'

[[rules]]
threshold = "anomaly(requests)"

[[targets]]
type = "webhook"
name = "ops"
url = "https://example.com/hook"
secret_env = "HOOK_SECRET"
timeout = "3s"
retries = 2

[[targets]]
type = "slack"
url_env = "SLACK_URL"

[[targets]]
type = "command"
name = "pager"
command = ["page", "--now"]

[[targets]]
type = "textfile"
path = "/var/lib/node_exporter/apilog.prom"
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], AlertSettings]:
    def read(text: str) -> AlertSettings:
        path = tmp_path / "apilog.toml"
        path.write_text(text.replace("[[", "[[alerts.") if "[[" in text else text)
        path.write_text(f"[alerts]\n{path.read_text()}")
        return alert_settings(load_config(path))

    return read


def test_everything_that_can_be_said(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "topsecret")
    monkeypatch.setenv("SLACK_URL", "https://hooks.example.com/T0/B0/x")
    settings = read(WHOLE)
    errors, latency, anomaly = settings.rules
    assert (errors.name, errors.condition) == ("errors", "error_rate < 5%")
    assert (errors.window, errors.intervals) == (timedelta(minutes=10), 3)
    assert (errors.severity, errors.repeat) == (Severity.CRITICAL, timedelta(minutes=30))
    assert errors.targets == ("ops", "pager")
    assert latency.name == latency.condition
    assert (latency.window, latency.intervals) == (timedelta(minutes=5), 1)
    assert (latency.severity, latency.repeat) == (Severity.WARNING, timedelta(hours=4))
    assert latency.targets is None
    assert anomaly.condition == "anomaly(requests) < 6"
    assert settings.min_requests == 50
    hook, slack, pager = settings.notifiers
    assert isinstance(hook, WebhookTarget)
    assert (hook.secret, hook.address.host) == ("topsecret", "example.com")
    assert (hook.delivery.timeout, hook.delivery.retries) == (timedelta(seconds=3), 2)
    assert isinstance(slack, SlackTarget)
    assert slack.name == "slack"
    assert isinstance(pager, CommandTarget)
    assert pager.argv == ("page", "--now")
    assert settings.snapshot_writers == (
        TextfileTarget(name="textfile", path=Path("/var/lib/node_exporter/apilog.prom")),
    )


def test_nothing_need_be_said(read: Read) -> None:
    assert read("") == AlertSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules = 3", "alerts.rules is not a list of tables"),
        ("[[rules]]", "alerts.rules[0].threshold is missing"),
        ("[[rules]]\nthreshold = 5", "alerts.rules[0].threshold is not a text"),
        ("[[rules]]\nthreshold = ''", "alerts.rules[0].threshold is missing"),
        ("[[rules]]\nthreshold = 'eror_rate < 5%'", "did you mean error_rate"),
        ("[[rules]]\nthreshold = 'error_rate < baseline'", "no baseline to compare with"),
        ("[[rules]]\nthreshold = 'requests > 1'\nover = '5'", "rules[0].over is no length of"),
        ("[[rules]]\nthreshold = 'requests > 1'\nover = '30d'", "is not between 1s and 7d"),
        ("[[rules]]\nthreshold = 'requests > 1'\nfor = 0", "rules[0].for is not a whole number"),
        ("[[rules]]\nthreshold = 'requests > 1'\nfor = true", "for is not a whole number"),
        ("[[rules]]\nthreshold = 'requests > 1'\nseverity = 'bad'", "one of info, warning, crit"),
        ("[[rules]]\nthreshold = 'requests > 1'\ntreshold = 1", "did you mean threshold?"),
        ("[[rules]]\nthreshold = 'requests > 1'\ntargets = ['x']", "'x', which is no target"),
        ("[[rules]]\nthreshold = 'requests > 1'\n" * 2, "two called 'requests > 1'"),
        ("reapeat = '1h'", "did you mean repeat?"),
        ("repeat = '0s'", "alerts.repeat is no time at all"),
        ("[[targets]]", "alerts.targets[0].type is missing"),
        ("[[targets]]\ntype = 'mail'", "is 'mail'"),
        ("[[targets]]\ntype = 'command'", "targets[0].command is missing"),
        ("[[targets]]\ntype = 'command'\ncommand = 'page now'", "is not a list of texts"),
        ("[[targets]]\ntype = 'webhook'", "url or url_env has to be there"),
        ("[[targets]]\ntype = 'webhook'\nurl = 'file:///etc/passwd'", "an address has to"),
        ("[[targets]]\ntype = 'slack'\nurl_env = 'NOT_SET'", "NOT_SET, which holds the address"),
        (
            "[[targets]]\ntype = 'webhook'\nurl = 'http://h/'\nsecret_env = 'NOT_SET'",
            "the variable NOT_SET, which holds the secret, is not set",
        ),
        ("[[targets]]\ntype = 'webhook'\nurl = 'http://h/'\nsecret = 'x'", "secret is no setting"),
        ("[[targets]]\ntype = 'textfile'", "targets[0].path is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(read: Read, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert message in f"{caught.value}; {caught.value.hint}"
    assert re.search(r"apilog\.toml(?::\d+:\d+)?: alerts\.", str(caught.value))


def test_what_the_documentation_shows_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_HOOK_SECRET", "topsecret")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.example.com/T0/B0/x")
    text = (REPOSITORY / "docs" / "alerts.md").read_text("utf-8")
    shown = [b for b in re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S) if "[[alerts" in b]
    assert shown
    for block in shown:
        (tmp_path / "apilog.toml").write_text(block)
        assert alert_settings(load_config(tmp_path / "apilog.toml")).rules
