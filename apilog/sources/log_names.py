"""The name of a log, without what tells its files apart: numbers, dates and identifiers."""

from __future__ import annotations

import os
import re

from apilog.sources.find import COMPRESSED_SUFFIX

_TOKEN = re.compile("[0-9A-Za-z]+")
# A word, or one with a small number: `app2` and `app3` are two logs, `a1b2c3d4` is an identifier.
_WORD = re.compile("[A-Za-z]+[0-9]{0,3}")
# Of folders only what is nothing but a number is a date: any other digit may be a tenant's.
_NUMBER = re.compile("(?<![0-9A-Za-z])[0-9]+(?![0-9A-Za-z])")


def name_log(path: str) -> str:
    """Return what the path of a file has in common with those of the same log's other files.

    >>> name_log("elb/2026/11/01/5041_elb_eu-west-1_shop.3f9a77_20261101T0005Z_1x2k3j4h.log.gz")
    'elb///elb eu west shop log'
    >>> name_log("access.log.2") == name_log("access.log")
    True
    >>> name_log("app2.log") == name_log("app3.log")
    False
    """
    folder, name = os.path.split(path)
    tokens = _TOKEN.findall(COMPRESSED_SUFFIX.sub("", name))
    words = " ".join(token for token in tokens if _WORD.fullmatch(token))
    return os.path.join(_NUMBER.sub("", folder), words)
