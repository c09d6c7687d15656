"""Rows of the W3C extended format whose `#Fields` are told, and not in the file.

Rows behind a `#Fields` of their own come as objects, see `apilog.transport.w3c_fields`. See
https://www.w3.org/TR/WD-logfile.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from apilog.errors import UsageError
from apilog.formats import gateways
from apilog.formats.contract import Format
from apilog.formats.gateways.keyed import find_shapes
from apilog.formats.gateways.positional import positional_format
from apilog.formats.generic.json_lines import JsonLinesFormat
from apilog.formats.generic.named_values import CsvFormat
from apilog.formats.generic.recognition import recognise_fields
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.values.csv_cells import CellLayout
from apilog.values.event_lines import EventLines
from apilog.values.json_text import KeyPath

_DIRECTIVE = "#Fields:"
_NAME = re.compile(
    # Those of CloudFront's real-time logs, too.
    r"(?:date|time|time-taken|bytes|cached|timestamp|asn|time-to-first-byte|DistributionId"
    r"|(?:cache-behavior|cmcd|fle|origin|primary|ssl)-[a-z-]+|(?:cs|sc|sr|rs|c|s|r|x)(?:-[A-Za-z0-9-]+|\([^)\s]+\)))\Z"
)
_TELLING = re.compile(r"(?:cs-method|cs-uri(?:-stem|-path)?|sc-status)\Z")
_HEAD_LINES = 200


def is_w3c_fields(text: str) -> bool:
    """Return whether a text is a `#Fields` directive, or what stands behind its colon."""
    names = text.removeprefix(_DIRECTIVE).split()
    is_named = all(map(_NAME.match, names)) and any(map(_TELLING.match, names))
    return text.startswith(_DIRECTIVE) or (len(names) > 1 and is_named)


def parse_w3c_fields(text: str) -> tuple[str, ...]:
    """Return the names of a `#Fields` directive; raises `UsageError` where a name stands twice."""
    names = tuple(text.removeprefix(_DIRECTIVE).split())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice or len(names) < 2:
        problem = f"has {twice} twice" if twice else "names no fields"
        raise UsageError(f"{text!r} {problem}", "such as #Fields: date time cs-method cs-uri-stem")
    return names


@dataclass(frozen=True, slots=True)
class W3cRowsDetector:
    """Rows of these fields."""

    names: tuple[str, ...] = ()
    """None where every file has `#Fields` of its own."""

    def infer(
        self, head: pl.Series, hints: KeyHints = NO_KEY_HINTS, *, is_timed: bool = False
    ) -> Format | None:
        """Return the format of rows like these; of objects, that of the `#Fields` in the file."""
        lines = head.head(_HEAD_LINES).drop_nulls()
        lines = lines.filter(~lines.str.starts_with("#"))
        if not self.names or (len(lines) and lines.str.starts_with("{").all()):
            shapes = find_shapes(lines)
            inferred = (
                detector.infer(lines, is_timed=is_timed, shapes=shapes)
                for detector in gateways.DETECTORS.values()
            )
            of_gateway = next((log_format for log_format in inferred if log_format), None)
            return of_gateway or JsonLinesFormat.infer(head, hints, is_timed=is_timed)
        separator = self._separator_of(lines)
        for gateway in gateways.GATEWAYS:
            if found := positional_format(gateway, self.names, separator):
                return found.fitted(lines)
        layout = CellLayout(separator, len(self.names))
        cells = layout.read(EventLines.from_series(lines), range(len(self.names))).filter("ok")
        values: dict[KeyPath, pl.Series] = {
            (name,): cells[f"f{at}"].replace("-", None) for at, name in enumerate(self.names)
        }
        recognised = recognise_fields(values, hints, is_timed=is_timed)
        if recognised is None:
            return None
        return CsvFormat(
            fields=recognised,
            header=f"{_DIRECTIVE} {' '.join(self.names)}",
            separator=separator,
            positions={name: at for at, name in enumerate(self.names)},
            name="w3c",
        )

    def _separator_of(self, lines: pl.Series) -> str:
        tabbed = int(lines.str.contains("\t", literal=True).sum())
        return "\t" if 2 * tabbed > len(lines) else " "
