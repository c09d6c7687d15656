"""Routes that the user declares: `/v1/users/{name}`, `/static/*`.

A rule matches a whole path or nothing; the first that matches decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.errors import UsageError

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)(\*?)\}")
_METHOD = re.compile(r"^[A-Z]+ +/")
_COLON_PARAMETER = re.compile(r"/:([A-Za-z_][A-Za-z0-9_]*)")
_SYNTAX = "write {name} for one segment, and {name*} or * at the end for the rest"


@dataclass(frozen=True, slots=True)
class Rule:
    """One declared route."""

    text: str
    """As the user wrote it, and as the route will be shown."""
    pattern: str
    """The anchored regular expression of the paths it stands for."""


def parse_rules(texts: Iterable[str]) -> tuple[Rule, ...]:
    """The rules, in order.

    Raises UsageError for one that cannot be understood.
    """
    return tuple(parse_rule(text) for text in texts)


def parse_rule(text: str) -> Rule:
    """One rule: literal segments, `{name}` and `*` for one segment each, and as the last
    segment `{name*}`, `*` or `**` for all that follows. A trailing slash makes no difference.

    >>> parse_rule("/v1/users/{name}").pattern
    '^/v1/users/[^/]+/?$'

    Raises UsageError for a text that cannot be understood.
    """
    _refuse_other_syntax(text)
    *before, last = text.rstrip("/").split("/") if text.strip("/") else ["", ""]
    segments = [_segment_pattern(segment, text) for segment in before]
    return Rule(text, f"^{'/'.join([*segments, _last_pattern(last, text)])}/?$")


def match_rules(paths: pl.Series, rules: Sequence[Rule]) -> pl.Series:
    """The text of the first rule that matches each path; null where none does."""
    path = pl.col("path")
    first = pl.coalesce(pl.when(path.str.contains(r.pattern)).then(pl.lit(r.text)) for r in rules)
    return paths.to_frame("path").select(first).to_series()


def _refuse_other_syntax(text: str) -> None:
    if _METHOD.match(text):
        raise _bad_rule(text, "it starts with a method", "a rule is a path: leave the method out")
    if not text.startswith("/"):
        raise _bad_rule(text, "it does not start with /", _SYNTAX)
    if "?" in text:
        raise _bad_rule(text, "it has a query string", "a rule is a path: leave out the ?")
    if parameter := _COLON_PARAMETER.search(text):
        raise _bad_rule(
            text, f"it has :{parameter[1]}", f"write {{{parameter[1]}}} for :{parameter[1]}"
        )


def _last_pattern(segment: str, rule: str) -> str:
    if segment in {"*", "**"}:
        return "(?s:.*)"
    placeholder = _PLACEHOLDER.fullmatch(segment)
    if placeholder and placeholder[2]:
        return "(?s:.*)"
    return _segment_pattern(segment, rule)


def _segment_pattern(segment: str, rule: str) -> str:
    if segment == "*":
        return "[^/]+"
    pieces: list[str] = []
    end = 0
    for placeholder in _PLACEHOLDER.finditer(segment):
        if placeholder[2]:
            raise _bad_rule(rule, f"{placeholder[0]} is not a last segment of its own", _SYNTAX)
        pieces += [_literal(segment[end : placeholder.start()], rule), "[^/]+"]
        end = placeholder.end()
    return "".join([*pieces, _literal(segment[end:], rule)])


def _literal(text: str, rule: str) -> str:
    if brace := re.search(r"[{}]", text):
        raise _bad_rule(rule, f"the {brace[0]} belongs to no {{name}}", _SYNTAX)
    if "**" in text:
        raise _bad_rule(rule, "** is not a last segment of its own", _SYNTAX)
    return pl.escape_regex(text)


def _bad_rule(rule: str, what: str, hint: str) -> UsageError:
    return UsageError(f"route rule {rule!r}: {what}", hint)
