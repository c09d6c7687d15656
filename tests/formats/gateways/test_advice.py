"""The advice of `apilog detect`: it fills the column, and is not given for what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from apilog.formats import gateways
from apilog.formats.gateways.apigee import LOGGED_VARIABLES
from apilog.formats.gateways.aws.templates import LOG_FORMATS
from apilog.formats.generic.dialects import DIALECTS
from apilog.formats.registry import ADVICE, FORMAT_INFOS
from apilog.schema import GATEWAYS, SCHEMA
from tests.commands import Run
from tests.weblog import write

_MEMBER = re.compile(r'"(\w+)": "([^"]+)"')
BARE = {
    "aws-apigateway": {
        "extendedRequestId": "UBux=",
        "requestTimeEpoch": "1795255200000",
        "status": "200",
    },
    "apigee": {"apiproxy": "orders", "timestamp": "1795255200000", "status": "200"},
}
"""Records with next to no values."""
VALUES = {
    "start": "1795255200000",
    "end": "1795255200057",
    "latency": "57",
    "Latency": "57",
    "status": "200",
    "content-length": "512",
}


def _value(variable: str) -> str:
    """Return a value for a variable, by what is in its name."""
    return next((value for word, value in VALUES.items() if word in variable), "x")


def lacks(run: Run, path: Path) -> dict[str, str]:
    (finding,) = json.loads(run("detect", path, "-f", "json").text)["files"]
    return {lack["column"]: lack["directive"] for lack in finding["lacks"]}


def test_every_gateway_has_advice_on_columns_that_there_are() -> None:
    dialects = {dialect.name for dialect in DIALECTS}
    assert set(ADVICE) <= {*GATEWAYS, *FORMAT_INFOS, *dialects}
    for advice in ADVICE.values():
        assert advice
        assert set(advice) <= set(SCHEMA)


@pytest.mark.parametrize("gateway", BARE)
def test_what_is_advised_fills_the_column(run: Run, tmp_path: Path, gateway: str) -> None:
    bare = BARE[gateway]
    advised = lacks(run, write(tmp_path / "bare.log", [json.dumps(bare)] * 2))
    assert set(advised) >= {"duration_ms", "upstream_duration_ms", "upstream_status", "consumer"}
    for column, directive in advised.items():
        members = {key: _value(variable) for key, variable in _MEMBER.findall(directive)}
        assert members
        path = write(tmp_path / f"{column}.log", [json.dumps({**bare, **members})] * 2)
        assert column not in lacks(run, path), directive


def test_what_is_advised_stands_in_the_templates_too() -> None:
    known = {
        "aws-apigateway": "".join(LOG_FORMATS.values()),
        "apigee": "".join(LOGGED_VARIABLES.values()),
    }
    for gateway, text in known.items():
        for directive in ADVICE[gateway].values():
            for _, variable in _MEMBER.findall(directive):
                assert variable in text


@pytest.mark.parametrize(
    "gateway", [g.name for g in gateways.GATEWAYS if g.name in gateways.TEMPLATES]
)
def test_logs_of_today_lack_little(run: Run, tmp_path: Path, gateway: str) -> None:
    info: Any = next(g for g in gateways.GATEWAYS if g.name == gateway)
    for sample in info.samples[:2]:
        advised = lacks(run, write(tmp_path / "a.log", [sample] * 2))
        assert set(advised) <= set(ADVICE[gateway])
        assert "status" not in advised
