"""The package that speaks to object storage: an extra, imported when a URL is first used."""

from __future__ import annotations

from types import ModuleType

from apilog.errors import InputError


def library() -> ModuleType:
    """obstore; InputError with a hint where it isn't installed."""
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise InputError(
            "URLs of object storage need the package obstore, which is not installed",
            "pip install 'apilog[cloud]'",
        ) from error
    return obstore
