"""Records that hold every case a definition speaks of, in small numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

START = datetime(2026, 3, 27, 21, 30, tzinfo=UTC)
"""A day and a half before clocks change in Europe."""


def instants(seconds: int) -> st.SearchStrategy[datetime]:
    return st.integers(0, seconds * 1_000_000).map(lambda us: START + timedelta(microseconds=us))


milliseconds = st.one_of(
    st.none(),
    st.just(0.0),
    st.sampled_from([12.345, 0.001, 250.0, -3.0, float("nan"), float("inf"), float("-inf")]),
    st.floats(0.06, 1e6),
)
sizes = st.none() | st.integers(0, 2**40)

columns = {
    "timestamp": st.one_of(instants(120), instants(5 * 86_400), st.just(START), st.none()),
    "gateway": st.sampled_from(["nginx", "nginx", "aws-apigateway", None]),
    "method": st.sampled_from(["GET", "POST", None]),
    "route": st.sampled_from(["/a", "/b", "/c/{id}", "/wp-login.php", None]),
    "status": st.sampled_from([200, 200, 302, 404, 404, 404, 499, 500, 503, None]),
    "upstream_status": st.sampled_from([None, 200, 404, 502]),
    "error_type": st.sampled_from([None, None, "TIMEOUT"]),
    "duration_ms": milliseconds,
    "upstream_duration_ms": milliseconds,
    "request_bytes": sizes,
    "response_bytes": sizes,
    "client_ip": st.sampled_from([None, "192.0.2.1", "192.0.2.2", "2001:db8::1"]),
    "consumer": st.sampled_from([None, "anna", "bert", "carl"]),
}

records = st.lists(st.fixed_dictionaries(columns), max_size=40)
"""Some records."""

bare_records = st.lists(
    st.fixed_dictionaries({k: columns[k] for k in ("timestamp", "gateway", "route", "status")}),
    max_size=20,
)
"""Records of a gateway that logs little."""


def property_of(test: Any) -> Callable[..., None]:
    """Return what a test asserts of one example, for a test with more of them."""
    inner: Callable[..., None] = test.hypothesis.inner_test
    return inner
