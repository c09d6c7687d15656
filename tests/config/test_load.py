"""Where settings are read from, and where it is said that one is wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.config import ChecksConfig, Config, load_config
from apilog.config.sections import ConfigTable
from apilog.errors import UsageError
from tests.any_text import any_text

OWN = """
[checks]
thresholds = ["error_rate < 1%"]
baseline = "base.json"
min_requests = 50
confidence = 0.95
strict_limits = true
inconclusive = "fail"
"""
READ = {
    "thresholds": ("error_rate < 1%",),
    "min_requests": 50,
    "confidence": 0.95,
    "strict_limits": True,
    "inconclusive": "fail",
}


def test_without_a_file_nothing_is_set(tmp_path: Path) -> None:
    assert load_config(folder=tmp_path) == Config() == Config(checks=ChecksConfig())


def test_the_own_file(tmp_path: Path) -> None:
    (tmp_path / "apilog.toml").write_text(OWN)
    (tmp_path / "pyproject.toml").write_text("[tool.apilog.checks]\nmin_requests = 1")
    found = load_config(folder=tmp_path)
    assert found.path == tmp_path / "apilog.toml"
    assert found.checks == ChecksConfig(baseline=tmp_path / "base.json", **READ)  # type: ignore[arg-type]


def test_a_table_of_the_project(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text("[project]\nname = 'x'\n" + OWN.replace("[checks]", "[tool.apilog.checks]"))
    for found in (load_config(folder=tmp_path), load_config(project)):
        assert found.checks == ChecksConfig(baseline=tmp_path / "base.json", **READ)  # type: ignore[arg-type]


def test_a_project_without_the_table_sets_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.other]\nx = 1")
    assert load_config(folder=tmp_path) == Config()


def test_the_current_folder_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apilog.toml").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    assert load_config().checks.min_requests == 50


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("[check]", "check is no setting", "did you mean checks?"),
        ("[checks]\nmin_request = 1", "checks.min_request is no setting", "min_requests"),
        ("[checks]\nqqq = 1", "checks.qqq is no setting", "thresholds, baseline"),
        ("checks = 1", "checks is not a table", "write [checks]"),
        ("[checks]\nthresholds = 'x'", "checks.thresholds is not a list of texts", ""),
        ("[checks]\nthresholds = [1]", "checks.thresholds is not a list of texts", ""),
        (
            "[checks]\nmin_requests = 1.5",
            "checks.min_requests is not a whole number from 0 on",
            "= 10",
        ),
        ("[checks]\nmin_requests = -1", "checks.min_requests is not a whole number", ""),
        ("[checks]\nmin_requests = true", "checks.min_requests is not a whole number", ""),
        ("[checks]\nconfidence = '1'", "checks.confidence is not a number", ""),
        ("[checks]\nstrict_limits = 1", "checks.strict_limits is neither true nor false", "true"),
        ("[checks]\ninconclusive = 'ok'", "checks.inconclusive is 'ok'", "pass, fail, 3"),
        ("[checks]\nbaseline = 3", "checks.baseline is not a text", ""),
        ("[checks", "is not TOML", ""),
    ],
)
def test_errors_name_the_key(tmp_path: Path, text: str, problem: str, hint: str) -> None:
    path = tmp_path / "apilog.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        load_config(folder=tmp_path)
    assert str(raised.value).startswith(str(path))
    assert problem in str(raised.value)
    assert hint in raised.value.hint


def test_in_a_project_the_path_is_that_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.apilog.checks]\nbasline = 'x'")
    with pytest.raises(UsageError, match=r"tool\.apilog\.checks\.basline is no setting"):
        load_config(folder=tmp_path)


def test_a_given_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't read") as raised:
        load_config(tmp_path / "none.toml")
    assert raised.value.hint == "`apilog init` writes such a file"
    with pytest.raises(UsageError, match="can't read") as raised:
        load_config(tmp_path)
    assert "`--config /dev/null` none" in raised.value.hint


VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | any_text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(any_text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
READERS = ("text", "texts", "number", "file", "table", "tables")


@given(VALUES, st.sampled_from(READERS))
def test_any_value_is_read_or_refused(value: object, reader: str) -> None:
    table = ConfigTable({"key": value, "other": 1}, Path("apilog.toml"), ("section",))
    with contextlib.suppress(UsageError):
        getattr(table, reader)("key")
    assert getattr(table, reader)("missing") is None
    with pytest.raises(UsageError, match="other is no setting"):
        table.finish()
    assert [*table.keys] == ["key", "other"]
