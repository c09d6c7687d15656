"""The command `apilog`, which `python -m apilog` is, too."""

from __future__ import annotations

import signal
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line; Ctrl-C ends it silently from its first moment on."""
    # Until there is something to tidy up, the system's own end of a process is right: Python's
    # would be a traceback through the imports.
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from apilog.cli import app

    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)
    app.run()


# Processes that this one starts may import it.
if __name__ == "__main__":
    run()
