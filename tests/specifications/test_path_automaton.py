"""Paths against templates: regular expressions, tried from the most concrete on, as the oracle."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.specifications.path_automaton import PathAutomaton
from apilog.specifications.templates import PathTemplate, parse_template

CASES: dict[str, tuple[list[str], dict[str, str | None]]] = {
    "concrete before templated": (
        ["/users/{id}", "/users/me", "/users/{id}/keys", "/users/me/keys"],
        {
            "/users/me": "/users/me",
            "/users/7": "/users/{id}",
            "/users/me/keys": "/users/me/keys",
            "/users/you/keys": "/users/{id}/keys",
            "/users": None,
            "/users/": None,
            "/users//keys": None,
            "/": None,
            "": None,
        },
    ),
    "back from a literal": (
        ["/a/{x}/c", "/a/b/d"],
        {"/a/b/c": "/a/{x}/c", "/a/b/d": "/a/b/d", "/a/z/d": None},
    ),
    "suffixes": (
        ["/f/{n}.json", "/f/{n}", "/f/{a}-{b}", "/f/x.json"],
        {
            "/f/7.json": "/f/{n}.json",
            "/f/x.json": "/f/x.json",
            "/f/.json": "/f/{n}",
            "/f/7": "/f/{n}",
            "/f/a-b": "/f/{a}-{b}",
            "/f/a-b.json": "/f/{n}.json",
        },
    ),
    "rest": (
        ["/s/{p+}", "/s/a", "/s/a/{b}", "/{all*}"],
        {
            "/s/a": "/s/a",
            "/s/a/b": "/s/a/{b}",
            "/s/a/b/c": "/s/{p+}",
            "/s/q": "/s/{p+}",
            "/x/y/z": "/{all*}",
            "/": "/{all*}",
        },
    ),
    "slashes at the end": (
        ["/a", "/b/", "/c", "/c/"],
        {
            "/a": "/a",
            "/a/": "/a",
            "/b": "/b/",
            "/b/": "/b/",
            "/c": "/c",
            "/c/": "/c/",
            "/a//": None,
        },
    ),
    "spelling": (
        ["/café/{x}", "/a b"],
        {"/caf%C3%A9/1": "/café/{x}", "/café/1": "/café/{x}", "/a%20b": "/a b"},
    ),
    "root": (["/"], {"/": "/", "/a": None}),
}


@pytest.mark.parametrize("name", CASES)
def test_each_path_has_the_most_concrete_template(name: str) -> None:
    texts, expected = CASES[name]
    assert _match(texts, [*expected]) == [*expected.values()]


def _match(texts: list[str], paths: list[str]) -> list[str | None]:
    templates = [parse_template(text) for text in texts]
    numbers = PathAutomaton(templates).match(pl.Series(paths, dtype=pl.String))
    return [None if number is None else texts[number] for number in numbers]


def _expected(templates: list[PathTemplate], path: str) -> str | None:
    """The oracle: whole expressions, the most concrete first."""
    patterns = (re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(t.text)) for t in templates)
    matching = [
        template
        for template, pattern in zip(templates, patterns, strict=True)
        if re.fullmatch(pattern, path)
    ]
    return min(matching, key=lambda t: t.rank).text if matching else None


SEGMENT = st.sampled_from(["a", "b", "{x}", "v{x}", "{x}.js", "a.js"])
VALUE = st.sampled_from(["a", "b", "c", "va", "v", "a.js", "vb.js", ".js", ""])


@given(
    st.lists(st.lists(SEGMENT, min_size=1, max_size=4), min_size=1, max_size=12),
    st.lists(st.lists(VALUE, min_size=1, max_size=5), min_size=1, max_size=20),
)
def test_any_templates_and_paths_agree_with_regular_expressions(
    rows: list[list[str]], values: list[list[str]]
) -> None:
    named = {
        "/" + "/".join(s.replace("{x}", f"{{x{i}}}") for i, s in enumerate(row)) for row in rows
    }
    texts = sorted(named)
    # A slash at the end is another rule.
    paths = [f"/{'/'.join(row)}" for row in values if row[-1]]
    templates = [parse_template(text) for text in texts]
    assert _match(texts, paths) == [_expected(templates, path) for path in paths]
