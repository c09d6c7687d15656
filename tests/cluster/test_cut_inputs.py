"""Large inputs that workers ingest in ranges are stored as if one process had read them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import apilog
from apilog.ingestion import cluster_ingest
from apilog.sources.find import find_sources
from apilog.store import Store

pytest.importorskip("distributed")

from apilog.ingestion.cluster_ingest import group_beginnings
from apilog.ingestion.cluster_tasks import read_beginnings
from apilog.ingestion.cut_inputs import count_lines
from tests.examples import CASES

LOGS = Path(__file__).parents[2] / "sample_logs"
API = (LOGS / "api.log").read_bytes()
HALF = API[: API.index(b"\n", len(API) // 2) + 1]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Workers that are threads of this process: what is tested is what the tasks make."""
    from distributed import Client

    with Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0"
    ):
        yield


def cut_into(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(cluster_ingest, "_LEAST_STRETCH", size)
    monkeypatch.setattr(cluster_ingest, "_MOST_STRETCH", size)


def read_all(store: Path, kind: str) -> pl.DataFrame:
    files = sorted(store.glob(f"{kind}/**/*.parquet"))
    frames = [pl.read_parquet(file, hive_partitioning=False) for file in files]
    return pl.concat(frames).sort("source", "line_number") if frames else pl.DataFrame()


def ingest_both(log: Path, tmp_path: Path, *, final: bool = False) -> int:
    """Ingest with both engines, compare all that is stored, and return how many files it is."""
    here, there = tmp_path / "here", tmp_path / "there"
    lines: tuple[list[pl.DataFrame], list[pl.DataFrame]] = [], []
    one = apilog.ingest(log, store=here, rejects=lines[0].append, final=final)
    other = apilog.ingest(log, store=there, rejects=lines[1].append, final=final, engine="dask")
    assert other.input == one.input
    assert (other.new, other.continued, other.known) == (one.new, one.continued, one.known)
    assert (other.failed, other.bytes_in) == (one.failed, one.bytes_in)
    assert other.notes == one.notes
    assert sorted(Store.open(there).manifest.inputs, key=repr) == sorted(
        Store.open(here).manifest.inputs, key=repr
    )
    for kind in ("records", "rejects"):
        assert_frame_equal(read_all(there, kind), read_all(here, kind))
    assert [r for frame in lines[0] for r in frame.rows()] == [
        r for frame in lines[1] for r in frame.rows()
    ]
    return len(Store.open(there).manifest.files)


def spoil(data: bytes) -> bytes:
    """Put in what is no request, blank lines, other newlines, and a line that is too long."""
    lines = data.splitlines(keepends=True)
    for at in (5, 70, 71, len(lines) // 2, len(lines) - 3):
        lines[at] = b"no request at all\r\n"
    lines[20] = b"\n\r\n" + lines[20]
    lines.insert(90, b"x" * (1 << 20) + b"y\n")
    return b"\xef\xbb\xbf" + b"".join(lines)


@pytest.mark.slow
def test_a_log_that_grows_is_cut_behind_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into(monkeypatch, 17_000)
    log = tmp_path / "access.log"
    log.write_bytes(HALF + API[len(HALF) : len(HALF) + 40])
    assert ingest_both(log, tmp_path) >= 5
    before = Store.open(tmp_path / "there").manifest.inputs[0].offset
    assert before == len(HALF)
    log.write_bytes(API[:-1])
    ingest_both(log, tmp_path)
    ingest_both(log, tmp_path, final=True)
    assert Store.open(tmp_path / "there").manifest.inputs[0].offset == len(API) - 1


@pytest.mark.slow
def test_broken_lines_have_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into(monkeypatch, 30_000)
    log = tmp_path / "broken.log"
    log.write_bytes(spoil(API))
    ingest_both(log, tmp_path)
    rejects = read_all(tmp_path / "there", "rejects")
    # Line 21 is two lines further on, and the long one is line 93 of the file.
    assert rejects["line_number"].to_list()[:4] == [6, 73, 74, 93]


@pytest.mark.slow
def test_nothing_is_taken_of_what_is_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into(monkeypatch, 1000)
    log = tmp_path / "app.log"
    log.write_bytes(HALF[:700] + b"a line that nobody can read as a request\n" * 200)
    ingest_both(log, tmp_path)
    log.write_bytes(b"a line that nobody can read as a request\n" * 200)
    shutil.rmtree(tmp_path / "here")
    shutil.rmtree(tmp_path / "there")
    assert ingest_both(log, tmp_path) == 0


@pytest.mark.slow
def test_a_log_that_is_replaced_is_left_to_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into(monkeypatch, 30_000)
    log = tmp_path / "access.log"
    log.write_bytes(API)

    def count_and_rotate(*arguments: object) -> int | None:
        found = count_lines(*arguments)  # type: ignore[arg-type]
        if not (tmp_path / "access.log.1").exists():
            log.rename(tmp_path / "access.log.1")
            log.write_bytes(API[len(HALF) :] + HALF)
        return found

    monkeypatch.setattr("apilog.ingestion.cluster_ingest.count_lines", count_and_rotate)
    summary = apilog.ingest(log, store=tmp_path / "store", engine="dask")
    assert (summary.new, summary.input.records) == (0, 0)
    assert "replaced while it was read" in summary.notes[0]
    assert Store.open(tmp_path / "store").manifest.files == ()
    monkeypatch.undo()
    again = apilog.ingest([tmp_path / "access.log.1", log], store=tmp_path / "store")
    assert again.input.records == 2 * apilog.report(LOGS / "api.log").input.records


def test_only_what_begins_alike_is_read_together(tmp_path: Path) -> None:
    header = b"#Software: IIS\n#Fields: date time cs-method\n"
    texts = [
        header + b"2026-11-01 00:00:01 GET\n",
        header + b"2026-11-02 00:00:01 GET\n",
        header + b"2026-11-01 00:00:01 GET\n2026-11-01 00:00:02 GET\n",
        header + b"2026-11-02 00:00:01 GET\n2026-11",
        b"",
        b"",
    ]
    sources = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.log").write_bytes(text)
        sources += find_sources([tmp_path / f"{number}.log"])[0]
    found = read_beginnings(sources, None)  # type: ignore[arg-type]
    groups = group_beginnings({n: b for n, b in enumerate(found) if isinstance(b, tuple)})
    assert groups == [[0, 2], [1, 3], [4, 5]]


@pytest.mark.slow
@pytest.mark.parametrize("case", range(CASES))
def test_any_cut_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: int) -> None:
    names = ("kong.log", "apigee.log", "docker.log", "iis-native.log", "squid.log", "broken.log")
    for name in names:
        log = LOGS / name
        cut_into(monkeypatch, max(100, log.stat().st_size // (3 + 2 * case)))
        folder = tmp_path / name
        folder.mkdir()
        ingest_both(log, folder, final=case % 2 == 0)
