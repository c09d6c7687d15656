"""Routes that are known before anything is read: declared ones, and what a file or store knows."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from apilog.errors import InputError
from apilog.options import RecordOptions
from apilog.routes import NO_TEMPLATES, RouteTemplates, parse_rules, read_rules_file
from apilog.specifications import load_specifications
from apilog.store import Store


@dataclass(frozen=True, slots=True)
class KnownRoutes:
    """What options say of routes."""

    declared: tuple[str, ...]
    """Templates of `--route`, those of a file, then further ones, as they are tried."""
    templates: RouteTemplates = NO_TEMPLATES
    """What a store or a baseline learned."""


def read_known_routes(options: RecordOptions) -> KnownRoutes:
    """Return the templates of the options, and what the file or store that they name has.

    Raises InputError for what can't be read, and UsageError for a template that can't be
    understood.
    """
    place = options.routes_file
    of_file: tuple[str, ...] = ()
    templates: RouteTemplates | None = NO_TEMPLATES
    if place is not None and Store.is_store(place):
        templates = Store.open(place).manifest.templates
    elif place is not None and (templates := _baseline_templates(place)) is None:
        of_file = read_rules_file(place)
    rules = parse_rules([*options.routes, *of_file, *options.further_routes])
    return KnownRoutes(tuple(rule.text for rule in rules), templates or NO_TEMPLATES)


def declared_routes(options: RecordOptions) -> frozenset[str]:
    """Return the routes that the user declares, by themselves or in specifications."""
    specified = load_specifications(options.openapi)
    return frozenset(read_known_routes(options).declared) | (
        specified.routes if specified else frozenset()
    )


def _baseline_templates(path: str | os.PathLike[str]) -> RouteTemplates | None:
    """Return what a baseline learned of routes; None for a file that is none."""
    try:
        with Path(path).open("rb") as file:
            # No line of a file of templates begins so.
            if not file.read(64).lstrip().startswith(b"{"):
                return None
        document = json.loads(Path(path).read_bytes())
        if not isinstance(document, dict) or "apilog_baseline" not in document:
            raise ValueError
        return RouteTemplates.from_json(document.get("templates", []))
    except OSError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        hint = "--routes takes a file with a template a line, a store, or a file of `baseline`"
        raise InputError(f"{os.fspath(path)} is no baseline", hint) from error
