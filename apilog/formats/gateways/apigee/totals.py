"""Reports of Apigee's analytics, which hold totals of many requests and no requests.

A custom report names its columns as its author likes (`avg_rt`, `sum_txn`), after a function and a
metric. What it counts by are the dimensions that an export of requests has, too; what it never has
is the identity of one request. See
https://docs.apigee.com/api-platform/analytics/asynch-reports-api
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable

import polars as pl

from apilog.formats.key_paths import normalise_name

_DIMENSIONS = frozenset(
    (
        *("apiproxy", "proxy", "proxybasepath", "proxypathsuffix", "apiproduct", "developerapp"),
        *("developer", "developeremail", "clientid", "target", "targeturl", "targethost"),
        *("responsestatuscode", "targetresponsecode", "requestverb", "requesturi", "requestpath"),
    )
)
_FUNCTION = re.compile(
    r"(?:sum|avg|average|mean|min|max|median|count|num|tps|p[0-9]{2,3}|percentile)"
    r"(?:[_ (.-]|[A-Z]|$)"
    r"|.*[a-z_](?:_(?:sum|avg|average|min|max|median|count|p[0-9]{2,3}|total|rate|percentile)|"
    r"Sum|Avg|Average|Min|Max|Median|Count)$|(?:traffic|transactions|txn|throughput)$"
)
_OF_ONE_REQUEST = re.compile(
    r"client(?:received|sent)|target(?:received|sent)|gatewayflowid|messageid|correlationid|requestid"
    r"|traceid|proxyrequestreceived|clientstarttime|recordtype"
)
_FIXED_KEYS = frozenset({"messagecount"})
_MARK_WORDS = ("apiproxy", "api_product", "developer_app", "proxy_basepath")
_MARK = rf'"?(?:{"|".join(_MARK_WORDS)})"?\s*[:,|;\t]'
_ALIAS = (
    r'(?:^|[{,|;\t]\s*)"?(?:sum|avg|average|mean|min|max|median|count|num|p[0-9]{2,3})_[a-z0-9_]+"?'
    r"\s*(?:[:,|;\t]|$)"
)
ALIASED_TOTALS = rf"{_MARK}.*{_ALIAS}|{_ALIAS}.*{_MARK}"
"""A pattern of rows and headers with names such as reports mostly have."""
_HEAD_LINES = 50


def are_totals(texts: pl.Series) -> bool:
    """Return whether lines are rows of a report rather than requests."""
    head = texts[:_HEAD_LINES]
    # The words alone are looked for first: most logs have none of them.
    if not any(word in text for text in head.drop_nulls().to_list() for word in _MARK_WORDS):
        return False
    marked = head.filter(head.str.contains(_MARK))
    return any(_holds_totals(_keys_of(text)) for text in marked.drop_nulls())


def _keys_of(text: str) -> Iterable[str]:
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return ()
        return [str(key) for key in value] if isinstance(value, dict) else ()
    separator = next((s for s in "|\t;" if s in text), ",")
    try:
        return next(csv.reader([text.removeprefix("\ufeff")], delimiter=separator), [])
    except csv.Error:
        return ()


def _holds_totals(keys: Iterable[str]) -> bool:
    names = {key: normalise_name(key) for key in keys}
    if _DIMENSIONS.isdisjoint(names.values()):
        return False
    if any(_OF_ONE_REQUEST.match(name) for name in names.values()):
        return False
    return any(
        _FUNCTION.match(key) and name not in _FIXED_KEYS and name not in _DIMENSIONS
        for key, name in names.items()
    )
