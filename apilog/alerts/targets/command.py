"""A command: started without a shell, told on its standard input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

from apilog.alerts.message import document, environment
from apilog.alerts.rules import Notice
from apilog.alerts.targets.base import Delivery, DeliveryError
from apilog.outputs.escape import json_text, terminal_text

_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with fixed arguments; the notice is JSON on its stdin and in `APILOG_ALERT_…`."""

    name: str
    argv: Sequence[str]
    delivery: Delivery = field(default_factory=Delivery)

    def send(self, notice: Notice) -> None:
        """Run it to its end; raises DeliveryError if it fails, or takes longer than the time-out.

        It is not tried again: what it did before it failed is not known.
        """
        told = json_text(json.dumps(document(notice), ensure_ascii=False))
        variables = {name: terminal_text(text) for name, text in environment(notice).items()}
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    list(self.argv),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env={**os.environ, **variables},
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise DeliveryError(f"{self.argv[0]} can't be run: {error}") from error
            code = self._ended(process, f"{told}\n".encode())
            if code:
                errors.seek(max(0, errors.tell() - _SHOWN))
                said = errors.read().decode("utf-8", "replace").strip()
                raise DeliveryError(f"{self.argv[0]} ended with {code}{said and ': '}{said}")

    def _ended(self, process: subprocess.Popen[bytes], told: bytes) -> int:
        seconds = self.delivery.timeout.total_seconds()
        try:
            process.communicate(told, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            _kill(process)
            raise DeliveryError(f"{self.argv[0]} took longer than {seconds:g} s") from error
        return process.returncode


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and those that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
