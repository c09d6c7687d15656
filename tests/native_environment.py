"""Changes of the environment, which threads of native code may read at any moment.

Once it has read from object storage, a thread of Polars looks a name up in the environment ten
times a second, until the process ends. When a name is added, glibc before 2.41 frees the table of
them while others may be reading it, which kills the process. Pytest adds a name for each test.
"""

from __future__ import annotations

import ctypes
import os
import platform
from array import array
from typing import TypeVar

T = TypeVar("T")


def keep_tables() -> None:
    """Have each change of `os.environ` make a new table and free none, as newer glibcs do."""
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(map(int, version.split("."))) >= (2, 41):
        return
    current = current_table()
    texts: dict[bytes, ctypes.Array[ctypes.c_char]] = {}
    places: dict[bytes, int] = {}

    def put(name: bytes, value: bytes) -> None:
        text = b"%s=%s" % (name, value)
        if text not in texts:
            texts[text] = _for_ever(ctypes.create_string_buffer(text))
        places[name] = ctypes.addressof(texts[text])

    def publish() -> None:
        # Null ends it.
        table = _for_ever(array("L", [*places.values(), 0]))
        current.value = table.buffer_info()[0]

    def putenv(name: str | bytes, value: str | bytes) -> None:
        put(os.fsencode(name), os.fsencode(value))
        publish()

    def unsetenv(name: str | bytes) -> None:
        places.pop(os.fsencode(name), None)
        publish()

    for name, value in os.environb.items():
        put(name, value)
    publish()
    # By these names `os.environ` calls those of the system, and NumPy does, with texts.
    vars(os).update(putenv=putenv, unsetenv=unsetenv)


def current_table() -> ctypes.c_void_p:
    """Where the C library has the address of the table that it reads."""
    return ctypes.c_void_p.in_dll(ctypes.CDLL(None), "environ")


def _for_ever(memory: T) -> T:
    """Native threads still read when the interpreter, ending, frees what is its own."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))
    return memory
