"""All settings that hold, and where each came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from apilog.config.format_sections import DefaultsConfig
from apilog.config.route_sections import ROUTE_KEYS
from apilog.config.sections import ALERT_MIN_REQUESTS, INCONCLUSIVE_CHOICES, ChecksConfig
from apilog.config.toml_places import Place, find_positions, write_place
from apilog.options import CheckOptions, ReportOptions

BUILT_IN = "built in"
"""The origin of what no file sets."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that holds."""

    key: str
    """The keys that lead to it, such as `alerts.rules[0].over`."""
    value: str | None
    """As TOML writes it, secrets left out; None where there is none."""
    origin: str
    """File and line, or that it is built in."""


def list_settings(
    values: Mapping[str, object], file: Path | None = None, place: Place = ()
) -> list[Setting]:
    """Return what a file sets, and what is built in of the sections that hold no names of the user.

    `values` is the table of apilog's settings, which stands at this place of the file.
    """
    positions = find_positions(file) if file else {}
    found = [
        Setting(write_place(key), _write_value(key, value), f"{file}:{line}")
        for key, value in _iter_values(values)
        for line, _ in [positions.get((*place, *key), (1, 1))]
    ]
    named = {setting.key for setting in found}
    built_in = [
        Setting(key, _write_value((section, name), value), BUILT_IN)
        for section, name, value in _built_in_values()
        if (key := f"{section}.{name}") not in named
    ]
    return [*found, *built_in]


def _built_in_values() -> Iterator[tuple[str, str, object]]:
    """Yield section, key and value of what holds where no file says otherwise."""
    options = {
        each.name: each.default for kind in (ReportOptions, CheckOptions) for each in fields(kind)
    }
    for each in fields(DefaultsConfig):
        yield "defaults", each.name, options.get(each.name)
    for key in ROUTE_KEYS:
        yield "routes", key, None
    # The number of requests is that of `[defaults]`, and so are others that options have.
    own = {"min_requests": None, "inconclusive": INCONCLUSIVE_CHOICES[-1]}
    for each in fields(ChecksConfig):
        yield "checks", each.name, own.get(each.name, options.get(each.name))
    yield from (("alerts", "repeat", None), ("alerts", "min_requests", ALERT_MIN_REQUESTS))
    yield "alerts", "state", None
    yield from (("accounts", "source", None), ("accounts", "query", None))


def _iter_values(values: object, place: Place = ()) -> Iterator[tuple[Place, object]]:
    """Yield the values that are no tables, nor lists of tables, with the keys to them."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from _iter_values(value, (*place, key))
    elif isinstance(values, list) and values and all(isinstance(v, dict) for v in values):
        for number, value in enumerate(values):
            yield from _iter_values(value, (*place, number))
    else:
        yield place, values


def _write_value(place: Place, value: object) -> str | None:
    if value is None or value == ():
        return None
    if isinstance(value, str):
        value = _without_secret(place, value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _without_secret(place: Place, text: str) -> str:
    """Leave out keys of hashes, passwords, and addresses that are secrets, as webhooks' are."""
    if place[-1] == "hash_consumers" and not text.startswith(("env:", "@")):
        return "…"
    try:
        url = urlsplit(text)
    except ValueError:
        return text
    if url.scheme and url.netloc:
        host = url.netloc.rpartition("@")[2]
        return (
            f"{url.scheme}://{host}/…"
            if place[0] == "alerts"
            else text.replace(url.netloc, host, 1)
        )
    return text
