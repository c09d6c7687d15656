"""Google Cloud Storage, by the part of its API that it shares with S3: listing and reading.

There is no emulator of its own to be had here: that only the first writer of a manifest succeeds
there is obstore's word alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from apilog.storage.cloud.bucket import Bucket
from apilog.storage.cloud.connection import connect_bucket
from apilog.store import Store, verify
from tests.commands import Run
from tests.ingest.numbered_logs import lines
from tests.store.sample_stores import lines_in, make, records


@pytest.fixture
def google(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment that leads to the same server, without a key to sign with."""
    account = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": ""}
    (tmp_path / "account.json").write_text(
        json.dumps(account | {"private_key": "", "private_key_id": ""})
    )
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    monkeypatch.setenv("GOOGLE_BASE_URL", endpoint)
    yield
    connect_bucket.cache_clear()


def test_logs_and_stores_are_read(bucket: Bucket, endpoint: str, google: None, run: Run) -> None:
    bucket.write("in/a b.log", lines(range(30)))
    make(f"s3://{bucket.name}/store", records(30))
    client = boto3.client("s3", endpoint_url=endpoint)
    for info in bucket.list_below(""):
        client.put_object_acl(Bucket=bucket.name, Key=info.key, ACL="public-read")
    url = f"gs://{bucket.name}"
    result = run("report", f"{url}/in/*.log", "-f", "json")
    assert result.code == 0, result.stderr
    assert json.loads(result.text)["input"]["records"] == 30
    assert verify(f"{url}/store").damaged == ()
    assert lines_in(Store.open(f"{url}/store")) == [*range(1, 31)]
    result = run("report", "gs://no-such-bucket/a.log")
    assert result.code == 2
    assert "there is no bucket no-such-bucket" in result.stderr
