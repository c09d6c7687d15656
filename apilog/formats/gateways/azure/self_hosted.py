"""The text that API Management's self-hosted gateway writes, made the JSON of its resource log.

A line is `[Info] TIME [GatewayLogs], name: value, …`; texts are in quotes, objects are JSON. See
https://learn.microsoft.com/azure/api-management/how-to-configure-local-metrics-logs
"""

from __future__ import annotations

import polars as pl

from apilog.formats.contract import SkipRule

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]+(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_LEAD = rf"^(?:\[[A-Za-z]+\] )?(?:{_TIME} )?\[?GatewayLogs\]?,? "
TEXT_LINE = _LEAD + r"[A-Za-z]+: "
"""A pattern of its lines."""

_LAST_OBJECT = r", ([A-Za-z]+): ([{\[].*[}\]])$"
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_PAIR = rf'([A-Za-z][A-Za-z0-9]*): (?:{_TEXT}|([^",][^,"]*|))(, |$)'


def text_to_json(lines: pl.Series) -> pl.Series:
    """Return the gateway's lines as objects, and all others as they are."""
    is_text = lines.str.contains(TEXT_LINE)
    if not is_text.any():
        return lines
    members = lines.str.replace(_LEAD, "")
    name = members.str.extract(_LAST_OBJECT, 1)
    last = '"' + name + '": ' + members.str.extract(_LAST_OBJECT, 2)
    plain = members.str.replace(_LAST_OBJECT, "").str.replace_all(_PAIR, '"$1": "$2$3"$4')
    objects = "{" + plain + (", " + last).fill_null("") + "}"
    return objects.zip_with(is_text.fill_null(value=False), lines)


_NOT_GATEWAY_LOGS = (
    r"(?:[^G\]]|G[^a\]]|Ga[^t\]]|Gat[^e\]]|Gate[^w\]]|Gatew[^a\]]|Gatewa[^y\]]|Gateway[^L\]])[^\]]*"
)
SELF_HOSTED_RULES = (
    SkipRule(
        "line of the self-hosted gateway's own log",
        rf"^\[[A-Z][a-z]+\] {_TIME} \[{_NOT_GATEWAY_LOGS}\], ",
        (
            "[Info] 2026-11-21T10:00:00.123 [HostBootstrapperStarted], message: Starting up",
            "[Warn] 2026-11-21T10:00:00.123 [GatewayHeartbeat], region: eu",
        ),
    ),
)
