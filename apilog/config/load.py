"""Which file is read, and its sections."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from apilog.config.alerts import AlertsConfig, read_alerts
from apilog.config.checks import ChecksConfig, read_checks
from apilog.config.success import (
    AccountsConfig,
    Goals,
    Plans,
    read_accounts,
    read_goals,
    read_plans,
)
from apilog.config.table import Table
from apilog.errors import UsageError

Section = TypeVar("Section")

OWN = "apilog.toml"
PROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings; a section that is missing is there with nothing set."""

    path: Path | None = None
    """The file they are from; None without one."""
    checks: ChecksConfig = field(default_factory=ChecksConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    accounts: AccountsConfig = field(default_factory=AccountsConfig)
    plans: Plans = field(default_factory=dict)
    goals: Goals = field(default_factory=dict)


def load(path: Path | None = None, folder: Path | None = None) -> Config:
    """The settings of a file: the given one, else `apilog.toml` or `pyproject.toml` of the folder.

    The folder is the current one unless another is given. Of `pyproject.toml` it is the table
    `[tool.apilog]`. Raises UsageError for a file that can't be read and for unknown keys.
    """
    found = path or _found(folder or Path())
    if found is None:
        return Config()
    values = _parsed(found)
    if found.name == PROJECT:
        values = _of_project(values)
    return _config(Table(values, found, "tool.apilog" if found.name == PROJECT else ""), found)


def _config(table: Table, path: Path) -> Config:
    """Every section is named here."""
    config = Config(
        path=path,
        checks=_section(table, "checks", read_checks, ChecksConfig()),
        alerts=_section(table, "alerts", read_alerts, AlertsConfig()),
        accounts=_section(table, "accounts", read_accounts, AccountsConfig()),
        plans=_section(table, "plans", read_plans, {}),
        goals=_section(table, "goals", read_goals, {}),
    )
    table.finish()
    return config


def _section(table: Table, key: str, read: Callable[[Table], Section], without: Section) -> Section:
    section = table.table(key)
    if section is None:
        return without
    settings = read(section)
    section.finish()
    return settings


def _found(folder: Path) -> Path | None:
    own, project = folder / OWN, folder / PROJECT
    if own.is_file():
        return own
    if project.is_file() and _of_project(_parsed(project)):
        return project
    return None


def _of_project(values: dict[str, object]) -> dict[str, object]:
    tool = values.get("tool")
    own = tool.get("apilog") if isinstance(tool, dict) else None
    return own if isinstance(own, dict) else {}


def _parsed(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
