"""The tests, with as many threads of Polars as the command has."""

from __future__ import annotations

import os

# Polars reads it when it is imported, which all modules below do.
os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
