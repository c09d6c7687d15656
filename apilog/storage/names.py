"""What places and files are called."""

from __future__ import annotations

import re

SCHEMES = ("s3", "gs", "az")
"""Of URLs that name objects: Amazon S3 and what is like it, Google Cloud Storage, Azure Blob."""

_URL = re.compile(rf"(?:{'|'.join(SCHEMES)})://", re.IGNORECASE)
_UNFINISHED = re.compile(r"((?:.*/)?)\.([^/]+)\.tmp")


def is_url(text: str) -> bool:
    """Whether an argument names objects rather than files."""
    return _URL.match(text) is not None


def unfinished(name: str) -> str:
    """What a file is called until it counts: Spark and Arrow skip it, globs miss it.

    >>> unfinished("records/a.parquet")
    'records/.a.parquet.tmp'
    """
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}.{file}.tmp"


def finished(name: str) -> str:
    """The name that `unfinished` was made of; any other name as it is."""
    return _UNFINISHED.sub(r"\1\2", name)
