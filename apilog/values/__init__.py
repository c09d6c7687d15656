"""Texts to values: numbers, times, requests, JSON and dictionary encoding; no gateway in sight."""

from __future__ import annotations
