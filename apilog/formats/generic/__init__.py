"""Formats without fixed names, whose keys are found by looking: JSON, LTSV, key=value, tables."""

from __future__ import annotations
