"""Traefik's access log as JSON, of which the fields are told by their names."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from apilog.formats.contract import Format
from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.formats.own.traefik_fields import duration_mappings


@dataclass(frozen=True, slots=True)
class TraefikFieldsDetector:
    """Objects with these fields."""

    names: tuple[str, ...]

    def infer(
        self, head: pl.Series, hints: KeyHints = NO_KEY_HINTS, *, is_timed: bool = False
    ) -> Format | None:
        """Return the format of objects like these, if there are any."""
        said = hints.over(KeyHints(duration_mappings(self.names)))
        found = JsonLinesFormat.infer(head, said, is_timed=is_timed)
        if found is None:
            return None
        return replace(found, name="traefik", fields=replace(found.fields, gateway="traefik"))
