"""Each line is ingested exactly once, whatever becomes of the files."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from apilog.ingestion import ingest
from apilog.ingestion.fingerprint import FingerprintIndex
from apilog.ingestion.line_aligned import CommitBudget
from apilog.ingestion.opened_input import OpenedInput
from apilog.options import IngestOptions
from apilog.sources import find_sources
from apilog.store import Store
from tests.ingest.numbered_logs import held, lines, numbering

FINAL = IngestOptions(final=True)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def counts(logs: Path, store: Path, options: IngestOptions | None = None) -> tuple[int, int, int]:
    """New, continued and known files of a run over all logs; none of them fails."""
    done = ingest([logs], store, options)
    assert not done.errors
    assert done.input.lines == done.input.records + done.input.rejects + done.input.skipped
    return done.new, done.continued, done.known


def test_a_second_run_adds_nothing(logs: Path, store: Path) -> None:
    (logs / "a.log").write_bytes(lines(range(50)))
    (logs / "b.log").write_bytes(lines(range(50, 60)))
    assert counts(logs, store) == (2, 0, 0)
    before = Store.open(store).manifest
    assert counts(logs, store) == (0, 0, 2)
    assert Store.open(store).manifest == before
    assert held(store) == [*range(60)]


def test_a_renamed_file_is_known(logs: Path, store: Path) -> None:
    (logs / "a.log").write_bytes(lines(range(50)))
    counts(logs, store)
    (logs / "a.log").rename(logs / "a.log.1")
    done = ingest([logs], store)
    assert (done.new, done.known) == (0, 1)
    assert "a.log.1 has the same content as" in done.notes[0]
    assert ingest([logs], store).notes == ()
    assert held(store) == [*range(50)]


@pytest.mark.parametrize("count", [3, 2000])
def test_a_compressed_copy_is_known(logs: Path, store: Path, count: int) -> None:
    (logs / "a.log").write_bytes(lines(range(count)))
    counts(logs, store)
    (logs / "a.log.1.gz").write_bytes(gzip.compress(lines(range(count))))
    assert counts(logs, store) == (0, 0, 2)
    (logs / "a.log").unlink()
    assert counts(logs, store) == (0, 0, 1)
    assert held(store) == [*range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("is_copy", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_known_compressed_file_is_not_decompressed_again(
    logs: Path, store: Path, is_copy: bool
) -> None:
    chance = random.Random(3)
    text = lines(chance.sample(range(10**6), 30_000))
    if is_copy:
        (logs / "a.log").write_bytes(text)
        counts(logs, store)
    packed = bytearray(gzip.compress(text, mtime=0))
    (logs / "a.log.1.gz").write_bytes(packed)
    assert counts(logs, store) == ((0, 0, 2) if is_copy else (1, 0, 0))
    (logs / "a.log").unlink(missing_ok=True)
    before = Store.open(store).manifest
    # It can't be decompressed any more; its first and last bytes and its size are the same.
    at = len(packed) // 2
    packed[at : at + 200] = bytes(200)
    (logs / "a.log.1.gz").write_bytes(packed)
    assert counts(logs, store) == (0, 0, 1)
    (logs / "a.log.1.gz").rename(logs / "a.log.2.gz")
    assert counts(logs, store) == (0, 0, 1)
    assert before.inputs[0].packed == Store.open(store).manifest.inputs[0].packed != ()
    # One byte more, and it is looked into.
    (logs / "a.log.2.gz").write_bytes(packed + b"\0")
    assert "holds nothing that" in ingest([logs], store).notes[0]


def test_several_compressed_files_of_one_content_settle(logs: Path, store: Path) -> None:
    text = lines(range(2000))
    for level in (1, 6, 9):
        (logs / f"{level}.log.gz").write_bytes(gzip.compress(text, level, mtime=0))
    assert counts(logs, store) == (1, 0, 2)
    before = Store.open(store).manifest
    assert len(before.inputs[0].packed) == 3
    assert counts(logs, store) == (0, 0, 3)
    assert Store.open(store).manifest == before
    assert held(store) == [*range(2000)]


def test_a_compressed_file_that_goes_on_is_not_taken_for_known(logs: Path, store: Path) -> None:
    packed = gzip.compress(lines(range(2000)))
    (logs / "a.log.gz").write_bytes(packed)
    counts(logs, store)
    (logs / "a.log.gz").write_bytes(packed + gzip.compress(lines(range(2000, 2100))))
    assert counts(logs, store) == (0, 1, 0)
    assert counts(logs, store) == (0, 0, 1)
    assert held(store) == [*range(2100)]


def test_a_store_of_before_compressed_files_were_known_is_read(logs: Path, store: Path) -> None:
    (logs / "a.log.gz").write_bytes(gzip.compress(lines(range(200))))
    counts(logs, store)
    (newest,) = sorted((store / "manifest").glob("*.json"))[-1:]
    data = json.loads(newest.read_text())
    for known in data["inputs"]:
        del known["packed"]
    newest.write_text(json.dumps(data))
    assert counts(logs, store) == (0, 0, 1)
    assert counts(logs, store) == (0, 0, 1)
    assert held(store) == [*range(200)]


def test_a_compressed_file_goes_on_where_the_plain_one_was_left(logs: Path, store: Path) -> None:
    (logs / "a.log").write_bytes(lines(range(1500)))
    counts(logs, store)
    (logs / "a.log").unlink()
    (logs / "a.log.1.gz").write_bytes(gzip.compress(lines(range(2000)).removesuffix(b"\n")))
    assert counts(logs, store) == (0, 1, 0)
    assert held(store) == [*range(2000)]


@pytest.mark.parametrize("first", [1, 10, 1000])
def test_a_grown_file_is_continued_with_right_numbers(logs: Path, store: Path, first: int) -> None:
    (logs / "a.log").write_bytes(lines(range(first)))
    counts(logs, store)
    for end in (first + 1, first + 700, first + 2000):
        (logs / "a.log").write_bytes(lines(range(end)))
        assert counts(logs, store) == (0, 1, 0)
    assert numbering(store) == [("a.log", number + 1, number) for number in range(first + 2000)]
    assert len(Store.open(store).manifest.inputs) == 1


def test_crlf_and_a_byte_order_mark_do_not_shift_the_offset(logs: Path, store: Path) -> None:
    for end in (10, 25):
        text = lines(range(end)).replace(b"\n", b"\r\n")
        (logs / "a.log").write_bytes(b"\xef\xbb\xbf" + text)
        counts(logs, store)
    assert numbering(store) == [("a.log", number + 1, number) for number in range(25)]


def test_copytruncate(logs: Path, store: Path) -> None:
    (logs / "a.log").write_bytes(lines(range(100)))
    counts(logs, store)
    with (logs / "a.log").open("ab") as stream:
        stream.write(lines(range(100, 120)))
    (logs / "a.log.1").write_bytes((logs / "a.log").read_bytes())
    (logs / "a.log").write_bytes(lines(range(120, 130)))
    assert counts(logs, store) == (1, 1, 0)
    assert held(store) == [*range(130)]


def test_a_file_replaced_by_a_longer_one_of_its_name_is_new(logs: Path, store: Path) -> None:
    (logs / "a.log").write_bytes(lines(range(10)))
    counts(logs, store)
    (logs / "a.log").write_bytes(lines(range(1000, 1100)))
    assert counts(logs, store) == (1, 0, 0)
    assert held(store) == [*range(10), *range(1000, 1100)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_with_the_same_first_lines_are_told_apart_by_what_follows(
    logs: Path, store: Path, pack: Callable[[bytes], bytes]
) -> None:
    same = range(1000)  # more than the 64 KiB of a head
    (logs / "a.log").write_bytes(lines([*same, *range(2000, 2100)]))
    counts(logs, store)
    (logs / "b.log").write_bytes(pack(lines([*same, *range(3000, 3200)])))
    assert counts(logs, store) == (1, 0, 1)
    assert held(store) == sorted([*same, *same, *range(2000, 2100), *range(3000, 3200)])


def test_a_copy_that_stays_behind_is_not_read_again(logs: Path, store: Path) -> None:
    (logs / "a.log").write_bytes(lines(range(100)))
    (logs / "copy.log").write_bytes(lines(range(100)))
    assert counts(logs, store) == (1, 0, 1)
    for end in (150, 200):
        (logs / "a.log").write_bytes(lines(range(end)))
        assert counts(logs, store) == (0, 1, 1)
    assert counts(logs, store) == (0, 0, 2)
    assert held(store) == [*range(200)]


def test_a_last_line_without_a_newline_waits(logs: Path, store: Path) -> None:
    text = lines(range(10))
    (logs / "a.log").write_bytes(text[:-20])
    counts(logs, store)
    assert held(store) == [*range(9)]
    assert counts(logs, store) == (0, 0, 1)
    (logs / "a.log").write_bytes(text)
    assert counts(logs, store) == (0, 1, 0)
    assert held(store) == [*range(10)]


def test_final_takes_the_last_line_and_what_follows_is_a_line_of_its_own(
    logs: Path, store: Path
) -> None:
    text = lines(range(10))
    (logs / "a.log").write_bytes(text[:-1])
    counts(logs, store)
    assert counts(logs, store, FINAL) == (0, 1, 0)
    assert counts(logs, store, FINAL) == (0, 0, 1)
    (logs / "a.log").write_bytes(lines(range(12)))
    counts(logs, store)
    assert numbering(store) == [("a.log", n + 1, n) for n in range(12)]


def test_a_file_without_a_whole_line_is_nothing_yet(logs: Path, store: Path) -> None:
    (logs / "empty.log").write_bytes(b"")
    (logs / "open.log").write_bytes(lines([1])[:-1])
    assert counts(logs, store) == (0, 0, 0)
    assert Store.open(store).manifest.inputs == ()


def test_a_compressed_file_that_is_still_written_is_completed_later(
    logs: Path, store: Path
) -> None:
    packed = gzip.compress(lines(range(20000)))
    (logs / "a.log.gz").write_bytes(packed[: len(packed) // 2])
    done = ingest([logs], store)
    assert done.input.files[0].is_damaged
    assert 0 < len(held(store)) < 20000
    (logs / "a.log.gz").write_bytes(packed)
    assert counts(logs, store) == (0, 1, 0)
    assert held(store) == [*range(20000)]


def test_damage_at_the_very_beginning_is_told(logs: Path, store: Path) -> None:
    (logs / "a.log.gz").write_bytes(gzip.compress(lines(range(10)))[:12])
    (file,) = ingest([logs], store).errors
    assert file.is_damaged
    assert Store.open(store).manifest.inputs == ()


@pytest.mark.slow
def test_a_long_input_is_committed_in_stretches(logs: Path, store: Path) -> None:
    count = 12_000
    options = IngestOptions(stretch_bytes=count, chunk_bytes=40_000)
    plain, packed = range(count), range(count, 2 * count)
    (logs / "a.log").write_bytes(lines(plain))
    (logs / "b.log.gz").write_bytes(gzip.compress(lines(packed)))
    (logs / "c.log").write_bytes(lines(plain))
    assert counts(logs, store, options) == (2, 0, 1)
    manifest = Store.open(store).manifest
    assert manifest.generation > 6
    assert [known.offset for known in manifest.inputs] == [len(lines(plain)), len(lines(packed))]
    assert sum(known.records for known in manifest.inputs) == 2 * count
    assert numbering(store) == [
        *(("a.log", n + 1, n) for n in plain),
        *(("b.log.gz", n + 1 - count, n) for n in packed),
    ]


def test_lines_too_long_are_rejects_once(logs: Path, store: Path) -> None:
    long = b"x" * (3 << 20) + b"\n"
    text = lines(range(5)) + long + lines(range(5, 9))
    options = IngestOptions(stretch_bytes=100_000)
    for end in (len(text) - 300, len(text)):
        (logs / "a.log").write_bytes(text[:end])
        ingest([logs], store, options)
    (known,) = Store.open(store).manifest.inputs
    assert (known.lines, known.records, known.rejects) == (10, 9, 1)
    assert [at for _, at, _ in numbering(store)] == [1, 2, 3, 4, 5, 7, 8, 9, 10]


def test_indented_json_goes_on_behind_the_events_that_were_taken(logs: Path, store: Path) -> None:
    requests = (
        {"time": f"2026-11-20T12:00:{n:02}Z", "path": f"/n/{n}", "status": 200} for n in range(20)
    )
    text = "".join(json.dumps(request, indent=1) + "\n" for request in requests).encode()
    for end in (len(text) // 3, len(text) // 2, len(text) // 2, len(text)):
        (logs / "a.json").write_bytes(text[:end])
        ingest([logs], store)
    assert numbering(store) == [("a.json", n + 1, n) for n in range(20)]


def test_utf16_goes_on(logs: Path, store: Path) -> None:
    for end in (10, 30):
        (logs / "a.log").write_bytes(lines(range(end)).decode().encode("utf-16"))
        counts(logs, store)
    assert numbering(store) == [("a.log", number + 1, number) for number in range(30)]


def test_the_header_of_a_table_counts_for_what_is_added_later(logs: Path, store: Path) -> None:
    names = "client_received_start_timestamp\trequest_verb\trequest_path\tresponse_status_code\n"
    rows = [f"2026-11-20 12:00:{n:02}.000000 UTC\tGET\t/n/{n}\t200\n" for n in range(30)]
    for end in (10, 30):
        (logs / "a.tsv").write_text(names + "".join(rows[:end]))
        counts(logs, store)
    assert held(store) == [*range(30)]


def test_the_store_itself_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(lines(range(5)))
    for _ in range(2):
        assert not ingest([tmp_path], tmp_path / "store").errors
    assert held(tmp_path / "store") == [*range(5)]


@pytest.mark.parametrize("count", [60, 5000])
def test_a_copy_that_holds_less_than_was_taken_is_left_out(
    logs: Path, store: Path, count: int
) -> None:
    (logs / "a.log").write_bytes(lines(range(count)))
    counts(logs, store)
    (logs / "a.log").rename(logs.parent / "a.log")
    for pack in (bytes, gzip.compress):
        (logs / "b.log").write_bytes(pack(lines(range(count - 3))))
        done = ingest([logs], store)
        assert (done.new, done.continued, done.known, done.failed) == (0, 0, 1, 0)
        assert "b.log holds nothing that" in done.notes[0]
    assert held(store) == [*range(count)]
    (logs / "b.log").write_bytes(lines(range(count + 3)))
    assert counts(logs, store) == (0, 1, 0)
    assert held(store) == [*range(count + 3)]


@pytest.mark.parametrize("known", [0, 100])
def test_a_log_that_is_truncated_while_it_is_opened_waits(
    logs: Path, store: Path, known: int
) -> None:
    log = logs / "a.log"
    log.write_bytes(lines(range(known)))
    counts(logs, store)
    log.write_bytes(lines(range(120)))
    (source,), _ = find_sources([log])
    index = FingerprintIndex(Store.open(store).manifest.inputs)
    opened = OpenedInput(source, index, CommitBudget(1 << 30), final=False)
    log.write_bytes(lines(range(1000, 1300)))  # with lines of the same length
    assert list(opened.chunks(1 << 20)) == []
    assert opened.fingerprint() is None
    opened.close()
    counts(logs, store)
    assert held(store) == [*range(known), *range(1000, 1300)]


def test_a_log_that_is_truncated_between_two_commits_ends_there(logs: Path) -> None:
    log = logs / "a.log"
    log.write_bytes(lines(range(100)))
    (source,), _ = find_sources([log])
    budget = CommitBudget(1)
    opened = OpenedInput(source, FingerprintIndex(()), budget, final=False)
    assert sum(chunk.lines for chunk in opened.chunks(1 << 20)) == 100
    assert opened.is_paused
    log.write_bytes(lines(range(1000, 3000)))  # longer than what was read
    budget.left = 1 << 30
    assert list(opened.chunks(1 << 20)) == []
    assert not opened.is_paused
    reached = opened.fingerprint()
    opened.close()
    assert reached
    assert reached.offset == len(lines(range(100)))
