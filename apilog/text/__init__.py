"""Plain text: counts, units and spelling; no Polars, no terminal."""

from __future__ import annotations
