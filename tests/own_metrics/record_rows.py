"""Records as plain rows, and what metrics of one's own are on them, computed row by row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import polars as pl
from hypothesis import strategies as st

from apilog.schema import READ_COLUMNS

Row = Mapping[str, object]

START = datetime(2026, 11, 20, tzinfo=UTC)
ROUTES = ("/cart", "/checkout", "/orders/{id}", None)

DECLARED: dict[str, dict[str, object]] = {
    "checkout_share": {
        "numerator": "route = '/checkout' AND status < 400",
        "denominator": "route = '/checkout'",
        "better": "higher",
    },
    "checkouts_per_cart": {"numerator": "route = '/checkout'", "denominator": "route = '/cart'"},
    "slow_share": {"numerator": "duration_ms > 100"},
    "bytes_per_ms": {"numerator": "response_bytes", "denominator": "duration_ms"},
    "mean_size": {"numerator": "response_bytes", "unit": "bytes"},
    "sent": {"sum": "response_bytes"},
    "price": {"sum": "response_bytes * 0.0000017 + 0.1", "unit": "money"},
    "refused": {"sum": "status = 429"},
    "callers": {"distinct": "consumer"},
    "sections": {"distinct": "SPLIT_PART(path, '/', 2)"},
    "own_time": {"quantile": 0.9, "column": "duration_ms - upstream_duration_ms", "unit": "ms"},
    "size_p50": {"quantile": 0.5, "column": "response_bytes"},
    "duration_p75": {"quantile": 0.75, "column": "duration_ms"},
    "satisfaction": {"apdex": "100ms", "routes": {"/orders/{id}": "20ms"}},
}


def numbers(values: st.SearchStrategy[float]) -> st.SearchStrategy[float | None]:
    return st.none() | values


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.integers(0, 5000).map(lambda s: START + timedelta(seconds=s)),
            "route": st.sampled_from(ROUTES),
            "path": st.sampled_from(["/cart/1", "/checkout", "/orders/1", None, ""]),
            "status": st.sampled_from([200, 200, 404, 429, 500, 503, None]),
            "consumer": st.sampled_from(["a", "b", "'; DROP", None]),
            "duration_ms": numbers(st.sampled_from([0.0, 0.37, 20.0, 80.0, 99.9, 100.0, 400.5])),
            "upstream_duration_ms": numbers(st.sampled_from([0.0, 0.1, 50.0, 500.0])),
            "response_bytes": numbers(st.integers(0, 10**13)),
        }
    ),
    max_size=40,
)


def records_of(rows: Sequence[Row]) -> pl.DataFrame:
    """Return rows as records with all columns."""
    full = [{name: row.get(name) for name in READ_COLUMNS} for row in rows]
    return pl.DataFrame(full, schema=READ_COLUMNS, orient="row")


def _number(row: Row, name: str) -> float | int | None:
    value = row[name]
    assert value is None or isinstance(value, int | float)
    return value


def _status_below(row: Row, limit: int) -> bool:
    status = _number(row, "status")
    return status is not None and status < limit


def _ratio(above: float | Fraction, below: float | Fraction) -> float | None:
    return float(Fraction(above) / Fraction(below)) if below else None


def _pairs(rows: Sequence[Row], above: str, below: str) -> list[tuple[float, float]]:
    found = ((_number(row, above), _number(row, below)) for row in rows)
    return [(a, b) for a, b in found if a is not None and b is not None]


def _known(rows: Sequence[Row], name: str) -> list[float]:
    return [value for row in rows if (value := _number(row, name)) is not None]


def _rank(values: Sequence[float], level: float) -> float | None:
    ordered = sorted(values)
    return ordered[int(level * (len(ordered) - 1))] if ordered else None


def _score(row: Row) -> float | None:
    target = 20.0 if row["route"] == "/orders/{id}" else 100.0
    status, duration = _number(row, "status"), _number(row, "duration_ms")
    if status is not None and 500 <= status < 600:
        return 0.0
    if duration is None:
        return None
    return 1.0 if duration <= target else 0.5 if duration <= 4 * target else 0.0


def _price(rows: Sequence[Row]) -> float | None:
    # Each to the nearest billionth, then exactly.
    values = [round((size * 0.0000017 + 0.1) * 1e9) for size in _known(rows, "response_bytes")]
    return float(Fraction(sum(values), 10**9)) if values else None


def _shares(rows: Sequence[Row]) -> dict[str, float | None]:
    checkouts = [row for row in rows if row["route"] == "/checkout"]
    carts = [row for row in rows if row["route"] == "/cart"]
    slow = [value for value in _known(rows, "duration_ms") if value > 100]
    return {
        "checkout_share": _ratio(sum(_status_below(row, 400) for row in checkouts), len(checkouts)),
        "checkouts_per_cart": _ratio(len(checkouts), len(carts)),
        "slow_share": _ratio(len(slow), len(rows)),
    }


def expected_values(rows: Sequence[Row]) -> dict[str, float | None]:
    """Return the value of each metric of `DECLARED`."""
    sizes = _known(rows, "response_bytes")
    pairs = _pairs(rows, "response_bytes", "duration_ms")
    scores = [score for row in rows if (score := _score(row)) is not None]
    own = [max(0.0, a - b) for a, b in _pairs(rows, "duration_ms", "upstream_duration_ms")]
    callers = {row["consumer"] for row in rows} - {None}
    paths = [str(row["path"]).split("/") for row in rows if row["path"] is not None]
    sections = {parts[1] if len(parts) > 1 else "" for parts in paths}
    return {
        **_shares(rows),
        "bytes_per_ms": _ratio(
            sum(Fraction(a) for a, _ in pairs),
            sum(Fraction(round(b * 1e9), 10**9) for _, b in pairs),
        ),
        "mean_size": _ratio(sum(sizes), len(sizes)),
        "sent": sum(sizes) if sizes else None,
        "price": _price(rows),
        "refused": sum(row["status"] == 429 for row in rows),
        "callers": len(callers) or None,
        "sections": len(sections) or None,
        "own_time": _rank(own, 0.9),
        "size_p50": _rank(sizes, 0.5),
        "duration_p75": _rank(_known(rows, "duration_ms"), 0.75),
        "satisfaction": _ratio(sum(scores), len(scores)) if scores else None,
    }


def grouped(rows: Sequence[Row], key: Callable[[Row], object]) -> dict[object, list[Row]]:
    """Return the rows of each value of a key."""
    ordered = sorted(rows, key=lambda row: str(key(row)))
    return {value: list(group) for value, group in itertools.groupby(ordered, key)}
