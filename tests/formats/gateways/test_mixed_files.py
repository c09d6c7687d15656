"""Files that hold more than one log: each line goes where it belongs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from apilog.formats import gateways
from tests.commands import Run
from tests.weblog import write

SAMPLES = {g.name: g.samples for g in gateways.GATEWAYS}
EXECUTION = gateways.REFUSALS[0].samples
CLF = next(f for f in gateways.TEXT_FORMATS if f.name == "aws-clf").samples
STREAM = "2026-11-21-10-00-00"

Wrap = Callable[[Sequence[str]], str]


def _lines(texts: Sequence[str]) -> str:
    return "".join(text + "\n" for text in texts)


WRAP: dict[str, Wrap] = {
    "lines": _lines,
    "export": lambda ms: _lines([f"2026-11-21T10:00:00.602Z {m}" for m in ms]),
    "tail": lambda ms: _lines([f"2026-11-21T10:00:00.602000+00:00 {STREAM} {m}" for m in ms]),
    "events": lambda ms: json.dumps(
        {"events": [{"timestamp": 1795255200602, "message": m, "ingestionTime": 1} for m in ms]}
    ),
}


def inputs(run: Run, path: Path) -> dict[str, Any]:
    result = run("report", path, "-f", "json")
    assert (result.code, result.stderr) == (0, "")
    account: dict[str, Any] = json.loads(result.text)["input"]
    return account


def counts(account: dict[str, Any]) -> tuple[int, int, int]:
    return account["records"], account["rejects"], account["skipped"]


@pytest.mark.parametrize("access", [SAMPLES["aws-apigateway"][:3], CLF], ids=["json", "clf"])
@pytest.mark.parametrize("wrap", WRAP)
def test_lines_of_an_execution_log_are_skipped_beside_access_lines(
    run: Run, tmp_path: Path, wrap: str, access: Sequence[str]
) -> None:
    path = tmp_path / "a.log"
    path.write_text(WRAP[wrap]([*EXECUTION, *access, *EXECUTION]))
    assert counts(inputs(run, path)) == (len(access), 0, 2 * len(EXECUTION))


@pytest.mark.parametrize("wrap", WRAP)
def test_access_lines_are_found_behind_many_of_an_execution_log(
    run: Run, tmp_path: Path, wrap: str
) -> None:
    path = tmp_path / "a.log"
    path.write_text(WRAP[wrap]([*EXECUTION * 200, *CLF]))
    assert counts(inputs(run, path)) == (len(CLF), 0, 200 * len(EXECUTION))


@pytest.mark.parametrize("command", ["report", "detect"])
@pytest.mark.parametrize("wrap", WRAP)
def test_an_execution_log_alone_is_refused_with_a_hint(
    run: Run, tmp_path: Path, wrap: str, command: str
) -> None:
    path = tmp_path / "a.log"
    path.write_text(WRAP[wrap](EXECUTION))
    result = run(command, path)
    assert result.code == 2
    assert "is no access log" in result.stderr
    assert "--template" in result.stderr


OTHER_CATEGORIES = (
    "WebSocketConnectionLogs",
    "DeveloperPortalAuditLogs",
    "GatewayLlmLogs",
    "GatewayMCPLogs",
    "LogsOfTheFuture",
)


@pytest.mark.slow
def test_records_of_other_categories_are_skipped(run: Run, tmp_path: Path) -> None:
    record = json.loads(SAMPLES["azure-apim"][0])
    others = [json.dumps({**record, "category": category}) for category in OTHER_CATEGORIES]
    for number, text in enumerate(
        (
            _lines([SAMPLES["azure-apim"][0], *others]),
            json.dumps({"records": [json.loads(o) for o in others] + [record]}),
        )
    ):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        account = inputs(run, path)
        assert counts(account) == (1, 0, 5)
        assert account["files"][0]["format"] == "azure-apim"


def test_rows_of_other_categories_are_skipped(run: Run, tmp_path: Path) -> None:
    header = "TimeGenerated [UTC],Category,Method,Url,ResponseCode,DurationMs"
    row = '"11/21/2026, 10:00:00.123 AM",{},GET,https://c.example/v1/users,200,57'
    rows = [row.format(c) for c in ("GatewayLogs", *OTHER_CATEGORIES)]
    account = inputs(run, write(tmp_path / "a.csv", [header, *rows]))
    assert counts(account) == (1, 0, 1 + len(OTHER_CATEGORIES))


# A file has four formats at most: three gateways', and that of whoever wrote the line of nobody.
@pytest.mark.parametrize(
    "mixed", [sorted(SAMPLES)[at : at + 3] for at in range(0, len(SAMPLES), 3)], ids="+".join
)
def test_each_record_of_a_mixture_is_read_as_its_own_gateways(
    run: Run, tmp_path: Path, mixed: list[str]
) -> None:
    samples = [SAMPLES[name][0] for name in mixed]
    anyones = json.dumps(
        {"time": "2026-11-21T10:00:00Z", "request": "GET /x HTTP/1.1", "status": 200}
    )
    path = write(tmp_path / "a.log", [*samples, anyones, *samples, anyones])
    result = json.loads(run("report", path, "-f", "json").text)
    assert result["input"]["rejects"] == 0
    requests = {row["gateway"]: row["requests"] for row in result["tables"]["gateways"]}
    writers = {gateway.name: gateway.gateway for gateway in gateways.GATEWAYS}
    assert requests == Counter(2 * [None, *(writers[name] for name in mixed)])


def test_columns_that_differ_in_case_or_type_stand_in_for_each_other(
    run: Run, tmp_path: Path
) -> None:
    common = {"TimeGenerated": "2026-11-21T10:00:00.1Z", "Category": "GatewayLogs"}
    rows = [
        {
            **common,
            "method_s": "GET",
            "url_s": "https://c/a",
            "responseCode_d": 200,
            "Method_s": "",
        },
        {
            **common,
            "Method_s": "PUT",
            "Url_s": "https://c/b",
            "responseCode_s": "503",
            "url_s": None,
        },
    ]
    path = write(tmp_path / "a.log", map(json.dumps, rows))
    result = json.loads(run("report", path, "-f", "json").text)
    found = {(e["method"], e["route"]): e["server_errors"] for e in result["tables"]["endpoints"]}
    assert found == {("GET", "/a"): 0, ("PUT", "/b"): 1}
