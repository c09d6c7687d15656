"""Documents that can't be meant, or are meant to harm: one line with the file and the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apilog.errors import UsageError
from apilog.specifications import load_specifications, read_specification
from apilog.specifications.documents import MOST_BYTES, read_document
from tests.specifications.shapes import document, operation, save

HEAD = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
GET = {"get": operation("one")}
LAUGHS = "\n".join(
    [HEAD, "x-a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    + [f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
)
HARMFUL: dict[str, tuple[str, str]] = {
    "aliases of aliases": (LAUGHS, "holds more than 4,000,000 values"),
    "alias in itself": (f"{HEAD}paths: &p\n  /a: *p\n", r"at #/paths/~1a: has an alias \*p within"),
    "alias of nothing": (f"{HEAD}paths: *gone\n", "undefined alias|without its anchor"),
    "key twice": (f"{HEAD}paths:\n  /a: {{}}\n  /a: {{}}\n", "at #/paths/~1a: stands there twice"),
    "key twice in JSON": ('{"openapi": "3.1.0", "paths": {"/a": {}, "/a": {}}}', "key '/a' twice"),
    "deep": ("[" * 300, "more than 200 levels deep"),
    "deep JSON": ('{"a":' * 250 + "1" + "}" * 250, "more than 200 levels deep"),
    "very deep JSON": ('{"a":' * 99_000 + "1" + "}" * 99_000, "more than 200 levels deep"),
    "no YAML": (f"{HEAD}paths: [\n", "is no YAML at line"),
    "python object": (f"{HEAD}paths: !!python/object/apply:os.system [ls]\n", "at #/paths"),
    "a list": ("- a\n- b\n", "is no object"),
    "nothing": ("", "is no object"),
    "a list as key": (f"{HEAD}? [a]\n: b\n", "has a list or object as a key"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_files_are_refused(name: str, tmp_path: Path) -> None:
    text, problem = HARMFUL[name]
    file = tmp_path / "api.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=problem) as caught:
        read_specification(str(file))
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def _with(**changes: Any) -> dict[str, Any]:
    return document({"/a": GET}) | changes


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "swagger": ({"swagger": "2.0", "paths": {}}, "at #/swagger: Swagger 2.0"),
    "version": (_with(openapi="4.0.0"), "at #/openapi: is '4.0.0'"),
    "version as a number": (_with(openapi=3.1), "at #/openapi: is 3.1"),
    "no version": ({"paths": {"/a": GET}}, "at #/openapi: is missing"),
    "no paths": (document({}), "at #/paths: there are none"),
    "no info": ({"openapi": "3.1.0", "paths": {"/a": GET}}, r"at #.*\(info\)"),
    "no slash": (document({"a": GET}), "at #/paths/a: does not begin with /"),
    "brace": (document({"/a/{b": GET}), "at #/paths/~1a~1{b: has a brace"),
    "no name": (document({"/a/{}": GET}), "has a parameter without a name"),
    "name twice": (document({"/{a}/{a}": GET}), r"has the parameter \{a\} twice"),
    "query": (document({"/a?b={c}": GET}), "has a query string"),
    "same paths": (
        document({"/a/{b}": GET, "/a/{c}": {"get": operation("two")}}),
        "at #/paths/~1a~1{c}/get: stands for the same paths as #/paths/~1a~1{b}/get",
    ),
    "same name": (
        document({"/a": GET, "/b": GET}),
        "has the operationId 'one', as #/paths/~1a/get",
    ),
    "item": (document({"/a": []}), "at #/paths/~1a: is no path item"),
    "operation": (document({"/a": {"get": "x"}}), "at #/paths/~1a/get"),
    "tags": (document({"/a": {"get": operation("x", tags="x")}}), "at #/paths/~1a/get/tags"),
    "description": (
        document({"/a": {"get": {"responses": {"200": {}}}}}),
        r"at #/paths/~1a/get/responses/200: .*\(description\)",
    ),
    "deprecated": (
        document({"/a": {"get": operation("x", deprecated="yes")}}),
        "at #/paths/~1a/get/deprecated: is 'yes', neither true nor false",
    ),
    "status": (
        document({"/a": {"get": operation("x", "20x")}}),
        "at #/paths/~1a/get/responses/20x: is no status",
    ),
    "server": (_with(servers=[{"url": "/{x}"}]), r"at #/servers/0: has \{x\} in its url"),
    "servers": (_with(servers={"url": "/"}), "at #/servers"),
    "another file": (
        document({"/a": {"$ref": "../../etc/passwd"}}),
        r"at #/paths/~1a/\$ref: refers to '../../etc/passwd', outside of this file",
    ),
    "a URL": (
        document({"/a": {"$ref": "https://evil.example/a.yaml#/x"}}),
        "outside of this file: nothing is fetched",
    ),
    "gone": (document({"/a": {"$ref": "#/components/x"}}), "which is not there"),
    "circle": (
        document({"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}}),
        "leads back to itself",
    ),
    "no text": (document({"/a": {"$ref": 7}}), r"at #/paths/~1a/\$ref: is no text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_named_with_file_and_pointer(name: str, tmp_path: Path) -> None:
    content, problem = WRONG[name]
    file = save(tmp_path / "api.json", content)
    with pytest.raises(UsageError, match=problem) as caught:
        read_specification(str(file))
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml: No such file"):
        read_specification(str(tmp_path / "nowhere.yaml"))
    with pytest.raises(UsageError, match="names no file"):
        load_specifications([""])
    with pytest.raises(UsageError, match="a URL, where a file is expected"):
        read_specification("https://example.com/openapi.json")
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    with pytest.raises(UsageError, match="has more than 64 MB"):
        read_specification(str(huge))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is no UTF-8 text, at byte 0"):
        read_specification(str(binary))


def test_yaml_and_json_are_read_alike(tmp_path: Path) -> None:
    content = document({"/a/{b}": GET | {"x-sunset": "2026-12-31", "x-n": [1, -2.5, None, True]}})
    pair = [
        read_document(str(save(tmp_path / f"api.{kind}", content))) for kind in ("yaml", "json")
    ]
    assert pair[0] == pair[1] == content


def test_yaml_of_people_is_read_as_json_has_it(tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(
        f"{HEAD}x-base: &base {{a: 1, b: no}}\n"
        "x-all: {<<: *base, a: 2, day: 2026-12-31, text: '200', 200: yes, none: ~}\n"
        "components: {schemas: {A: {type: object}}, responses: {}}\n",
        encoding="utf-8",
    )
    found = read_document(str(file))
    assert found["x-all"] == {
        "a": 2,
        "b": "no",
        "day": "2026-12-31",
        "text": "200",
        "200": "yes",
        "none": None,
    }
    assert found["components"] == {"responses": {}}
    assert json.dumps(found)
    file.write_text(
        "openapi: 3.0.0\ninfo: {title: t, version: 1.0}\n"
        "paths: {/a: {get: {responses: {200: {description: x}}}}}\n",
        encoding="utf-8",
    )
    assert read_specification(str(file)).operations[0].statuses == {200}


def test_servers_tell_where_paths_begin(tmp_path: Path) -> None:
    version = {"default": "v1", "enum": ["v1", "v2"]}
    servers = [
        {
            "url": "https://{region}.example.com/{version}/",
            "variables": {"region": {"default": "eu", "enum": ["eu", "us"]}, "version": version},
        },
        {"url": "https://other.example.com/v1"},
    ]
    paths = {"/a": GET, "/b": {"servers": [{"url": "/own"}], "get": operation("b")}}
    content = document(paths) | {"servers": servers}
    read = read_specification(str(save(tmp_path / "api.yaml", content)))
    routes = [[route.text for route in each.routes] for each in read.operations]
    assert routes == [["/v1/a", "/v2/a"], ["/own/b"]]


def test_path_items_may_be_shared(tmp_path: Path) -> None:
    content = document({"/a": {"$ref": "#/components/pathItems/A", "summary": "mine"}})
    content["components"] = {"pathItems": {"A": GET}}
    (read,) = read_specification(str(save(tmp_path / "api.yaml", content))).operations
    assert (read.method, read.routes[0].text, read.name) == ("GET", "/a", "one")
