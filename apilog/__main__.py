"""`python -m apilog` is the command `apilog`."""

from __future__ import annotations

from apilog.cli.app import run

run()
