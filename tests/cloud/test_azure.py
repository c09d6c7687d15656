"""Azure Blob Storage, as Azurite speaks it: `az://` URLs as sources and stores.

Azurite is found on the path, or where APILOG_AZURITE says; the tests skip without it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from email.utils import formatdate
from urllib.request import Request, urlopen

import pytest

from apilog.errors import InputError
from apilog.ingestion import ingest
from apilog.storage import folder_at
from apilog.storage.cloud.connection import connect_bucket
from apilog.store import Store, StoreWriter, compact, verify
from tests.commands import Run
from tests.ingest.numbered_logs import lines
from tests.store.sample_stores import lines_in, make, records

AZURITE = os.environ.get("APILOG_AZURITE") or shutil.which("azurite-blob")
ACCOUNT = "devstoreaccount1"
# That of every emulator, as its documentation has it.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_NUMBERS = itertools.count(1)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not AZURITE, reason="needs Azurite")]


@pytest.fixture(scope="module")
def azurite() -> Iterator[str]:
    """The URL of the emulator's account, which the environment names meanwhile."""
    command = [str(AZURITE), "--blobHost", "127.0.0.1", "--blobPort", "0"]
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with (
        subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process,
        pytest.MonkeyPatch.context() as patch,
    ):
        assert process.stdout
        told = next(line for line in process.stdout if "successfully listen" in line)
        url = f"http://127.0.0.1:{int(told.rpartition(':')[2])}/{ACCOUNT}"
        patch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
        patch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
        patch.setenv("AZURE_STORAGE_ENDPOINT", url)
        yield url
        process.terminate()
    connect_bucket.cache_clear()


@pytest.fixture
def url(azurite: str) -> str:
    """The URL of an empty container."""
    name = f"logs-{next(_NUMBERS)}"
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    told = "".join(f"{name}:{value}\n" for name, value in headers.items())
    signed = "PUT" + 12 * "\n" + told + f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    digest = hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    with urlopen(Request(f"{azurite}/{name}?restype=container", method="PUT", headers=headers)):
        return f"az://{name}"


def test_logs_are_read(url: str, run: Run) -> None:
    folder = folder_at(url)
    for name in ("in/a b.log", "in/b.log", "in/sub/c.log", "d.log"):
        folder.put_file(name, lines(range(10)))
    for pattern, records_ in {"d.log": 10, "in": 30, "in/*.log": 20, "**/*.log": 40}.items():
        result = run("report", f"{url}/{pattern}", "-f", "json")
        assert json.loads(result.text)["input"]["records"] == records_, result.stderr
    result = run("report", f"{url}/none", "az://no-such-container/a.log")
    assert result.code == 2
    assert f"{url}/none: no such object or folder" in result.stderr
    assert "there is no bucket no-such-container" in result.stderr


def test_a_store_is_written_read_and_looked_after(url: str, run: Run) -> None:
    folder_at(url).put_file("in/a.log", lines(range(100)))
    store = f"{url}/store"
    for known in (0, 1):
        assert ingest([f"{url}/in"], store).known == known
    make(store, records(12), records(12, first_line=13))
    assert compact(store).files_after < compact(store).files_before + 3
    assert verify(store).strangers == ()
    sql = "SELECT COUNT(*) AS n FROM requests"
    assert run("query", sql, store, "-f", "csv").text == "n\n124\n"


def test_of_two_writers_at_once_the_first_wins(url: str) -> None:
    make(f"{url}/store", records(3))
    with StoreWriter(f"{url}/store") as slow:
        slow.add_records(records(5, first_line=100))
        add = slow.folder.prepare_add("manifest/00000000000000000003.json", b"{}")
        make(f"{url}/store", records(5, first_line=4))
        with pytest.raises(FileExistsError):
            add()
        with pytest.raises(InputError, match="written by another process"):
            slow.commit()
    assert lines_in(Store.open(f"{url}/store")) == [*range(1, 9)]
