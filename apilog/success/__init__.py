"""Developer success: the accounts of an API joined with their calls."""

from __future__ import annotations
