"""What a report says of times that its window leaves out."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import apilog
from apilog.render import OUTPUTS, OutputOptions
from tests.weblog import START, line, write


def access_log(folder: Path, *years: int) -> Path:
    lines = [line(after=i) for i in range(100)]
    lines[50:50] = [line(start=datetime(year, 1, 1, tzinfo=UTC)) for year in years]
    return write(folder / "access.log", lines)


def test_stray_times_are_counted_and_said(tmp_path: Path) -> None:
    found = apilog.report([access_log(tmp_path, 1970, 2036)])
    assert (found.since, found.tables["overview"]["requests"].item()) == (START, 102)
    assert found.strays == 2
    (said,) = found.notes
    assert said == (
        "2 requests at 1970-01-01T00:00:00Z to 2036-01-01T00:00:00Z, far from all others: counted, "
        "but the window and the traffic leave them out; --since and --until set a window"
    )
    (note,) = apilog.report([access_log(tmp_path, 1970)], tz="Asia/Kathmandu").notes
    assert note.startswith("1 request at 1970-01-01T05:30:00+05:30, far from all others: ")


@pytest.mark.slow
def test_a_window_without_requests_says_when_they_were(tmp_path: Path) -> None:
    log = access_log(tmp_path)
    newest, oldest = (
        "the newest is of 2026-11-20T12:01:39Z",
        "the oldest is of 2026-11-20T12:00:00Z",
    )
    none = "no request lies within --since and --until; "
    assert apilog.report([log], since="2027-01-01").notes == (none + newest,)
    assert apilog.report([log], until="2020-01-01").notes == (none + oldest,)
    store = tmp_path / "store"
    apilog.ingest([log], store=store)
    assert apilog.report([store], since="2027-01-01").notes == (none + newest,)
    assert apilog.report([store], since="2027-01-01", where="status = 200").notes == ()
    assert apilog.report([log], since="2026-11-20T12:01:00Z").notes == ()


def test_json_counts_the_strays(tmp_path: Path) -> None:
    def window_of(*years: int) -> dict[str, object]:
        stream = io.BytesIO()
        report = apilog.report([access_log(tmp_path, *years)])
        OUTPUTS["json"].write(report, stream, OutputOptions())
        window: dict[str, object] = json.loads(stream.getvalue())["window"]
        return window

    usual = window_of()
    assert set(usual) == {"since", "until"}
    assert window_of(1970, 2036) == {**usual, "strays": 2}


def test_the_terminal_draws_traffic_beside_requests_of_stray_times(tmp_path: Path) -> None:
    stream = io.BytesIO()
    report = apilog.report([access_log(tmp_path, 1970)])
    OUTPUTS["table"].write(report, stream, OutputOptions())
    text = stream.getvalue().decode()
    assert "Traffic  10s steps, peak 10 at 12:00" in text
    assert text.count("1970") == 1  # the note


def test_a_check_says_what_its_window_leaves_out(tmp_path: Path) -> None:
    log = access_log(tmp_path, 1970)
    checked = apilog.check([log], thresholds=["request_rate > 1/s"]).report
    assert checked.tables["checks"]["state"].to_list() == ["pass"]
    assert any(note.startswith("1 request at 1970-01-01T00:00:00Z, far") for note in checked.notes)
    late = apilog.check([log], thresholds=["error_rate < 1%"], since="2027-01-01").report
    assert "no request lies within --since and --until; the newest is of" in " ".join(late.notes)


def test_a_comparison_says_it_of_each_side(tmp_path: Path) -> None:
    odd = access_log(tmp_path, 1970)
    usual = write(tmp_path / "usual.log", [line(after=i) for i in range(100)])
    notes = apilog.compare([usual, odd]).report.notes
    (said,) = (note for note in notes if "far from all others" in note)
    assert said.startswith(f"{odd}: 1 request at 1970-01-01T00:00:00Z")
