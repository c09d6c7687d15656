"""Routes: what stands for a path in tables, such as `/users/{id}`."""

from __future__ import annotations

from apilog.routes.add import add_route
from apilog.routes.rules import Rule, parse_rule, parse_rules
from apilog.routes.segments import KINDS, Kind
from apilog.routes.templates import classify

__all__ = ["KINDS", "Kind", "Rule", "add_route", "classify", "parse_rule", "parse_rules"]
