"""The dashboard on a terminal: its own screen, given back as it was."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from apilog.watch.dashboard import Subject, draw
from apilog.watch.frame import Frame

_REMARKS = 3
_MOST_SAID = 100


class Screen:
    """Draws each frame over the last one."""

    def __init__(self, subject: Subject, tell: Callable[[str], None], *, color: bool) -> None:
        """`tell` gets what was said once the screen is given back."""
        self._subject = subject
        self._tell = tell
        self._frame: Frame | None = None
        self._has_left = False
        self._said: list[str] = []
        self._remarks: deque[str] = deque(maxlen=_REMARKS)
        console = Console(
            color_system="standard" if color else None, no_color=not color, highlight=False
        )
        self._live = Live(
            self,
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Screen:
        """See `View`."""
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """See `View`."""
        self._live.stop()
        self._has_left = True
        for text in self._said:
            self._tell(text)

    def show(self, frame: Frame) -> None:
        """See `View`."""
        self._frame = frame
        self._live.refresh()

    def resized(self) -> None:
        """See `View`."""
        self._live.refresh()

    def tell(self, text: str) -> None:
        """Show it below the dashboard, and once more when that is gone."""
        if self._has_left:
            self._tell(text)
        elif len(self._said) < _MOST_SAID:
            self._said.append(text)
            self._remarks.append(text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The dashboard in the size of the terminal."""
        if self._frame is None:
            yield Text()
            return
        width, height = options.max_width, options.size.height
        lines = draw(self._frame, self._subject, width, height, self._remarks)
        yield Text("\n", no_wrap=True, overflow="crop").join(lines)
