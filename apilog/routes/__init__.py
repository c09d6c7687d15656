"""Routes: the templates that stand for paths in tables, such as `/users/{id}`."""

from __future__ import annotations

from apilog.routes.classify import (
    RouteRule,
    add_route,
    classify_paths,
    parse_rule,
    parse_rules,
    read_rules_file,
)
from apilog.routes.learn import MOST_CHUNK_ROUTES, learn_templates
from apilog.routes.positions import LearnedPosition
from apilog.routes.segments import SEGMENT_KINDS, SegmentKind
from apilog.routes.specified import add_specified_route, specify_records
from apilog.routes.templates import NO_TEMPLATES, RouteTemplates

__all__ = [
    "MOST_CHUNK_ROUTES",
    "NO_TEMPLATES",
    "SEGMENT_KINDS",
    "LearnedPosition",
    "RouteRule",
    "RouteTemplates",
    "SegmentKind",
    "add_route",
    "add_specified_route",
    "classify_paths",
    "learn_templates",
    "parse_rule",
    "parse_rules",
    "read_rules_file",
    "specify_records",
]
