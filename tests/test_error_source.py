"""Who caused an error, told from the columns of a record."""

from __future__ import annotations

import polars as pl
import pytest

from apilog.schema import ERROR_SOURCES, SCHEMA, error_source

CASES = [
    # status, upstream_status, error_type, where the log has a field for the answer, where not
    (200, None, None, None, None),
    (None, 500, "TIMEOUT", None, None),
    (404, 500, "TIMEOUT", "client", "client"),
    (499, None, None, "client", "client"),
    (502, 503, "TIMEOUT", "upstream", "upstream"),
    (502, 200, None, "gateway", "gateway"),
    (504, None, "TIMEOUT", "gateway", "gateway"),
    (500, None, None, "gateway", "unknown"),
    (503, None, "no_upstream", "gateway", "gateway"),
    # A proxy's own 504 in the place of an answer that never came.
    (504, 504, "no_response", "gateway", "gateway"),
    (504, 504, None, "upstream", "upstream"),
    # An error of the protocol inside of an answer.
    (200, 200, "jsonrpc:-32004", "protocol", "protocol"),
    (200, None, "jsonrpc:-32004", "protocol", "protocol"),
    (401, None, "jsonrpc:-32001", "client", "client"),
    (200, None, "DC", None, None),
]


@pytest.mark.parametrize(("status", "answer", "failure", "with_field", "without_field"), CASES)
def test_who_caused_an_error(
    status: int | None,
    answer: int | None,
    failure: str | None,
    with_field: str | None,
    without_field: str | None,
) -> None:
    columns = {"status": status, "upstream_status": answer, "error_type": failure}
    record = pl.DataFrame(
        {c: [v] for c, v in columns.items()}, schema={c: SCHEMA[c] for c in columns}
    )
    for tells_upstream, expected in ((True, with_field), (False, without_field)):
        source = record.select(error_source(tells_upstream=tells_upstream)).to_series()
        assert source.cast(pl.String).to_list() == [expected]


def test_every_cause_is_one_of_the_list() -> None:
    assert {cause for case in CASES for cause in case[3:]} == {*ERROR_SOURCES, None}
