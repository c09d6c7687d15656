"""Two names of one folder change places in one step, where the system can do that.

https://man7.org/linux/man-pages/man2/rename.2.html: `renameat2` with `RENAME_EXCHANGE`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# What systems and file systems answer that know no such step.
_UNSUPPORTED_ERRNOS = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}


def exchange_paths(first: Path, second: Path) -> bool:
    """Let two files or folders, which are both there, change their names.

    False if the system can't: then nothing has changed. Raises OSError.
    """
    rename = _find_renameat2()
    if rename is None:
        return False
    paths = os.fsencode(first), os.fsencode(second)
    if rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED_ERRNOS:
        return False
    raise OSError(code, os.strerror(code), str(second))


@cache
def _find_renameat2() -> Callable[..., int] | None:
    """Return the system's `renameat2`, if its C library has it."""
    if sys.platform != "linux":
        return None
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        rename.argtypes = (
            *(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint),
        )
        rename.restype = ctypes.c_int
    found: Callable[..., int] | None = rename
    return found
