"""The grammar of `log_format`: what is text, what is a variable, what a directive holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apilog.errors import UsageError
from apilog.formats.nginx.grammar import LogFormat, Part, Text, Variable, as_string, parse


def parts(string: str) -> list[Part]:
    return list(parse(string).parts)


@pytest.mark.parametrize(
    ("string", "expected"),
    [
        ("$status", [Variable("status")]),
        ("${status}", [Variable("status")]),
        ("${status}ms", [Variable("status"), Text("ms")]),
        ("$a$b", [Variable("a"), Variable("b")]),
        ("$a-$b", [Variable("a"), Text("-"), Variable("b")]),
        ("x$a", [Text("x"), Variable("a")]),
        ("$a.b", [Variable("a"), Text(".b")]),
        ("$http_x_1", [Variable("http_x_1")]),
        ('"$a" [$b]', [Text('"'), Variable("a"), Text('" ['), Variable("b"), Text("]")]),
        # nginx refuses a lone dollar sign; here it is text.
        ("$ $a ${ ${}", [Text("$ "), Variable("a"), Text(" ${ ${}")]),
        ("\\$a", [Text("\\"), Variable("a")]),
    ],
)
def test_variables_and_text(string: str, expected: list[Part]) -> None:
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
    parsed = parse(directive)
    assert (parsed.string, parsed.escape) == (string, escape)


def test_a_variable_counts_once() -> None:
    assert parse("$a $b $a").variables == ("a", "b")


@pytest.mark.parametrize("string", ["", "combined", "log_format main 'x';", "$", "${}", "$-"])
def test_a_string_without_variables_is_refused(string: str) -> None:
    with pytest.raises(UsageError, match="no variable") as caught:
        parse(string)
    assert "apilog formats" in caught.value.hint


names = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True).map(Variable)
texts = st.text(st.characters(exclude_characters="$", exclude_categories=["Cs"]), min_size=1)


@st.composite
def any_parts(draw: st.DrawFn) -> list[Part]:
    """Parts with at least one variable, no two texts beside each other."""
    drawn: list[Part] = draw(st.lists(names | texts.map(Text), max_size=6))
    drawn.insert(draw(st.integers(0, len(drawn))), draw(names))
    return [
        part
        for i, part in enumerate(drawn)
        if not (i and isinstance(part, Text) and isinstance(drawn[i - 1], Text))
    ]


@given(any_parts())
def test_parts_survive_being_written_and_parsed(given_parts: list[Part]) -> None:
    string = as_string(given_parts)
    assume(not re.match(r"\s*log_format\s", string))
    assert parts(string) == given_parts
    assert parse(string).string == string


@given(any_parts(), st.sampled_from(["default", "json", "none"]))
def test_parts_survive_a_directive(given_parts: list[Part], escape: str) -> None:
    quoted = as_string(given_parts).replace("\\", "\\\\").replace("'", "\\'")
    parsed = parse(f"log_format own escape={escape} '{quoted}';")
    assert parsed == LogFormat(tuple(given_parts), escape)  # type: ignore[arg-type]


@given(st.text())
def test_any_string_is_parsed_or_refused(string: str) -> None:
    try:
        parsed = parse(string)
    except UsageError:
        return
    assert parsed.variables
