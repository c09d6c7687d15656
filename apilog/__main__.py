"""`python -m apilog` is the command `apilog`."""

from __future__ import annotations

from apilog.cli.app import run

# Processes that this one starts may import it.
if __name__ == "__main__":
    run()
