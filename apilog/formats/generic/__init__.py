"""Formats without fixed names: JSON lines, LTSV and key=value, whose keys are found by looking."""

from __future__ import annotations
