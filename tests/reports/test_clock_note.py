"""What a report says of clocks that were changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import apilog

LINE = '1.2.3.4 - - [{} +0000] "GET /a HTTP/1.1" 200 1\n'


def test_the_clocks_that_usual_hours_go_by_are_said(tmp_path: Path) -> None:
    begin, office = datetime(2026, 3, 9, tzinfo=UTC), ZoneInfo("Europe/Paris")
    hours = [begin + timedelta(hours=h) for h in range(28 * 24)]
    busy = [60 if 8 <= at.astimezone(office).hour < 18 else 4 for at in hours]
    log = tmp_path / "a.log"
    log.write_text(
        "".join(
            LINE.format(f"{at + timedelta(minutes=i % 60):%d/%b/%Y:%H:%M:%S}")
            for at, count in zip(hours, busy, strict=True)
            for i in range(count)
        )
    )
    report = apilog.report(log, log_format="common", tables=["anomalies"])
    assert report.tables["anomalies"].is_empty()
    assert "by the clocks of Europe/Berlin" in " ".join(report.notes)
    local = apilog.report(log, log_format="common", tables=["anomalies"], tz="Europe/Paris")
    assert not local.notes
