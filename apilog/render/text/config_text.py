"""A first configuration: commented, with the formats of the logs it is made for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apilog.render.text.escape import escape_terminal
from apilog.render.text.findings import format_section
from apilog.report_model import DetectedFile

_HEAD = """\
# Settings of apilog, for every command in this folder and below it. Options that are given win over
# them. `apilog config` shows what holds, `apilog config check` finds mistakes.

[defaults]
# tz = "Europe/Berlin"                # of days, buckets and the output
# top = 20                            # rows of each table, the rest in (other)
# where = "path NOT LIKE '/health%'"  # which requests count
# exclude = ["*.bak", "error.log*"]   # files of folders and globs that are no access logs
# anonymize_ip = true                 # keep no whole addresses
# client_ip = "x-forwarded-for"       # whose address is the client's behind a proxy
"""

_TAIL = """\
# What no shape tells: a name in a path.
# [routes]
# templates = ["/v1/users/{name}"]

# What `apilog check` fails on.
# [checks]
# thresholds = ["error_rate < 1%", "latency_p95 < 500ms for each route"]
# baseline = "baseline.json"
# min_requests = 100

# What `apilog watch` and `apilog check --alerts` tell of.
# [[alerts.rules]]
# name = "many errors"
# threshold = "server_error_rate < 2%"
# over = "5m"
# [[alerts.targets]]
# type = "slack"
# url_env = "SLACK_WEBHOOK_URL"

# What is counted beside the built-in metrics: docs/custom-reports.md.
# [metrics.read_rate]
# numerator = "method = 'GET' AND status < 400"
# denominator = "method = 'GET'"
# better = "higher"

# The share of requests that has to be good: docs/configuration.md.
# [slo.availability]
# objective = "99.9%"
# good = "status < 500"

# What `apilog report --report week` shows.
# [reports.week]
# title = "The week"
# [[reports.week.tables]]
# by = ["route"]
# metrics = ["requests", "read_rate", "latency_p95"]
# sort = "requests"
# top = 10

# The accounts of `apilog success`.
# [accounts]
# source = "accounts.csv"
"""


def draw_first_config(findings: Sequence[DetectedFile]) -> str:
    """Return the text of an `apilog.toml` for files as they were found to be."""
    return "\n".join([_HEAD, *_format_blocks(findings), _TAIL])


def _format_blocks(findings: Sequence[DetectedFile]) -> Iterator[str]:
    """Yield a section for each format of which no file's section has said the same."""
    said: set[tuple[str, ...]] = set()
    names: set[str] = set()
    for finding in findings:
        lines = [
            f"# {escape_terminal(finding.path)}: {escape_terminal(finding.format or 'no log')}"
        ]
        lines += [f"# doubt: {escape_terminal(doubt)}" for doubt in finding.doubts]
        if finding.lacks:
            lines.append(f"# lacks: {', '.join(lack.column for lack in finding.lacks)}")
        for found in finding.formats:
            section = format_section(found)
            body = tuple(line for line in section if not line.startswith("["))
            if body not in said and found.name not in names:
                said.add(body)
                names.add(found.name)
                lines += section
        yield "\n".join(lines) + "\n"
