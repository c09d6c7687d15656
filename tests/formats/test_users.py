"""Users whose names hold blanks, in files where all of them do."""

from __future__ import annotations

import pytest

from tests.formats.read_rows import lines_of, name_of, read_lines, rows

REST = '[21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "-" "curl/8.1"'


@pytest.mark.parametrize("user", ["alice b", "alice b c", "=1+1 x", "a - b", "b. o'neil"])
@pytest.mark.parametrize(
    ("before", "name"),
    [("203.0.113.7", "combined"), ("2001:db8::1", "combined"), ("h.example 10.0.0.1", None)],
)
def test_a_user_of_several_words(user: str, before: str, name: str | None) -> None:
    lines = lines_of(*[f"{before} - {user} {REST}"] * 3)
    assert name_of(lines) == (name or "vhost-combined")
    for record in rows(read_lines(lines)):
        assert record["consumer"] == user
        assert record["client_ip"] == before.split()[-1]
        assert record.get("host") == (None if name else "h.example")


def test_a_dash_is_no_address() -> None:
    lines = lines_of(*[f"203.0.113.7 - alice b {REST}", f"203.0.113.7 - - {REST}"] * 2)
    assert {row["client_ip"] for row in rows(read_lines(lines))} == {"203.0.113.7"}
