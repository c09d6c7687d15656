"""The sections `[defaults]` and `[formats.NAME]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apilog.config.sections import ConfigTable
from apilog.options import OwnFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultsConfig:
    """What every command takes where its option is not given."""

    client_ip: str | None = None


def read_defaults(table: ConfigTable) -> DefaultsConfig:
    """Read the defaults of options."""
    return DefaultsConfig(client_ip=table.text("client_ip"))


def read_formats(table: ConfigTable) -> Mapping[str, OwnFormat]:
    """Read the user's formats by name; raises UsageError for one that can't be."""
    from apilog.formats.own.declarations import DeclarationError, declare_format

    formats: dict[str, OwnFormat] = {}
    for name in table.keys:
        values = table.values(name)
        if values is None:
            continue
        try:
            formats[name] = declare_format(name, values)
        except DeclarationError as problem:
            raise table.error(name, problem.problem, problem.hint, problem.place) from problem
    return formats
