"""Operations on the disk that fail when a test wants them to."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from apilog.errors import OutputError
from apilog.storage import local_folder
from apilog.storage.exchange import exchange_paths

CHANGES = ("open", "write", "fsync", "replace", "mkdir", "unlink", "rmdir", "ftruncate")


class PowerCut(BaseException):
    """Nothing runs any more, not even what would clean up."""


class FaultyOs:
    """`os`, of which one call fails: alone, or with all that follow; none if it is call 0.

    Its fsync does nothing else, which no test can see and every test would wait for.
    """

    def __init__(self, fails_at: int, fault: Callable[[], BaseException], lasting: bool) -> None:
        self.calls = 0
        self.fault: str | None = None
        self._fails_at = fails_at
        self._fault = fault
        self._lasting = lasting

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self.count(name, real) if name in CHANGES else real

    def count(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.calls += 1
            if self.calls == self._fails_at or (self._lasting and self.calls > self._fails_at > 0):
                self.fault = self.fault or name
                if name == "write":
                    # As a disk does that fills up: a part is there.
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise self._fault()
            return None if name == "fsync" else real(*args)

        return call


def fail(
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    fault: Callable[[], BaseException],
    lasting: bool,
    action: Callable[[], object],
) -> tuple[str | None, BaseException | None]:
    """Do it with one call failing: which one did, and the error."""
    faulty = FaultyOs(at, fault, lasting)
    error = None
    with monkeypatch.context() as patch:
        patch.setattr(local_folder, "os", faulty)
        exchange = faulty.count("exchange", exchange_paths)
        patch.setattr(local_folder, "exchange_paths", exchange)
        try:
            action()
        except (OutputError, PowerCut) as raised:
            error = raised
    return faulty.fault, error
