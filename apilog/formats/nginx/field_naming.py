"""Which variable each field of some lines is, while rules name one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from apilog.formats.nginx.field_looks import LineContext
from apilog.formats.nginx.line_fields import FieldColumn


@dataclass(slots=True)
class FieldNaming:
    """The naming of fields, one rule after the other."""

    columns: Sequence[FieldColumn]
    context: LineContext
    known: set[str]
    """Variables that the line has already."""
    names: dict[int, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @property
    def unnamed(self) -> list[int]:
        """The positions of the fields that have no variable yet."""
        return [i for i in range(len(self.columns)) if i not in self.names]

    def name(self, position: int, variable: str) -> None:
        """Give a field its variable, unless one of them is taken."""
        if variable and variable not in self.known and position not in self.names:
            self.names[position] = variable
            self.known.add(variable)

    def name_only(self, positions: Sequence[int], variable: str) -> None:
        """Give the variable to the one field that may have it; of several, nothing tells which."""
        if len(positions) == 1:
            self.name(positions[0], variable)
