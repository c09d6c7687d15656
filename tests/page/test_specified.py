"""Endpoints in the groups of a specification's tags, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import apilog
from tests import weblog
from tests.page.drawing import drawn
from tests.specifications.shapes import document, operation, save

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.process

NAMES = """() => [...document.querySelectorAll('table[data-figures=endpoints] tbody tr')].map(
  (row) => row.classList.contains('group')
    ? '# ' + row.innerText.trim()
    : row.querySelector('.key-route').innerText)"""
EVIL = "<img src=x onerror=alert(1)>"


@pytest.mark.slow
def test_endpoints_are_grouped_by_tags(open_page: Callable[..., Page], tmp_path: Path) -> None:
    paths = {
        "/pets": {"get": operation("a", tag="pets")},
        "/pets/{id}": {"get": operation("b", tag="pets")},
        "/evil": {"get": operation("c", tag=EVIL)},
    }
    file = save(tmp_path / "api.yaml", document(paths))
    calls = ["/pets", "/pets/1", "/pets/2", "/evil", "/evil", "/other", "/other", "/other"]
    log = weblog.write(tmp_path / "access.log", [weblog.line(path) for path in calls])
    page = open_page(drawn(apilog.report(log, openapi=[str(file)], for_page=True)))
    groups = ["# pets", "/pets/{id}", "/pets", f"# {EVIL}", "/evil", "# without a tag", "/other"]
    assert page.evaluate(NAMES) == groups
    page.get_by_label("by tag").uncheck()
    assert page.evaluate(NAMES) == ["/other", "/evil", "/pets/{id}", "/pets"]
    plain = open_page(drawn(apilog.report(log, for_page=True)))
    assert plain.get_by_label("by tag").count() == 0
