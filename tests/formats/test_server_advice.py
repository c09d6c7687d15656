"""What servers are advised to log: templates that are read without an option, and fill columns."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from apilog.config.servers import read_server_formats
from apilog.errors import UsageError
from apilog.formats.detect import detect_plan
from apilog.formats.envoy.operators import parse_envoy_format
from apilog.formats.registry import ADVICE, TEMPLATES, gateway_template
from apilog.formats.server_advice import TEMPLATES as SERVER_TEMPLATES
from tests.commands import Run
from tests.formats.read_rows import lines_of, read_lines, rows

ENVOY_VALUES = {
    "time_iso8601": "2026-11-21T10:00:00.123Z",
    "request_method": "GET",
    "request_uri": "/v1/users/42",
    "server_protocol": "HTTP/1.1",
    "status": 504,
    "response_flags": "UT",
    "response_code_details": "response_timeout",
    "request_length": 87,
    "body_bytes_sent": 120,
    "request_time_ms": 5004,
    "upstream_response_time_ms": None,
    "upstream_host": "10.0.3.5:8080",
    "attempt_count": 2,
    "remote_addr_port": "203.0.113.7:51310",
}


def test_envoys_template_is_read_as_its_configuration_and_its_lines_without_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(gateway_template("envoy"))
    formats = read_server_formats(path)
    assert formats is not None
    (own,) = formats.values()
    keys = json.loads(own.pattern)
    names = {key: parse_envoy_format(text).variables[0] for key, text in keys.items()}
    line = json.dumps({key: ENVOY_VALUES.get(name, "x") for key, name in names.items()})
    plan = detect_plan(pl.Series([line]))
    assert plan is not None
    (found,) = rows(read_lines(lines_of(line), plan))
    assert (found["error_type"], found["error_source"]) == ("UT", "gateway")
    assert (found["duration_ms"], found["upstream_attempts"]) == (5004.0, 2)
    advised = {"api", "operation", "host", "request_id", "user_agent", "consumer"}
    assert advised <= found.keys()


def test_traefiks_template_makes_it_write_json(tmp_path: Path) -> None:
    path = tmp_path / "traefik.yml"
    path.write_text(gateway_template("traefik"))
    formats = read_server_formats(path)
    assert formats is not None
    assert [own.lines for own in formats.values()] == ["json"]


@pytest.mark.parametrize("name", [*SERVER_TEMPLATES])
def test_templates_go_by_the_gateway_and_by_its_formats(name: str) -> None:
    assert gateway_template(name) == SERVER_TEMPLATES[name]
    assert name in ADVICE
    assert name in TEMPLATES


def test_a_format_of_a_gateway_has_its_template() -> None:
    assert gateway_template("istio") == gateway_template("envoy")
    assert gateway_template("haproxy-clf") == gateway_template("haproxy")
    with pytest.raises(UsageError, match="a template is of one gateway"):
        gateway_template("combined")


def test_detect_advises_in_the_language_of_the_server(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "access.log"
    path.write_text(
        "203.0.113.7:51310 [21/Nov/2026:10:00:00.066] fe_api be_orders/app3 0/0/1/65/67 200 512 - "
        '- ---- 12/10/3/1/0 0/0 "GET /v1/users/42 HTTP/1.1"\n'
    )
    ran = run("detect", path, "-f", "json")
    (finding,) = json.loads(ran.text)["files"]
    lacks = {lack["column"]: lack["directive"] for lack in finding["lacks"]}
    assert "%[var(txn.host)]" in lacks["host"]
    assert "duration_ms" not in lacks
    assert finding["suggestion"] == SERVER_TEMPLATES["haproxy"]
    assert any("no zone" in doubt for doubt in finding["doubts"])
    shown = run("detect", path).text
    assert "To log everything:\n  # haproxy.cfg" in shown
