"""Buckets: of an S3 server on loopback that each worker starts once."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from apilog.storage.cloud.bucket import Bucket
from apilog.storage.cloud.connection import connect_bucket

SERVER = Path(__file__).with_name("s3_server.py")
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in which the server has a line for each request."""
    return tmp_path_factory.mktemp("server") / "requests.log"


@pytest.fixture(scope="session")
def endpoint(server_log: Path) -> Iterator[str]:
    """The URL of the server, which the environment names for the tests of this folder."""
    with (
        subprocess.Popen(
            [sys.executable, str(SERVER), str(server_log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
        pytest.MonkeyPatch.context() as patch,
    ):
        assert process.stdout
        assert process.stdin
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.delenv("AWS_PROFILE", raising=False)
        connect_bucket.cache_clear()
        yield url
        process.stdin.close()
    connect_bucket.cache_clear()


def make_bucket(endpoint: str, name: str) -> None:
    with urlopen(Request(f"{endpoint}/{name}", method="PUT")) as answer:
        assert answer.status == 200


@pytest.fixture
def bucket(endpoint: str) -> Bucket:
    """An empty bucket."""
    name = f"logs{next(_NUMBERS)}"
    make_bucket(endpoint, name)
    return Bucket("s3", name)


@pytest.fixture
def url(bucket: Bucket) -> str:
    """The URL of an empty bucket."""
    return f"s3://{bucket.name}"


@pytest.fixture
def denied(endpoint: str) -> Iterator[Callable[[], None]]:
    """Call it to have the server refuse everybody from then on."""

    def allow(requests: int) -> None:
        address = f"{endpoint}/moto-api/reset-auth"
        plain = {"Content-Type": "text/plain"}
        with urlopen(Request(address, str(requests).encode(), plain, method="POST")):
            pass

    yield lambda: allow(0)
    allow(1 << 60)
