"""A drawing under construction: SVG elements with escaped texts and short numbers.

Nothing else writes markup. Every text of a log passes `escape_xml` here, as content or as an
attribute, and is cut to the room it has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from apilog.render.svg.theme import Theme, color
from apilog.render.text.escape import escape_terminal, escape_xml

FONT = (
    "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,"
    # Named, as not every program knows which font a system has for sans-serif.
    "'Noto Sans','Liberation Sans','DejaVu Sans',sans-serif"
)
TEXT_SIZE = 12
"""Pixels of a line of text; headings are larger."""
HEADING_SIZE = 15

_HEIGHT = re.compile(r' height="([0-9.]+)"')

Attributes = dict[str, str | float]
Point = tuple[float, float]

# Hundredths of an em, from blank to tilde, of DejaVu Sans: of the usual sans-serif fonts the
# widest, so that no text is cut where another one draws it.
_WIDTHS = bytes.fromhex(
    "20282e54405f4e1b272732542024202240404040404040404040222254545435644445464d3f3a4d4b1d1d4238"
    "564b4f3c4f453f3d494463453d452722275432323d3f373f3e233f3f1c1c3a1c613f3d3f3f2934273f3b523b3b"
    "3440224054"
)
_WIDE, _OTHER = 100, 70


def text_width(text: str, size: float = TEXT_SIZE) -> float:
    """Return about how many pixels a text takes, rather too many than too few."""
    return sum(map(_char_width, text)) * size / 100


def _char_width(char: str) -> int:
    code = ord(char) - 32
    if 0 <= code < len(_WIDTHS):
        return _WIDTHS[code]
    if unicodedata.combining(char):
        return 0
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _OTHER


def clip_text(text: str, room: float, size: float = TEXT_SIZE) -> str:
    """Return a text without steering characters, with `…` in its middle if it is too long.

    What tells routes apart stands at their ends more often than at their beginnings.
    """
    shown = escape_terminal(text)
    if text_width(shown, size) <= room:
        return shown
    left = room - text_width("…", size)
    widths = [_char_width(char) * size / 100 for char in shown]
    head, tail, used = 0, len(shown), 0.0
    while head < tail:
        at_head = head <= len(shown) - tail
        width = widths[head] if at_head else widths[tail - 1]
        if used + width > left:
            break
        used += width
        head, tail = (head + 1, tail) if at_head else (head, tail - 1)
    return f"{shown[:head]}…{shown[tail:]}"


def wrap_text(text: str, room: float, size: float = TEXT_SIZE) -> list[str]:
    """Return the lines of a text that is broken at its blanks; single words are clipped."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(clip_text(word, room, size))
    return lines


def number(value: float) -> str:
    """Return a coordinate with two decimals at most, the same on every machine."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


class Drawing:
    """Elements of one chart, in the order in which they are drawn."""

    def __init__(self, width: int, theme: Theme) -> None:
        self.width = width
        self.theme = theme
        self._parts: list[str] = []

    def color(self, role: str) -> str:
        """Return the colour of a role in this drawing's theme."""
        return color(role, self.theme)

    def element(
        self, tag: str, attributes: Attributes, *, content: str = "", title: str = ""
    ) -> None:
        """Add an element. `title` is shown where a pointer rests on it."""
        inner = f"<title>{escape_xml(title)}</title>" if title else ""
        inner += escape_xml(content)
        start = f"<{tag}{_written(attributes)}"
        self._parts.append(f"{start}>{inner}</{tag}>" if inner else f"{start}/>")

    @contextmanager
    def group(self, *, title: str) -> Iterator[None]:
        """Have one title shown for all elements that are added meanwhile."""
        self._parts.append(f"<g><title>{escape_xml(title)}</title>")
        yield
        self._parts.append("</g>")

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        role: str,
        *,
        title: str = "",
        **more: str | float,
    ) -> None:
        """Add an area in the colour of a role."""
        place: Attributes = {"x": x, "y": y, "width": width, "height": height}
        self.element("rect", place | {"fill": self.color(role)} | more, title=title)

    def line(self, start: Point, end: Point, role: str, **more: str | float) -> None:
        """Add a straight line."""
        (x1, y1), (x2, y2) = start, end
        place: Attributes = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        self.element("line", place | {"stroke": self.color(role)} | more)

    def polyline(self, points: Sequence[Point], role: str, **more: str | float) -> None:
        """Add a line through these points."""
        style: Attributes = {"fill": "none", "stroke": self.color(role), "stroke-width": 1.5}
        shape: Attributes = {"d": path_data(points), "stroke-linejoin": "round"}
        self.element("path", shape | style | more)

    def area(
        self, points: Sequence[Point], role: str, *, title: str = "", **more: str | float
    ) -> None:
        """Add the area inside these points."""
        style: Attributes = {"fill": self.color(role)}
        self.element("path", {"d": path_data(points) + "Z"} | style | more, title=title)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        role: str = "text",
        anchor: str = "start",
        size: int = TEXT_SIZE,
        bold: bool = False,
        title: str = "",
    ) -> None:
        """Add one line of text on the base line `y`."""
        place: Attributes = {"x": x, "y": y, "fill": self.color(role)}
        if anchor != "start":
            place["text-anchor"] = anchor
        if size != TEXT_SIZE:
            place["font-size"] = size
        if bold:
            place["font-weight"] = 600
        self.element("text", place, content=text, title=title)

    def embed(self, chart: str, y: float) -> float:
        """Add another finished chart below what is drawn; return where it ends."""
        self._parts.append(chart.replace("<svg ", f'<svg y="{number(y)}" ', 1))
        found = _HEIGHT.search(chart)
        return y + (float(found[1]) if found else 0.0)

    def finish(self, height: float, name: str, title: str, description: str) -> str:
        """Return the chart as one `svg` element, with what a screen reader says of it."""
        tall = number(height)
        marks = f"chart-{name}-title", f"chart-{name}-desc"
        head = _written(
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "width": self.width,
                "height": tall,
                "viewBox": f"0 0 {self.width} {tall}",
                "role": "img",
                "aria-labelledby": " ".join(marks),
                "font-family": FONT,
                "font-size": TEXT_SIZE,
            }
        )
        parts = self._parts
        if self.theme is not Theme.PAGE:
            fill = {"width": "100%", "height": "100%", "fill": self.color("background")}
            parts = [f"<rect{_written({**fill})}/>", *parts]
        return "\n".join(
            [
                f"<svg{head}>",
                f"<title{_written({'id': marks[0]})}>{escape_xml(title)}</title>",
                f"<desc{_written({'id': marks[1]})}>{escape_xml(description)}</desc>",
                *parts,
                "</svg>",
            ]
        )


def path_data(points: Iterable[Point]) -> str:
    """Return the path through these points."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def _written(attributes: Attributes) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="'
        f'{escape_xml(value) if isinstance(value, str) else number(value)}"'
        for name, value in attributes.items()
    )
