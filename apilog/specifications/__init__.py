"""Specifications: OpenAPI documents, the operations that they declare, and which calls are theirs.

https://spec.openapis.org/oas/
"""

from __future__ import annotations

from apilog.specifications.catalogue import (
    IMPLIED,
    UNDOCUMENTED,
    OperationCatalogue,
    load_specifications,
)
from apilog.specifications.operations import Operation, Specification, read_specification
from apilog.specifications.templates import parse_template

__all__ = [
    "IMPLIED",
    "UNDOCUMENTED",
    "Operation",
    "OperationCatalogue",
    "Specification",
    "load_specifications",
    "parse_template",
    "read_specification",
]
