"""What the tests of success share."""

from __future__ import annotations

from pathlib import Path

import pytest

from apilog.ingestion import ingest

SAMPLE = Path(__file__).parents[2] / "sample_logs" / "success"


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of the sample as a store, whose format no run has to find."""
    path = tmp_path_factory.mktemp("sample") / "store"
    ingest([SAMPLE], path)
    return path
