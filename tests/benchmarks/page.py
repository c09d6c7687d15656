"""How quickly a page of a month by the hour is drawn and filtered, in Chromium.

Times are of the page's main thread, in CPU time, and the least of several rounds: what other
programs do meanwhile only adds to them.

    python tests/benchmarks/page.py [REQUESTS]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

import apilog
from tests.page.big_log import LOG_FORMAT, write_big_log
from tests.page.drawing import drawn

_READY = "html[data-ready=true]"
_ROUNDS = 7
_FILTERS = {
    "a day": "since=2026-10-05T00%3A00%3A00Z&until=2026-10-06T00%3A00%3A00Z",
    "a route": "route=%2Fv1%2Fitemsa",
    "a consumer": "consumer=app-001",
    "a class of status": "status=5xx",
    "a week and a route": "since=2026-10-05T00%3A00%3A00Z&until=2026-10-12T00%3A00%3A00Z"
    "&route=%2Fv1%2Fordersa",
    "everything": "",
}


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        log = write_big_log(Path(folder) / "a.log", requests)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for bucket in (None, "1h"):
            file = Path(folder) / "page.html"
            report = apilog.report(log, log_format=LOG_FORMAT, bucket=bucket, for_page=True)
            file.write_text(drawn(report))
            print(f"steps of {report.bucket}, {file.stat().st_size / 1000:.0f} kB")
            page = browser.new_page()
            _measure(page, file)
            page.close()
        browser.close()


def _measure(page: Page, file: Path) -> None:
    paints, starts = [], []
    for _ in range(_ROUNDS):
        session = _thread_clock(page)
        before = _spent(session)
        page.goto(file.as_uri())
        page.wait_for_selector(_READY, state="attached")
        starts.append(_spent(session) - before)
        paints.append(
            page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        )
        session.detach()
    print(f"  first contentful paint  {min(paints):6.0f} ms (wall)")
    print(f"  until all is drawn      {min(starts):6.0f} ms")
    session = _thread_clock(page)
    for name, fragment in _FILTERS.items():
        spent, walls = [], []
        for _ in range(_ROUNDS):
            _go(page, "status=4xx")
            before = _spent(session)
            walls.append(_go(page, fragment))
            spent.append(_spent(session) - before)
        print(f"  {name:<22}  {min(spent):6.0f} ms, wall {min(walls):.0f} ms")


def _go(page: Page, fragment: str) -> float:
    """Apply a filter; return the milliseconds until all is drawn."""
    return float(
        page.evaluate(
            """(fragment) => new Promise((done) => {
                const start = performance.now();
                const root = document.documentElement;
                const seen = new MutationObserver(() => {
                    if (root.dataset.ready !== 'true') return;
                    seen.disconnect();
                    const end = () => setTimeout(() => done(performance.now() - start));
                    requestAnimationFrame(end);
                });
                seen.observe(root, { attributes: true, attributeFilter: ['data-ready'] });
                location.hash = fragment;
            })""",
            fragment,
        )
    )


def _thread_clock(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    session.send("Performance.enable")
    return session


def _spent(session: CDPSession) -> float:
    """Return the milliseconds that the main thread has worked, but for this measurement."""
    metrics: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    seconds = {metric["name"]: float(metric["value"]) for metric in metrics}
    return 1000 * (seconds["TaskDuration"] - seconds["DevToolsCommandDuration"])


if __name__ == "__main__":
    main()
