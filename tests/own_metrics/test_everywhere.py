"""Metrics of one's own in stores, exports, Prometheus and tables, with hostile values."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import apilog
from apilog.errors import UsageError
from apilog.render import OUTPUTS, OutputOptions
from tests.commands import Run
from tests.own_metrics.record_rows import DECLARED
from tests.weblog import SAMPLE_LOGS

LOG = SAMPLE_LOGS / "api.log"
NAMES = [*DECLARED]
TABLES = ["overview", "traffic", "endpoints", "consumers", "gateways"]


@pytest.mark.slow
def test_a_store_tells_what_its_log_told(tmp_path: Path) -> None:
    apilog.ingest(LOG, store=tmp_path, final=True)
    log, store = (
        apilog.report(source, metrics=NAMES, own_metrics=DECLARED, apdex="100ms", tables=TABLES)
        for source in (LOG, tmp_path)
    )
    for name, table in log.tables.items():
        assert table.equals(store.tables[name]), name
        assert {"price", "own_time_ms", "apdex"} <= {*table.columns}


@pytest.mark.slow
def test_an_export_with_other_metrics_is_another_one(tmp_path: Path) -> None:
    def run(**options: object) -> apilog.exports.ExportSummary:
        return apilog.export(LOG, to=tmp_path, own_metrics=DECLARED, **options)  # type: ignore[arg-type]

    assert len(run(metrics=["sent"], apdex="1s").new) == 1
    assert len(run(metrics=["sent"], apdex="1s").unchanged) == 1
    with pytest.raises(UsageError, match="was exported with"):
        run(metrics=["sent"], apdex="2s")
    with pytest.raises(UsageError, match="was exported with"):
        run()
    (csv,) = tmp_path.glob("*/consumers.csv")
    assert csv.read_text().splitlines()[0].endswith("sent_bytes,apdex")


def test_further_metrics_of_unknown_names_or_tables_are_refused() -> None:
    with pytest.raises(UsageError, match="no metric 'prize'") as caught:
        apilog.report("missing.log", metrics=["prize"], own_metrics=DECLARED)
    assert "price" in caught.value.hint
    with pytest.raises(UsageError, match=r"no metric 'checkout_share\.numerator'"):
        apilog.report("missing.log", metrics=["checkout_share.numerator"], own_metrics=DECLARED)
    with pytest.raises(UsageError, match="no metric 'apdex'") as caught:
        apilog.report("missing.log", metrics=["apdex"])
    assert "--apdex 500ms" in caught.value.hint
    with pytest.raises(UsageError, match="no further metrics fit"):
        apilog.report("missing.log", metrics=["latency_p90"], tables=["statuses"])


HOSTILE = 'x"} 1\n# <script>alert(1)</script> \x1b[31m=cmd|x'


def test_hostile_titles_and_sql_act_on_no_output() -> None:
    declared = {
        "odd": {"numerator": f"path = '{HOSTILE}'", "title": HOSTILE, "description": "=1+1"},
        "kinds": {"distinct": "CONCAT(path, '\x1b[0m')"},
    }
    report = apilog.report(
        LOG, metrics=[*declared], own_metrics=declared, tables=["overview", "traffic"]
    )
    for name, output in OUTPUTS.items():
        if output.is_binary or output.needs_verdicts or name == "svg":
            continue
        stream = io.BytesIO()
        output.write(report, stream, OutputOptions(table=None if name == "html" else "overview"))
        text = stream.getvalue().decode()
        assert "<script>alert" not in text or name not in ("html", "md"), name
        assert "\x1b" not in text, name
        if name == "prometheus":
            assert all(line.startswith(("#", "apilog_")) for line in text.splitlines())


def test_metrics_are_listed_with_their_definition(tmp_path: Path, run: Run) -> None:
    config = tmp_path / "apilog.toml"
    config.write_text('[metrics.good]\nnumerator = "status < 400"\ntitle = "Answers"\n')
    rows = json.loads(run("metrics", "-f", "json", "--config", config).text)["tables"]["metrics"]
    assert rows[-1] == {
        "metric": "good",
        "column": "good_ratio",
        "unit": "ratio",
        "better": None,
        "definition": "Answers. (status < 400) / requests",
    }
    shown = run("check", LOG, "--config", config, "-t", "good >= 99%")
    assert shown.code == 1
    assert "89 %" in shown.text or "89." in shown.text


def test_what_was_asked_for_has_room_and_its_own_name() -> None:
    report = apilog.report(
        LOG, metrics=["checkout_share", "own_time"], own_metrics=DECLARED, tables=["consumers"]
    )
    stream = io.BytesIO()
    OUTPUTS["md"].write(report, stream, OutputOptions(table="consumers"))
    head = stream.getvalue().decode().splitlines()[0]
    assert "| checkout share | own time |" in head
