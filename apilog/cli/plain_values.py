"""Texts of a command line as they stand, without the validation library that Typer would import.

Typer converts every value through pydantic, also the texts and choices that most options are:
importing it takes longer than reading a short log. Whatever else is given goes its usual way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from typer._coercion import RuntimeParam, build_runtime_param
from typer.core import TyperGroup


@dataclass(frozen=True)
class PlainParam(RuntimeParam):
    """Coercion that knows texts and lists of them, choices, flags, and numbers by default."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value that a command gets; raises BadParameter as Typer does."""
        kind = self.annotation
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if kind in (str, bool) and type(value) is kind:
            return value
        if kind == list[str] and isinstance(value, (list, tuple)):
            return [*map(str, value)]
        if isinstance(kind, type) and issubclass(kind, StrEnum) and value in kind.__members__:
            return kind(value)
        if type(value) is kind and value == param.default:
            return value
        return self._coerce_value(value, param, ctx)

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        return build_runtime_param(param.type_descriptor).coerce(value, param=param, ctx=ctx)


class PlainGroup(TyperGroup):
    """A group of commands whose own options are taken as they stand."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, that of help included."""
        return spare_validation(super().get_params(ctx))


def spare_validation(parameters: list[Any]) -> list[Any]:
    """Let these parameters take values as they stand, and return them."""
    for parameter in parameters:
        descriptor = parameter.type_descriptor
        if descriptor.file_annotation is None and descriptor.parameter_info.parser is None:
            parameter._runtime_param = PlainParam(
                annotation=descriptor.annotation, parameter_info=descriptor.parameter_info
            )
    return parameters
