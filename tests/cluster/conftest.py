"""One cluster for all tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.dask_cluster import DaskCluster, dask_cluster


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A scheduler and two workers or more."""
    from apilog.engine.cluster.connection import close_connections

    with dask_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as started:
        yield started
        close_connections()
