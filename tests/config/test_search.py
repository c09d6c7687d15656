"""Which file settings are read from, and that options which are given go before it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from apilog.config import find_config, load_config
from apilog.errors import UsageError
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = str(SAMPLE_LOGS / "api.log")
SETTINGS = "[defaults]\ntz = 'Europe/Berlin'\n"
PROJECT = "[tool.apilog.defaults]\ntz = 'Europe/Berlin'\n"


@pytest.fixture
def inner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder two levels below `tmp_path`, which is the current one."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def write(path: Path, text: str = SETTINGS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_first_of_all_places_counts(
    inner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_config() is None
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    users = write(tmp_path / "home" / "apilog" / "apilog.toml")
    assert find_config() == users
    above = write(tmp_path / "pyproject.toml", PROJECT)
    assert find_config() == above
    own = write(tmp_path / "apilog.toml")
    assert find_config() == own
    nearer = write(tmp_path / "a" / "pyproject.toml", PROJECT)
    assert find_config() == nearer
    write(inner / "apilog.toml")
    assert find_config() == Path("apilog.toml")
    named = write(tmp_path / "named.toml")
    monkeypatch.setenv("APILOG_CONFIG", str(named))
    assert find_config() == named
    monkeypatch.setenv("APILOG_CONFIG", "")
    assert find_config() == Path("apilog.toml")
    assert find_config(tmp_path / "given.toml") == tmp_path / "given.toml"


@pytest.mark.parametrize(
    "text", ["[project]\nname = 'apilog'\n", "[tool.apilog]\n", "[broken", "\xff apilog"]
)
def test_a_project_without_settings_is_passed_over(inner: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "a" / "pyproject.toml").write_bytes(text.encode("latin-1"))
    own = write(tmp_path / "apilog.toml")
    assert find_config() == own


def test_a_broken_project_with_settings_is_said(inner: Path, run: Run) -> None:
    write(inner / "pyproject.toml", PROJECT + "x = yes\n")
    ran = run("report", LOG)
    assert ran.code == 2
    assert "pyproject.toml is not TOML: Invalid value (at line 3, column 5)" in ran.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_passed_over(inner: Path, tmp_path: Path) -> None:
    write(tmp_path / "apilog.toml")
    (tmp_path / "a").chmod(0o100)
    assert find_config() == tmp_path / "apilog.toml"


def test_a_file_that_the_environment_names_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("APILOG_CONFIG", "none.toml")
    ran = run("report", LOG)
    assert (ran.code, ran.stdout) == (2, b"")
    assert "can't read none.toml: No such file" in ran.stderr
    assert "hint: APILOG_CONFIG names it" in ran.stderr


def test_defaults_hold_where_an_option_is_not_given(inner: Path, tmp_path: Path, run: Run) -> None:
    write(
        tmp_path / "apilog.toml",
        """
        [defaults]
        tz = "Europe/Berlin"
        top = 2
        where = "status >= 500"
        routes = ["/v1/users/{who}"]
        keep_query = true
        max_routes = 7
        bucket = "1h"
        """,
    )
    document = json.loads(run("report", LOG, "-f", "json").text)
    assert document["window"]["since"].endswith("+01:00")
    assert document["tables"]["overview"][0]["errors"] == 38
    assert len(document["tables"]["statuses"]) <= 3
    routes = {row["route"] for row in document["tables"]["endpoints"]}
    assert "(other)" in routes
    given = (
        "--tz",
        "UTC",
        "--top",
        "100",
        "--where",
        "status < 500",
        "--route",
        "/v1/users/{name}",
    )
    document = json.loads(run("report", LOG, "-f", "json", *given).text)
    assert document["window"]["since"].endswith("Z")
    assert document["tables"]["overview"][0]["requests"] == 1500 - 38
    routes = {row["route"] for row in document["tables"]["endpoints"]}
    assert "/v1/users/{name}" in routes
    assert "/v1/users/{who}" not in routes


def test_checks_may_have_a_minimum_of_their_own(inner: Path, tmp_path: Path, run: Run) -> None:
    def state(settings: str) -> str:
        write(tmp_path / "apilog.toml", settings)
        ran = run("check", LOG, "-t", "error_rate < 90%", "-f", "json")
        return str(json.loads(ran.text)["tables"]["checks"][0]["state"])

    assert state("[defaults]\nmin_requests = 5000\n") == "inconclusive"
    assert state("[defaults]\nmin_requests = 5000\n[checks]\nmin_requests = 10\n") == "pass"


def test_configured_files_lie_beside_the_configuration(inner: Path, tmp_path: Path) -> None:
    write(tmp_path / "apilog.toml", "[defaults]\nnginx_conf = 'nginx.conf'\n")
    assert load_config().defaults.nginx_conf == tmp_path / "nginx.conf"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("tz = 'Mars'", "defaults.tz is 'Mars'"),
        ("bucket = '5 parsecs'", "defaults.bucket is '5 parsecs'"),
        ("top = 0", "defaults.top is not a whole number"),
        ("keep_query = 'yes'", "defaults.keep_query is neither true nor false"),
        ("topp = 3", "defaults.topp is no setting"),
    ],
)
def test_a_mistake_is_told_with_line_and_column(
    inner: Path, line: str, problem: str, run: Run
) -> None:
    path = write(inner / "apilog.toml", f"\n[defaults]\n  {line}\n")
    with pytest.raises(UsageError, match=f"^{path.name}:3:3: {problem}"):
        load_config()
    ran = run("detect", LOG)
    assert ran.code == 2
    assert f"apilog.toml:3:3: {problem}" in ran.stderr
