"""Ctrl-C, which Polars would have wait for input that may never come."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """Have an interrupt end a read that waits; to be called once Polars is imported.

    Polars' own handler has the system restart such reads, so that Python does not see it.
    """
    if hasattr(signal, "siginterrupt"):  # not on Windows, where reads are not restarted
        signal.siginterrupt(signal.SIGINT, True)
