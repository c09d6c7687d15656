"""Routes: the templates that stand for paths in tables, such as `/users/{id}`."""

from __future__ import annotations

from apilog.routes.classify import RouteRule, add_route, classify_paths, parse_rule, parse_rules
from apilog.routes.segments import SEGMENT_KINDS, SegmentKind
from apilog.routes.specified import specify_records

__all__ = [
    "SEGMENT_KINDS",
    "RouteRule",
    "SegmentKind",
    "add_route",
    "classify_paths",
    "parse_rule",
    "parse_rules",
    "specify_records",
]
