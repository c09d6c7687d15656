"""Errors that a user can act on.

Each carries one line that says what and where, and a hint that says what to do.
The command line prints both and exits with 2; the library raises them.
"""

from __future__ import annotations

from collections.abc import Sequence


class ApilogError(Exception):
    """The root of all errors that apilog raises on purpose.

    `hint` is a sentence on what to do, or an empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ApilogError):
    """An option, expression or name that can't be understood."""


class DeclarationError(UsageError):
    """Something in a declaration that can't be meant; `place` are the keys that lead to it."""

    def __init__(self, place: Sequence[str | int], problem: str, hint: str = "") -> None:
        super().__init__(f"{_join_keys(place)} {problem}", hint)
        self.place = tuple(place)
        self.problem = problem

    def within(self, *keys: str) -> UsageError:
        """Return the error with the keys that lead to the declaration."""
        return UsageError(f"{_join_keys((*keys, *self.place))} {self.problem}", self.hint)


def _join_keys(place: Sequence[str | int]) -> str:
    """Return keys as one text, such as `reports.week.tables[0].by`."""
    joined = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return joined.removeprefix(".")


class InputError(ApilogError):
    """An input that can't be found, opened or recognised."""


class UnreadSourcesError(InputError):
    """Not one of the sources could be read; the message is that of the first of `errors`."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        super().__init__(str(errors[0]), errors[0].hint)
        self.errors = errors


class OutputError(ApilogError):
    """An output that can't be written, or must not be overwritten."""


def install_hint(extra: str) -> str:
    """Return the hint that tells how to install an optional part of apilog.

    No package index has apilog, so `pip install 'apilog[…]'` would find nothing.

    >>> install_hint("cloud")
    "in a checkout of apilog: pip install '.[cloud]'"
    """
    return f"in a checkout of apilog: pip install '.[{extra}]'"
