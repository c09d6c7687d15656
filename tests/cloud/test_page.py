"""The commands of docs/cloud.md run as they stand there."""

from __future__ import annotations

import gzip
import re
import shlex
from pathlib import Path

import pytest

from apilog.storage import folder_at
from tests import make_docs
from tests.cloud.conftest import make_bucket
from tests.commands import Run


@pytest.mark.slow
def test_the_examples_of_the_page_run(
    endpoint: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_bucket(endpoint, "my-logs")
    log = make_docs.REPOSITORY / "sample_logs" / "api.log"
    folder_at("s3://my-logs").put_file("2026/11/21/access.log.gz", gzip.compress(log.read_bytes()))
    page = (make_docs.REPOSITORY / "docs" / "cloud.md").read_text("utf-8")
    commands = re.findall(r"^apilog (.*)$", page, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        result = run(*shlex.split(command))
        assert result.code == 0, (command, result.stderr)
