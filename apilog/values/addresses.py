"""Addresses of clients: the first of a list, and whether one can be seen from the internet.

Invariant: a text that names nobody (empty, a dash, `unknown`) is null.
"""

from __future__ import annotations

import polars as pl

_IPV4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
_IPV6 = r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:(?:[0-9A-Fa-f]{0,4}|(?:[0-9]{1,3}\.){3}[0-9]{1,3})"
_FIRST_ADDRESS = rf"(?:^|[\s,\"'=\[(])({_IPV4}|{_IPV6})(?:%[0-9A-Za-z]+)?(?:$|[\s,\"'\]);:])"
_ONE_WORD = r"^[^\s,\"\[\](){}=;]+$"
_NOBODY = ("", "-", "unknown", "null", "_hidden")

# https://www.iana.org/assignments/iana-ipv4-special-registry/ and -ipv6-: what no client on the
# internet has. 100.64/10 is a provider's, https://www.rfc-editor.org/rfc/rfc6598
_INNER = (
    r"(?i)^(?:10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|"
    r"100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|::1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|"
    r"::ffff:(?:10\.|127\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.)|unix:)"
)


def first_addresses(texts: pl.Series) -> pl.Series:
    """Return the first address of lists, as X-Forwarded-For has them: there, the client's end.

    Ports and brackets are taken off. Lists may be JSON's, and `for=…` of the header Forwarded
    (https://www.rfc-editor.org/rfc/rfc7239#section-4). What is one word and no address, such as a
    host's name, is kept as it is.

    >>> first_addresses(pl.Series(["unknown, [2001:db8::7]:443, 10.0.0.1", "a.example"])).to_list()
    ['2001:db8::7', 'a.example']
    """
    first = texts.str.extract(_FIRST_ADDRESS, 1)
    if first.null_count() == texts.null_count():
        return first
    is_name = texts.str.contains(_ONE_WORD) & ~texts.is_in(_NOBODY)
    return first.fill_null(texts.set(~is_name.fill_null(value=False), None))


def are_inner_addresses(addresses: pl.Series) -> pl.Series:
    """Return which addresses are such as hosts have among themselves: private, local, sockets."""
    return addresses.str.contains(_INNER)
