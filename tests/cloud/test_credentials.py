"""Credentials and endpoints come from where they usually do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from apilog.ingestion import ingest
from apilog.storage.cloud.bucket import Bucket
from apilog.storage.cloud.connection import connect_bucket, is_plain_http
from tests.commands import Run
from tests.ingest.numbered_logs import lines
from tests.store.sample_stores import make, records

COUNT = "SELECT COUNT(*) AS n FROM requests"


@pytest.fixture
def no_keys(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment without credentials, and the file for profiles."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path / "credentials"


@pytest.mark.slow
def test_a_profile_is_enough_for_logs_and_stores(
    bucket: Bucket,
    url: str,
    run_forked: Run,
    no_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_keys.write_text("[team]\naws_access_key_id = us\naws_secret_access_key = secret\n")
    no_keys.with_name("config").write_text("[profile team]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_PROFILE", "team")
    bucket.write("a.log", lines(range(7)))
    assert run_forked("ingest", f"{url}/a.log", "--store", f"{url}/store").code == 0
    result = run_forked("query", COUNT, f"{url}/store", "-f", "csv")
    assert (result.code, result.text) == (0, "n\n7\n"), result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("profile", [None, "unknown"])
def test_without_credentials_that_is_told(
    run: Run,
    no_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    profile: str | None,
) -> None:
    url = "s3://bucket-of-nobody"
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    result = run("report", f"{url}/a.log")
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"apilog: error: {url}/a.log: no credentials")
    assert "AWS_PROFILE" in result.stderr


SSO = """\
[profile team]
sso_start_url = https://sso.example
sso_region = us-east-1
sso_account_id = 1
sso_role_name = reader
"""


@pytest.mark.parametrize(
    ("config", "why"),
    [(SSO, "Token for https://sso.example does not exist"), ("[profile team]\n", "found")],
)
def test_a_profile_that_gives_no_credentials_is_told(
    run: Run,
    no_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    why: str,
) -> None:
    url = "s3://bucket-of-a-team"
    no_keys.with_name("config").write_text(config)
    monkeypatch.setenv("AWS_PROFILE", "team")
    connect_bucket.cache_clear()
    result = run("report", f"{url}/a.log")
    connect_bucket.cache_clear()
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"apilog: error: {url}/a.log: no credentials")
    assert why in result.stderr
    assert "hint: " in result.stderr


@pytest.mark.slow
def test_secrets_stand_in_no_output(
    bucket: Bucket, url: str, run_forked: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-s3cret")
    bucket.write("a.log", lines(range(7)))
    for argv in (["report", f"{url}/none"], ["ingest", f"{url}/a.log", "--store", "s3://nope/s"]):
        result = run_forked(*argv)
        assert result.code == 2
        assert b"s3cret" not in result.stdout + result.stderr.encode()


@pytest.mark.parametrize(
    ("scheme", "variables", "plain"),
    [
        ("s3", {}, False),
        ("s3", {"AWS_ENDPOINT_URL": "https://minio.example"}, False),
        ("s3", {"AWS_ENDPOINT_URL": "http://minio.example:9000"}, True),
        ("s3", {"AWS_ENDPOINT_URL_S3": "http://a", "AWS_ENDPOINT_URL": "https://b"}, True),
        ("gs", {"AWS_ENDPOINT_URL": "http://minio.example:9000"}, False),
        ("gs", {"GOOGLE_BASE_URL": "http://127.0.0.1:4443"}, True),
        ("az", {"AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:10000/devstoreaccount1"}, True),
        ("az", {"AZURE_STORAGE_USE_EMULATOR": "true"}, True),
        ("az", {}, False),
    ],
)
def test_nothing_goes_unencrypted_unless_an_endpoint_says_so(
    monkeypatch: pytest.MonkeyPatch, scheme: str, variables: dict[str, str], plain: bool
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "GOOGLE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_plain_http(scheme) is plain


@pytest.mark.parametrize("name", ["minio", "http://", "ftp://a", "http://a b", "http://a/\x1b[2J"])
def test_an_endpoint_that_is_none_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", name)
    result = run("report", "s3://bucket-elsewhere/a.log")
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith("apilog: error: AWS_ENDPOINT_URL is no URL of a server\nhint: ")


@pytest.mark.slow
def test_public_buckets_need_no_credentials(
    bucket: Bucket,
    url: str,
    endpoint: str,
    run_forked: Run,
    no_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as keys:
        keys.setenv("AWS_ACCESS_KEY_ID", "us")
        keys.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        keys.setenv("AWS_REGION", "us-east-1")
        make(f"{url}/store", records(7))
        client = boto3.client("s3", endpoint_url=endpoint)
        for info in bucket.list_below(""):
            client.put_object_acl(Bucket=bucket.name, Key=info.key, ACL="public-read")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    result = run_forked("query", COUNT, f"{url}/store", "-f", "csv")
    assert (result.code, result.text) == (0, "n\n7\n"), result.stderr


WITHOUT = """
import sys
sys.modules["obstore"] = None
from apilog.cli.app import main
codes = [main(argv.split("|")) for argv in sys.argv[1:]]
sys.exit(codes[0] if len({*codes}) == 1 else 99)
"""
"""Runs commands, each the words of one argument; its exit code is that of all of them."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "commands",
    [
        [f"query|{COUNT}|gs://b/a.log"],
        ["detect|az://c/a.log", "ingest|a.log|--store|s3://b/store", "store|info|s3://b/store"],
    ],
)
def test_without_the_extra_it_is_named(commands: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *commands], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == len(commands) * (
        "apilog: error: URLs of object storage need the package obstore, which is not installed\n"
        "hint: in a checkout of apilog: pip install '.[cloud]'\n"
    )


@pytest.mark.slow
def test_local_work_needs_no_extra(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(lines(range(3)))
    argv = ["ingest", str(tmp_path / "a.log"), "--store", str(tmp_path / "store")]
    done = subprocess.run([sys.executable, "-c", WITHOUT, "|".join(argv)], check=False)
    assert done.returncode == 0
    assert ingest([tmp_path / "a.log"], tmp_path / "store").known == 1
