"""The sections `[defaults]` and `[formats.NAME]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from apilog.config.sections import ConfigTable
from apilog.errors import DeclarationError, UsageError
from apilog.options import OwnFormat
from apilog.storage import is_url
from apilog.time import parse_step, parse_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultsConfig:
    """What every command takes where its option is not given; None for what is not set."""

    log_format: str | None = None
    nginx_conf: Path | None = None
    client_ip: str | None = None
    tz: str | None = None
    where: str | None = None
    bucket: str | None = None
    top: int | None = None
    routes: tuple[str, ...] | None = None
    routes_file: Path | None = None
    openapi: tuple[str, ...] | None = None
    max_routes: int | None = None
    keep_query: bool | None = None
    anonymize_ip: bool | None = None
    hash_consumers: str | None = None
    exclude: tuple[str, ...] | None = None
    min_requests: int | None = None

    def as_values(self) -> Mapping[str, object]:
        """Return what is set, by its key."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {key: value for key, value in values.items() if value is not None}


def read_defaults(table: ConfigTable) -> DefaultsConfig:
    """Read the defaults of options; raises UsageError for a value that no option would take."""
    return DefaultsConfig(
        log_format=table.text("log_format"),
        nginx_conf=table.file("nginx_conf"),
        client_ip=table.text("client_ip"),
        tz=_checked_text(table, "tz", parse_zone),
        where=table.text("where"),
        bucket=_checked_text(table, "bucket", parse_step),
        top=table.integer("top", least=1),
        routes=table.texts("routes"),
        routes_file=table.file("routes_file"),
        openapi=_files(table, "openapi"),
        max_routes=table.integer("max_routes", least=1),
        keep_query=table.boolean("keep_query"),
        anonymize_ip=table.boolean("anonymize_ip"),
        hash_consumers=table.text("hash_consumers"),
        exclude=table.texts("exclude"),
        min_requests=table.integer("min_requests", least=0),
    )


def _files(table: ConfigTable, key: str) -> tuple[str, ...] | None:
    """Return files, relative to the folder of the configuration, each perhaps after `NAME=`.

    URLs of object storage stay as they are.
    """
    texts = table.texts(key)
    if texts is None:
        return None
    named = (text.rpartition("=") for text in texts)
    return tuple(
        f"{name}{sign}{file if is_url(file) else table.folder / file}" for name, sign, file in named
    )


def _checked_text(table: ConfigTable, key: str, parse: Callable[[str], object]) -> str | None:
    text = table.text(key)
    if text is not None:
        try:
            parse(text)
        except UsageError as error:
            raise table.error(key, f"is {text!r}: {error}", error.hint) from error
    return text


def read_formats(table: ConfigTable) -> Mapping[str, OwnFormat]:
    """Read the user's formats by name; raises UsageError for one that can't be."""
    from apilog.formats.own.declarations import declare_format

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
