"""Configuration: `apilog.toml`, or `[tool.apilog]` of `pyproject.toml`.

The one place where settings are read from files. Each section has a module that knows its
keys; whatever is not known is an error.
"""

from __future__ import annotations

from apilog.config.checks import ChecksConfig
from apilog.config.load import Config, load
from apilog.config.success import AccountsConfig

__all__ = ["AccountsConfig", "ChecksConfig", "Config", "load"]
