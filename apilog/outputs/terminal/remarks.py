"""What the reader should know beside the numbers: missing durations, damaged inputs, notes."""

from __future__ import annotations

from rich.text import Text

from apilog.outputs.escape import terminal_text
from apilog.outputs.terminal.page import Page, Section, shows
from apilog.outputs.terminal.text import shorten_middle, wrap

_LATENCY = ("latency_p95_ms", "latency_mean_ms")
_SHOWN = 10


def no_latency(page: Page) -> Section | None:
    """One sentence if there are requests and not one of them has a duration."""
    if not page.overview("requests"):
        return None
    frames = [page.table(name) for name in ("overview", "latency", "endpoints")]
    if any(shows(frame, column) for frame in frames for column in _LATENCY):
        return None
    hint = "The logs carry no durations; `apilog detect FILE` tells which directive adds them."
    return Section(title="Latency", draw=lambda width: wrap(hint, width))


def damaged(page: Page) -> Section | None:
    """The inputs that could not be read, or not to their end, and why."""
    files = [file for file in page.report.input.files if file.error is not None]
    if not files:
        return None

    def draw(width: int) -> list[Text]:
        lines: list[Text] = []
        for file in files[:_SHOWN]:
            path = shorten_middle(terminal_text(file.path), max(12, width // 2))
            lines += wrap(f"{path}: {terminal_text(file.error or '')}", width, "red")
            lines += wrap(terminal_text(file.hint), width, "dim", "    ")
        if len(files) > _SHOWN:
            lines.append(Text(f"  … and {len(files) - _SHOWN:,} more", "dim"))
        return lines

    return Section(title="Inputs with errors", draw=draw)


def notes(page: Page) -> Section | None:
    """The report's notes, one below the other."""
    texts = [terminal_text(note) for note in page.report.notes]
    if not texts:
        return None

    def draw(width: int) -> list[Text]:
        return [line for text in texts for line in wrap(text, width, mark="  · ")]

    return Section(title="Notes", draw=draw)
