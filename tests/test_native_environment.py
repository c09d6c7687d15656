"""Native code sees the environment as the tests have changed it, and may read it meanwhile."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from tests.native_environment import current_table

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
NAME = "A_NAME_OF_NO_OTHER_TEST"


def seen_by_c() -> bytes | None:
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    value = getenv(NAME.encode())
    assert value is None or isinstance(value, bytes)
    return value


def seen_by_a_process() -> bytes:
    code = f"import os; print(os.environ.get({NAME!r}, 'none'))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout


def entries(table: int, count: int) -> list[bytes | None]:
    return (ctypes.c_char_p * count).from_address(table)[:]


def test_changes_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen_by_c() is None
    for value in ("ä", "", "ä"):
        monkeypatch.setenv(NAME, value)
        assert seen_by_c() == value.encode()
    assert seen_by_a_process() == "ä\n".encode()
    os.putenv(NAME, "text")
    assert seen_by_c() == b"text"
    os.unsetenv(NAME)
    assert seen_by_c() is None
    monkeypatch.delenv(NAME)
    assert seen_by_c() is None
    assert seen_by_a_process() == b"none\n"


def test_whoever_reads_a_table_meanwhile_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        monkeypatch.setenv(f"{NAME}_{number}", "")
    before, names = current_table().value, len(os.environ)
    assert before
    read = entries(before, names)
    for number in range(3, 300):
        monkeypatch.setenv(f"{NAME}_{number}", "")
    assert entries(before, names) == read
