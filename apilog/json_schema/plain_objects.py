"""Schemas of dataclasses that are written as they are: types from the fields, meanings from the
sentences below them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

from apilog.json_schema.tables import TIME, Schema, describe

_PLAIN: Mapping[object, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": 0},
    float: {"type": "number"},
    datetime: TIME,
}


def object_schema(kind: type, names: Sequence[str] | None = None) -> Schema:
    """Return the schema of a dataclass as an object of its fields, or of these ones."""
    hints, meanings = get_type_hints(kind), _field_meanings(kind)
    names = names or [field.name for field in fields(kind)]
    properties = {}
    for name in names:
        schema = value_schema(hints[name])
        properties[name] = describe(schema, meanings[name]) if name in meanings else schema
    return {"type": "object", "required": list(names), "properties": properties}


def value_schema(hint: Any) -> Schema:
    """Return the schema of a type of Python."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (value_schema(one) for one in arguments if one is not types.NoneType)
        return {**inner, "type": [inner["type"], "null"]}
    if origin is tuple:
        return {"type": "array", "items": value_schema(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": value_schema(arguments[1])}
    if is_dataclass(hint):
        return object_schema(hint)  # type: ignore[arg-type]
    return dict(_PLAIN[hint])


def _field_meanings(kind: type) -> dict[str, str]:
    """Return the sentences below the fields of a class; none where its source is not there."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):
        return {}
    (definition,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    meanings = {}
    for field, after in zip(definition.body, definition.body[1:], strict=False):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                meanings[name] = " ".join(text.split())
    return meanings
