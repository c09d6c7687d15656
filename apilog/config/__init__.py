"""Configuration: `apilog.toml`, or `[tool.apilog]` of `pyproject.toml`.

This is the only place that reads settings from files. An unknown key is an error.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from apilog.config.format_sections import DefaultsConfig, read_defaults, read_formats
from apilog.config.report_sections import read_metrics, read_objectives, read_reports
from apilog.config.route_sections import read_routes
from apilog.config.search import CONFIG_VARIABLE, PROJECT_FILE, find_config
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
from apilog.config.servers import read_server_formats
from apilog.errors import UsageError
from apilog.options import OwnFormat

__all__ = [
    "AccountsConfig",
    "ChecksConfig",
    "Config",
    "find_config",
    "load_config",
    "read_settings",
]


SectionT = TypeVar("SectionT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings; a section that the file does not have is there with nothing set."""

    path: Path | None = None
    """The file that holds them, if there is one."""
    defaults: DefaultsConfig = field(default_factory=DefaultsConfig)
    formats: Mapping[str, OwnFormat] = field(default_factory=dict)
    routes: tuple[str, ...] = ()
    """All templates of `[routes]`, in the order in which they are tried."""
    metrics: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Metrics of the user's own and objectives, as they are declared."""
    reports: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Reports of the user's own, as they are declared."""
    checks: ChecksConfig = field(default_factory=ChecksConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    accounts: AccountsConfig = field(default_factory=AccountsConfig)
    plans: PlansConfig = field(default_factory=dict)
    goals: GoalsConfig = field(default_factory=dict)

    def as_options(self) -> Mapping[str, object]:
        """Return what it declares for all commands, by the fields of `apilog.options`."""
        return {
            "formats": self.formats,
            "further_routes": self.routes,
            "own_metrics": self.metrics,
            "reports": self.reports,
        }


def load_config(path: Path | None = None, folder: Path | None = None) -> Config:
    """Read the settings of a file, by default the one that `find_config` finds.

    In `pyproject.toml` they are the table `[tool.apilog]`. Raises UsageError for a file that can't
    be read and for unknown keys.

    A file that configures a server adds the formats of access logs in it to what else there is.
    """
    if path is not None and (formats := read_server_formats(path)) is not None:
        config = load_config(None, folder)
        return replace(config, formats={**formats, **config.formats})
    file = find_config(path, folder)
    if file is None:
        return Config()
    table = ConfigTable(*read_settings(file))
    defaults = _read_section(table, "defaults", read_defaults, DefaultsConfig())
    without: Mapping[str, Mapping[str, object]] = {}
    metrics = _read_section(table, "metrics", read_metrics, without)
    objectives = _read_section(table, "slo", partial(read_objectives, metrics=metrics), without)
    metrics = {**metrics, **objectives}
    config = Config(
        path=file,
        defaults=defaults,
        formats=_read_section(table, "formats", read_formats, {}),
        routes=_read_section(table, "routes", read_routes, ()),
        metrics=metrics,
        reports=_read_section(table, "reports", partial(read_reports, metrics=metrics), without),
        checks=_read_section(table, "checks", read_checks, ChecksConfig()),
        alerts=_read_section(table, "alerts", read_alerts, AlertsConfig()),
        accounts=_read_section(table, "accounts", read_accounts, AccountsConfig()),
        plans=_read_section(table, "plans", read_plans, {}),
        goals=_read_section(table, "goals", read_goals, {}),
    )
    table.finish()
    if config.checks.min_requests is None:
        checks = replace(config.checks, min_requests=defaults.min_requests)
        return replace(config, checks=checks)
    return config


def read_settings(file: Path) -> tuple[Mapping[str, object], Path, tuple[str, ...]]:
    """Return the table of the settings as it stands in a file, the file, and the keys to the table.

    Raises UsageError for a file that can't be read.
    """
    values = _parse_toml(file)
    if file.name != PROJECT_FILE:
        return values, file, ()
    tool = values.get("tool")
    own = tool.get("apilog") if isinstance(tool, dict) else None
    return own if isinstance(own, dict) else {}, file, ("tool", "apilog")


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
        named = os.environ.get(CONFIG_VARIABLE)
        by_variable = named and Path(named) == path
        if by_variable:
            hint = f"{CONFIG_VARIABLE} names it"
        elif isinstance(error, FileNotFoundError):
            hint = "`apilog init` writes such a file"
        else:  # it was found: without it, other settings would hold than its owner believes
            hint = "`--config FILE` takes another one, `--config /dev/null` none"
        raise UsageError(f"can't read {path}: {error.strerror or error}", hint) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8, as TOML is", "save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}", _TOML_HINT) from error


_TOML_HINT = 'texts stand in quotes, as in tz = "Europe/Berlin"; sections are such as [defaults]'
