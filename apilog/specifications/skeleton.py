"""A first specification of what is called: paths, parameters, methods and statuses, never values.

https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from apilog.errors import UsageError, install_hint
from apilog.specifications.operations import METHODS
from apilog.specifications.templates import PathTemplate, TemplateError, parse_template

VERSION = "3.1.0"
_PLACEHOLDER = re.compile(r"\{([^{}/]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,59}\Z")
_PLAIN_WORD = re.compile(r"[a-z]{3,30}s?\Z")
_REST = ("*", "**")
_QUERY_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$\[\]-]{0,59}\Z")
_HOST = re.compile(r"(?=.*[a-z])[a-z0-9-]+(?:\.[a-z0-9-]+)+\Z")
_LEAST_SHARE = 0.01
"""The share of requests from which on a host is a server: anyone can send any."""
_MOST_SERVERS = 20
_MOST_QUERY_NAMES = 50

FORMATS: Mapping[str, Mapping[str, Any]] = {
    "integer": {"type": "integer"},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
    "email": {"type": "string", "format": "email"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "boolean": {"type": "string", "enum": ["true", "false"]},
}
"""What all values of a parameter may be, and its schema; the first that fits is taken."""


@dataclass(slots=True)
class CalledPath:
    """One path of the document, of one or several routes."""

    template: PathTemplate
    statuses: dict[str, set[int]] = field(default_factory=dict)
    """By method, in small letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterFacts:
    """What is known of parameters, and where."""

    formats: Mapping[tuple[int, int], str]
    """By path, in their order, and number of the segment."""
    queries: Mapping[tuple[int, str], Sequence[tuple[str, str]]]
    """Names and formats by path and method; the most frequent first."""
    hosts: Mapping[str, int]
    """Requests by host."""


def collect_paths(
    calls: Iterable[tuple[str | None, str | None, int | None]],
) -> tuple[list[CalledPath], int]:
    """Return the paths of methods, routes and statuses, and how many of the calls have none.

    Routes that differ in the names of their parameters are one path; so are those that OpenAPI has
    no way to tell apart.
    """
    paths: dict[str, CalledPath] = {}
    left_out: set[tuple[str | None, str | None]] = set()
    for method, route, status in calls:
        name = (method or "").lower()
        if route is None or not route.startswith("/") or name not in METHODS:
            left_out.add((method, route))
            continue
        template = template_of_route(route)
        path = paths.setdefault(template.shape, CalledPath(template))
        known = path.statuses.setdefault(name, set())
        if status is not None and 100 <= status <= 599:
            known.add(status)
    return [*paths.values()], len(left_out)


def template_of_route(route: str) -> PathTemplate:
    """Return the template for a route as reports show it, its parameters told apart by name.

    >>> template_of_route("/users/{id}/orders/{id}/*").text
    '/users/{userId}/orders/{orderId}/{rest+}'
    """
    parts = route.split("/")
    kept = [_plain_segment(part, is_last=i == len(parts) - 1) for i, part in enumerate(parts)]
    names = [name.rstrip("+") for part in kept for name in _PLACEHOLDER.findall(part)]
    used: set[str] = set()
    written = []
    for number, part in enumerate(kept):
        before = kept[number - 1] if number else ""

        def rename(match: re.Match[str], before: str = before) -> str:
            name, rest = match[1].rstrip("+"), "+" if match[1].endswith("+") else ""
            own = _unique_name(name, before, names, used)
            used.add(own)
            return f"{{{own}{rest}}}"

        written.append(_PLACEHOLDER.sub(rename, part))
    return parse_template("/".join(written))


def _plain_segment(part: str, *, is_last: bool) -> str:
    """Return a segment as a template may have it: a parameter, where it can't be written."""
    if part in _REST:
        return "{rest+}" if is_last else "{any}"
    names = _PLACEHOLDER.findall(part)
    if names and is_last and part == f"{{{names[0]}}}" and names[0].endswith("*"):
        return f"{{{names[0].rstrip('*')}+}}"
    try:
        template = parse_template(f"/{part}")
    except TemplateError:
        return "{value}"
    is_written = template.segments and all(_NAME.match(name) for name in names)
    return part if is_written else "{value}"


def _unique_name(name: str, before: str, names: Sequence[str], used: set[str]) -> str:
    """Return a name that no other parameter has: after the segment before, else with a number."""
    if names.count(name) > 1 and _PLAIN_WORD.match(before):
        name = before.removesuffix("s") + name[:1].upper() + name[1:]
    numbered = (name, *(f"{name}{n}" for n in range(2, 200)))
    return next(each for each in numbered if each not in used)


def make_document(paths: Sequence[CalledPath], facts: ParameterFacts) -> dict[str, Any]:
    """Return the document; `facts` are about the paths in their order."""
    items = {
        path.template.text: _path_item(number, path, facts)
        for number, path in enumerate(paths)
        if path.statuses
    }
    total = sum(facts.hosts.values())
    busy = sorted(facts.hosts.items(), key=lambda item: (-item[1], item[0]))
    hosts = [h for h, n in busy if n >= _LEAST_SHARE * total and _HOST.match(h)]
    return {
        "openapi": VERSION,
        "info": {
            "title": "API",
            "version": "0.0.0",
            "description": "What was called, as access logs tell it. Complete it by hand.",
        },
        # A log does not tell https from http, so that the scheme is left open.
        "servers": [{"url": f"//{host}"} for host in hosts[:_MOST_SERVERS]] or [{"url": "/"}],
        "paths": dict(sorted(items.items())),
    }


def _path_item(number: int, path: CalledPath, facts: ParameterFacts) -> dict[str, Any]:
    parameters = [
        {
            "name": name.rstrip("+"),
            "in": "path",
            "required": True,
            "schema": _schema(facts.formats.get((number, place)), is_alone=part == f"{{{name}}}"),
        }
        for place, part in enumerate(path.template.text.split("/"))
        for name in _PLACEHOLDER.findall(part)
    ]
    item: dict[str, Any] = {"parameters": parameters} if parameters else {}
    for method in METHODS:
        # HEAD is declared with GET, and browsers ask by OPTIONS on their own.
        is_implied = (method == "head" and "get" in path.statuses) or (
            method == "options" and len(path.statuses) > 1
        )
        if method in path.statuses and not is_implied:
            item[method] = _operation(number, method, path.statuses[method], facts)
    return item


def _operation(
    number: int, method: str, statuses: Iterable[int], facts: ParameterFacts
) -> dict[str, Any]:
    queries = [
        {"name": name, "in": "query", "schema": _schema(kind)}
        for name, kind in facts.queries.get((number, method), ())
    ][:_MOST_QUERY_NAMES]
    responses = {str(status): {"description": _phrase(status)} for status in sorted(statuses)}
    return {
        **({"parameters": queries} if queries else {}),
        "responses": responses or {"default": {"description": "The log has no status."}},
    }


def _schema(kind: str | None, *, is_alone: bool = True) -> dict[str, Any]:
    return dict(FORMATS[kind]) if kind and is_alone else {"type": "string"}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def query_name(text: str) -> str | None:
    """Return the name of a query parameter; None for what may be a value as well as a name.

    >>> query_name("page%5Bsize%5D"), query_name("1764492000")
    ('page[size]', None)
    """
    name = unquote(text)
    return name if _QUERY_NAME.match(name) else None


def draw_document(document: Mapping[str, Any], *, as_json: bool) -> str:
    """Return the text of a document, as YAML or JSON; UsageError where YAML can't be written."""
    if as_json:
        import json

        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        import yaml
    except ImportError as error:
        problem = "writing YAML takes PyYAML, which is not installed"
        raise UsageError(
            problem, f"{install_hint('openapi')}; a name with .json needs nothing"
        ) from error
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100))
