"""`apilog ingest` as a user runs it: streams, exit codes, stdin, rejects."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from apilog.store import Store, StoreWriter
from apilog.store.data_files import read_verified
from tests.commands import Run
from tests.ingest.numbered_logs import held, lines

BAD = b"this is no request\n"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store"


def test_the_summary_goes_to_stderr(run: Run, store: Path) -> None:
    Path("a.log").write_bytes(lines(range(20)) + BAD + b"\n")
    result = run("ingest", "a.log", "--store", store)
    assert (result.code, result.stdout) == (0, b"")
    files, counts, sizes = result.stderr.splitlines()
    assert files == "files: 1 new, 0 continued, 0 already known"
    assert counts == "lines: 22 = 20 records + 1 rejects + 1 skipped"
    assert " in, " in sizes
    assert run("ingest", "a.log", "--store", store, "--quiet").stderr == ""


def test_one_source_that_cannot_be_read_does_not_keep_the_others_out(run: Run, store: Path) -> None:
    Path("a.log").write_bytes(lines(range(20)))
    Path("b.log").write_bytes(BAD * 5)
    result = run("ingest", "b.log", "missing.log", "a.log", "--store", store)
    assert result.code == 2
    assert "missing.log: no such file" in result.stderr
    assert "b.log: no known format" in result.stderr
    assert "files: 1 new, 0 continued, 0 already known, 2 failed" in result.stderr
    assert held(store) == [*range(20)]
    assert [known.path for known in Store.open(store).manifest.inputs] == ["a.log"]


@pytest.mark.parametrize("count", [5, 400_000])
def test_lines_of_a_refused_file_are_counted_and_not_kept(
    run: Run, store: Path, count: int
) -> None:
    Path("a.log").write_bytes(lines(range(20)))
    Path("b.log").write_bytes(b"\n" + BAD * count)
    result = run("ingest", "b.log", "a.log", "--store", store)
    assert result.code == 2
    kinds = f"20 records + {count:,} rejects + 1 skipped"
    assert f"lines: {count + 21:,} = {kinds}" in result.stderr
    assert not list(store.glob("rejects/**/*.parquet"))


def test_what_is_left_out_of_a_folder_is_no_failure_but_strictly(run: Run, store: Path) -> None:
    Path("logs").mkdir()
    Path("logs/a.log").write_bytes(lines(range(20)) + BAD)
    Path("logs/readme").write_bytes(BAD * 5)
    result = run("ingest", "logs", "--store", store)
    assert result.code == 0
    assert "files: 1 new, 0 continued, 0 already known, 1 left out\n" in result.stderr
    assert run("ingest", "logs", "--store", store, "--strict").code == 2
    again = run("ingest", "logs/a.log", "--store", "other", "--strict")
    assert again.code == 2
    assert "1 line could not be read, and --strict allows none" in again.stderr
    assert held(Path("other")) == [*range(20)]
    assert run("ingest", "logs/a.log", "--store", "other", "--strict").code == 0


def test_a_damaged_source_is_noted(run: Run, store: Path) -> None:
    Path("a.log.gz").write_bytes(gzip.compress(lines(range(5000)))[:-500])
    result = run("ingest", "a.log.gz", "--store", store)
    assert result.code == 0
    assert "note: a.log.gz: the gzip data ends too early" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("pack", [pytest.param(bytes, marks=pytest.mark.slow), gzip.compress])
def test_stdin_is_known_by_its_content_too(
    run: Run, run_forked: Run, store: Path, pack: type[bytes]
) -> None:
    for end in (3000, 3500):
        text = lines(range(end))[:-1]
        result = run_forked("ingest", "-", "--store", store, stdin=pack(text))
        assert result.code == 0, result.stderr
        assert held(store) == [*range(end)]
    result = run_forked("ingest", "-", "--store", store, stdin=pack(text))
    assert "0 new, 0 continued, 1 already known" in result.stderr
    Path("a.log").write_bytes(lines(range(4100)))
    assert run("ingest", "a.log", "--store", store).code == 0
    assert held(store) == [*range(4100)]


@pytest.mark.slow
def test_stdin_that_only_begins_like_something_known_is_new(
    run: Run, run_forked: Run, store: Path
) -> None:
    Path("a.log").write_bytes(lines(range(2000)))
    run("ingest", "a.log", "--store", store)
    other = lines([*range(1000), *range(5000, 7000)])
    assert run_forked("ingest", "-", "--store", store, stdin=other).code == 0
    assert held(store) == sorted([*range(2000), *range(1000), *range(5000, 7000)])


def test_rejects_are_kept_and_written(run: Run, store: Path) -> None:
    Path("a.log").write_bytes(lines(range(3)) + BAD)
    assert run("ingest", "a.log", "--store", store, "--rejects", "bad.ndjson").code == 0
    (told,) = map(json.loads, Path("bad.ndjson").read_text().splitlines())
    assert told == {
        "source": "a.log",
        "line_number": 4,
        "line": BAD.decode().strip(),
        "reason": "not combined",
    }
    (file,) = (f for f in Store.open(store).manifest.files if f.kind == "rejects")
    kept = read_verified(store, file).to_dicts()
    assert kept == [told | {"format": "combined"}]


def test_rejects_that_can_be_read_now_become_records(run: Run, store: Path) -> None:
    custom = b"".join(b"GET|/n/%d|200|2026-11-20T12:00:00+00:00\n" % n for n in (7, 8))
    Path("a.log").write_bytes(lines(range(3)) + custom + BAD)
    run("ingest", "a.log", "--store", store)
    assert held(store) == [0, 1, 2]
    log_format = "$request_method|$uri|$status|$time_iso8601"
    for told in ("of 3 rejected lines 2 are", "of 1 rejected lines 0 are"):
        result = run("ingest", "--retry-rejects", "--store", store, "-l", log_format)
        assert (result.code, result.stdout) == (0, b"")
        assert told in result.stderr
        assert held(store) == [0, 1, 2, 7, 8]
    records = Store.open(store).scan_records().collect()
    assert sorted(records["line_number"]) == [1, 2, 3, 4, 5]
    assert {*records["source"]} == {"a.log"}
    manifest = Store.open(store).manifest
    assert sum(f.rows for f in manifest.files if f.kind == "rejects") == 1
    (known,) = manifest.inputs
    assert (known.lines, known.records, known.rejects, known.skipped) == (6, 5, 1, 0)


@pytest.mark.slow
def test_retried_rejects_are_counted_where_their_inputs_are_now(run: Run, store: Path) -> None:
    custom = b"".join(b"GET|/n/%d|200|2026-11-20T12:00:00+00:00\n" % n for n in (7, 8))
    Path("a.log").write_bytes(lines(range(3)) + custom)
    run("ingest", "a.log", "--store", store)
    Path("a.log").rename("a.log.1")
    Path("a.log").write_bytes(lines(range(20, 30)) + custom[:41] + BAD)
    Path("b.log").write_bytes(lines(range(40, 50)) + BAD)
    run("ingest", ".", "--store", store)
    log_format = "$request_method|$uri|$status|$time_iso8601"
    assert run("ingest", "--retry-rejects", "--store", store, "-l", log_format).code == 0
    counts = {Path(i.path).name: (i.records, i.rejects) for i in Store.open(store).manifest.inputs}
    assert sum(records for records, _ in counts.values()) == len(held(store)) == 26
    assert sum(rejects for _, rejects in counts.values()) == 2
    assert counts["b.log"] == (10, 1)
    assert all(i.lines == i.records + i.rejects for i in Store.open(store).manifest.inputs)


def test_query_strings_are_not_stored(run: Run, store: Path) -> None:
    Path("a.log").write_bytes(lines(range(3)).replace(b" HTTP/1.1", b"?token=s3cret HTTP/1.1"))
    run("ingest", "a.log", "--store", store)
    assert held(store) == [0, 1, 2]
    assert not any(b"s3cret" in path.read_bytes() for path in store.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["a.log"], "--store"),
        (["--store", "store"], "SOURCES"),
        (["a.log", "--store", "store", "-l", "combinde"], "combined"),
        (["--retry-rejects", "--store", "none"], "none"),
        (["a.log", "--store", "full"], "full"),
    ],
)
def test_wrong_usage_ends_with_2_and_makes_no_store(
    run: Run, store: Path, argv: list[str], told: str
) -> None:
    Path("a.log").write_bytes(lines(range(3)))
    Path("full").mkdir()
    Path("full", "else.txt").touch()
    result = run("ingest", *argv)
    assert (result.code, result.stdout) == (2, b"")
    assert "apilog: error: " in result.stderr
    assert told in result.stderr
    assert not store.exists()


def test_a_store_that_another_run_writes_is_left_to_it(run: Run, store: Path) -> None:
    Path("a.log").write_bytes(lines(range(3)))
    with StoreWriter(store):
        result = run("ingest", "a.log", "--store", store)
    assert result.code == 2
    assert "is being written by process" in result.stderr
    assert run("ingest", "a.log", "--store", store).code == 0
