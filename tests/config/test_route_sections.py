"""The sections `[routes]` and `[slo.NAME]`: what they hold, what wins, and mistakes in them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from apilog.config import load_config
from apilog.config.route_sections import pin_into
from apilog.errors import UsageError
from tests.commands import Run

SETTINGS = """\
# mine
[defaults]
routes = ["/a/{default}"]

[routes]   # all of them
templates = ["GET /a/{template}", "/b/{template}"]
files = ["routes.txt"]
pins = ["/d/{pin}"]
"""
LINES = "".join(
    f'1.2.3.4 - - [20/Nov/2026:12:00:00 +0000] "GET /{name}/x HTTP/1.1" 200 1\n' for name in "abcde"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apilog.toml").write_text(SETTINGS)
    (tmp_path / "routes.txt").write_text("# pinned before\n/b/{file}\n/c/{file}\n/d/{file}\n")
    (tmp_path / "a.log").write_text(LINES)
    return tmp_path


def routes_of(run: Run, *arguments: str) -> set[str]:
    ran = run("report", "a.log", "-l", "common", "-f", "json", "--table", "endpoints", *arguments)
    return {row["route"] for row in json.loads(ran.text)["tables"]["endpoints"]}


@pytest.mark.usefixtures("folder")
def test_options_come_first_then_templates_files_and_pins(run: Run) -> None:
    inner = {"/b/{template}", "/c/{file}", "/d/{file}", "/e/x"}
    assert routes_of(run) == {"/a/{default}"} | inner
    assert routes_of(run, "--route", "/x/{option}") == {"/a/{template}"} | inner
    assert routes_of(run, "--route", "/*/{option}") == {"/*/{option}"}
    shown = run("config").text
    assert {"routes.templates", "routes.files", "routes.pins", "defaults.routes"} <= {
        *shown.split()
    }


def test_pins_are_added_and_all_else_stays(folder: Path) -> None:
    file = folder / "apilog.toml"
    pinned = pin_into(file, ["/e/{value}", "/d/{pin}"])
    assert tomllib.loads(pinned)["routes"]["pins"] == ["/d/{pin}", "/e/{value}"]
    assert pinned.startswith(SETTINGS.partition("pins")[0])
    file.write_text(pinned)
    assert pin_into(file, ["/e/{value}"]) == pinned
    assert load_config(file).routes[-1] == "/e/{value}"
    project = folder / "pyproject.toml"
    project.write_text('[project]\nname = "x"')
    project.write_text(pin_into(project, ['/q/"{value}']))
    assert load_config(project).routes == ('/q/"{value}',)
    assert project.read_text().startswith('[project]\nname = "x"\n\n[tool.apilog.routes]\n')
    (folder / "other.toml").write_text("routes = {pins = []}")
    with pytest.raises(UsageError, match="can't tell where"):
        pin_into(folder / "other.toml", ["/a"])


def test_what_traffic_told_is_pinned(folder: Path, run: Run) -> None:
    words = [
        f"{a}{b}-{c}-shirt" for a in "bcdfghjk" for b in "aeiou" for c in ("red", "old", "new")
    ]
    line = '1.2.3.4 - - [20/Nov/2026:12:00:00 +0000] "GET /products/{} HTTP/1.1" 200 1\n'
    (folder / "shop.log").write_text("".join(line.format(word) for word in words))
    ran = run("routes", "shop.log", "-l", "common", "--pin", "apilog.toml")
    assert (ran.code, load_config().routes[-1]) == (0, "/products/{value}"), ran.stderr
    assert routes_of(run) == {"/a/{default}", "/b/{template}", "/c/{file}", "/d/{file}", "/e/x"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[routes]\ntemplates = ["/a", "b"]', "bad.toml:2:1: routes.templates[1] is no template"),
        ('[routes]\nfiles = ["none.txt"]', "bad.toml:2:1: routes.files[0] names 'none.txt'"),
        ('[routes]\npins = "x"', "bad.toml:2:1: routes.pins is not a list"),
        ("[routes]\npin = []", "bad.toml:2:1: routes.pin is no setting"),
        ('[slo.x]\ngood = "status < 500"', "bad.toml:1:6: slo.x.objective is missing"),
        ('[slo.x]\nobjective = "120%"', "bad.toml:2:1: slo.x.objective is '120%'"),
        ("[slo.x]\nobjective = 0", "slo.x.objective is 0"),
        ("[slo.x]\nobjective = true", "slo.x.objective is True"),
        ('[slo.x]\nobjective = 99\ngood = "status"', "bad.toml:3:1: slo.x.good is 'status'"),
        ('[slo.x]\nobjective = 99\ngood = "statu < 5"', "no column 'statu'"),
        ('[slo.x]\nobjective = 99\ngod = "status < 5"', "bad.toml:3:1: slo.x.god is no setting"),
        ('[slo.requests]\nobjective = 99\ngood = "true"', "has the name of the metric"),
        (
            '[metrics.x]\nsum = "1"\n[slo.x]\nobjective = 99\ngood = "status < 5"',
            "bad.toml:3:6: slo.x has the name of a metric of [metrics]",
        ),
        ('[metrics.x]\nobjective = 99\ngood = "status < 5"', "metrics.x.objective is no setting"),
    ],
)
def test_mistakes_are_told_with_their_place(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_config(Path("bad.toml"))
    assert says in str(caught.value)
    assert caught.value.hint
