"""Routes as API Gateway writes them: `GET /pets/{petId}`, `ANY /{proxy+}`, `$default`, `join`.

Every function takes a series of distinct texts and gives one value for each.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.convert import blank_to_null
from apilog.formats.request import split_request

_VERB = r"^([A-Z]+) /"
_ANY = "ANY"


def route_of_key(keys: pl.Series) -> pl.Series:
    """The path template of a key that begins with a verb; other keys as they stand."""
    return blank_to_null(keys.str.replace(_VERB, "/"))


def method_of_key(keys: pl.Series) -> pl.Series:
    """The verb of a key that has one, unless it stands for all verbs."""
    verbs = keys.str.extract(_VERB, 1)
    return verbs.set(verbs == _ANY, None)


def split_route_request(requests: pl.Series) -> pl.DataFrame:
    """Columns `method`, `route`, `protocol` of request lines that have a route or a route key
    for a target: `GET /pets/{petId} HTTP/1.1`, `GET GET /pets HTTP/1.1`."""
    parts = split_request(requests)
    # What is no request is a target as a whole, and no route.
    target = parts["target"].set(parts["method"].is_null(), None)
    return parts.select("method", route_of_key(target).alias("route"), "protocol")
