"""What people write into `--where` who know other languages than SQL, and what they meant.

Everything here looks at the text alone, its string literals left out, and only decides what an
error says: whether the text is right is Polars' to say. Two texts are refused that SQL allows and
that never mean what they look like: `2026-11-21`, which is 1994, and `= NULL`, which nothing is.
https://www.postgresql.org/docs/current/functions-comparison.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from apilog.metrics import METRICS, find_metric
from apilog.schema import SCHEMA
from apilog.text import did_you_mean

_LISTED = "`apilog schema` lists them"
_STRING = re.compile(r"'(?:[^']|'')*'")
_COMPARED = r"\b(?P<column>\w+)\s*(?P<operator>[=!<>~]+|\bLIKE\b|\bILIKE\b|\bIS\b|:)\s*"
_DATE = re.compile(r"""(?<![\w'"])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])(?:T[0-9:.]+Z?)?""")
_NULL = re.compile(r"\b(?P<column>\w+)\s*(?P<operator>==?|!=|<>)\s*NULL\b", re.IGNORECASE)

_OTHER_NAMES = {
    "status": {
        "code",
        "response_code",
        "response_status",
        "http_status",
        "sc_status",
        "statuscode",
    },
    "method": {"verb", "http_method", "request_method"},
    "path": {"url", "uri", "request_uri", "request_path", "endpoint"},
    "duration_ms": {"latency", "duration", "request_time", "response_time", "elapsed", "took"},
    "upstream_duration_ms": {"upstream_response_time", "upstream_latency", "backend_latency"},
    "client_ip": {"ip", "remote_addr", "client", "client_addr", "address"},
    "consumer": {"user", "customer", "client_id", "api_key", "account", "username"},
    "user_agent": {"agent", "ua", "http_user_agent", "useragent"},
    "response_bytes": {"bytes", "size", "bytes_sent", "body_bytes_sent"},
    "timestamp": {"time", "date", "ts", "time_local", "day"},
    "host": {"domain", "server", "server_name", "hostname", "vhost"},
}


def find_slip(text: str) -> tuple[str, str] | None:
    """Return what is wrong and a hint for a text that SQL allows and that means something else.

    >>> find_slip("timestamp >= 2026-11-21")
    ('2026-11-21 is a subtraction', "a time stands in single quotes: '2026-11-21'")
    >>> find_slip("consumer = NULL")
    ('nothing is = NULL', 'write consumer IS NULL')
    """
    bare = _STRING.sub("''", text)
    if match := _DATE.search(bare):
        return (
            f"{match[0]} is a subtraction",
            f"a time stands in single quotes: '{match[0]}'",
        )
    if match := _NULL.search(bare):
        negation = "" if match["operator"].startswith("=") else "NOT "
        return f"nothing is {match['operator']} NULL", f"write {match['column']} IS {negation}NULL"
    return None


def explain_unknown_name(name: str, text: str = "") -> str:
    """Return the hint for a name in a text that is no column.

    >>> explain_unknown_name("GET", "method = GET")
    "a text stands in single quotes: method = 'GET'"
    >>> explain_unknown_name("verb")
    'did you mean method? `apilog schema` lists them'
    """
    value = re.search(rf"""{_COMPARED}(?P<quote>"?){re.escape(name)}(?P=quote)(?!\w)""", text)
    if value and value["column"] in SCHEMA:
        return _quote_value(value["column"], value["operator"], name)
    listed = re.search(rf"\b(\w+)\s+IN\s*\([^)]*\b{re.escape(name)}\b", text, re.IGNORECASE)
    if listed and listed[1] in SCHEMA:
        return f"texts stand in single quotes: {listed[1]} IN ('{name}')"
    if metric := find_metric(name):
        return _explain_metric(metric)
    for column, others in _OTHER_NAMES.items():
        if name.casefold() in others:
            return f"did you mean {column}? {_LISTED}"
    return did_you_mean(name, SCHEMA, also=_LISTED, at_most=1, quoted=True)


def explain_syntax(text: str, otherwise: str) -> str:
    """Return the hint for a text that is no SQL or compares what can't be, by how it looks.

    >>> explain_syntax("status = 5xx", "")
    'statuses are numbers: status >= 500 AND status < 600'
    >>> explain_syntax("duration_ms < 0.3s", "")
    'durations are milliseconds without a unit: duration_ms < 300'
    """
    bare = _STRING.sub("''", text)
    for pattern, explain in _LOOKS:
        match = re.search(pattern, text if pattern in _WITH_STRINGS else bare)
        if match and (hint := explain(match)):
            return hint
    if bare.count("'") % 2:
        return "a single quote has no second one; within a text it is doubled: 'it''s'"
    return otherwise


def _quote_value(column: str, operator: str, value: str) -> str:
    dtype = SCHEMA[column]
    operator = "=" if operator in (":", "==") else operator
    if dtype.is_numeric():
        if re.fullmatch(r"[0-9.]+", value):
            return f"a number stands without quotes: {column} {operator} {value}"
        return f"{column} is a number, such as {column} {operator} 500"
    if dtype == pl.Datetime:
        return f"write a time as a text, as in {column} {operator} '2026-11-21T10:00:00Z'"
    return f"a text stands in single quotes: {column} {operator} '{value}'"


def _explain_metric(metric: str) -> str:
    own = {"error_rate": "status >= 500", "latency_p95": "duration_ms > 300"}
    example = next((e for start, e in own.items() if metric.startswith(start[:6])), "status >= 500")
    limit = "< 300ms" if METRICS[metric].unit == "ms" else "< 1%"
    is_simple = METRICS[metric].unit in ("ms", "ratio")
    threshold = f"{metric} {limit}" if is_simple else f"{metric} > 100"
    return (
        f'{metric} is a metric of many requests, for `apilog check -t "{threshold}"`; '
        f"--where chooses single ones, as in {example}"
    )


def _explain_class(match: re.Match[str]) -> str:
    low = int(match[1]) * 100
    return f"statuses are numbers: status >= {low} AND status < {low + 100}"


def _explain_unit(match: re.Match[str]) -> str:
    ms = float(match["number"]) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[match["unit"]]
    comparison = f"{match['column']} {match['operator']}"
    if match["column"] not in ("duration_ms", "upstream_duration_ms"):
        metric = find_metric(match["column"])
        if metric:
            return _explain_metric(metric)
        comparison = f"duration_ms {match['operator']}"
    return f"durations are milliseconds without a unit: {comparison} {ms:g}"


def _explain_text(match: re.Match[str]) -> str:
    column, value = match["column"], match["value"]
    is_value = column in SCHEMA and value not in SCHEMA
    return _quote_value(column, match["operator"], value) if is_value else ""


def _explain_percent(match: re.Match[str]) -> str:
    metric = find_metric(match["column"])
    return _explain_metric(metric) if metric else "a share is a metric: see `apilog check --help`"


_NUMBER_AS_TEXT = r"\b(?P<column>(?:upstream_)?status)\s*(?P<operator>[=!<>]+)\s*'(?P<value>\d+)'"
_CLASS_AS_TEXT = r"(?i)status\s*(?:=+|LIKE|~)\s*'\^?([1-5])(?:xx|%|\.\.|_ _|__)"
_WITH_STRINGS = {_NUMBER_AS_TEXT, _CLASS_AS_TEXT}
_LOOKS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"[‘’“”]", lambda _: "texts stand in straight single quotes: method = 'GET'"),
    (_CLASS_AS_TEXT, _explain_class),
    (_NUMBER_AS_TEXT, _explain_text),
    (r"(?i)\b([1-5])xx\b", _explain_class),
    (rf"{_COMPARED}(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|us|s|m)\b", _explain_unit),
    (rf"{_COMPARED}\d+(?:\.\d+)?\s*%", _explain_percent),
    (r"(?i)\b(\w+)\s+in\s+([0-9][0-9, ]*)", lambda m: f"write {m[1]} IN ({m[2].strip()})"),
    (r"=>", lambda _: "write >= for at least"),
    (r"=<", lambda _: "write <= for at most"),
    (r"&&", lambda _: "write AND instead of &&, OR instead of ||"),
    (r"\|\|", lambda _: "write OR instead of ||, which joins texts"),
    (r"(?i)\b(\w+) contains\b", lambda match: f"write {match[1]} LIKE '%…%'"),
    (rf"(?i){_COMPARED}(?P<value>[/\w*][^\s'\"]*[/.%*:-][^\s'\"]*)", _explain_text),
    (rf"(?i){_COMPARED}(?P<value>[a-z/][^\s'\"()]*)(?![\w(])", _explain_text),
)
"""How a text looks and what to say of it; the first pattern that fits and has a hint counts."""
