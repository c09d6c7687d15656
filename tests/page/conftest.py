"""A real browser that opens pages from the disk, without any network; and logs as a store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import apilog
from tests.page.drawing import SOURCES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READY = "html[data-ready=true]"
CHROMIUM = os.environ.get("APILOG_CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The logs as a store, which no report has to find the formats of."""
    store = tmp_path_factory.mktemp("pages") / "store"
    apilog.ingest(SOURCES, store=store)
    return [str(store)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


Opened = Callable[..., Any]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open a page; whatever it says on the console, asks or requests fails the test."""
    with ExitStack() as stack:
        said: list[str] = []

        def open_it(html: str, fragment: str = "", **context: Any) -> Page:
            file = tmp_path / "report.html"
            file.write_text(html, "utf-8")
            page = stack.enter_context(_page(browser, file.as_uri(), said, **context))
            page.goto(file.as_uri() + fragment)
            if context.get("java_script_enabled", True):
                page.wait_for_selector(READY, state="attached")
            return page

        yield open_it
        assert said == []


@contextmanager
def _page(browser: Browser, address: str, said: list[str], **context: Any) -> Iterator[Page]:
    session = browser.new_context(offline=True, **context)
    page = session.new_page()

    def note_dialog(dialog: Any) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    def note_request(request: Any) -> None:
        if request.url.partition("#")[0] not in (address, "data:,"):
            said.append(request.url)

    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", note_dialog)
    page.on("request", note_request)
    yield page
    session.close()
