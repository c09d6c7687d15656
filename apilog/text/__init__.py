"""Plain text: counts, units and spelling. Nothing here knows of records or terminals."""

from __future__ import annotations
