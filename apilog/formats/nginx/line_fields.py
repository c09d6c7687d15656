"""The fields of a line of text, as they look: quoted, bracketed, named, listed, glued or bare.

What a field means is not asked here. A field's layout is all that stands around its value; lines of
one format have the same layouts in the same order, whatever their values are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_KEY = (
    r"(?:[A-Za-z_][\w.$-]*(?:=(?=\S)|: (?=\S)|:(?![/\d]))"
    # A number behind a colon may be a port.
    r"|[A-Za-z_]\w*:(?=\d+\.\d|[1-5]\d\d(?!\d)))"
)
_CLOCK = r"\d{2}:\d{2}:\d{2}(?:[.,]\d+)?"
_ZONE = r"(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2})(?![^\s\])\"',]))?"
_TIMES = (
    rf"\d{{2}}/[A-Za-z]{{3}}/\d{{4}}:{_CLOCK}(?: [+-]\d{{4}})?",
    rf"\d{{4}}([-/])\d{{2}}\1\d{{2}}[T ]{_CLOCK}{_ZONE}",
)
_BLANKED_TIME = re.compile("|".join(_TIMES))
_SEPARATOR = re.compile(rf"[ \t]+(?:\|[ \t]+)?|[,;] ?(?={_KEY})")
_KEY_START = re.compile(rf"({_KEY})")
# The fields of a span of Rust's tracing: https://docs.rs/tracing-subscriber
_SPAN = re.compile(r"[a-z_]\w*\{(?=[a-z_][\w.]*=)")
_END = r"(?=[\s,;\"(\[|]|$)"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BRACKETED = re.compile(rf"\[([^\[\]]*)\]{_END}")
_PARENTHESISED = re.compile(rf"\(([^()]*)\){_END}")
_BRACED = re.compile(rf"\{{([^{{}}]*)\}}{_END}")
_SINGLE_QUOTED = re.compile(rf"'([^']*)'{_END}")
# A name and its value in brackets, as in `[rt:0.003]`; an address of IPv6 has more colons.
_BRACKETED_KEY = re.compile(rf"([\[({{])({_KEY})((?!:)[^\s\[\](){{}}]*)([\])}}]){_END}")
_ENCLOSED = (
    *(
        (_QUOTED, '"', '"'),
        (_SINGLE_QUOTED, "'", "'"),
        (_BRACKETED, "[", "]"),
        (_PARENTHESISED, "(", ")"),
        (_BRACED, "{", "}"),
    ),
)
# A number that a key is glued to.
_GLUED = re.compile(r"(?:\d+(?:\.\d+)?|-)(?=[A-Za-z_]\w*=)")
_WITH_UNIT = re.compile(rf"(?:\d+(?:\.\d+)?|-) (?:ns|us|µs|ms|msec|s|sec|secs|seconds){_END}")
# A comma within a word belongs to it unless a key follows; `, ` and ` : ` join entries of a list.
_ENTRY = rf'[^\s,;"]+(?:[,;](?!{_KEY})[^\s,;"]+)*'
_FRACTION = re.compile(rf"\d+(?=/\d+{_END})|/\d+{_END}")
_BARE = re.compile(rf"{_ENTRY}(?:(?:, | : )(?!{_KEY}){_ENTRY})*")

_MISSING = ("-", "", "- ms", "- s")

_TIME_OR_COUNT = re.compile(r"(?:\d+(?:\.\d+)?(?: ?(?:ns|us|µs|ms|s))?|-)\Z")
_FEWEST_SEPARATORS = 4
_SECONDS_AND_MICROS = re.compile(r"(\*{0,2})(\d{1,6})/(\d{1,12})(\*{0,2})", re.ASCII)
_FEWEST_LISTS = 5

LONGEST_LINE = 8192
"""Characters of a line that are looked at; longer lines have no vote on what fields there are."""


@dataclass(frozen=True, slots=True)
class LineField:
    """One value, and what stands around it."""

    before: str
    """The separator, the key and what opens the value."""
    value: str
    after: str
    """What closes the value."""
    key: str = ""
    """The name that the line gives the value."""

    @property
    def layout(self) -> tuple[str, str]:
        """What all lines of a format have in common here."""
        return self.before, self.after

    @property
    def is_quoted(self) -> bool:
        return self.after == '"'


def split_fields(
    text: str, keys: Collection[str] | None = None, separator: str = ""
) -> list[LineField] | None:
    """Return the fields of a text; None if it can't be split to its end.

    `separator` is what sets them apart, if it is neither a blank nor a tab.

    `keys` are the keys of the format, as `find_keys` gives them; what looks like another key is a
    part of the value. None: everything that looks like a key is one.

    >>> [f.value for f in split_fields(' "a b" [c] rt=0.1uct="-, 2" 502, 200') or ()]
    ['a b', 'c', '0.1', '-, 2', '502, 200']
    """
    text = text.rstrip()
    if len(text) > LONGEST_LINE:
        return None
    if separator:
        return _split_at(text, separator, keys)
    fields: list[LineField] = []
    at = 0
    while at < len(text):
        blank = _SEPARATOR.match(text, at)
        if blank is None and at and not _is_glued(text, at, fields):
            return None
        before = blank[0] if blank else ""
        at += len(before)
        if span := _SPAN.match(text, at):
            before += span[0]
            at = span.end()
        inside = _BRACKETED_KEY.match(text, at)
        if inside and (keys is None or inside[2] in keys):
            before += inside[1] + inside[2]
            fields.append(LineField(before, inside[3], inside[4], inside[2]))
            at = inside.end()
            continue
        key = _KEY_START.match(text, at)
        if key and keys is not None and key[1] not in keys:
            key = None
        if key:
            before += key[1]
            at = key.end()
        opening, value, closing = _split_value(text, at)
        if not opening and not value and not key:
            return None
        at += len(opening) + len(value) + len(closing)
        fields.append(LineField(before + opening, value, closing, key[1] if key else ""))
    return fields


def _split_at(text: str, separator: str, keys: Collection[str] | None) -> list[LineField] | None:
    """Return the fields of a text whose fields one character sets apart, with blanks or without."""
    fields: list[LineField] = []
    pieces = re.findall(rf'(?:"[^"]*"|[^{re.escape(separator)}"])*', text)
    # An empty match stands between a field and the next separator.
    texts = [piece for i, piece in enumerate(pieces[:-1]) if piece or not pieces[i - 1]]
    if separator.join(texts) != text:
        return None
    for i, piece in enumerate(texts):
        bare = piece.lstrip(" ")
        before = (separator if i else "") + piece[: len(piece) - len(bare)]
        key = _KEY_START.match(bare)
        if key and (keys is None or key[1] in keys):
            before += key[1]
            bare = bare[key.end() :]
        else:
            key = None
        value = bare.rstrip(" ")
        blanks = bare[len(value) :]
        for pattern, opening, closing in _ENCLOSED:
            if (match := pattern.match(value)) and match.end() == len(value):
                before, value, blanks = before + opening, match[1], closing + blanks
                break
        fields.append(LineField(before, value, blanks, key[1] if key else ""))
    return fields


def find_separator(texts: Sequence[str]) -> str:
    """Return the character that sets the fields apart where it is no blank, or an empty text."""
    bare = [_QUOTED.sub("", text) for text in texts]
    for separator in "|;,":
        usual, often = Counter(text.count(separator) for text in bare).most_common(1)[0]
        if usual >= _FEWEST_SEPARATORS and 10 * often >= 8 * len(bare):
            return separator
    return ""


def _is_glued(text: str, at: int, fields: Sequence[LineField]) -> bool:
    """Return whether a field may begin without a separator: behind a closed one, or as a key."""
    if fields and text[at] == "/" and fields[-1].value.isdigit():
        return True
    return bool(fields and fields[-1].after) or _KEY_START.match(text, at) is not None


def _split_value(text: str, at: int) -> tuple[str, str, str]:
    """Return what opens the value here, the value, and what closes it."""
    for pattern, opening, closing in _ENCLOSED:
        if match := pattern.match(text, at):
            return opening, match[1], closing
    for pattern in (_BLANKED_TIME, _WITH_UNIT, _GLUED, _FRACTION, _BARE):
        if match := pattern.match(text, at):
            opening = "/" if pattern is _FRACTION and match[0].startswith("/") else ""
            return opening, match[0].removeprefix(opening), ""
    return "", "", ""


def find_keys(lines: Sequence[Sequence[LineField]]) -> frozenset[str]:
    """Return the keys that name a field in most of the lines, with what sets them off."""
    counts: Counter[str] = Counter()
    for fields in lines:
        counts.update({field.key for field in fields if field.key})
    return frozenset(key for key, count in counts.items() if 2 * count > len(lines))


def _split_texts(texts: Sequence[str]) -> list[list[LineField]]:
    """Return the fields of each text; none of one that can't be split."""
    separator = find_separator(texts)
    lines = [split_fields(text, None, separator) or [] for text in texts]
    keys = find_keys(lines)
    # Few texts hold what looks like a key and is none of the format: the others are split already.
    return [
        fields
        if fields and keys.issuperset(field.key for field in fields if field.key)
        else split_fields(text, keys, separator) or []
        for text, fields in zip(texts, lines, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """The values of one field, in the lines that have the usual layout."""

    before: str
    after: str
    key: str
    values: tuple[str, ...]

    @property
    def is_quoted(self) -> bool:
        return self.after == '"'

    @property
    def name(self) -> str:
        """The key without what sets it off; empty for a field without a name."""
        return self.key.rstrip("=: ")

    @property
    def given(self) -> list[str]:
        """The values that are not missing."""
        return [value for value in self.values if value not in _MISSING]


@dataclass(frozen=True, slots=True)
class FieldTable:
    """What lines of one layout say: their fields, and which lines these are."""

    columns: tuple[FieldColumn, ...]
    rows: tuple[int, ...]
    """The indexes of the lines that have this layout."""
    rests: Mapping[int, str]
    """What follows these fields, in the lines that have them and go on otherwise."""
    is_cut: bool = False
    """Whether most lines agree on these first fields alone."""


def tabulate(texts: Sequence[str]) -> FieldTable | None:
    """Return the fields that most of the texts have; None if they have none in common.

    Texts that are split otherwise have no say. Where no layout is that of half of the texts, the
    fields are the first ones that nearly all texts have, before free text follows.
    """
    split = _split_texts(texts)
    layouts = [tuple(field.layout for field in fields) for fields in split]
    counts = Counter(layout for layout in layouts if layout)
    if not counts:
        return None
    usual, often = counts.most_common(1)[0]
    is_cut = 2 * often < len(texts)
    layout = _common_start(layouts) if is_cut else usual
    if not layout:
        return None
    if is_cut and layout[-1] == (" ", ""):
        # Free text that is missing in some lines begins where these have their dash.
        ends = [fields[-1].value for fields in split if len(fields) == len(layout)]
        layout = layout[:-1] if ends and set(ends) <= {"-"} else layout
    width = len(layout)
    rows = [i for i, given in enumerate(layouts) if (given[:width] if is_cut else given) == layout]
    columns: list[FieldColumn] = []
    for position, (before, after) in enumerate(layout):
        values = tuple(split[i][position].value for i in rows)
        column = FieldColumn(before, after, split[rows[0]][position].key, values)
        columns += _split_seconds(column) or _split_entries(column)
    # The last field alone may be free text, which is missing in most lines.
    shared = width if is_cut else width - 1
    rests = {
        i: _rest_of(text, split[i][:shared])
        for i, text in enumerate(texts)
        if layouts[i][:shared] == layout[:shared] and (is_cut or layouts[i] != layout)
    }
    return FieldTable(tuple(columns), tuple(rows), rests, is_cut)


def _split_seconds(column: FieldColumn) -> list[FieldColumn]:
    """Return the seconds and the microseconds of Apache's `%T/%D`, often between stars.

    The second number tells the unit: it is a million times the first, and more, in all lines.
    https://httpd.apache.org/docs/current/mod/mod_log_config.html
    """
    pairs = [_SECONDS_AND_MICROS.fullmatch(value) for value in column.values]
    found = [pair for pair in pairs if pair]
    is_told = (
        found
        and len(found) == len(pairs)
        # Only who copied that recipe writes stars.
        and (found[0][1] == "**" or len(found) >= _FEWEST_LISTS)
        and not (column.is_quoted or column.key)
        and len({(pair[1], pair[4]) for pair in found}) == 1
        and all(int(pair[2]) == int(pair[3]) // 1_000_000 for pair in found)
        and any(len(pair[3]) > len("999") for pair in found)
    )
    if not is_told:
        return []
    opening, closing = found[0][1], found[0][4]
    return [
        FieldColumn(column.before + opening, "", "", tuple(pair[2] for pair in found)),
        FieldColumn("/", closing + column.after, "D=", tuple(pair[3] for pair in found)),
    ]


def _split_entries(column: FieldColumn) -> list[FieldColumn]:
    """Return the fields that commas set apart, if they do so in the same way in all lines.

    Attempts of an upstream are lists, too, but most requests have one alone.
    """
    entries = [value.split(", ") for value in column.values]
    width = len(entries[0]) if entries else 0
    is_told = (
        width > 1
        and len(entries) >= _FEWEST_LISTS
        and not (column.is_quoted or column.key)
        and all(len(texts) == width and all(map(_TIME_OR_COUNT.match, texts)) for texts in entries)
    )
    if not is_told:
        return [column]
    befores = [column.before] + [", "] * (width - 1)
    afters = [""] * (width - 1) + [column.after]
    return [
        FieldColumn(before, after, "", tuple(texts[at] for texts in entries))
        for at, (before, after) in enumerate(zip(befores, afters, strict=True))
    ]


def _common_start(layouts: Sequence[tuple[tuple[str, str], ...]]) -> tuple[tuple[str, str], ...]:
    """Return the first fields that nine in ten of the lines have in common."""
    start: tuple[tuple[str, str], ...] = ()
    while True:
        width = len(start)
        nexts = Counter(
            layout[width] for layout in layouts if layout[:width] == start and len(layout) > width
        )
        if not nexts or 10 * nexts.most_common(1)[0][1] < 9 * len(layouts):
            return start
        start = (*start, nexts.most_common(1)[0][0])


def _rest_of(text: str, fields: Sequence[LineField]) -> str:
    length = sum(len(field.before) + len(field.value) + len(field.after) for field in fields)
    return text[length:].rstrip()
