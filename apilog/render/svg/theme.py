"""The colours of charts: literal in a file of its own, custom properties in a page.

Texts have a contrast of at least 4.5 to 1 with what they stand on, and lines and areas that carry
meaning one of at least 3 to 1 with the background, in light and in dark
(WCAG 2.2, https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Theme(StrEnum):
    """Where a chart is to stand, which decides its colours."""

    LIGHT = "light"
    DARK = "dark"
    PAGE = "page"
    """In a page that defines `page_variables`: no background and no heading of its own."""


_LIGHT_HEAT = ("#fff3da", "#ffdd9f", "#fdb866", "#f28a3c", "#c44c14", "#96300f", "#641809")
_DARK_HEAT = ("#2c2118", "#4d2f18", "#7a4117", "#ab561b", "#dc7629", "#f5a556", "#ffdca8")
_LIGHT_SHARE = ("#e8f2fb", "#c8dff3", "#9cc7e8", "#66a9da", "#2f75af", "#1c5a90", "#0c3d6b")
_DARK_SHARE = ("#152536", "#1b3a59", "#22517f", "#2d6ba6", "#4a8fcd", "#83b8e6", "#c6e0f6")
RAMP_STEPS = len(_LIGHT_HEAT)
"""The colours of a ramp, `heat-0` to `heat-6` and `share-0` to `share-6`."""

COLORS: Mapping[str, tuple[str, str]] = {
    "background": ("#ffffff", "#0d1117"),
    "text": ("#1f2328", "#e6edf3"),
    "muted": ("#57606a", "#9da7b3"),
    "grid": ("#d8dee4", "#2b323b"),
    "axis": ("#7d8590", "#6e7681"),
    "success": ("#2f7ebc", "#58a6e8"),
    "redirect": ("#6f8aa3", "#8fa9c4"),
    "client": ("#b3741a", "#dba33f"),
    "server": ("#c4281c", "#ff7066"),
    "unknown": ("#6e7781", "#8b949e"),
    "p50": ("#46279b", "#d6c2ff"),
    "p95": ("#7b4fd0", "#ab86f2"),
    "p99": ("#a06fd6", "#8d67d8"),
    "bar": ("#2f7ebc", "#58a6e8"),
    "anomaly": ("#b0257d", "#f37bb8"),
    "better": ("#1a7f37", "#3fb950"),
    "worse": ("#c4281c", "#ff7066"),
    **{f"heat-{i}": pair for i, pair in enumerate(zip(_LIGHT_HEAT, _DARK_HEAT, strict=True))},
    **{f"share-{i}": pair for i, pair in enumerate(zip(_LIGHT_SHARE, _DARK_SHARE, strict=True))},
    # What is written on a ramp: dark on its light colours, light on its dark ones.
    **{f"ink-{i}": ("#1f2328" if i < 4 else "#ffffff", "#ffffff") for i in range(4)},
    "ink-4": ("#ffffff", "#0d1117"),
    "ink-5": ("#ffffff", "#0d1117"),
    "ink-6": ("#ffffff", "#0d1117"),
}
"""Role to its colour in light and in dark."""


def color(role: str, theme: Theme) -> str:
    """Return the colour of a role as an attribute of SVG takes it."""
    if theme is Theme.PAGE:
        return f"var(--chart-{role})"
    return COLORS[role][theme is Theme.DARK]


def page_variables(theme: Theme) -> str:
    """Return the declarations of the custom properties that charts of a page use.

    `theme` is light or dark; the text goes between the braces of a rule.
    """
    return "".join(f"--chart-{role}:{pair[theme is Theme.DARK]};" for role, pair in COLORS.items())
