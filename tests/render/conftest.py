"""Golden files: what an output drew once, and is held against.

`UPDATE_GOLDEN=1 pytest tests/render` writes them anew; read the difference before
you keep it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from apilog.render import OUTPUTS, OutputOptions
from apilog.report_model import Report

GOLDEN = Path(__file__).parent / "golden"
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))

Draw = Callable[..., bytes]


@pytest.fixture
def draw() -> Draw:
    """Draw a report: `draw("csv", report, table="statuses")`."""

    def draw(output: str, report: Report, **options: object) -> bytes:
        stream = io.BytesIO()
        OUTPUTS[output].write(report, stream, OutputOptions(**options))  # type: ignore[arg-type]
        return stream.getvalue()

    return draw


@pytest.fixture
def golden() -> Callable[[str, bytes], None]:
    """Hold bytes against a golden file."""

    def compare(name: str, drawn: bytes) -> None:
        path = GOLDEN / name
        if UPDATE:
            path.write_bytes(drawn)
        expected = path.read_bytes()
        assert b"\r\n" not in expected, f"{name} was checked out with CRLF: see .gitattributes"
        assert drawn.decode() == expected.decode()

    return compare
