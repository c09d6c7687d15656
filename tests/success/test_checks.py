"""Success metrics as goals of the configuration, and as thresholds of `apilog check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import Run

SAMPLE = Path(__file__).parents[2] / "sample_logs" / "success"
JOIN = ("--accounts", SAMPLE / "accounts.csv", "--as-of", "2026-11-21")
CONFIG = f"""
[accounts]
source = "{SAMPLE / "accounts.csv"}"
[plans.pro]
quota = 60
price = 99
[plans.starter]
quota = 40
[goals]
conversion_rate = "15%"
trial_conversion_rate = "25%"
[checks]
thresholds = ["activation_rate > 50%"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(
    run: Run, *argv: str | Path, source: Path = SAMPLE
) -> tuple[int, list[dict[str, object]]]:
    result = run("check", source, *argv, "-f", "json", "--quiet")
    return result.code, json.loads(result.stdout)["tables"]["checks"]


@pytest.mark.parametrize(
    ("threshold", "code"),
    [
        ("trial_conversion_rate >= 10%", 0),
        ("trial_conversion_rate >= 20%", 1),
        ('trial_conversion_rate{trial_kind="reverse"} > 17%', 0),
        ("trial_conversion_rate > 15% for each trial_kind", 1),
        ("median_hours_to_first_call < 4h", 0),
        ("median_hours_to_first_call < 0.1d", 1),
        ("poc_p90_days < 4w", 3),  # 13 of them are fewer than 20
        ('mrr{plan="gold"} > 1', 3),
        ('retention_rate{age="2"} > 30%', 0),
        ('arpu{plan="starter"} > 100', 1),
    ],
)
def test_a_threshold_holds_or_fails(run: Run, stored: Path, threshold: str, code: int) -> None:
    exit_code, _ = checked(run, *JOIN, "-t", threshold, "--strict-limits", source=stored)
    assert exit_code == code


@pytest.mark.slow
def test_the_attribution_window_is_that_of_a_success_report(run: Run) -> None:
    values = []
    for window in ("2d", "30d"):
        asked = (*JOIN, "--attribution", window)
        _, rows = checked(run, *asked, "-t", 'trial_conversion_rate{trial_kind="reverse"} > 15%')
        shown = run("success", SAMPLE, *asked, "-f", "json", "--quiet")
        trials = json.loads(shown.stdout)["tables"]["trials"]
        (reverse,) = (row for row in trials if row["trial_kind"] == "reverse")
        assert rows[0]["value"] == reverse["conversion_rate"]
        values.append(reverse["conversion_rate"])
    assert values[0] < values[1]


@pytest.mark.slow
def test_what_is_told_of_it(run: Run) -> None:
    both = ("-t", "trial_conversion_rate > 15% for each trial_kind", "-t", "error_rate < 50%")
    code, rows = checked(run, *JOIN, *both, "--strict-limits")
    assert code == 1
    kinds = {row["trial_kind"]: row for row in rows}
    assert kinds["standard"]["state"] == "fail"
    assert kinds["reverse"] | {"low": 0, "high": 0} == {
        "threshold": "trial_conversion_rate > 15% for each trial_kind",
        "metric": "trial_conversion_rate",
        "trial_kind": "reverse",
        "state": "pass",
        # 22 of the 121 that are over; the others count for the time that they have run.
        "value": pytest.approx(0.17894, abs=1e-5),
        "limit": 0.15,
        "baseline": None,
        "requests": 121,
        "low": 0,
        "high": 0,
        "p_value": None,
        "reason": None,
        "design_effect": None,
    }
    # Requests stay what they were.
    assert kinds[None]["requests"] == 8_906


@pytest.mark.slow
def test_few_accounts_decide_nothing(run: Run) -> None:
    argv = (*JOIN, "-t", "poc_conversion_rate > 30%")
    code, rows = checked(run, *argv)
    assert (code, rows[0]["reason"]) == (3, "13 accounts, fewer than 20")
    code, rows = checked(run, *argv, "--min-accounts", "10")
    assert (code, rows[0]["state"]) == (0, "pass")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("-t", "trial_conversion_rate >= 20%"), "there are no accounts to join"),
        ((*JOIN, "-t", "trial_conversion_rate >= baseline"), "is not in a baseline"),
        ((*JOIN, "-t", 'mrr{age="4"} > 1'), "mrr has no column 'age'"),
        ((*JOIN, "-t", "activation_rate > 5% for each plan"), "has no column 'plan'"),
        ((*JOIN, "-t", "trial_conversions > 5"), "there is no metric 'trial_conversions'"),
        ((*JOIN, "-t", "activation_rate > 5ms"), "activation_rate has no unit 'ms'"),
    ],
)
def test_what_can_not_be_held_is_one_clear_error(
    run: Run, folder: Path, argv: tuple[str | Path, ...], message: str
) -> None:
    result = run("check", SAMPLE, *argv)
    assert (result.code, result.stdout) == (2, b"")
    assert message in result.stderr.splitlines()[0]


def test_standard_input_is_not_read_twice(run: Run) -> None:
    result = run("check", "-", *JOIN, "-t", "activation_rate > 5%")
    assert result.code == 2
    assert "standard input can't be read twice" in result.stderr


@pytest.mark.slow
def test_the_configuration_is_read(run: Run, folder: Path) -> None:
    (folder / "apilog.toml").write_text(CONFIG)
    result = run("success", SAMPLE, "--as-of", "2026-11-21", "-f", "json", "--quiet")
    assert result.code == 0
    tables = json.loads(result.stdout)["tables"]
    assert {row["goal"]: row["reached"] for row in tables["goals"]} == {
        "conversion_rate": True,
        "trial_conversion_rate": False,
    }
    assert [row["plan"] for row in tables["plans"]] == ["pro", "starter"]
    assert tables["candidates"]
    drawn = run("success", SAMPLE, "--as-of", "2026-11-21").text
    assert "Goals  1 of 2 reached" in drawn
    assert "Whom to talk to" in drawn
    code, rows = checked(run, "--as-of", "2026-11-21")
    assert (code, rows[0]["threshold"]) == (0, "activation_rate > 50%")


def test_a_file_that_is_given_is_read_instead(run: Run, folder: Path) -> None:
    (folder / "apilog.toml").write_text("nonsense")
    (folder / "other.toml").write_text(CONFIG)
    argv = ("--config", folder / "other.toml", "--as-of", "2026-11-21", "-f", "csv", "-q")
    assert run("success", SAMPLE, *argv).code == 0
    assert run("success", SAMPLE, "--as-of", "2026-11-21").code == 2


def test_an_unknown_goal_is_an_error_before_anything_is_read(run: Run, folder: Path) -> None:
    (folder / "apilog.toml").write_text('[goals]\nconversions = "5%"\n')
    result = run("success", "missing.log", "--accounts", "missing.csv")
    assert result.code == 2
    assert "there is no success metric 'conversions'" in result.stderr
