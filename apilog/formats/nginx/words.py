r"""Values at the beginning of lines that the next blank ends, for formats plan A can't split.

HAProxy writes several values into one word (`0/0/1/65/67`), and words that may be missing behind
these. An expression tells which lines are read; to take values out of it costs ten times as much as
to ask it, and far more than to split at blanks what it has found to be sound.

Invariant: what is read, and which values it has, is what the expression of the whole line says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

import polars as pl

from apilog.formats.nginx.expression import LineExpression
from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText, LogFormat

_LEAST_WORDS = 4
_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])*)\]")
_STAMP = "syslog_stamp"
_STAMPED = r"^(?:<[0-9]{1,3}>)?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2}) )?"
_LIKE_A_STAMP = "^(?:<|[0-9]{4}-)"
_DIGITS = re.compile(r"\(\[0-9\](?:\+|\{[0-9,]+\})\)")
_BLANKS = " \t\r"

_Step = tuple[FormatPart, str]
"""A part of a format, and its pattern."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Values and the texts around them, as they stand in a row."""

    steps: tuple[_Step, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part.name for part, _ in self.steps if isinstance(part, FormatVariable))

    def read(self, text: pl.Series, wanted: Collection[str]) -> dict[str, pl.Series]:
        """Return the values of these variables, of texts that are sound."""
        names = [name for name in self.names if name in wanted]
        if not names:
            return {}
        is_unread = self.names[0] == "captures" and self.names[0] not in names
        # Headers that are captured stand in braces, where there are any.
        if is_unread and not text.str.starts_with("{").any():
            return _Piece(self.steps[1:]).read(text, wanted)
        begin, inner, end = self._affixes()
        if names == [self._last_quoted()]:
            return {names[0]: text.str.split('"').list.get(-2, null_on_oob=True)}
        text = text.str.strip_prefix(begin) if begin else text
        text = text.str.strip_suffix(end) if end else text
        if len(inner) == 1:
            return {names[0]: text}
        if names == [self.names[0]] and (stop := _stop_of(inner)):
            return {names[0]: text.str.splitn(stop, 2).struct.field("field_0")}
        separator = _separator_of(inner)
        if separator and len(inner) == 3 and _DIGITS.fullmatch(inner[2][1]) and len(names) == 1:
            # An address may have colons as well: it goes up to the last one.
            if names[0] == self.names[0]:
                return {
                    names[0]: text.str.strip_chars_end("0123456789").str.strip_suffix(separator)
                }
        elif separator and all(_is_free_of(separator, p) for _, p in inner[:-1:2]):
            split = text.str.splitn(separator, len(self.names)).struct
            return {name: split.field(f"field_{self.names.index(name)}") for name in names}
        groups = tuple(group for name in self.names for group in _groups_of(name))
        expression = LineExpression("".join(p for _, p in inner), groups, (), ())
        read = expression.read_values(text, names).drop("ok")
        return {series.name: series for series in read.iter_columns()}

    def _last_quoted(self) -> str | None:
        """Return the variable between quotes behind which there is none, if there is one."""
        for at in reversed(range(1, len(self.steps) - 1)):
            (before, _), (part, pattern), (behind, _) = self.steps[at - 1 : at + 2]
            if isinstance(behind, LiteralText) and '"' in behind.text:
                is_only = behind.text.count('"') == 1 and behind.text.startswith('"')
                is_begun = isinstance(before, LiteralText) and before.text.endswith('"')
                is_sound = is_only and is_begun and _is_free_of('"', pattern)
                return part.name if is_sound and isinstance(part, FormatVariable) else None
            if not _is_free_of('"', self.steps[at + 1][1]):
                return None
        return None

    def _affixes(self) -> tuple[str, Sequence[_Step], str]:
        """Return the text before the first value, the steps between, and the text behind."""

        def text_of(steps: Sequence[_Step]) -> str:
            texts = [
                part.text
                for part, _ in takewhile(lambda s: isinstance(s[0], LiteralText), steps)
                if isinstance(part, LiteralText)
            ]
            return "".join(texts)

        begin = [*takewhile(lambda step: isinstance(step[0], LiteralText), self.steps)]
        end = [*takewhile(lambda step: isinstance(step[0], LiteralText), reversed(self.steps))]
        inner = self.steps[len(begin) : len(self.steps) - len(end)]
        return text_of(begin), inner, text_of(end[::-1])


@dataclass(frozen=True, slots=True)
class WordPlan:
    """Reads lines as words set apart by one blank each, and what follows."""

    expression: LineExpression
    words: tuple[_Piece, ...]
    rest: _Piece
    may_be_stamped: bool
    """Whether a time with a blank behind it may stand before the first word."""

    def read_values(self, lines: pl.Series, variables: Collection[str]) -> pl.DataFrame:
        """Return one row per line: the raw values of these variables (String), and `ok`."""
        if self.may_be_stamped and _STAMP in variables:
            return self.expression.read_values(lines, variables)
        ok = self.expression.matches(lines).fill_null(value=False)
        bare = lines
        if any(lines.str.ends_with(blank).any() for blank in _BLANKS):
            bare = lines.str.strip_chars_end(_BLANKS)
        if self.may_be_stamped and bare.str.contains(_LIKE_A_STAMP).any():
            bare = bare.str.replace(_STAMPED, "")
        texts = bare.str.splitn(" ", len(self.words) + 1).struct.unnest()
        values: dict[str, pl.Series] = {}
        for at, piece in enumerate((*self.words, self.rest)):
            read = piece.read(texts[f"field_{at}"], variables)
            # A variable that stands twice has its first value.
            values = {**read, **values}
        if not ok.all():
            values = {name: series.set(~ok, None) for name, series in values.items()}
        columns = (series.alias(name) for name, series in values.items())
        return pl.DataFrame([ok.alias("ok"), *columns])


@lru_cache(maxsize=64)
def plan_words(log_format: LogFormat, expression: LineExpression) -> WordPlan | None:
    """Return the plan for a log format; None if too few of its values end at the next blank."""
    steps = [
        (part, pattern)
        for part, (pattern, _) in zip(log_format.parts, expression.steps, strict=True)
    ]
    may_be_stamped = bool(steps) and steps[0][0] == FormatVariable(_STAMP)
    steps = steps[1:] if may_be_stamped else steps
    words: list[list[_Step]] = [[]]
    while steps:
        part, pattern = steps[0]
        if isinstance(part, FormatVariable):
            if part.name == "time_local" or not _is_free_of(" ", pattern):
                break
            words[-1].append(steps.pop(0))
            continue
        if '"' in part.text:
            before, blank, _ = part.text.partition(' "')
            if not blank or before:
                break
            words.append([])
            steps[0] = (LiteralText(part.text.removeprefix(" ")), pattern.removeprefix(" "))
            break
        first, *others = part.text.split(" ")
        for number, text in enumerate((first, *others)):
            if number:
                words.append([])
            if text:
                words[-1].append((LiteralText(text), re.escape(text)))
        steps.pop(0)
    *whole, begun = words
    if len(whole) < _LEAST_WORDS or not all(whole):
        return None
    pieces = tuple(_Piece(tuple(word)) for word in whole)
    return WordPlan(expression, pieces, _Piece((*begun, *steps)), may_be_stamped)


def _groups_of(name: str) -> tuple[str, ...]:
    return ("time_local", "time_local_zone") if name == "time_local" else (name,)


def _stop_of(steps: Sequence[_Step]) -> str:
    """Return the character that surely ends the first value; empty if there is none."""
    (_, pattern), (behind, _) = steps[:2]
    stop = behind.text[:1] if isinstance(behind, LiteralText) else ""
    return stop if stop and _is_free_of(stop, pattern) else ""


def _separator_of(steps: Sequence[_Step]) -> str:
    """Return the one character between all values; empty if something else is."""
    between = {part.text if isinstance(part, LiteralText) else "" for part, _ in steps[1::2]}
    values = all(isinstance(part, FormatVariable) for part, _ in steps[::2])
    (text, *others) = between
    return text if values and len(steps) % 2 and not others and len(text) == 1 else ""


def _is_free_of(character: str, pattern: str) -> bool:
    """Return whether nothing that the pattern matches can have the character in it."""

    def may_hold(match: re.Match[str]) -> bool:
        negated, members = match.groups()
        return bool(re.match(f"[{negated}{members}]", character))

    if any(map(may_hold, _CLASS.finditer(pattern))):
        return False
    others = _CLASS.sub("", pattern)
    return character not in re.sub(r"\\(.)", r"\1", others) and not re.search(
        r"(?<!\\)\.|\\[a-zA-Z]", others
    )
