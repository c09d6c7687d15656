"""What apilog draws, in ASCII, for terminals whose locale knows nothing else.

Each character becomes one of the same width, so that columns stay columns. The user's own texts
stay as they are: what a path holds is not apilog's to change.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

DRAWN_IN_ASCII: Mapping[str, str] = {
    "…": "~",
    "–": "-",
    "−": "-",
    "·": ".",
    "×": "x",
    "—": "-",
    "±": "+",
    "→": ">",
    "←": "<",
    "↑": "^",
    "↓": "v",
    "▲": "^",
    "▼": "v",
    "▶": ">",
    "✓": "+",
    "✗": "x",
    **dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True)),
    **dict(zip("▏▎▍▌▋▊▉", ".:-=+*#", strict=True)),
    **dict.fromkeys("─━┄", "-"),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯", "+"),
}
"""The characters that apilog draws with, to those that stand for them."""
_TRANSLATION = str.maketrans(dict(DRAWN_IN_ASCII))
_COERCED = {"C.UTF-8", "C.utf8", "UTF-8"}


def is_ascii_locale(environment: Mapping[str, str]) -> bool:
    """Whether the locale says that terminals show ASCII alone, or an encoding other than UTF-8.

    LC_ALL goes before LC_CTYPE, and this before LANG. Python sets LC_CTYPE itself where LANG is C:
    https://docs.python.org/3/using/cmdline.html#envvar-PYTHONCOERCECLOCALE. Where nothing is set,
    as in most containers, nothing is known of the terminal, and most show UTF-8.

    >>> is_ascii_locale({"LANG": "C"}), is_ascii_locale({"LANG": "de_DE.UTF-8"})
    (True, False)
    """
    category = environment.get("LC_CTYPE", "")
    category = "" if category in _COERCED and environment.get("LANG") else category
    name = environment.get("LC_ALL") or category or environment.get("LANG") or "UTF-8"
    charset = name.partition("@")[0].rpartition(".")[2].casefold().replace("-", "")
    return charset != "utf8"


def draw_in_ascii(text: str) -> str:
    """Return the text with what apilog draws in ASCII.

    >>> draw_in_ascii("▁▄█ 3 – ▲ café…")
    '_~# 3 - ^ café~'
    """
    return text.translate(_TRANSLATION)


class AsciiDrawing(io.RawIOBase):
    """A stream of UTF-8 that passes it on with what apilog draws in ASCII."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._target.fileno()

    def write(self, data: Buffer) -> int:
        """Pass on all of the data but the beginning of a character that is not whole yet."""
        text = draw_in_ascii(self._decoder.decode(bytes(data)))
        self._target.write(text.encode("utf-8", "surrogateescape"))
        return memoryview(data).nbytes

    def flush(self) -> None:
        """Flush what it writes to."""
        self._target.flush()


class AsciiText(io.TextIOBase):
    """A stream of text that passes it on with what apilog draws in ASCII.

    It claims to take ASCII alone, by which rich chooses the characters of its bars.
    """

    encoding = "ascii"

    def __init__(self, target: TextIO) -> None:
        self._target = target

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._target.isatty()

    def fileno(self) -> int:
        return self._target.fileno()

    def write(self, text: str) -> int:
        """Pass on all of the text."""
        self._target.write(draw_in_ascii(text))
        return len(text)

    def flush(self) -> None:
        """Flush what it writes to."""
        self._target.flush()
