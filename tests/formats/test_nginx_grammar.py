"""The grammar of `log_format`: what is text, what is a variable, what a directive holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apilog.errors import UsageError
from apilog.formats.nginx.grammar import (
    FormatPart,
    FormatVariable,
    LiteralText,
    LogFormat,
    format_string,
    parse_log_format,
)
from tests.any_text import CHARACTERS, any_text


def parts(string: str) -> list[FormatPart]:
    return list(parse_log_format(string).parts)


@pytest.mark.parametrize(
    ("string", "expected"),
    [
        ("$status", [FormatVariable("status")]),
        ("${status}", [FormatVariable("status")]),
        ("${status}ms", [FormatVariable("status"), LiteralText("ms")]),
        ("$a$b", [FormatVariable("a"), FormatVariable("b")]),
        ("$a-$b", [FormatVariable("a"), LiteralText("-"), FormatVariable("b")]),
        ("x$a", [LiteralText("x"), FormatVariable("a")]),
        ("$a.b", [FormatVariable("a"), LiteralText(".b")]),
        ("$http_x_1", [FormatVariable("http_x_1")]),
        (
            '"$a" [$b]',
            [
                LiteralText('"'),
                FormatVariable("a"),
                LiteralText('" ['),
                FormatVariable("b"),
                LiteralText("]"),
            ],
        ),
        # nginx refuses a lone dollar sign; here it is text.
        ("$ $a ${ ${}", [LiteralText("$ "), FormatVariable("a"), LiteralText(" ${ ${}")]),
        ("\\$a", [LiteralText("\\"), FormatVariable("a")]),
    ],
)
def test_variables_and_text(string: str, expected: list[FormatPart]) -> None:
    assert parts(string) == expected


@pytest.mark.parametrize(
    ("directive", "string", "escape"),
    [
        ("log_format main '$a $b';", "$a $b", "default"),
        ('log_format main "$a $b";', "$a $b", "default"),
        ("log_format main '$a ' '$b';", "$a $b", "default"),
        ("log_format main\n  '$a '\n  '\"$b\"';\n", '$a "$b"', "default"),
        ("log_format main $a|$b;", "$a|$b", "default"),
        ("log_format main $a;", "$a", "default"),
        ("log_format main '$a'", "$a", "default"),
        ('  log_format main escape=json \'{"a":"$a"}\' ;', '{"a":"$a"}', "json"),
        ("log_format main escape=none $a;", "$a", "none"),
        ("log_format main escape=default '$a';", "$a", "default"),
        ("log_format main 'it\\'s $a';", "it's $a", "default"),
        ('log_format main "say \\"$a\\"";', 'say "$a"', "default"),
        ("log_format main '$a\\t$b\\n';", "$a\t$b\n", "default"),
        ("log_format main '$a;$b';", "$a;$b", "default"),
    ],
)
def test_the_whole_directive_serves(directive: str, string: str, escape: str) -> None:
    parsed = parse_log_format(directive)
    assert (parsed.string, parsed.escape) == (string, escape)


def test_a_variable_counts_once() -> None:
    assert parse_log_format("$a $b $a").variables == ("a", "b")


@pytest.mark.parametrize("string", ["", "combined", "log_format main 'x';", "$", "${}", "$-"])
def test_a_string_without_variables_is_refused(string: str) -> None:
    with pytest.raises(UsageError, match="no variable") as caught:
        parse_log_format(string)
    assert "apilog formats" in caught.value.hint


names = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True, alphabet=CHARACTERS).map(FormatVariable)
texts = st.text(st.characters(exclude_characters="$", exclude_categories=["Cs"]), min_size=1)


@st.composite
def any_parts(draw: st.DrawFn) -> list[FormatPart]:
    """Parts with at least one variable, no two texts beside each other."""
    drawn: list[FormatPart] = draw(st.lists(names | texts.map(LiteralText), max_size=6))
    drawn.insert(draw(st.integers(0, len(drawn))), draw(names))
    return [
        part
        for i, part in enumerate(drawn)
        if not (i and isinstance(part, LiteralText) and isinstance(drawn[i - 1], LiteralText))
    ]


@given(any_parts())
def test_parts_survive_being_written_and_parsed(given_parts: list[FormatPart]) -> None:
    string = format_string(given_parts)
    # A line end at the end is the line's own.
    assume(not re.match(r"\s*log_format\s", string) and not string.endswith("\n"))
    assert parts(string) == given_parts
    assert parse_log_format(string).string == string


@given(any_parts(), st.sampled_from(["default", "json", "none"]))
def test_parts_survive_a_directive(given_parts: list[FormatPart], escape: str) -> None:
    quoted = format_string(given_parts).replace("\\", "\\\\").replace("'", "\\'")
    parsed = parse_log_format(f"log_format own escape={escape} '{quoted}';")
    assert parsed == LogFormat(tuple(given_parts), escape)  # type: ignore[arg-type]


@given(any_text())
def test_any_string_is_parsed_or_refused(string: str) -> None:
    try:
        parsed = parse_log_format(string)
    except UsageError:
        return
    assert parsed.variables
