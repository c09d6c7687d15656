"""Charts as PNG, drawn by resvg of the same SVG.

resvg draws texts with the fonts of the system, and draws none at all where it finds none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from apilog.errors import OutputError
from apilog.render.svg import Theme, draw_chart
from apilog.render.svg.drawing import FONT

if TYPE_CHECKING:
    from apilog.render.output import OutputOptions
    from apilog.report_model import Report


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Draw one chart. Raises UsageError for one that the report does not have.

    Raises OutputError where no text could be read, as the system has no fonts.
    """
    import resvg_py

    require_fonts()
    drawn = draw_chart(
        report,
        options.table,
        width=options.picture_width,
        theme=Theme(options.theme),
        top=options.top,
    )
    stream.write(resvg_py.svg_to_bytes(svg_string=drawn))


def require_fonts() -> None:
    """Raise OutputError if texts would be invisible."""
    import resvg_py

    probe = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{}</svg>'
    text = f'<text y="15" font-family="{FONT}">M1</text>'
    drawn, blank = (resvg_py.svg_to_bytes(svg_string=probe.format(t)) for t in (text, ""))
    if drawn == blank:
        raise OutputError(
            "a picture would have no texts: this system has no fonts",
            "install some, such as Debian's fonts-dejavu-core, or take --format svg",
        )
