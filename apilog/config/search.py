"""Which file the settings are read from."""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path

OWN_FILE = "apilog.toml"
PROJECT_FILE = "pyproject.toml"
CONFIG_VARIABLE = "APILOG_CONFIG"
"""The variable of the environment that names the file."""


def find_config(path: Path | None = None, folder: Path | None = None) -> Path | None:
    """Return the file that holds the settings; None if there is none.

    It is the first of these: `path`; the file that `APILOG_CONFIG` names; the nearest
    `apilog.toml`, or `pyproject.toml` with a table `[tool.apilog]`, from the folder upwards, which
    is the current one by default; `apilog/apilog.toml` among the user's settings. Folders that
    can't be read are passed over.
    """
    if path is not None:
        return path
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    start = Path() if folder is None else folder
    for each in (start, *_folders_above(start)):
        if _is_file(each / OWN_FILE):
            return each / OWN_FILE
        if _has_settings(each / PROJECT_FILE):
            return each / PROJECT_FILE
    users = _users_folder() / OWN_FILE
    return users if _is_file(users) else None


def _folders_above(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(folder.absolute().parents)
    except OSError:  # the current folder was removed
        return ()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _has_settings(project: Path) -> bool:
    """Whether a pyproject.toml has the table; one that is broken, and seems to, does."""
    try:
        data = project.read_bytes()
    except OSError:
        return False
    # Most projects have the file, and few of them settings of apilog.
    return b"apilog" in data and _is_ours(data)


@lru_cache(maxsize=4)  # a command looks for its settings several times
def _is_ours(data: bytes) -> bool:
    try:
        tool = tomllib.loads(data.decode()).get("tool")
    except (ValueError, RecursionError):
        return b"[tool.apilog" in data
    return isinstance(tool, dict) and bool(tool.get("apilog"))


def _users_folder() -> Path:
    """Return the folder of the user's settings, where the platform has it."""
    import typer

    try:
        return Path(typer.get_app_dir("apilog"))
    except RuntimeError:  # a user without a home
        return Path(os.devnull)
