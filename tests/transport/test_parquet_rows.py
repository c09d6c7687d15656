"""Parquet files as logs: the same rows as a table in text, however they are delivered."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import apilog
from apilog.sources.byte_streams import BlockStream, StreamDamage
from apilog.transport.parquet_rows import read_parquet
from tests.commands import Run

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
REQUESTS = pl.DataFrame(
    {
        "request_time": [START + timedelta(milliseconds=7 * n) for n in range(500)],
        "method": ["GET", "POST"] * 250,
        "path": [f"/v1/users/{n}" for n in range(500)],
        "status": [200, 503, 404, None, 200] * 100,
        "latency": [timedelta(microseconds=1500 * n) for n in range(500)],
        "consumer_id": ["till", None] * 250,
    }
)


def bytes_of(table: pl.DataFrame, **options: Any) -> bytes:
    out = BytesIO()
    table.write_parquet(out, **options)
    return out.getvalue()


def rows_of(data: bytes) -> list[Any]:
    stream = read_parquet(BlockStream(iter([data[:100], data[100:]])))
    out = b""
    while block := stream.read(1 << 16):
        out += block
    return [json.loads(line) for line in out.splitlines()]


def test_values_are_written_as_logs_write_them() -> None:
    table = pl.DataFrame(
        {
            "zoned": pl.Series([START]).dt.convert_time_zone("Asia/Tokyo"),
            "naive": pl.Series([START + timedelta(microseconds=1234)]).dt.replace_time_zone(None),
            "nanos": pl.Series([1795255200123456789]).cast(pl.Datetime("ns", "UTC")),
            "day": [date(2026, 11, 21)],
            "took": [timedelta(milliseconds=57)],
            "price": [Decimal("1.50")],
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "raw": [b"GET /"],
            "nested": [{"status": 200, "names": ["x"]}],
            "nothing": pl.Series([None], dtype=pl.String),
        }
    )
    assert rows_of(bytes_of(table)) == [
        {
            "zoned": "2026-11-21T10:00:00.000000Z",
            "naive": "2026-11-21T10:00:00.001234Z",
            "nanos": "2026-11-21T10:00:00.123456789Z",
            "day": "2026-11-21",
            "took": "57000us",
            "price": 1.5,
            "kind": "a",
            "raw": "GET /",
            "nested": {"status": 200, "names": ["x"]},
            "nothing": None,
        }
    ]


def test_a_file_that_is_cut_is_damage() -> None:
    with pytest.raises(StreamDamage, match="not a whole Parquet file"):
        rows_of(bytes_of(REQUESTS)[:-20])


def told(path: Path) -> list[dict[str, Any]]:
    return apilog.scan(path).drop("source", "line_number").collect().to_dicts()


@pytest.mark.slow
def test_records_are_those_of_the_same_table_as_text(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    parts = [REQUESTS.head(200), REQUESTS.tail(300)]
    for name, part in zip(("part=0/a [1].parquet", "part=1/b.parquet"), parts, strict=True):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(bytes_of(part, row_group_size=64))
    text = REQUESTS.with_columns(
        pl.col("request_time").dt.strftime("%Y-%m-%d %H:%M:%S%.6f UTC"),
        pl.format("{}us", pl.col("latency").dt.total_microseconds()),
    )
    tables = tmp_path / "tables"
    tables.mkdir()
    text.head(200).write_csv(tables / "a.csv", quote_style="always")
    text.tail(300).write_csv(tables / "b.tsv", separator="\t", null_value="\\N")
    records = told(folder)
    assert len(records) == 500
    assert records == told(tables)
    for n, record in enumerate(records):
        row = REQUESTS.row(n, named=True)
        assert record["timestamp"] == row["request_time"]
        assert (record["status"], record["consumer"]) == (row["status"], row["consumer_id"])
        assert record["duration_ms"] == pytest.approx(1.5 * n)
        assert record["route"] == "/v1/users/{id}"


def test_a_store_takes_a_file_once(run: Run, tmp_path: Path) -> None:
    folder, store = tmp_path / "export", tmp_path / "store"
    folder.mkdir()
    (folder / "a.parquet").write_bytes(bytes_of(REQUESTS, compression="uncompressed"))
    (folder / "b.parquet.gz").write_bytes(gzip.compress(bytes_of(REQUESTS.head(7))))
    for new in (507, 0):
        done = run("ingest", folder, "--store", store)
        assert (done.code, f"lines: {new} = {new} records" in done.stderr) == (0, True)
    assert apilog.scan(store).collect().height == 507


def test_keys_of_ones_own_name_columns(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    names = {"request_time": "t", "status": "s", "latency": "l", "path": "p"}
    path.write_bytes(bytes_of(REQUESTS.rename(names)))
    (tmp_path / "apilog.toml").write_text(
        '[formats.mine]\nlines = "json"\n[formats.mine.columns]\n'
        'timestamp = "t"\nstatus = "s"\nduration_ms = {key = "l", unit = "us"}\npath = "p"\n'
    )
    query = "SELECT COUNT(*) AS n, MAX(duration_ms) AS most FROM requests"
    done = run(
        "query", query, path, "-l", "mine", "--config", tmp_path / "apilog.toml", "-f", "csv"
    )
    assert done.text == "n,most\n500,748.5\n"


def test_folders_named_by_a_column_fill_it(tmp_path: Path) -> None:
    days = tmp_path / "year=2026" / "month=11" / "date=2026-11-30"
    folder = (
        days
        / "stage=prod"
        / "consumer_id=nobody"
        / "plan=gold%2Fold"
        / "host=__HIVE_DEFAULT_PARTITION__"
    )
    folder.mkdir(parents=True)
    (folder / "a.parquet").write_bytes(bytes_of(REQUESTS.head(3)))
    (folder / "b.parquet.gz").write_bytes(gzip.compress(bytes_of(REQUESTS.head(1))))
    read = apilog.scan(tmp_path).select("timestamp", "stage", "plan", "consumer", "host").collect()
    first = (START, "prod", "gold/old", "till", None)
    assert read.rows()[::3] == [first, first]
    # What the file says itself is not overruled.
    assert read["consumer"].to_list() == ["till", None, "till", "till"]
