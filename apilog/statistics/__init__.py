"""Intervals and tests of significance, from their formulas on plain numbers.

Nothing here knows of requests, accounts or frames.
"""

from __future__ import annotations
