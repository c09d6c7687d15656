"""What lies beside access records in Azure's logs: skipped, or refused.

Invariant: no pattern matches an access record of a gateway.
"""

from __future__ import annotations

_OTHER_CATEGORIES = (
    "WebSocketConnectionLogs|DeveloperPortalAuditLogs|Gateway(?:Llm|Mcp)Logs?"
    "|ApplicationGateway(?:Firewall|Performance)Log"
    "|FrontDoor(?:HealthProbe|WebApplicationFirewall)Log"
)

SKIPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "record of another Azure log",
        rf'(?:"[Cc]ategory"\s*:\s*"|(?:^|[,;|\t])"?)(?i:{_OTHER_CATEGORIES})(?:["\s,;|]|$)',
        (
            '{"category":"WebSocketConnectionLogs","properties":{"EventName":"BackendConnected"}}',
            '{"Category": "GatewayLlmLogs", "ModelName": "m", "PromptTokens": "3"}',
            '"11/21/2026, 10:00:00.000 AM",DeveloperPortalAuditLogs,"West Europe"',
            '{"category":"FrontDoorHealthProbeLog","properties":{"httpStatusCode":"400"}}',
        ),
    ),
    (
        "metrics of Azure Monitor",
        r'"metricName"\s*:.*"timeGrain"\s*:|"timeGrain"\s*:.*"metricName"\s*:',
        ('{"count":1,"time":"2026-11-21T10:00:00Z","metricName":"Requests","timeGrain":"PT1M"}',),
    ),
    (
        "request between two edges of Front Door",
        r'"isReceivedFromClient"\s*:\s*"?(?i:false)',
        ('{"category":"FrontdoorAccessLog","properties":{"isReceivedFromClient":false}}',),
    ),
)
"""Lines to skip: the reason, the pattern, samples."""

REFUSALS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        r"TimeGenerated \[[^U\]]",
        "the times of this Log Analytics export are in a local zone that it does not name",
        "set the time zone of the Logs page to UTC and export again",
        ("TimeGenerated [Local Time],Method,Url,ResponseCode",),
    ),
    (
        r'"callCount(?:Success|Total)"\s*:',
        "a report of API Management holds totals, not requests",
        "send GatewayLogs to storage: see apilog formats azure-apim --template",
        ('{"name":"users","callCountSuccess":13,"callCountTotal":19,"apiTimeAvg":1.5}',),
    ),
)
"""What can't be read: the pattern of a line, what it is, what to do instead, samples."""
