"""Lists of what apilog knows (formats, columns, metrics), for a terminal or a pipe.

On a terminal no line is wider than asked for but those that hold a link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from apilog.render.output import OutputOptions
from apilog.render.terminal import encode_lines
from apilog.render.terminal.fit_text import natural_width, pad_text, wrap_text
from apilog.render.text.escape import escape_terminal
from apilog.text.units import MISSING

_GAP = 2
_INDENT = 4
_READABLE = 40
"""The width below which a sentence is hard to read."""

ListingRow = Mapping[str, str | None]


def listing_for_terminal(rows: Sequence[ListingRow], prose: str, options: OutputOptions) -> bytes:
    """Draw the rows for a terminal; `prose` is the column that holds sentences.

    Sentences stand beside the other columns if there is room, else below them. A single row is
    drawn upright.
    """
    texts = [{name: escape_terminal(cell or "") for name, cell in row.items()} for row in rows]
    if len(texts) == 1:
        return encode_lines(_upright_lines(texts[0], options.width), options)
    names = [name for name in texts[0] if name != prose]
    widths = {name: natural_width([name, *(row[name] for row in texts)]) for name in names}
    room = options.width - sum(widths.values()) - _GAP * len(widths)
    if room < _READABLE:
        lines = [line for row in texts for line in _lines_below(row, prose, options.width)]
    else:
        head = Text("".join(f"{name:{w + _GAP}}" for name, w in widths.items()) + prose, "bold")
        lines = [head, *(line for row in texts for line in _lines_beside(row, prose, widths, room))]
    return encode_lines(lines, options)


def listing_for_pipe(rows: Sequence[ListingRow]) -> bytes:
    """Draw one row per line, however wide it is."""
    cells = [
        list(rows[0]),
        *([escape_terminal(cell or MISSING) for cell in row.values()] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in cells
    ).encode()


def _lines_beside(
    row: Mapping[str, str], prose: str, widths: Mapping[str, int], room: int
) -> list[Text]:
    first, *others = widths
    cells = [Text(row[first], "cyan"), *(Text(row[name] or MISSING) for name in others)]
    padded = zip(cells, widths.values(), strict=True)
    start = Text("").join(pad_text(cell, width + _GAP) for cell, width in padded)
    sentence = wrap_text(row[prose], room, mark="") or [Text()]
    blank = Text(" " * cell_len(start.plain))
    margins = [start, *[blank] * (len(sentence) - 1)]
    return [_assemble_line(margin, line) for margin, line in zip(margins, sentence, strict=True)]


def _lines_below(row: Mapping[str, str], prose: str, width: int) -> list[Text]:
    """Draw the name and its other values on one line, and the sentence below, indented."""
    first, *others = row
    details = " · ".join(f"{name} {row[name]}" for name in others if name != prose and row[name])
    head = [Text(row[first], "bold cyan")]
    if cell_len(row[first]) + _GAP + cell_len(details) <= width:
        head = [_assemble_line(head[0], Text(" " * _GAP + details, "dim"))]
    else:
        head += wrap_text(details, width, "dim", " " * _INDENT)
    return [*head, *wrap_text(row[prose], width, mark=" " * _INDENT)]


def _upright_lines(row: Mapping[str, str], width: int) -> list[Text]:
    labels = natural_width(list(row)) + _GAP
    lines: list[Text] = []
    for name, cell in row.items():
        mark = f"{name:{labels}}"
        # A link that is cut can't be followed.
        sentence = (
            wrap_text(cell or MISSING, width, mark=mark) if " " in cell else [Text(mark + cell)]
        )
        sentence[0].stylize("dim", 0, labels)
        lines += sentence
    return lines


def _assemble_line(*parts: Text) -> Text:
    line = Text.assemble(*parts)
    line.rstrip()
    return line
