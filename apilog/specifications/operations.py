"""The operations of a specification: https://spec.openapis.org/oas/v3.1.1.html and 3.0.

What operations are made of is validated by openapi-pydantic. Bodies, schemas and examples say
nothing of which calls there are: they are left out, so that a mistake in one refuses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from apilog.errors import UsageError, install_hint
from apilog.specifications.documents import pointer_to, read_document, specification_error
from apilog.specifications.templates import PathTemplate, TemplateError, parse_template

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The methods that an operation can have, as documents write them."""
MOST_OPERATIONS = 50_000
"""The most operations of all specifications, each counted for each of its base paths."""

_VERSION = re.compile(r"3\.([01])\.[0-9]+(?:-.*)?\Z")
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_AUTHORITY = re.compile(r"^(?:[^/]*:)?//[^/]*")
_MOST_BASES = 50
_BODIES = ("requestBody", "callbacks", "security", "servers", "externalDocs")
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation that a specification declares."""

    method: str
    """In capitals, as it is sent."""
    routes: tuple[PathTemplate, ...]
    """The templates of its whole path, one for each base path of its servers."""
    name: str | None
    """Its operationId."""
    tags: tuple[str, ...]
    is_deprecated: bool
    sunset: str | None
    """When it ends, as its `x-sunset` says (the date of RFC 8594's header, mostly)."""
    statuses: frozenset[int]
    """The statuses that it declares, ranges such as 4XX written out."""
    declares_all: bool
    """Whether a `default` response declares all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """One document."""

    file: str
    title: str
    operations: tuple[Operation, ...]
    tags: tuple[str, ...]
    """In the order in which the document lists them, and then as operations name them."""


def read_specification(file: str) -> Specification:
    """Read and validate one document.

    Raises UsageError, with the file and the pointer to the place, for what is no OpenAPI 3.0 or
    3.1, and for what can't be decided on, such as two templates for the same paths.
    """
    document = read_document(file)
    minor = _version_of(file, document)
    paths = document.get("paths")
    if not isinstance(paths, dict) or not paths:
        hint = "without paths there is nothing to hold calls against"
        raise specification_error(file, ("paths",), "there are none", hint)
    resolved = {
        path: _resolve_item(file, document, item, ("paths", path))
        for path, item in paths.items()
        if not path.startswith("x-")
    }
    _validate(file, minor, document, resolved)
    reader = _OperationReader(file, document)
    operations = tuple(reader.read_all(resolved))
    listed = [tag["name"] for tag in document.get("tags") or ()]
    named = [tag for operation in operations for tag in operation.tags]
    return Specification(
        file=file,
        title=str(document["info"]["title"]),
        operations=operations,
        tags=tuple(dict.fromkeys([*listed, *named])),
    )


def _version_of(file: str, document: Mapping[str, Any]) -> int:
    """Return 0 or 1 for 3.0 or 3.1; raises UsageError for other versions."""
    version = document.get("openapi")
    if isinstance(version, str) and (match := _VERSION.match(version)):
        return int(match[1])
    if "swagger" in document:
        hint = "convert it first: https://converter.swagger.io, or npx swagger2openapi"
        raise specification_error(file, ("swagger",), "Swagger 2.0, not OpenAPI 3", hint)
    problem = "is missing" if version is None else f"is {version!r}"
    hint = "3.0.x and 3.1.x are read; write it in quotes, such as '3.1.0'"
    raise specification_error(file, ("openapi",), problem, hint)


def _resolve_item(
    file: str, document: Mapping[str, Any], item: Any, place: Place
) -> Mapping[str, Any]:
    """Return a path item with that of its `$ref`, whose fields come second."""
    seen: list[str] = []
    merged: dict[str, Any] = {}
    while isinstance(item, dict):
        merged = item | merged
        reference = merged.pop("$ref", None)
        if reference is None:
            return merged
        target = _follow(file, document, reference, (*place, "$ref"))
        if reference in seen:
            problem = f"leads back to itself: {' → '.join([*seen, reference])}"
            raise specification_error(file, (*place, "$ref"), problem)
        seen.append(reference)
        item = target
    raise specification_error(file, place, "is no path item, which is an object")


def _follow(file: str, document: Mapping[str, Any], reference: Any, place: Place) -> Any:
    """Return what a reference within the document stands for."""
    if not isinstance(reference, str):
        raise specification_error(file, place, "is no text")
    if not reference.startswith("#"):
        hint = "bundle it into one file first, such as with `npx @redocly/cli bundle`"
        problem = f"refers to {reference!r}, outside of this file: nothing is fetched"
        raise specification_error(file, place, problem, hint)
    target: Any = document
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and key.isdecimal() and int(key) < len(target):
            target = target[int(key)]
        elif isinstance(target, dict) and key in target:
            target = target[key]
        else:
            raise specification_error(file, place, f"refers to {reference!r}, which is not there")
    return target


def _validate(
    file: str, minor: int, document: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise UsageError for the first place where the document is not as OpenAPI has it."""
    try:
        from openapi_pydantic.v3 import v3_0, v3_1
        from pydantic import ValidationError
    except ImportError as error:
        problem = f"{file}: reading specifications takes openapi-pydantic, which is not installed"
        raise UsageError(problem, install_hint("openapi")) from error
    # A mistake in `servers` or `tags` is told with its place; bodies are not looked at.
    kept = ("openapi", "info", "servers", "tags")
    reduced = {key: document[key] for key in kept if key in document}
    info = reduced.get("info")
    if isinstance(info, dict) and isinstance(info.get("version"), int | float):
        # YAML makes a number of what people write as a version.
        reduced["info"] = {**info, "version": str(info["version"])}
    reduced["paths"] = {path: _without_bodies(item) for path, item in items.items()}
    model = (v3_0.OpenAPI, v3_1.OpenAPI)[minor]
    try:
        model.model_validate(reduced)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = _existing_place(reduced, first["loc"])
        more = error.error_count() - 1
        hint = f"and {more} more mistakes" if more else "https://spec.openapis.org/oas/"
        missing = f" ({first['loc'][-1]})" if first["type"] == "missing" else ""
        problem = first["msg"][:1].lower() + first["msg"][1:] + missing
        raise specification_error(file, place, problem, hint) from error


def _without_bodies(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a path item without what says nothing of which calls there are."""
    reduced = {key: value for key, value in item.items() if key != "parameters"}
    for method in METHODS:
        operation = reduced.get(method)
        if not isinstance(operation, dict):
            continue
        operation = {k: v for k, v in operation.items() if k not in (*_BODIES, "parameters")}
        responses = operation.get("responses")
        if isinstance(responses, dict):
            operation["responses"] = {
                str(status): {
                    k: v for k, v in each.items() if k not in ("content", "headers", "links")
                }
                if isinstance(each, dict)
                else each
                for status, each in responses.items()
            }
        reduced[method] = operation
    return reduced


def _existing_place(document: Any, location: Sequence[str | int]) -> Place:
    """Return as much of a location as there is: types that were tried are among its parts."""
    place: list[str | int] = []
    for part in location:
        is_key = isinstance(document, dict) and part in document
        if is_key or (isinstance(document, list) and part in range(len(document))):
            document = document[part]
            place.append(part)
    return tuple(place)


@dataclass(slots=True)
class _OperationReader:
    file: str
    document: Mapping[str, Any]

    def read_all(self, items: Mapping[str, Mapping[str, Any]]) -> Iterator[Operation]:
        """Yield the operations of a document that is valid."""
        seen: dict[tuple[str, str], Place] = {}
        names: dict[str, Place] = {}
        count = 0
        for path, item in items.items():
            for method in METHODS:
                if method not in item:
                    continue
                place: Place = ("paths", path, method)
                operation = self._read(path, item, method, place)
                count += len(operation.routes)
                if count > MOST_OPERATIONS:
                    problem = f"has more than {MOST_OPERATIONS:,} operations"
                    raise specification_error(self.file, ("paths",), problem, "split it")
                for route in operation.routes:
                    other = seen.setdefault((method, route.shape), place)
                    if other != place:
                        problem = f"stands for the same paths as {pointer_to(other)}"
                        hint = "parameters with other names make no other template"
                        raise specification_error(self.file, place, problem, hint)
                if operation.name and names.setdefault(operation.name, place) != place:
                    first = pointer_to(names[operation.name])
                    problem = f"has the operationId {operation.name!r}, as {first} has"
                    raise specification_error(self.file, place, problem)
                yield operation

    def _read(self, path: str, item: Mapping[str, Any], method: str, place: Place) -> Operation:
        values = item[method]
        deprecated = values.get("deprecated", False)
        if not isinstance(deprecated, bool):
            problem = f"is {deprecated!r}, neither true nor false"
            raise specification_error(self.file, (*place, "deprecated"), problem)
        statuses, declares_all = self._statuses(values.get("responses"), (*place, "responses"))
        sunset = values.get("x-sunset", item.get("x-sunset"))
        return Operation(
            method=method.upper(),
            routes=tuple(self._routes(path, self._servers(item, values, place), place[:2])),
            name=values.get("operationId"),
            tags=tuple(values.get("tags") or ()),
            is_deprecated=deprecated,
            sunset=None if sunset is None else str(sunset)[:40],
            statuses=frozenset(statuses),
            declares_all=declares_all,
        )

    def _servers(
        self, item: Mapping[str, Any], values: Mapping[str, Any], place: Place
    ) -> tuple[Any, Place]:
        for holder, above in ((values, place), (item, place[:2]), (self.document, ())):
            servers = holder.get("servers")
            if servers:
                return servers, (*above, "servers")
        return [{"url": "/"}], ("servers",)

    def _routes(
        self, path: str, servers: tuple[Any, Place], place: Place
    ) -> Iterator[PathTemplate]:
        for base in self._bases(*servers):
            try:
                yield parse_template(base + path)
            except TemplateError as error:
                raise specification_error(self.file, place, str(error), error.hint) from error

    def _bases(self, servers: Any, place: Place) -> tuple[str, ...]:
        """Return the base paths of servers, each once, without a slash at the end."""
        if not isinstance(servers, list):
            raise specification_error(self.file, place, "is no list of servers")
        bases: dict[str, None] = {}
        for number, server in enumerate(servers):
            url = server.get("url") if isinstance(server, dict) else None
            if not isinstance(url, str):
                raise specification_error(self.file, (*place, number), "has no url")
            choices = self._choices(server, url, (*place, number))
            for values in product(*choices.values()):
                chosen = dict(zip(choices, values, strict=True))
                text = "".join(_fill_variables(url, chosen))
                if len(bases) >= _MOST_BASES:
                    problem = f"has more than {_MOST_BASES} base paths"
                    raise specification_error(self.file, place, problem, "name fewer")
                bases[_base_path(text)] = None
        return tuple(bases)

    def _choices(self, server: Any, url: str, place: Place) -> dict[str, Sequence[str]]:
        """Return the values of each variable of a server's URL, of those that its path has."""
        variables = server.get("variables") or {}
        in_path = _AUTHORITY.sub("", url)
        choices: dict[str, Sequence[str]] = {}
        for name in dict.fromkeys(_VARIABLE.findall(url)):
            variable = variables.get(name) if isinstance(variables, dict) else None
            if not isinstance(variable, dict) or "default" not in variable:
                problem = f"has {{{name}}} in its url, and no variable with a default for it"
                raise specification_error(self.file, place, problem)
            listed = variable.get("enum") if f"{{{name}}}" in in_path else None
            values = listed if isinstance(listed, list) and listed else [variable["default"]]
            choices[name] = [str(value) for value in values[: _MOST_BASES + 1]]
        return choices

    def _statuses(self, responses: Any, place: Place) -> tuple[set[int], bool]:
        statuses: set[int] = set()
        declares_all = False
        for key in responses or {}:
            text = str(key)
            if text == "default":
                declares_all = True
            elif re.fullmatch(r"[1-5][0-9]{2}", text):
                statuses.add(int(text))
            elif re.fullmatch(r"[1-5][Xx]{2}", text):
                statuses.update(range(int(text[0]) * 100, int(text[0]) * 100 + 100))
            elif not text.startswith("x-"):
                hint = "write 200, 4XX or default"
                raise specification_error(self.file, (*place, text), "is no status", hint)
        # Who declares no response at all says nothing of statuses.
        return statuses, declares_all or not statuses


def _fill_variables(url: str, values: Mapping[str, str]) -> Iterator[str]:
    for index, piece in enumerate(_VARIABLE.split(url)):
        yield values[piece] if index % 2 else piece


def _base_path(url: str) -> str:
    """Return the path of a server's URL, without a slash at the end."""
    path = _AUTHORITY.sub("", url).split("?")[0].split("#")[0].rstrip("/")
    return path if path.startswith("/") or not path else f"/{path}"
