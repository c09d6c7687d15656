"""Logs in object storage are read as files are: found, decompressed, cut, accounted for."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import apilog
from apilog.errors import InputError
from apilog.sources import find_sources
from apilog.storage.cloud.bucket import Bucket
from tests.commands import Run
from tests.examples import about
from tests.ingest.numbered_logs import lines


def found(*urls: str) -> list[str]:
    """The keys found, without problems."""
    sources, problems = find_sources(urls)
    assert problems == []
    return [source.path.split("/", 3)[3] for source in sources]


def counts(url: str, run: Run) -> dict[str, int]:
    result = run("report", url, "-f", "json")
    assert result.code == 0, result.stderr
    read = json.loads(result.text)["input"]
    return {name: read[name] for name in ("lines", "records", "rejects", "skipped")}


@pytest.mark.slow
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_an_object_gives_the_report_of_the_same_file(
    bucket: Bucket, url: str, run: Run, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    text = pack(lines(range(5000)) + b"no request\n\n")
    bucket.write("a/access.log", text)
    (tmp_path / "access.log").write_bytes(text)
    reports = []
    for source in (f"{url}/a/access.log", str(tmp_path / "access.log")):
        result = run("report", source, "-f", "json")
        assert (result.code, result.stderr.count("error")) == (0, 0)
        reports.append(json.loads(result.text))
    there, here = reports
    assert there["input"]["files"][0].pop("path") == f"{url}/a/access.log"
    del here["input"]["files"][0]["path"]
    assert there == here
    assert there["input"]["records"] == 5000


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("a.log", ["a.log"]),
        ("x", ["x/c.log", "x/y/d.log"]),
        ("x/", ["x/c.log", "x/y/d.log"]),
        ("", ["a.log", "b.log", "x/c.log", "x/y/d.log", "xx/e.log"]),
        ("*.log", ["a.log", "b.log"]),
        ("?.log", ["a.log", "b.log"]),
        (".*.log", [".h.log"]),
        ("[ab].log", ["a.log", "b.log"]),
        ("x/*.log", ["x/c.log"]),
        ("x*", ["x/c.log", "x/y/d.log", "xx/e.log"]),
        ("*/*.log", ["x/c.log", "xx/e.log"]),
        ("*/y/*", ["x/y/d.log"]),
        ("**/*.log", ["a.log", "b.log", "x/c.log", "x/y/d.log", "xx/e.log"]),
        ("x/**", ["x/c.log", "x/y/d.log"]),
        ("x/**/d.log", ["x/y/d.log"]),
        ("**/y/**", ["x/y/d.log"]),
        ("**/y", ["x/y/d.log"]),
    ],
)
def test_prefixes_are_folders_and_globs_match_as_on_a_disk(
    bucket: Bucket, url: str, pattern: str, keys: list[str]
) -> None:
    names = ["b.log", "a.log", ".h.log", "x/c.log", "x/y/d.log", "x/.hidden/e.log", "xx/e.log"]
    for key in names:
        bucket.write(key, b"line\n")
    assert found(f"{url}/{pattern}") == keys


def test_rotated_siblings_come_oldest_first_and_no_object_twice(bucket: Bucket, url: str) -> None:
    for key in ("r/access.log", "r/access.log.1", "r/access.log.2.gz", "r/access.log.10.gz"):
        bucket.write(key, b"line\n")
    wanted = [f"r/access.log{end}" for end in (".10.gz", ".2.gz", ".1", "")]
    assert found(f"{url}/r", f"{url}/r/*", f"{url}/r/access.log", url) == wanted


@pytest.mark.slow
def test_keys_with_odd_characters_and_signs_of_globs(bucket: Bucket, url: str, run: Run) -> None:
    odd = ["a b%20c.log", "ü+&=#.log", "[a].log", "q?.log"]
    for key in odd:
        bucket.write(key, lines(range(3)))
        assert found(f"{url}/{key}") == [key]
        assert counts(f"{url}/{key}", run)["records"] == 3
    assert counts(url, run)["records"] == 12


def test_folders_that_a_console_made_are_no_logs(bucket: Bucket, url: str, endpoint: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint)
    for key in ("d/", "d/e/"):
        client.put_object(Bucket=bucket.name, Key=key, Body=b"")
    bucket.write("d/e/a.log", b"line\n")
    for pattern in ("d", "d/", "d/*", "**", "*/e", "d/e/*"):
        assert found(f"{url}/{pattern}") == ["d/e/a.log"]


@pytest.mark.parametrize("command", ["report", "detect"])
def test_what_is_missing_is_told_and_the_rest_is_read(
    bucket: Bucket, url: str, run: Run, command: str
) -> None:
    bucket.write("a.log", lines(range(30)))
    missing = [f"{url}/gone.log", f"{url}/*.txt", f"{url}/none/", "s3://no-such-bucket/a.log"]
    result = run(command, *missing, f"{url}/a.log", "-f", "json")
    assert result.code == 2
    assert result.stderr.count("apilog: error: ") == 4
    for place in missing[:3]:
        assert f"{place}: no such object or folder" in result.stderr
    assert "s3://no-such-bucket/a.log: there is no bucket no-such-bucket" in result.stderr
    assert "Traceback" not in result.stderr
    assert "combined" in result.text


def test_a_denied_object_is_told(
    bucket: Bucket, url: str, run: Run, denied: Callable[[], None]
) -> None:
    bucket.write("a.log", lines(range(3)))
    denied()
    result = run("report", f"{url}/a.log")
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"apilog: error: {url}/a.log: access denied\nhint: ")


@pytest.mark.slow
def test_a_broken_archive_gives_what_stands_before_the_damage(
    bucket: Bucket, url: str, run: Run
) -> None:
    whole = gzip.compress(lines(range(20_000)))
    bucket.write("cut.log.gz", whole[: len(whole) // 2])
    result = run("report", f"{url}/cut.log.gz", "-f", "json")
    assert result.code == 0
    assert "the gzip data ends too early" in result.stderr
    assert 1000 < json.loads(result.text)["input"]["records"] < 20_000
    assert run("report", f"{url}/cut.log.gz", "--strict").code == 2


def test_an_empty_object_is_an_empty_log(bucket: Bucket, url: str, run: Run) -> None:
    bucket.write("empty.log", b"")
    assert counts(f"{url}/empty.log", run) == dict.fromkeys(
        ("lines", "records", "rejects", "skipped"), 0
    )


def test_query_and_scan_read_urls(bucket: Bucket, url: str, run: Run) -> None:
    bucket.write("a.log", lines(range(40)))
    sql = "SELECT COUNT(*) AS n FROM requests"
    result = run("query", sql, f"{url}/a.log", "-f", "json")
    assert json.loads(result.text)["tables"]["result"] == [{"n": 40}]
    assert apilog.scan(f"{url}/*.log").collect().height == 40
    with pytest.raises(InputError, match="no such object"):
        apilog.scan(f"{url}/none").collect()


@pytest.mark.parametrize("url", ["s3://", "s3:///key", "s3://b/a//b", "s3://b/../c", "S3://"])
def test_what_is_no_url_is_told(run: Run, url: str) -> None:
    result = run("report", url)
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith("apilog: error: ")
    assert "hint: " in result.stderr


@settings(
    max_examples=about(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rest=st.text(st.sampled_from("ab/.*?[]%\\ \x00\x1b\udc80é\u202e"), max_size=12))
def test_any_url_gives_sources_or_a_clear_error(endpoint: str, rest: str) -> None:
    with contextlib.suppress(InputError):
        sources, problems = find_sources([f"s3://{rest}"])
        assert sources or problems
        assert all(problem.hint or problem.reason for problem in problems)


@pytest.mark.slow
def test_names_of_objects_are_an_attackers_text_too(bucket: Bucket, url: str, run: Run) -> None:
    bucket.write("in/[red]\u202e=1+1.log", lines(range(3)))
    bucket.write("in/\u202ebad.log", b"no request\n" * 3)
    for form in ("table", "md"):
        result = run("report", f"{url}/in", "-f", form)
        assert "\u202e" not in result.text + result.stderr
    assert run("report", f"{url}/in").code == 2


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told(
    run_forked: Run, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    result = run_forked("report", "s3://bucket/a.log")
    assert (result.code, result.stdout) == (2, b"")
    assert "the server can't be reached" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
def test_an_interrupt_ends_a_request_that_gets_no_answer(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        with subprocess.Popen(
            [sys.executable, "-m", "apilog", "report", "s3://b/a.log"]
        ) as process:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(5) == b"GET /"
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 130


def test_urls_in_a_log_are_not_followed(bucket: Bucket, url: str, run: Run) -> None:
    text = lines(range(10)).replace(b"/n/", f"{url}/other.log?".encode())
    bucket.write("a.log", text)
    bucket.write("other.log", lines(range(100)))
    assert counts(f"{url}/a.log", run)["lines"] == 10


def test_a_specification_may_be_an_object(
    bucket: Bucket, url: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "a", "version": "1"},
        "paths": {"/orders/{order}": {"get": {"operationId": "getOrder", "responses": {}}}},
    }
    bucket.write("specifications/a.json", json.dumps(document).encode())
    log = tmp_path / "a.log"
    log.write_bytes(lines(range(2)).replace(b"GET /", b"GET /orders/"))
    monkeypatch.chdir(tmp_path)
    place = f"{url}/specifications/a.json"
    told = run("report", log, "--openapi", place, "--table", "coverage", "-f", "json")
    assert told.code == 0, told.stderr
    (tmp_path / "apilog.toml").write_text(f'[defaults]\nopenapi = ["{place}"]\n')
    configured = run("report", log, "--table", "coverage", "-f", "json")
    coverage = json.loads(told.text)["tables"]["coverage"]
    assert json.loads(configured.text)["tables"]["coverage"] == coverage
    assert "getOrder" in str(coverage)
    missing = run("report", log, "--openapi", f"{url}/none.json")
    assert (missing.code, missing.stdout) == (2, b"")
    assert "none.json: no such object" in missing.stderr
