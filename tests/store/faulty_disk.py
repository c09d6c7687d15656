"""Operations on the disk that fail when a test wants them to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from apilog.errors import OutputError
from apilog.storage import local_folder

CHANGES = ("open", "write", "fsync", "replace", "mkdir", "unlink", "rmdir", "ftruncate")


class PowerCut(BaseException):
    """Nothing runs any more, not even what would clean up."""


class FaultyOs:
    """`os`, of which one call fails: alone, or with all that follow; none if it is call 0.

    Its fsync does nothing else, which no test can see and every test would wait for.
    """

    def __init__(self, fails_at: int, fault: Callable[[], BaseException], lasting: bool) -> None:
        self.calls = 0
        self.names: list[str] = []
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
            self.names.append(name)
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
    try:
        _act_on(faulty, monkeypatch, action)
    except (OutputError, PowerCut) as raised:
        error = raised
    return faulty.fault, error


def operations(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> list[str]:
    """The calls that it makes where none fails, in order."""
    healthy = FaultyOs(0, PowerCut, False)
    _act_on(healthy, monkeypatch, action)
    return healthy.names


def places(calls: Sequence[str], of_each: int, turn: int = 0) -> list[int]:
    """Which of the calls fail in turn, counted from 1: of each kind the first and the last and
    further ones between them, spread evenly over the run; all of a kind that is called no oftener.

    Neighbours leave nearly the same behind: another kind or another stage does not. Where one of
    each is enough, it is the first, the middle or the last of them, by the kind and the turn.
    """
    chosen = set()
    for number, kind in enumerate(sorted({*calls}), turn):
        at = [place for place, call in enumerate(calls, 1) if call == kind]
        stages = [number % 3 / 2] if of_each == 1 else [n / (of_each - 1) for n in range(of_each)]
        chosen |= {at[int(stage * (len(at) - 1))] for stage in stages}
    return sorted(chosen)


def _act_on(
    faulty: FaultyOs, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]
) -> None:
    # What already stands in for the exchange in a test stays, and is counted.
    exchange = vars(local_folder)["exchange_paths"]
    with monkeypatch.context() as patch:
        patch.setattr(local_folder, "os", faulty)
        patch.setattr(local_folder, "exchange_paths", faulty.count("exchange", exchange))
        action()
