"""`apilog config` and `apilog init` as they are used."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from apilog.config.format_sections import DefaultsConfig
from apilog.config.sections import ChecksConfig
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

SETTINGS = """\
[defaults]
tz = "Europe/Berlin"
hash_consumers = "a secret of ours"

[checks]
thresholds = [
  "error_rate < 1%",
]

[[alerts.rules]]
threshold = "error_rate < 5%"
targets = ["chat"]
[[alerts.targets]]
name = "chat"
type = "slack"
url = "https://hooks.example.com/services/T0/B0/secret"

[accounts]
source = "postgresql://me:secret@db.example.com/crm"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_setting_has_a_value_and_an_origin(folder: Path, run: Run) -> None:
    (folder / "apilog.toml").write_text(SETTINGS)
    ran = run("config", "-f", "json")
    rows = {row["setting"]: row for row in json.loads(ran.text)["tables"]["config"]}
    assert rows["defaults.tz"]["value"] == '"Europe/Berlin"'
    assert rows["defaults.tz"]["origin"] == "apilog.toml:2"
    assert rows["checks.thresholds"]["origin"] == "apilog.toml:6"
    assert rows["alerts.rules[0].threshold"]["origin"] == "apilog.toml:11"
    assert rows["defaults.max_routes"] == {
        "setting": "defaults.max_routes",
        "value": "1000",
        "origin": "built in",
    }
    assert {f"defaults.{name}" for name in DefaultsConfig.__slots__} <= rows.keys()
    assert {f"checks.{name}" for name in ChecksConfig.__slots__} <= rows.keys()
    built_in = {key: row["value"] for key, row in rows.items() if row["origin"] == "built in"}
    assert built_in["checks.confidence"] == "0.99"
    assert built_in["checks.inconclusive"] == '"3"'
    assert built_in["alerts.min_requests"] == "20"
    assert built_in["routes.templates"] is built_in["accounts.query"] is None
    assert "checks.thresholds" not in built_in
    assert "secret" not in ran.text
    assert rows["alerts.targets[0].url"]["value"] == '"https://hooks.example.com/…"'
    assert rows["accounts.source"]["value"] == '"postgresql://db.example.com/crm"'


def test_without_a_file_all_is_built_in(folder: Path, run: Run) -> None:
    ran = run("config", "-f", "ndjson")
    assert {json.loads(line)["origin"] for line in ran.text.splitlines()} == {"built in"}
    assert run("config", "check").text == "no configuration: all is built in\n"


def test_a_project_has_the_lines_of_its_file(folder: Path, run: Run) -> None:
    (folder / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.apilog.defaults]\ntop = 3")
    (row,) = [
        json.loads(line)
        for line in run("config", "-f", "ndjson").text.splitlines()
        if "pyproject" in line
    ]
    assert row == {"setting": "defaults.top", "value": "3", "origin": "pyproject.toml:4"}


def test_check_says_that_all_is_well(folder: Path, run: Run) -> None:
    (folder / "apilog.toml").write_text(SETTINGS)
    assert run("config", "check").text == "apilog.toml: no mistakes\n"


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ('[checks]\nthresholds = ["eror_rate < 1%"]', "2:1: checks.thresholds", "no metric"),
        ('[defaults]\n\nwhere = "statuss > 1"', "3:1: defaults.where", "statuss"),
        ('[defaults]\nroutes = ["v1"]', "2:1: defaults.routes", "v1"),
        ('[defaults]\nhash_consumers = "env:NOWHERE"', "2:1: defaults.hash_consumers", "NOWHERE"),
        ('[defaults]\nlog_format = "combind"', "2:1: defaults.log_format", "combind"),
        ('[defaults]\nnginx_conf = "none"', "2:1: defaults.nginx_conf", "none"),
        ('[defaults]\nroutes_file = "none"', "2:1: defaults.routes_file", "none"),
        ("[checks]\nconfidence = 3", "2:1: checks.confidence", "a confidence of 3"),
        ('[goals]\nconversions = "5%"', "2:1: goals.conversions", "conversions"),
        (
            '[[alerts.rules]]\nthreshold = "eror_rate < 5%"',
            "2:1: alerts.rules[0].threshold",
            "eror_rate",
        ),
        ('[formats.x]\nlines = "jsonn"', "2:1: formats.x", "jsonn"),
    ],
)
def test_a_mistake_has_a_place_and_a_hint(
    folder: Path, run: Run, text: str, place: str, problem: str
) -> None:
    (folder / "apilog.toml").write_text(text)
    for command in (["config"], ["config", "check"]):
        ran = run(*command)
        assert (ran.code, ran.stdout) == (2, b"")
        assert f"apilog.toml:{place}" in ran.stderr
        assert problem in ran.stderr
        assert "\nhint: " in ran.stderr


def test_init_says_how_to_see_what_it_wrote(folder: Path, run: Run) -> None:
    (folder / "else where").mkdir()
    shown = "`apilog config --config 'else where/a.toml'` shows what holds now"
    assert shown in run("init", "-o", "else where/a.toml").stderr
    assert run("config", "check", "--config", "else where/a.toml").code == 0
    assert "wrote apilog.toml: `apilog config` shows" in run("init").stderr


@pytest.mark.slow
def test_init_writes_what_config_reads(folder: Path, run: Run) -> None:
    logs = [str(SAMPLE_LOGS / name) for name in ("api.log", "json.log", "combined.log")]
    ran = run("init", *logs)
    assert ran.code == 0
    assert "wrote apilog.toml" in ran.stderr
    text = (folder / "apilog.toml").read_text()
    assert tomllib.loads(text)["formats"].keys() == {"api", "json_log", "combined_log"}
    assert all(f"# {log}: " in text for log in logs)
    assert run("config", "check").code == 0
    report = json.loads(run("report", logs[1], "-f", "json").text)
    assert report["input"]["files"][0]["format"] == "json_log"
    again = run("init")
    assert again.code == 2
    assert "exists already" in again.stderr
    assert run("init", "--force").code == 0


def test_everything_that_init_suggests_can_be_meant(folder: Path, run: Run) -> None:
    text = run("init", "-o", "-").text
    suggested = [
        line.removeprefix("# ")
        for line in text.splitlines()
        if line.startswith(("# [", "[")) or (line.startswith("# ") and " = " in line)
    ]
    assert len(suggested) > 10
    (folder / "apilog.toml").write_text("\n".join(suggested))
    (folder / "accounts.csv").write_text("account\n")
    ran = run("config", "check")
    assert "SLACK_WEBHOOK_URL" in ran.stderr  # the secret alone is lacking


def test_names_of_logs_are_comments_and_no_settings(folder: Path, run: Run) -> None:
    log = folder / 'a\n[checks]\nb".log'
    log.write_bytes((SAMPLE_LOGS / "combined.log").read_bytes())
    run("init", log)
    assert "checks" not in tomllib.loads((folder / "apilog.toml").read_text())
    assert run("config", "check").code == 0
