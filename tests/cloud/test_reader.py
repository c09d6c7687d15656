"""Any reads and seeks of an object give the bytes that are there."""

from __future__ import annotations

import pickle
from threading import current_thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apilog.ingestion import ingest
from apilog.sources import DamagedSource, SourceError, find_sources
from apilog.storage import StorageError
from apilog.storage.cloud import object_reader
from apilog.storage.cloud import object_reader as reading
from apilog.storage.cloud.bucket import Bucket, ObjectBlock
from apilog.storage.cloud.object_reader import ObjectPrefetcher, ObjectReader
from apilog.transport.opening import open_chunks
from tests.examples import about
from tests.ingest.numbered_logs import lines

DATA = bytes(range(256)) * 8


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_reader, "FIRST_BYTES", 16)
    monkeypatch.setattr(object_reader, "LAST_BYTES", 40)
    monkeypatch.setattr(reading, "_JUMP_BYTES", 16)
    monkeypatch.setattr(reading, "_LARGEST_BYTES", 256)
    monkeypatch.setattr(reading, "_AHEAD_BYTES", 64)


STEPS = st.lists(
    st.tuples(st.none() | st.integers(0, 2100), st.integers(1, 400)), min_size=1, max_size=12
)


@pytest.mark.slow
@settings(
    max_examples=about(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, with_end=st.booleans())
def test_any_reads_and_seeks(
    bucket: Bucket,
    url: str,
    small_ranges: None,
    steps: list[tuple[int | None, int]],
    with_end: bool,
) -> None:
    bucket.write("a.log", DATA)
    others = [f"{url}/a.log", f"{url}/b.log"] if with_end else []
    reader = ObjectReader(f"{url}/a.log", len(DATA), ObjectPrefetcher(others))
    at = 0
    for position, size in steps:
        if position is not None:
            at = reader.seek(position)
        block = reader.read(size)
        assert len(block) <= size
        assert block == DATA[at : at + len(block)]
        assert block or at >= len(DATA)
        at += len(block)
    reader.close()


@pytest.mark.slow
def test_what_is_known_of_many_objects_is_asked_for_ahead(
    bucket: Bucket, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        bucket.write(f"in/{number}.log", lines(range(1000 * number, 1000 * number + 900)))
    assert ingest([f"{url}/in"], f"{url}/store").new == 30
    asked: list[str] = []
    read = Bucket.read

    def counted(
        self: Bucket, key: str, start: int, end: int, version: str | None = None
    ) -> ObjectBlock:
        asked.append(current_thread().name)
        return read(self, key, start, end, version)

    monkeypatch.setattr(Bucket, "read", counted)
    assert ingest([f"{url}/in"], f"{url}/store").known == 30
    assert len(asked) == 60
    assert all(name.startswith("apilog-ahead") for name in asked)


def test_from_beginning_to_end(bucket: Bucket, url: str, small_ranges: None) -> None:
    bucket.write("a.log", DATA)
    reader = ObjectReader(f"{url}/a.log", len(DATA), ObjectPrefetcher())
    blocks = []
    while block := reader.read(100):
        blocks.append(block)
    assert b"".join(blocks) == DATA
    assert reader.read(1) == b""


def test_an_object_that_is_replaced_while_it_is_read_is_told(
    bucket: Bucket, url: str, small_ranges: None
) -> None:
    bucket.write("a.log", DATA)
    reader = ObjectReader(f"{url}/a.log", len(DATA), ObjectPrefetcher())
    bucket.write("a.log", DATA[::-1])
    assert reader.read(16) == DATA[:16]
    with pytest.raises(StorageError, match="replaced while it was being read"):
        reader.read(16)


def test_then_the_lines_before_count_and_the_input_is_damaged(bucket: Bucket, url: str) -> None:
    text = lines(range(60_000))
    bucket.write("a.log", text)
    (source,), _ = find_sources([f"{url}/a.log"])
    chunks = open_chunks(source, chunk_bytes=200_000)
    got = [next(chunks).data]
    bucket.write("a.log", text + text)
    with pytest.raises(DamagedSource, match=r"reading stopped at byte .* replaced"):
        got.extend(chunk.data for chunk in chunks)
    whole, _, torn = b"".join(got)[:-1].rpartition(b"\n")
    assert text.startswith(whole)
    assert torn


def test_many_objects_are_fetched_before_their_turn_and_come_in_order(
    bucket: Bucket, url: str
) -> None:
    for number in range(50):
        bucket.write(f"{number:02}.log", lines([number]) if number % 7 else b"")
    sources, _ = find_sources([url])
    texts = [b"".join(chunk.data for chunk in open_chunks(source)) for source in sources]
    assert texts == [lines([number]) if number % 7 else b"" for number in range(50)]
    # Read again they are asked for again.
    bucket.write("01.log", lines([999]))
    assert [chunk.data for chunk in open_chunks(sources[1])] == [lines([999])]
    sources, _ = find_sources([url])
    bucket.delete_objects(["03.log"])
    with pytest.raises(SourceError, match="no such object"):
        list(open_chunks(sources[3]))
    assert [chunk.data for chunk in open_chunks(sources[2])] == [lines([2])]
    assert pickle.loads(pickle.dumps(sources[2])) == sources[2]
