"""Text that fits: shortened, joined or wrapped by the cells it takes on a terminal.

Widths are cells, not characters: a wide character takes two, a combining mark none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.text import Text

ELLIPSIS = "…"

# Combining marks stay with the character before them, and take no cell of their own.
_CLUSTER = re.compile(r".[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]*")


def shorten_middle(text: str, width: int) -> str:
    """Shorten a text in the middle, as suits paths, whose ends say most."""
    if cell_len(text) <= width:
        return text
    tail = _fitting_end(text, (width - 1) // 2)
    return _fitting_start(text, width - 1 - cell_len(tail)) + ELLIPSIS[:width] + tail


def shorten_end(text: str, width: int) -> str:
    """Shorten a text at its end."""
    return text if cell_len(text) <= width else _fitting_start(text, width - 1) + ELLIPSIS[:width]


def shorten_list(text: str, width: int, separator: str) -> str:
    """Shorten a list by whole parts, so that no number loses its last digits.

    >>> shorten_list("500 ×13 · 503 ×26 · 404 ×7", 22, " · ")
    '500 ×13 · 503 ×26 · …'
    """
    if cell_len(text) <= width:
        return text
    parts = text.split(separator)
    while len(parts) > 1:
        parts.pop()
        short = separator.join([*parts, ELLIPSIS])
        if cell_len(short) <= width:
            return short
    return shorten_end(text, width)


def pad_text(text: Text, width: int, *, right: bool = False) -> Text:
    """Fill up a text with blanks to that width; before it if it is aligned to the right."""
    blanks = " " * max(0, width - cell_len(text.plain))
    return Text.assemble(blanks, text) if right else Text.assemble(text, blanks)


def flow_parts(parts: Iterable[Text], width: int, separator: str = " · ") -> list[Text]:
    """Join the parts on as few lines as they need; a part that is too long is cut."""
    lines: list[Text] = []
    for part in parts:
        joined = Text.assemble(lines[-1], (separator, "dim"), part) if lines else part
        if lines and cell_len(joined.plain) <= width:
            lines[-1] = joined
        else:
            lines.append(clip_line(part, width))
    return lines


def wrap_text(
    text: str, width: int, style: str = "", mark: str = "  ", *, keeps_words: bool = True
) -> list[Text]:
    """Break a sentence at blanks; the first line follows a mark, the others are indented.

    A word that is too long is shortened, or broken as well unless `keeps_words`.
    """
    room = width - cell_len(mark)
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and cell_len(joined) <= room:
            lines[-1] = joined
        elif keeps_words:
            lines.append(shorten_middle(word, room))
        else:
            lines += _cut_up(word, room)
    margins = [mark, *[" " * cell_len(mark)] * len(lines)]
    return [Text(margin + line, style) for margin, line in zip(margins, lines, strict=False)]


def _cut_up(word: str, width: int) -> list[str]:
    """Cut a word into pieces that fit, none of them empty."""
    pieces = [""]
    for cluster in _CLUSTER.findall(word):
        if pieces[-1] and cell_len(pieces[-1] + cluster) > width:
            pieces.append("")
        pieces[-1] += cluster
    return pieces


def clip_line(line: Text, width: int) -> Text:
    """Cut a line that is too wide."""
    if cell_len(line.plain) <= width:
        return line
    kept = _fitting_start(line.plain, width - 1)
    return Text.assemble(line[: len(kept)], ELLIPSIS[:width])


def natural_width(texts: Sequence[str]) -> int:
    """Return the width of the widest text; 0 for none."""
    return max(map(cell_len, texts), default=0)


def _fitting_start(text: str, width: int) -> str:
    kept = ""
    # Cut first: measuring each cluster of a mebibyte takes long. 8 marks per cell are plenty.
    for cluster in _CLUSTER.findall(text[: 8 * max(width, 0) + 8]):
        if cell_len(kept + cluster) > width:
            break
        kept += cluster
    return kept


def _fitting_end(text: str, width: int) -> str:
    kept = ""
    for cluster in reversed(_CLUSTER.findall(text[-8 * max(width, 0) - 8 :])):
        if cell_len(cluster + kept) > width:
            break
        kept = cluster + kept
    return kept
