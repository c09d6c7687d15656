"""Logs that tell a request in several lines which nothing holds together, and what to do instead.

They are refused with a way to log one line a request: read line by line they would give requests
without a status, or answers without a path.
"""

from __future__ import annotations

from apilog.formats.contract import Refusal

REFUSED_LOGS: tuple[Refusal, ...] = (
    Refusal(
        r"(?:^|\] )Sent [1-5][0-9]{2} in [0-9]+(?:ms|\u00b5s)$",
        "Phoenix tells a request in two lines, and nothing tells which belong together",
        "log one line a request, with https://hexdocs.pm/logster",
        samples=(
            "10:00:00.126 request_id=GG19 [info] Sent 200 in 3ms",
            "[info] Sent 404 in 280\u00b5s",
        ),
    ),
    Refusal(
        r"^\s*>> Outcome: (?:Success|Error|Failure|Forward)\b",
        "Rocket tells a request in several lines, and nothing tells which belong together",
        "log one line a request in a fairing's on_response: https://rocket.rs/guide/v0.5/fairings/",
        samples=("   >> Outcome: Success(200 OK)", "   >> Outcome: Failure"),
    ),
    Refusal(
        r"^ {4}(?:req|res): \{$",
        "pino-pretty spreads what a request is over several lines",
        "log without pino-pretty, or with its option singleLine: true",
        samples=("    req: {", "    res: {"),
    ),
)
"""Asked of lines that no format could read."""
