"""Documents of the shapes that public APIs have, and calls of which every answer is known."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import weblog


def operation(name: str, *statuses: str, tag: str = "all", **more: object) -> dict[str, Any]:
    """An operation object."""
    responses = {status: {"description": "…"} for status in statuses or ("200",)}
    return {"operationId": name, "tags": [tag], "responses": responses, **more}


def document(paths: dict[str, Any], *, version: str = "3.1.0", base: str = "/") -> dict[str, Any]:
    """A document of these paths."""
    info = {"title": "Example", "version": "1"}
    return {"openapi": version, "info": info, "servers": [{"url": base}], "paths": paths}


def petstore() -> dict[str, Any]:
    """Few operations, a static sibling, a template with a suffix, one operation to end."""
    paths = {
        "/pets": {
            "get": operation("listPets", "200", "4XX", tag="pets"),
            "post": operation("createPet", "201", tag="pets"),
        },
        "/pets/mine": {
            "get": operation(
                "minePets", "default", tag="pets", deprecated=True, **{"x-sunset": "2026-12-31"}
            )
        },
        "/pets/{petId}": {
            "get": operation("getPet", "200", "404", tag="pets"),
            "delete": operation("deletePet", "204", tag="pets"),
        },
        "/orders/{id}.json": {"get": operation("getOrder", "200", tag="store")},
    }
    tags = [{"name": "pets"}, {"name": "store"}]
    return document(paths, base="https://api.example.com/v1") | {"tags": tags}


def github(count: int = 1000) -> dict[str, Any]:
    """Many templates with two parameters in front, literals beside parameters below them."""
    paths: dict[str, Any] = {}
    made = 0
    for number in range(count):
        area = f"area{number % 40}"
        path = (
            f"/repos/{{owner}}/{{repo}}/{area}/things{number}",
            f"/repos/{{owner}}/{{repo}}/{area}/things{number}/{{id}}",
            f"/orgs/{{org}}/{area}{number}",
            f"/{area}/{{id}}/sub{number}/{{other}}",
        )[number % 4]
        paths[path] = {
            method: operation(f"{method}{number}", "200", tag=area, deprecated=number % 50 == 0)
            for method in ("get", "post")
        }
        made += 2
        if made >= count:
            break
    return document(paths, version="3.0.3", base="/")


def stripe(count: int = 400) -> dict[str, Any]:
    """Collections and their items under a version, with actions as literals behind the items."""
    paths: dict[str, Any] = {}
    for number in range(count // 4):
        name = f"resources{number}"
        paths[f"/v1/{name}"] = {
            "get": operation(f"list{number}", "200", "default", tag=name),
            "post": operation(f"make{number}", "200", "default", tag=name),
        }
        paths[f"/v1/{name}/{{id}}"] = {
            "get": operation(f"get{number}", "200", tag=name),
            "delete": operation(f"drop{number}", "200", tag=name, deprecated=number % 10 == 0),
        }
        paths[f"/v1/{name}/{{id}}/cancel"] = {"post": operation(f"cancel{number}", tag=name)}
    return document(paths, version="3.0.0", base="https://api.example.com")


SHAPES = {"petstore": petstore, "github": github, "stripe": stripe}


def save(path: Path, content: object) -> Path:
    """Write a document as YAML or JSON, as the name says."""
    is_json = path.suffix == ".json"
    text = json.dumps(content) if is_json else yaml.safe_dump(content, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


@dataclass
class PlantedCalls:
    """Calls, and what has to be found of them; counted while they are made, nothing is parsed."""

    lines: list[str] = field(default_factory=list)
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by method and template."""
    undocumented: Counter[tuple[str, str]] = field(default_factory=Counter)
    deprecated: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Requests by method, template and consumer."""
    undeclared: set[tuple[str, str, int]] = field(default_factory=set)
    unused: set[tuple[str, str]] = field(default_factory=set)

    def add(self, method: str, path: str, status: int, user: str) -> None:
        """One more line of the log."""
        text = weblog.line(path, method=method, status=status, user=user, after=len(self.lines) / 9)
        self.lines.append(text)


def plant(spec: dict[str, Any], seed: int, *, calls: int = 3) -> PlantedCalls:
    """Call most operations of a document, and what is in none of it; a tenth is not called."""
    random_ = random.Random(seed)
    planted = PlantedCalls()
    base = "/".join(["", *spec["servers"][0]["url"].split("://")[-1].split("/")[1:]]).rstrip("/")
    for path, item in spec["paths"].items():
        for method, declared in item.items():
            key = (method.upper(), base + path)
            if random_.random() < 0.1:
                planted.unused.add(key)
                continue
            for _ in range(random_.randint(1, calls)):
                _call(planted, key, declared, random_)
    for number in range(20):
        key = ("GET", f"{base}/nowhere/shadow{'abcdefghijklmnopqrst'[number]}")
        planted.undocumented[key] += 2
        for _ in range(2):
            planted.add(*key, 200, "intern")
        planted.add("GET", f"/wp-{'abcdefghijklmnopqrst'[number]}.php", 404, "-")
    first = base + next(iter(spec["paths"]))
    planted.undocumented["PATCH", first] += 1
    planted.add("PATCH", _filled(first, random_), 500, "intern")
    random_.shuffle(planted.lines)
    return planted


def _call(
    planted: PlantedCalls, key: tuple[str, str], declared: dict[str, Any], random_: random.Random
) -> None:
    user = random_.choice(["ann", "bob", "cem"])
    status = random_.choice([200, 200, 200, 409])
    planted.used[key] += 1
    if declared.get("deprecated"):
        planted.deprecated[(*key, user)] += 1
    names = {*declared["responses"]}
    if not names & {str(status), f"{status // 100}XX", "default"}:
        planted.undeclared.add((*key, status))
    planted.add(key[0], _filled(key[1], random_), status, user)


def _filled(template: str, random_: random.Random) -> str:
    """A path of the template."""
    values = ["7", "acme", "x-1", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "caf%C3%A9", "a.b"]
    parts = template.split("{")
    return parts[0] + "".join(random_.choice(values) + part.split("}")[1] for part in parts[1:])
