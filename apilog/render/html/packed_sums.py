"""Sums as a page carries them: columns of whole numbers, byte by byte, deflated, in base64.

The numbers of a column are written as planes: the lowest byte of each, then the next one. A plane
is much alike, so that deflate (https://www.rfc-editor.org/rfc/rfc1951) makes it small. What follows
from other columns, such as the extremes of a single duration, is left out. `figures.js` reads it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import polars as pl

from apilog.aggregate.ddsketch import GAMMA, bucket_value_expr
from apilog.aggregate.filter_cubes import coarser_cubes
from apilog.aggregate.time_buckets import bucket_ends
from apilog.render.data.cell_values import iso_timestamp
from apilog.report_model import FilterCube, FilterSums
from apilog.text.units import parse_duration

MOST_BYTES = 800_000
"""Bytes of the deflated sums, of which base64 makes four thirds."""
SMALL_PAGE = 395_000
"""Bytes of a whole page of a log that has many times, routes and consumers at once."""
_MANY_CELLS = 5_000_000
"""So many combinations of hours, routes and consumers are many: 30 days, 200 and 100 are more."""
_LEAST_ROOM = 50_000
_UPPER_EDGE = (GAMMA + 1) / 2
"""The upper edge of a latency bucket, divided by the value that stands for it."""
_LATENCIES = (("latency", "duration_ms"), ("upstream_latency", "upstream_duration_ms"))
_SIZES = ("request_bytes", "response_bytes")
_TIME_UNITS = (1_000_000, 1_000, 1)


def pack_sums(sums: FilterSums, others: int) -> str:
    """Return in base64 as much of the sums as there is room for beside the rest of the page.

    `others` is how many bytes the rest has.
    """
    return base64.b64encode(_pack(sums, choose_cubes(sums, room_for(sums, others)))).decode()


def room_for(sums: FilterSums, others: int) -> int:
    """Return how many bytes the deflated sums may have."""
    if not has_many_cells(sums):
        return MOST_BYTES
    return max(_LEAST_ROOM, (SMALL_PAGE - others) * 3 // 4)


def has_many_cells(sums: FilterSums) -> bool:
    """Whether the log has many times, routes and consumers at once, so that its page is small."""
    cubes = {frozenset(cube.keys) & _WHOLE: cube for cube in sums.cubes}
    hours = (sums.ends[-1] - sums.starts[0]) / timedelta(hours=1) if len(sums.starts) else 0
    cells = max(len(sums.starts), hours)
    for keys, key in ((_ENDPOINTS, "route"), (_CONSUMERS, "consumer")):
        cells *= cubes[keys].rows[key].n_unique() if keys in cubes else _MANY_CELLS
    return cells >= _MANY_CELLS


def choose_cubes(sums: FilterSums, room: int) -> list[FilterCube]:
    """Return the cubes that fit: that of all keys, or else several of fewer.

    Of those each takes a part of the room that is left, in buckets of time as short as fit. With
    less in it a cube tells less than all metrics.
    """
    cubes = {frozenset(cube.keys) & _WHOLE: cube for cube in sums.cubes}
    scale = _Scale(sums)
    whole = cubes.get(_WHOLE)
    if whole and whole.histograms and whole.step == sums.step and scale.fits(whole, room):
        return [whole]
    candidates = [
        (_Candidates(cubes[keys], make, sums.timezone), share)
        for keys, make, share in _LADDER
        if keys in cubes
    ]
    chosen: list[FilterCube] = []
    # What the first round leaves of the room is for whatever still fits.
    for given, share in (*candidates, *((given, 1.0) for given, _ in candidates)):
        used = scale.weigh(chosen)
        for candidate in given:
            if any(_decides_all_of(other, candidate) for other in chosen):
                break
            others = [cube for cube in chosen if not _decides_all_of(candidate, cube)]
            if scale.fits(candidate, used + (room - used) * share, others):
                chosen = [*others, candidate]
                break
    return chosen


class _Candidates:
    """A cube in longer and longer buckets of time, made as they are asked for."""

    def __init__(
        self, cube: FilterCube, make: Callable[[FilterCube], FilterCube | None], timezone: str
    ) -> None:
        given = make(cube)
        self._cubes = [given] if given else []
        self._timezone = timezone
        self._is_done = given is None or given.step is None

    def __iter__(self) -> Iterator[FilterCube]:
        yield from self._cubes[:1]
        if not self._is_done:
            self._cubes += coarser_cubes(self._cubes[0], self._timezone)
            self._is_done = True
        yield from self._cubes[1:]


class _Scale:
    """Weighs cubes, each once: packing takes a while."""

    def __init__(self, sums: FilterSums) -> None:
        self._sums = sums
        self._weights: dict[int, tuple[FilterCube, int]] = {}
        self._empty = len(_pack(sums, [], _QUICK))
        self._without_times = len(_pack(sums, [], _QUICK, with_times=False))

    def weigh(self, cubes: Sequence[FilterCube]) -> int:
        """Return how many bytes they have together, or a few more."""
        return self._empty + sum(map(self._weight, cubes))

    def fits(self, cube: FilterCube, room: float, others: Sequence[FilterCube] = ()) -> bool:
        """Whether the cube fits into the room together with others."""
        cells = sum(histogram.height for histogram in cube.histograms.values())
        least = cube.rows.height * _LEAST_ROW_BYTES + cells * _LEAST_CELL_BYTES
        return least <= room and self.weigh([*others, cube]) <= room

    def _weight(self, cube: FilterCube) -> int:
        if id(cube) not in self._weights:
            # The cube is kept, so that its number is not given to another one.
            packed = _pack(self._sums, [cube], _QUICK, with_times=False)
            self._weights[id(cube)] = cube, len(packed) - self._without_times
        return self._weights[id(cube)][1]


_QUICK, _SMALL = 5, 9
"""Levels of zlib, for weighing and for what the page has."""


def _full(cube: FilterCube) -> FilterCube | None:
    return cube if cube.histograms else None


def _bare(cube: FilterCube) -> FilterCube:
    """Return the cube without histograms, which tell quantiles."""
    return replace(cube, histograms={})


def _lean(cube: FilterCube) -> FilterCube:
    """Return what tells counts, sizes and the mean latency."""
    least = [name for name in cube.rows.columns if name.startswith("upstream_latency")]
    least += ["latency_min_us", "latency_max_us", "first_seen"]
    return replace(cube, histograms={}, rows=cube.rows.drop(least, strict=False))


def _counts(cube: FilterCube) -> FilterCube:
    """Return what tells requests and errors alone."""
    told = {*cube.keys, "is_unfound", "requests", "guessed"}
    rows = cube.rows.select(name for name in cube.rows.columns if name in told)
    return replace(cube, histograms={}, rows=rows)


_ENDPOINT = frozenset({"gateway", "method", "route"})
_STATUS = frozenset({"status", "error_source"})
_WHOLE = _ENDPOINT | _STATUS | {"timestamp", "consumer"}
_ENDPOINTS, _CONSUMERS = _STATUS | _ENDPOINT, _STATUS | {"consumer"}
_TIMES = _STATUS | {"timestamp", "gateway"}
_LADDER: tuple[tuple[frozenset[str], Callable[[FilterCube], FilterCube | None], float], ...] = (
    (_ENDPOINTS, _bare, 1.0),
    (_CONSUMERS, _bare, 1.0),
    (_TIMES, _counts, 1.0),
    (_WHOLE - {"consumer"}, _counts, 0.5),
    (_CONSUMERS | {"timestamp"}, _counts, 0.4),
    (_WHOLE - {"timestamp"}, _counts, 0.8),
    (_TIMES, _lean, 0.6),
    (_TIMES, _full, 0.4),
    (_ENDPOINTS, _full, 0.4),
    (_CONSUMERS, _full, 0.4),
    (_WHOLE - {"consumer"}, _lean, 0.6),
    (_WHOLE - {"consumer"}, _full, 0.8),
    (_WHOLE - {"timestamp"}, _lean, 0.8),
    (_WHOLE - {"timestamp"}, _full, 0.9),
    (_CONSUMERS | {"timestamp"}, _lean, 0.8),
    (_CONSUMERS | {"timestamp"}, _full, 1.0),
    (_TIMES, _bare, 1.0),
)
"""Keys, how much of the cube, and the part of the room that is left; first what most filters ask
for."""
_LEAST_ROW_BYTES, _LEAST_CELL_BYTES = 1.0, 0.3


def _decides_all_of(other: FilterCube, cube: FilterCube) -> bool:
    has_all = set(cube.keys) <= set(other.keys) and (other.histograms or not cube.histograms)
    has_all = has_all and set(cube.rows.columns) - {"guessed"} <= {*other.rows.columns}
    return bool(has_all) and (cube.step is None or _is_part(other.step or cube.step, cube.step))


def _is_part(step: str, longer: str) -> bool:
    """Whether buckets of the longer step are made of whole ones of the other."""
    return not parse_duration(longer) % parse_duration(step)


def _pack(
    sums: FilterSums,
    cubes: Sequence[FilterCube],
    level: int = _SMALL,
    *,
    with_times: bool = True,
) -> bytes:
    """Return the bytes: the length of the JSON that describes the columns, it, and the columns.

    Without the times, which may be many and are always the same, to weigh cubes.
    """
    tables = _Dictionaries.of(sums, cubes)
    writer = _ColumnWriter()
    own = sorted({name for m in sums.own for name in (m.above, m.below)} - {"", "requests"})
    described = [_write_cube(writer, tables, cube, own) for cube in cubes]
    head = json.dumps(
        {
            "zone": sums.timezone,
            "step": sums.step,
            **(_describe_times(sums) if with_times else {}),
            "maxRoutes": sums.max_routes,
            "knownRoutes": sorted(sums.known_routes),
            "maxRows": sums.max_rows,
            "dictionaries": tables.values,
            "buckets": tables.bucket_values,
            "upperEdge": _UPPER_EDGE,
            "own": [[m.column, m.above, m.below, m.scale] for m in sums.own],
            "cubes": described,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    raw = len(head).to_bytes(4, "little") + head + b"".join(writer.parts)
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(raw) + packer.flush()


def _describe_times(sums: FilterSums) -> dict[str, Any]:
    return {
        "starts": _micros(sums.starts),
        "ends": _micros(sums.ends),
        "times": [iso_timestamp(start, sums.timezone) for start in sums.starts],
        "lastEnd": iso_timestamp(sums.ends[-1], sums.timezone) if len(sums.ends) else None,
    }


def _micros(moments: pl.Series) -> list[int]:
    """Return buckets' edges in microseconds since 1970."""
    return moments.dt.timestamp("us").to_list()


class _ColumnWriter:
    """Writes columns of whole numbers as planes of bytes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._written: list[tuple[str, pl.Series]] = []

    def start_cube(self) -> None:
        """Forget the columns of the cube before."""
        self._written.clear()

    def write(self, name: str, values: pl.Series) -> list[Any]:
        """Write numbers that are not negative; return their name, how many, and their bytes.

        What its cube has already is named instead of its bytes.
        """
        most = values.max()
        width = max(1, (int(most).bit_length() + 7) // 8) if isinstance(most, int) and most else 0
        numbers = values.cast(pl.UInt64)
        if width:
            for other, written in self._written:
                if numbers.equals(written):
                    return [name, len(values), other]
            self._written.append((name, numbers))
        for plane in range(width):
            part = (numbers // (1 << 8 * plane)) % 256
            self.parts.append(part.cast(pl.UInt8).implode().cast(pl.Binary).item() or b"")
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


def _write_cube(
    writer: _ColumnWriter, tables: _Dictionaries, cube: FilterCube, further: Sequence[str]
) -> dict[str, Any]:
    rows, written = cube.rows, []
    writer.start_cube()
    described: dict[str, Any] = {"keys": [*cube.keys], "rows": rows.height, "step": cube.step}
    if "timestamp" in cube.keys:
        own = rows["timestamp"].drop_nulls().unique().sort()
        described["starts"] = _micros(own)
        ends = bucket_ends(own, cube.step or "", tables.timezone)
        described["ends"] = _micros(ends)
        written.append(writer.write("timestamp", _places(own, rows["timestamp"])))
    others = (key for key in cube.keys if key != "timestamp")
    written += [writer.write(key, tables.codes(cube, key)) for key in others]
    written.append(writer.write("requests", rows["requests"]))
    if "last_seen" in rows.columns:
        written += _write_times(writer, cube, described)
    if "guessed" in rows.columns:
        written.append(writer.write("named", rows["requests"] - rows["guessed"]))
    for name in _SIZES:
        if f"{name}_n" in rows.columns:
            written.append(writer.write(f"{name}_missing", rows["requests"] - rows[f"{name}_n"]))
            written.append(writer.write(name, rows[name]))
    # Names of one's own are marked, so that they are none of the others.
    told = [name for name in further if name in rows.columns]
    written += [writer.write(f"own:{name}", rows[name]) for name in told]
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
    last = rows["last_seen"].to_physical()
    has_first = "first_seen" in rows.columns
    first = rows["first_seen"].to_physical() if has_first else last
    base = rows["timestamp"].to_physical() if "timestamp" in cube.keys else None
    if base is None:
        lowest = first.min()
        described["base"] = lowest if isinstance(lowest, int) else 0
        base = first * 0 + described["base"]
    offset, span = (last - base), (last - first)
    unit = _common_unit([offset, span], _TIME_UNITS)
    described["timeUnit"] = unit
    # 0 is for rows without any time.
    written = [writer.write("last", (offset // unit + 1).fill_null(0))]
    if has_first:
        written.append(writer.write("span", (span // unit).fill_null(0)))
    return written


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
    n, total = rows[f"{prefix}_n"], rows[f"{prefix}_us"]
    has_extremes = f"{prefix}_min_us" in rows.columns
    low, high = (rows[f"{prefix}_{s}_us"] if has_extremes else total for s in ("min", "max"))
    unit = _common_unit([total, low, high], _TIME_UNITS)
    described[f"{prefix}_unit"] = unit
    many, some = n > 1, n > 0
    histogram = cube.histograms.get(column)
    written = [
        writer.write(f"{prefix}_missing", rows["requests"] - n),
        writer.write(f"{prefix}_us", (total // unit).filter(some)),
    ]
    if has_extremes:
        written.append(writer.write(f"{prefix}_min", (low // unit).filter(many)))
        written.append(writer.write(f"{prefix}_range", ((high - low) // unit).filter(many)))
    if histogram is None:
        return written
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
        *written,
        writer.write(f"{prefix}_bucket", zigzag.to_series()),
        writer.write(f"{prefix}_count", histogram["n"].filter(is_shared)),
    ]


def _common_unit(columns: Iterable[pl.Series], units: Sequence[int]) -> int:
    """Return the largest unit that all these numbers are multiples of."""
    for unit in units[:-1]:
        if all((column % unit).max() in (0, None) for column in columns):
            return unit
    return units[-1]
