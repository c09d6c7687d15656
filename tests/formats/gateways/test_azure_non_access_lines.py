"""Lines of Azure's other logs, and the commands that turn its access logs on."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import polars as pl
import pytest

from apilog.formats.contract import Refusal, SkipRule
from apilog.formats.gateways import delimited, keyed
from apilog.formats.gateways.azure import GATEWAYS
from apilog.formats.gateways.azure.resource_logs import SKIP_RULES
from apilog.formats.gateways.gateway import Gateway
from tests.formats.gateways.azure_shapes import FRAMED, REQUESTS, SHAPES

REPOSITORY = Path(__file__).resolve().parents[3]
ACCESS = [line for gateway in GATEWAYS for line in gateway.samples] + [
    line for render in (*SHAPES.values(), *FRAMED.values()) for line in render(REQUESTS)
]


def matches(pattern: str, lines: list[str]) -> list[bool]:
    return pl.Series(lines).str.contains(pattern).to_list()


@pytest.mark.parametrize("rule", {rule: None for g in GATEWAYS for rule in g.skip_rules})
def test_what_is_skipped(rule: SkipRule) -> None:
    assert rule.reason
    assert all(matches(rule.pattern, [*rule.samples]))
    assert not any(matches(rule.pattern, ACCESS))


@pytest.mark.parametrize("refusal", {refusal: None for g in GATEWAYS for refusal in g.refusals})
def test_what_is_refused(refusal: Refusal) -> None:
    assert refusal.message
    assert refusal.hint
    assert all(matches(refusal.pattern, [*refusal.samples]))
    assert not any(matches(refusal.pattern, ACCESS))


@pytest.mark.parametrize("category", ["WebSocketConnectionLogs", "gatewaymcplogs", "GatewayLlmLog"])
def test_every_shape_of_another_category_is_skipped(category: str) -> None:
    pattern = SKIP_RULES[0].pattern
    for name, render in SHAPES.items():
        lines = [line.replace("GatewayLogs", category) for line in render(REQUESTS)]
        assert all(matches(pattern, lines[1:])), name


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda g: str(g.name))
def test_samples_are_read_and_are_nobody_elses(gateway: Gateway) -> None:
    for sample in gateway.samples:
        head = pl.Series([sample])
        assert [g.name for g in GATEWAYS if keyed.infer_keyed(g, head)] == [gateway.name]


LOGS = sorted((REPOSITORY / "sample_logs").glob("*.log"))
OTHERS = [log for log in LOGS if not log.name.startswith("azure-")]


@pytest.mark.parametrize("log", OTHERS, ids=lambda path: str(path.stem))
def test_logs_of_others_are_not_azures(log: Path) -> None:
    head = pl.Series(log.read_text(encoding="utf-8", errors="replace").splitlines()[:200])
    for gateway in GATEWAYS:
        assert keyed.infer_keyed(gateway, head) is None
        assert delimited.infer_delimited(gateway, head) is None


OF_OTHERS = {
    "aws": "requestId ip requestTime httpMethod path resourcePath status responseLatency apiId",
    "apigee": "organization apiproxy request_uri request_verb response_status_code request_size",
    "apigee logging": "apiProxy verb requestUrl proxyResponseCode correlationId clientReceived",
    "traefik": "ClientAddr DownstreamStatus Duration RequestPath RequestHost OriginStatus time",
    "app insights": "timestamp id name target type data success resultCode duration operation_Id",
    "iis": "time date cs_method cs_uri_stem sc_status time_taken cs_bytes sc_bytes c_ip",
    "cloudfront": "timestamp x_edge_location cs_method sc_status sc_bytes time_taken c_ip",
}


@pytest.mark.parametrize("name", OF_OTHERS)
def test_records_of_others_are_not_azures(name: str) -> None:
    head = pl.Series([json.dumps(dict.fromkeys(OF_OTHERS[name].split(), "1"))])
    assert not any(keyed.infer_keyed(gateway, head) for gateway in GATEWAYS)


@pytest.mark.parametrize("gateway", [g for g in GATEWAYS if g.template], ids=lambda g: str(g.name))
def test_templates_are_commands_for_the_category_that_is_read(gateway: Gateway) -> None:
    words = shlex.split(gateway.template.replace("\\\n", ""), comments=True)
    assert words[:4] == ["az", "monitor", "diagnostic-settings", "create"]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert options.keys() == {"--name", "--resource", "--storage-account", "--logs"}
    (log,) = json.loads(options["--logs"])
    assert log == {"category": log["category"], "enabled": True}
    assert log["category"] in {json.loads(s)["category"] for s in gateway.samples[:1]}
