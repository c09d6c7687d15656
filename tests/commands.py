"""What running a command gives; made by the fixtures `run`, `run_process` and `run_forked`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Its stdout as text."""
        return self.stdout.decode()


Run = Callable[..., Ran]
"""Runs a command given its arguments, texts or paths."""
