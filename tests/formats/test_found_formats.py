"""What `detect` prints as a section of the configuration reads the same records."""

from __future__ import annotations

import json
import tomllib
from itertools import islice
from pathlib import Path

import pytest

import apilog
from apilog.schema import SCHEMA
from tests.commands import Run
from tests.formats.families import LOGS_OF_FAMILIES
from tests.weblog import SAMPLE_LOGS

ODD_JSON = {
    "ti\nme": "2026-11-20T09:15:06Z",
    'a "quoted" key': 200,
    "u\x7f\u202e": "/a",
    "req": {"took": 4000},
}
FIRST = 30
"""Lines of a log that are read: as many as it takes to find its format."""


def section_of(text: str) -> str:
    """The sections in what `detect` prints, as somebody copies them."""
    lines = text.splitlines()
    begin = lines.index("  as formats") + 1
    ends = (i for i, line in enumerate(lines) if i >= begin and not line.startswith("    "))
    return "\n".join(lines[begin : next(ends, len(lines))])


@pytest.mark.parametrize("name", LOGS_OF_FAMILIES)
def test_pasting_it_gives_the_same_records(
    run: Run, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / f"{name}.log"
    with (SAMPLE_LOGS / log.name).open("rb") as lines:
        log.write_bytes(b"".join(islice(lines, FIRST)))
    text = run("detect", log).text
    if "  as formats" not in text:
        pytest.skip("no format")
    monkeypatch.chdir(tmp_path)
    sections = section_of(text)
    # The same records have the same routes, which take a second pass.
    columns = ", ".join(column for column in SCHEMA if column not in ("source", "route"))
    query = ("query", f"SELECT {columns} FROM requests ORDER BY line_number", log, "-f", "json")
    before = json.loads(run(*query).text)
    (tmp_path / "apilog.toml").write_text(sections)
    names = tomllib.loads(sections)["formats"]
    after = json.loads(run(*query).text)
    assert after["tables"] == before["tables"]
    assert len(before["tables"]["result"]) == before["input"]["records"] > 0
    (account,) = after["input"]["files"]
    assert any(own in account["format"] for own in names)


def test_keys_are_written_so_that_they_are_read_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "a.log"
    log.write_text(f"{json.dumps(ODD_JSON)}\n" * 3)
    columns = {"timestamp": "ti\nme", "status": 'a "quoted" key', "path": "u\x7f\u202e"}
    (file,) = apilog.detect(log, columns=columns).files
    (found,) = file.formats
    assert {column: mapping["key"] for column, mapping in found.columns.items()} == {
        **columns,
        "duration_ms": "req.took",
    }
    assert found.columns["duration_ms"]["unit"] in ("us", "ms")
    options = [f"--column={column}={key}" for column, key in columns.items()]
    pasted = section_of(run("detect", log, *options).text)
    (tmp_path / "apilog.toml").write_text(pasted)
    expected = apilog.scan(log, columns=columns).select("path", "status", "duration_ms").collect()
    ran = run("query", "SELECT path, status, duration_ms FROM requests", log, "-f", "ndjson")
    assert [json.loads(line) for line in ran.text.splitlines()] == expected.to_dicts()


def test_a_guess_is_corrected_by_changing_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "a.log"
    objects = ({"time": f"2026-11-20T09:15:0{i}Z", "status": 200, "took": 4000} for i in range(3))
    log.write_text("".join(f"{json.dumps(value)}\n" for value in objects))
    text = run("detect", log).text
    assert "doubt" in text
    section = section_of(text)
    assert 'duration_ms = {key = "took", unit = "us"}' in section
    (tmp_path / "apilog.toml").write_text(section.replace('unit = "us"', 'unit = "ms"'))
    ran = run("query", "SELECT duration_ms FROM requests LIMIT 1", log, "-f", "csv")
    assert ran.text.splitlines()[1:] == ["4000.0"]
    assert "doubt" not in run("detect", log).text
    document = json.loads(run("detect", log, "-f", "json").text)
    assert document["files"][0]["formats"][0]["columns"]["duration_ms"] == {
        "key": "took",
        "unit": "ms",
    }


def test_a_log_that_names_its_fields_is_described_as_one(tmp_path: Path) -> None:
    log = tmp_path / "u_ex.log"
    log.write_text(
        "#Fields: date time cs-method cs-uri-stem sc-status time-taken\n"
        "2026-11-21 10:00:00 GET /a 200 87\n"
    )
    (found,) = apilog.detect(log).files[0].formats
    assert (found.lines, found.pattern) == ("w3c", None)
    assert found.columns["path"] == {"key": "cs-uri-stem"}
