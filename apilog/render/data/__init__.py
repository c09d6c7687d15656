"""Data outputs: exact values for programs."""

from __future__ import annotations
