"""What running a command gives; made by the fixtures `run` and `run_process`."""

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
