"""Text outputs, and the words and escapes they share."""

from __future__ import annotations
