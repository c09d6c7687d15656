"""Sums as a page carries them: columns of whole numbers, byte by byte, deflated, in base64.

The numbers of a column are written as planes: the lowest byte of each, then the next one. A plane
is much alike, so that deflate (https://www.rfc-editor.org/rfc/rfc1951) makes it small. What follows
from other columns, such as the extremes of a single duration, is left out. `figures.js` reads it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from apilog.aggregate.ddsketch import GAMMA, bucket_value_expr
from apilog.aggregate.filter_cubes import coarser_cubes
from apilog.aggregate.time_buckets import bucket_ends
from apilog.render.data.cell_values import iso_timestamp
from apilog.report_model import FilterCube, FilterSums

BUDGET = 270_000
"""Bytes of the deflated sums, of which base64 makes four thirds."""
_UPPER_EDGE = (GAMMA + 1) / 2
"""The upper edge of a latency bucket, divided by the value that stands for it."""
_LATENCIES = (("latency", "duration_ms"), ("upstream_latency", "upstream_duration_ms"))
_SIZES = ("request_bytes", "response_bytes")
_TIME_UNITS = (1_000_000, 1_000, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedSums:
    """The sums of a page, and what they don't tell."""

    text: str
    """Base64."""
    steps: Sequence[str]
    """The steps of time of its cubes, the shortest first."""


def pack_sums(sums: FilterSums) -> PackedSums:
    """Return as much of the sums as there is room for: what decides most filters goes first."""
    chosen = choose_cubes(sums)
    steps = {cube.step for cube in chosen if cube.step}
    ordered = sorted(steps, key=lambda step: (step != sums.step, step))
    packed = base64.b64encode(_pack(sums, chosen)).decode()
    return PackedSums(text=packed, steps=ordered)


def choose_cubes(sums: FilterSums) -> list[FilterCube]:
    """Return the cubes that fit: that of all keys, or else several of fewer."""
    cubes = {frozenset(cube.keys) & _KEYS: cube for cube in sums.cubes}
    whole = cubes.pop(_KEYS, None)
    if whole is not None and whole.step == sums.step and _size(sums, whole) <= BUDGET:
        return [whole]
    left, chosen = BUDGET, list[FilterCube]()
    # The small ones decide filters by one thing; of the others each takes a part of what is left.
    for keys in (_STATUS | {"timestamp", "gateway"}, _STATUS | {"consumer"}, _STATUS | _ENDPOINT):
        if (cube := cubes.get(keys)) and (size := _size(sums, cube)) <= left:
            chosen.append(cube)
            left -= size
    for keys, share in (
        (_KEYS, 0.9),
        (_KEYS - {"consumer"}, 0.6),
        (_STATUS | {"timestamp", "consumer"}, 0.5),
        (_KEYS - {"timestamp"}, 1.0),
    ):
        given = whole if keys == _KEYS else cubes.get(keys)
        fitting = given and _fitting(sums, given, left * share)
        if fitting:
            chosen.append(fitting)
            left -= _size(sums, fitting)
            if keys == _KEYS:
                break
    return [cube for cube in chosen if not any(_decides_all_of(other, cube) for other in chosen)]


_ENDPOINT = frozenset({"gateway", "method", "route"})
_STATUS = frozenset({"status", "error_source"})
_KEYS = _ENDPOINT | _STATUS | {"timestamp", "consumer"}


def _decides_all_of(other: FilterCube, cube: FilterCube) -> bool:
    is_finer = set(cube.keys) < set(other.keys)
    return is_finer and ("timestamp" not in cube.keys or cube.step == other.step)


def _fitting(sums: FilterSums, cube: FilterCube, room: float) -> FilterCube | None:
    """Return the cube in the shortest buckets of time in which it fits; None if in none."""
    for candidate in (cube, *coarser_cubes(cube, sums.timezone)):
        if _size(sums, candidate) <= room:
            return candidate
    return None


def _size(sums: FilterSums, cube: FilterCube) -> int:
    return len(_pack(sums, [cube]))


def _pack(sums: FilterSums, cubes: Sequence[FilterCube]) -> bytes:
    """Return the bytes: the length of the JSON that describes the columns, it, and the columns."""
    tables = _Dictionaries.of(sums, cubes)
    writer = _ColumnWriter()
    described = [_write_cube(writer, tables, cube) for cube in cubes]
    head = json.dumps(
        {
            "zone": sums.timezone,
            "step": sums.step,
            "starts": [_micros(start) for start in sums.starts],
            "ends": [_micros(end) for end in sums.ends],
            "times": [iso_timestamp(start, sums.timezone) for start in sums.starts],
            "lastEnd": iso_timestamp(sums.ends[-1], sums.timezone) if len(sums.ends) else None,
            "maxRoutes": sums.max_routes,
            "knownRoutes": sorted(sums.known_routes),
            "maxRows": sums.max_rows,
            "dictionaries": tables.values,
            "buckets": tables.bucket_values,
            "upperEdge": _UPPER_EDGE,
            "cubes": described,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    raw = len(head).to_bytes(4, "little") + head + b"".join(writer.parts)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(raw) + packer.flush()


def _micros(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000


class _ColumnWriter:
    """Writes columns of whole numbers as planes of bytes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, name: str, values: pl.Series) -> list[Any]:
        """Write numbers that are not negative; return their name, how many, and their bytes."""
        most = values.max()
        width = max(1, (int(most).bit_length() + 7) // 8) if isinstance(most, int) and most else 0
        numbers = values.cast(pl.UInt64)
        for plane in range(width):
            part = (numbers // (1 << 8 * plane)) % 256
            self.parts.append(bytes(part.to_list()))
        return [name, len(values), width]


@dataclass(frozen=True, slots=True)
class _Dictionaries:
    """The values of keys and of latency buckets that cubes refer to by number."""

    values: dict[str, list[Any]]
    buckets: pl.Series
    bucket_values: list[float]
    timezone: str

    @classmethod
    def of(cls, sums: FilterSums, cubes: Iterable[FilterCube]) -> _Dictionaries:
        columns: dict[str, list[pl.Series]] = {}
        buckets = [pl.Series("bucket", [], dtype=pl.Int16)]
        for cube in cubes:
            for key in cube.keys:
                columns.setdefault(key, []).append(_plain_key(cube.rows[key]))
            buckets += [h["bucket"] for h in cube.histograms.values()]
        used = pl.concat(buckets).unique().sort()
        values = used.to_frame().select(bucket_value_expr().alias("value"))["value"]
        named = {
            key: pl.concat(parts).drop_nulls().unique().sort().to_list()
            for key, parts in columns.items()
            if key != "timestamp"
        }
        return cls(named, used, values.to_list(), sums.timezone)

    def codes(self, cube: FilterCube, key: str) -> pl.Series:
        """Return the number of each key's value, from 1 on; 0 for null."""
        column = _plain_key(cube.rows[key])
        codes = _places(pl.Series(self.values[key], dtype=column.dtype), column)
        if key != "route":
            return codes
        unfound = pl.lit(len(self.values[key]) + 1)
        is_unfound = pl.lit(cube.rows["is_unfound"])
        return pl.select(pl.when(is_unfound).then(unfound).otherwise(pl.lit(codes))).to_series()


def _places(known: pl.Series, column: pl.Series) -> pl.Series:
    """Return the place of each value among the known ones in order, from 1 on; 0 for null."""
    if not len(known):
        return column.is_null().cast(pl.Int64) * 0
    places = known.search_sorted(column.fill_null(known[0])).cast(pl.Int64) + 1
    return places * column.is_not_null()


def _plain_key(column: pl.Series) -> pl.Series:
    return column.cast(pl.Int64) if column.dtype.is_integer() else column.cast(pl.String)


def _write_cube(writer: _ColumnWriter, tables: _Dictionaries, cube: FilterCube) -> dict[str, Any]:
    rows, written = cube.rows, []
    described: dict[str, Any] = {"keys": [*cube.keys], "rows": rows.height, "step": cube.step}
    if "timestamp" in cube.keys:
        own = rows["timestamp"].drop_nulls().unique().sort()
        described["starts"] = [_micros(start) for start in own]
        ends = bucket_ends(own, cube.step or "", tables.timezone)
        described["ends"] = [_micros(end) for end in ends]
        written.append(writer.write("timestamp", _places(own, rows["timestamp"])))
    others = (key for key in cube.keys if key != "timestamp")
    written += [writer.write(key, tables.codes(cube, key)) for key in others]
    written.append(writer.write("requests", rows["requests"]))
    written += _write_times(writer, cube, described)
    if "guessed" in rows.columns:
        written.append(writer.write("named", rows["requests"] - rows["guessed"]))
    for name in _SIZES:
        if f"{name}_n" in rows.columns:
            written.append(writer.write(f"{name}_missing", rows["requests"] - rows[f"{name}_n"]))
            written.append(writer.write(name, rows[name]))
    for prefix, column in _LATENCIES:
        if f"{prefix}_n" in rows.columns:
            written += _write_latency(writer, tables, cube, described, prefix, column)
    described["columns"] = written
    return described


def _write_times(
    writer: _ColumnWriter, cube: FilterCube, described: dict[str, Any]
) -> list[list[Any]]:
    """Write the first and the last time of each row, from the start of its bucket on."""
    rows = cube.rows
    last, first = (rows[name].to_physical() for name in ("last_seen", "first_seen"))
    base = rows["timestamp"].to_physical() if "timestamp" in cube.keys else None
    if base is None:
        lowest = first.min()
        described["base"] = lowest if isinstance(lowest, int) else 0
        base = first * 0 + described["base"]
    offset, span = (last - base), (last - first)
    unit = _common_unit([offset, span], _TIME_UNITS)
    described["timeUnit"] = unit
    return [
        # 0 is for rows without any time.
        writer.write("last", (offset // unit + 1).fill_null(0)),
        writer.write("span", (span // unit).fill_null(0)),
    ]


def _write_latency(
    writer: _ColumnWriter,
    tables: _Dictionaries,
    cube: FilterCube,
    described: dict[str, Any],
    prefix: str,
    column: str,
) -> list[list[Any]]:
    """Write the sum and extremes of durations, and how many lie in which latency bucket."""
    rows = cube.rows
    n = rows[f"{prefix}_n"]
    total, low, high = (rows[f"{prefix}_{s}"] for s in ("us", "min_us", "max_us"))
    unit = _common_unit([total, low, high], _TIME_UNITS)
    described[f"{prefix}_unit"] = unit
    many, some = n > 1, n > 0
    histogram = cube.histograms[column]
    index = tables.buckets.search_sorted(histogram["bucket"]).cast(pl.Int64)
    upper = pl.Series([value * _UPPER_EDGE for value in tables.bucket_values], dtype=pl.Float64)
    # The bucket of the shortest one follows nearly always from it, whose rounding may move it.
    expected = upper.search_sorted(low.fill_null(0) / 1000.0, side="left").cast(pl.Int64)
    expected = expected.clip(0, max(0, len(upper) - 1))
    row = histogram["row"]
    is_first = (row != row.shift(1)).fill_null(value=True)
    before = (
        pl.when(pl.lit(is_first))
        .then(pl.lit(expected.gather(row)))
        .otherwise(pl.lit(index.shift(1)))
    )
    step = pl.select(pl.lit(index) - before).to_series()
    zigzag = pl.select(
        pl.when(pl.lit(step) < 0).then(-2 * pl.lit(step) - 1).otherwise(2 * pl.lit(step))
    )
    is_shared = many.gather(row)
    return [
        writer.write(f"{prefix}_missing", rows["requests"] - n),
        writer.write(f"{prefix}_us", (total // unit).filter(some)),
        writer.write(f"{prefix}_min", (low // unit).filter(many)),
        writer.write(f"{prefix}_range", ((high - low) // unit).filter(many)),
        writer.write(f"{prefix}_bucket", zigzag.to_series()),
        writer.write(f"{prefix}_count", histogram["n"].filter(is_shared)),
    ]


def _common_unit(columns: Iterable[pl.Series], units: Sequence[int]) -> int:
    """Return the largest unit that all these numbers are multiples of."""
    for unit in units[:-1]:
        if all((column % unit).max() in (0, None) for column in columns):
            return unit
    return units[-1]
