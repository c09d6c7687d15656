"""Configuration: `apilog.toml`, or `[tool.apilog]` of `pyproject.toml`.

This is the only place that reads settings from files. An unknown key is an error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from apilog.config.format_sections import DefaultsConfig, read_defaults, read_formats
from apilog.config.sections import (
    AccountsConfig,
    AlertsConfig,
    ChecksConfig,
    ConfigTable,
    GoalsConfig,
    PlansConfig,
    read_accounts,
    read_alerts,
    read_checks,
    read_goals,
    read_plans,
)
from apilog.errors import UsageError
from apilog.options import OwnFormat

__all__ = ["AccountsConfig", "ChecksConfig", "Config", "find_config", "load_config"]


SectionT = TypeVar("SectionT")

OWN_FILE = "apilog.toml"
PROJECT_FILE = "pyproject.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings; a section that the file does not have is there with nothing set."""

    path: Path | None = None
    """The file that holds them, if there is one."""
    defaults: DefaultsConfig = field(default_factory=DefaultsConfig)
    formats: Mapping[str, OwnFormat] = field(default_factory=dict)
    checks: ChecksConfig = field(default_factory=ChecksConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    accounts: AccountsConfig = field(default_factory=AccountsConfig)
    plans: PlansConfig = field(default_factory=dict)
    goals: GoalsConfig = field(default_factory=dict)


def find_config(path: Path | None = None, folder: Path | None = None) -> Path | None:
    """Return the file that `load_config` reads, if there is one."""
    places = [path] if path else [(folder or Path()) / name for name in (OWN_FILE, PROJECT_FILE)]
    return next((each for each in places if path or each.is_file()), None)


def load_config(path: Path | None = None, folder: Path | None = None) -> Config:
    """Read the settings of a file, by default `apilog.toml` or `pyproject.toml` of the folder.

    The folder is the current one unless another is given. In `pyproject.toml` they are the table
    `[tool.apilog]`. Raises UsageError for a file that can't be read and for unknown keys.
    """
    file = find_config(path, folder)
    if file is None:
        return Config()
    values = _parse_toml(file)
    place: tuple[str, ...] = ()
    if file.name == PROJECT_FILE:
        tool, place = values.get("tool"), ("tool", "apilog")
        own = tool.get("apilog") if isinstance(tool, dict) else None
        values = own if isinstance(own, dict) else {}
        # Most projects have the file, and few of them settings of apilog.
        if not values and not path:
            return Config()
    table = ConfigTable(values, file, place)
    config = Config(
        path=file,
        defaults=_read_section(table, "defaults", read_defaults, DefaultsConfig()),
        formats=_read_section(table, "formats", read_formats, {}),
        checks=_read_section(table, "checks", read_checks, ChecksConfig()),
        alerts=_read_section(table, "alerts", read_alerts, AlertsConfig()),
        accounts=_read_section(table, "accounts", read_accounts, AccountsConfig()),
        plans=_read_section(table, "plans", read_plans, {}),
        goals=_read_section(table, "goals", read_goals, {}),
    )
    table.finish()
    return config


def _read_section(
    table: ConfigTable, key: str, read: Callable[[ConfigTable], SectionT], without: SectionT
) -> SectionT:
    section = table.table(key)
    if section is None:
        return without
    settings = read(section)
    section.finish()
    return settings


def _parse_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
