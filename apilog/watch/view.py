"""What shows the frames of a watch."""

from __future__ import annotations

from typing import Protocol

from apilog.watch.frame import Frame


class View(Protocol):
    """Shows how a watch stands; entered before the first frame, left after the last."""

    def __enter__(self) -> View:
        """Take hold of the output."""

    def __exit__(self, *error: object) -> None:
        """Give the output back as it was."""

    def show(self, frame: Frame) -> None:
        """Show a new moment."""

    def resized(self) -> None:
        """The terminal has another size."""

    def tell(self, text: str) -> None:
        """Say something that is not a frame."""
