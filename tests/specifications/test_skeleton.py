"""Documents made from logs: read back, nothing is undocumented, and no value is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import apilog
from apilog.errors import InputError, UsageError
from apilog.specifications import read_specification
from apilog.specifications.skeleton import template_of_route
from tests import weblog
from tests.specifications.shapes import SHAPES, plant

SECRET = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
CALLS = [
    *(("GET", f"/v1/users/{n}?page={n}&token=sesame{n}&{1764490000 + n}", 200) for n in range(5)),
    ("GET", "/v1/users/8?page=2&q=x%20y&active=true", 200),
    ("GET", f"/v1/users/7/orders/{SECRET}", 200),
    ("GET", "/v1/users/7/orders/0bd9de4a-9a25-4d5e-8a2c-6d2a0a6f2b11", 503),
    ("POST", "/v1/users", 201),
    ("POST", "/v1/users", 422),
    ("HEAD", "/v1/users/7", 200),
    ("OPTIONS", "/v1/users/7", 204),
    ("OPTIONS", "/only", 204),
    ("GET", "/v1/days/2026-11-21", 200),
    ("GET", "/v1/days/2026-11-22", 200),
    ("GET", "/v1/by/ann%40example.com", 200),
    ("GET", "/v1/odd/{x", 200),
    ("GET", "/v1/odd/a#b", 200),
    ("GET", "/v1/caf%C3%A9/7.json", 200),
    ("PROPFIND", "/v1/dav", 207),
    *(("GET", f"/wp-{name}.php", 404) for name in ("login", "admin", "x")),
]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [weblog.line(path, method=method, status=status) for method, path, status in CALLS]
    return weblog.write(tmp_path_factory.mktemp("skeleton") / "access.log", lines)


@pytest.fixture(scope="module")
def paths(log: Path) -> Any:
    return apilog.openapi(log, keep_query=True).document["paths"]


def test_each_path_has_its_methods_and_statuses(paths: Any) -> None:
    found = {
        path: {m: sorted(item[m]["responses"]) for m in item if m != "parameters"}
        for path, item in paths.items()
    }
    assert found["/v1/users"] == {"post": ["201", "422"]}
    assert found["/v1/users/{id}"] == {"get": ["200"]}
    assert found["/v1/users/{id}/orders/{uuid}"] == {"get": ["200", "503"]}
    assert found["/only"] == {"options": ["204"]}
    assert not any("wp-" in path for path in paths)


def _schemas(item: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each["schema"] for each in item.get("parameters", ())}


def test_parameters_have_formats(paths: Any) -> None:
    assert _schemas(paths["/v1/users/{id}"]) == {"id": {"type": "integer"}}
    (days,) = (item for path, item in paths.items() if path.startswith("/v1/days/"))
    assert [*_schemas(days).values()] == [{"type": "string", "format": "date"}]
    (email,) = (item for path, item in paths.items() if path.startswith("/v1/by/"))
    assert [*_schemas(email).values()] == [{"type": "string", "format": "email"}]
    assert _schemas(paths["/v1/users/{id}"]["get"]) == {
        "page": {"type": "integer"},
        "token": {"type": "string"},
        "q": {"type": "string"},
        "active": {"type": "string", "enum": ["true", "false"]},
    }


@pytest.mark.slow
def test_no_value_is_written(log: Path) -> None:
    result = apilog.openapi(log, keep_query=True)
    for value in (SECRET, "sesame", "17644", "ann", "2026-11-2", "x%20y"):
        assert value not in result.text
        assert value not in result.json
    assert "parameters" not in apilog.openapi(log).document["paths"]["/v1/users/{id}"]["get"]


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_read_back_nothing_is_undocumented(log: Path, tmp_path: Path, kind: str) -> None:
    result = apilog.openapi(log)
    file = tmp_path / f"api.{kind}"
    file.write_text(result.text if kind == "yaml" else result.json, encoding="utf-8")
    assert yaml.safe_load(result.text) == json.loads(result.json) == result.document
    _assert_documented(log, file, where="method <> 'PROPFIND'")
    (note,) = (note for note in result.report.notes if "no words" in note)
    assert note.startswith("1 methods and routes")


def _assert_documented(log: Path, file: Path, where: str | None = None) -> None:
    report = apilog.report(log, openapi=[str(file)], tables=["coverage"], where=where)
    coverage = report.tables["coverage"]
    wrong = coverage.filter(
        pl.col("state").is_in(["undocumented", "unused"])
        | pl.col("undeclared_statuses").is_not_null()
    )
    assert wrong.is_empty(), wrong
    assert coverage.filter(pl.col("state") == "used").height > 1


@pytest.mark.parametrize("shape", SHAPES)
def test_read_back_calls_of_public_shapes_are_documented(shape: str, tmp_path: Path) -> None:
    log = weblog.write(tmp_path / "access.log", plant(SHAPES[shape](), seed=5).lines)
    file = tmp_path / "api.json"
    file.write_text(apilog.openapi(log).json, encoding="utf-8")
    _assert_documented(log, file)


def test_hosts_are_servers(tmp_path: Path) -> None:
    hosts = ["api.example.com"] * 300 + ["evil.example", "10.0.0.1", "API.example.com:8443"]
    rows = [
        {
            "time": "2026-11-21T10:00:00Z",
            "method": "GET",
            "path": "/a",
            "status": 200,
            "host": host,
        }
        for host in hosts
    ]
    log = weblog.write(tmp_path / "access.json", map(json.dumps, rows))
    assert apilog.openapi(log).document["servers"] == [{"url": "//api.example.com"}]


ROUTES = {
    "/users/{id}/orders/{id}": "/users/{userId}/orders/{orderId}",
    "/static/*": "/static/{rest+}",
    "/files/{path*}": "/files/{path+}",
    "/a/*/b": "/a/{any}/b",
    "/{id}/{id}": "/{id}/{id2}",
    "/a/{b": "/a/{value}",
    "/a/{b}}": "/a/{value}",
    "/a/x#y": "/a/{value}",
    "/a/{}": "/a/{value}",
    "/v1/{id}:cancel": "/v1/{id}:cancel",
    "/": "/",
    "//a/": "//a/",
}


@pytest.mark.parametrize("route", ROUTES)
def test_routes_become_templates(route: str) -> None:
    assert template_of_route(route).text == ROUTES[route]


def test_what_can_not_be_written_is_said(tmp_path: Path, log: Path) -> None:
    with pytest.raises(UsageError, match="standard input can't be read twice"):
        apilog.openapi("-")
    lost = weblog.write(tmp_path / "lost.log", [weblog.line("/x.php", status=404)])
    with pytest.raises(InputError, match="no request to write a document about"):
        apilog.openapi(lost)
    few = apilog.openapi(log, max_routes=1)
    assert any("--max-routes" in note for note in few.report.notes)


def test_the_document_is_valid(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(apilog.openapi(log, keep_query=True).text, encoding="utf-8")
    assert len(read_specification(str(file)).operations) == 8
    from openapi_pydantic.v3 import v3_1

    v3_1.OpenAPI.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
