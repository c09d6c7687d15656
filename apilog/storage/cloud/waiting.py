"""Waiting for an answer so that Ctrl-C ends it.

Only the main thread hears of an interrupt, and not while it is inside of a request.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import current_thread, main_thread
from typing import TypeVar

T = TypeVar("T")


def waited(request: Callable[[], T]) -> T:
    """What the request gives or raises; on the main thread it is made by another one.

    An interrupt leaves that one behind, which ends with its request.
    """
    if current_thread() is not main_thread():
        return request()
    pool = ThreadPoolExecutor(1, "apilog-request")
    try:
        return pool.submit(request).result()
    finally:
        pool.shutdown(wait=False)
