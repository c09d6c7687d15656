"""A stream to a descriptor that takes everything, or says why it doesn't."""

from __future__ import annotations

import errno
import io
import os
import select
from typing import TYPE_CHECKING

from apilog.errors import OutputError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BUFFER_BYTES = 64 << 10
_HINTS = {
    errno.ENOSPC: "free some space and run it again: what was written is not whole",
    errno.EDQUOT: "free some of your quota and run it again: what was written is not whole",
    errno.EFBIG: "files may not grow so large here, see `ulimit -f`: what was written is not whole",
}


def stdout_error(error: OSError) -> OutputError:
    """Return what is wrong with stdout, and what to do about it."""
    hint = _HINTS.get(error.errno or 0, "write to a file with --output")
    return OutputError(f"can't write standard output: {error.strerror or error}", hint)


class WholeWriter(io.RawIOBase):
    """Writes to a descriptor, which it leaves open, until the system has taken every byte.

    A disk that fills up and a pipe that does not wait take a part of what they are given, and
    Python's unbuffered streams leave it at that: https://docs.python.org/3/library/io.html#io.RawIOBase.write
    Raises OutputError for what can't be written, and BrokenPipeError where nobody reads any more.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending = bytearray()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Buffer) -> int:
        """Take all of the data; small pieces are written together."""
        size = memoryview(data).nbytes
        self._pending += data
        if len(self._pending) >= _BUFFER_BYTES:
            self.flush()
        return size

    def flush(self) -> None:
        """Write out what is pending; wait where the reader of a pipe is slower."""
        pending, self._pending = self._pending, bytearray()
        rest = memoryview(pending)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except BrokenPipeError:
                raise
            except OSError as error:
                raise stdout_error(error) from error

    def close(self) -> None:
        """Drop what is pending: who writes flushes, and after an error nothing more is written."""
        self._pending.clear()
