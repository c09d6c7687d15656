"""What `apilog detect` prints: text for people, or JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from apilog.model import Finding
from apilog.outputs.escape import terminal_text

_LABEL = 8


def draw(findings: Sequence[Finding], output: str, width: int) -> bytes:
    """The findings as `table` (text) or `json`."""
    if output == "json":
        rows = [asdict(finding) for finding in findings]
        return (json.dumps({"files": rows}, ensure_ascii=False, indent=2) + "\n").encode(
            "utf-8", "backslashreplace"
        )
    return "\n".join(_text(finding, width) for finding in findings).encode()


def _text(finding: Finding, width: int) -> str:
    lines = [f"{terminal_text(finding.path)}: {_format(finding)}"]
    lines += _wrapped("read", _counts(finding), width)
    if finding.columns:
        lines += _wrapped("has", " ".join(finding.columns), width)
    longest = max((len(lack.column) for lack in finding.lacks), default=0)
    for number, lack in enumerate(finding.lacks):
        label = "" if number else "lacks"
        lines += _wrapped(label, f"{lack.column:{longest}}  add {lack.directive}", width)
    if finding.reject is not None:
        shown = terminal_text(finding.reject)
        lines += _wrapped("reject", shown if len(shown) <= 200 else shown[:200] + "…", width)
    if finding.log_format:
        lines += ["  log_format", f"    {terminal_text(finding.log_format)}"]
    if finding.suggestion:
        lines += ["  to log everything, in nginx.conf", f"    {finding.suggestion}"]
    return "\n".join(lines) + "\n"


def _format(finding: Finding) -> str:
    if finding.format is None:
        return "no access log lines"
    gateways = ", ".join(finding.gateways)
    name = finding.format if len(finding.format) <= 60 else finding.format[:60] + "…"
    return f"{terminal_text(name)} ({gateways})"


def _counts(finding: Finding) -> str:
    counts = [f"{finding.records:,} of the first {finding.lines:,} lines"]
    if finding.rejects:
        counts.append(f"{finding.rejects:,} rejected")
    if finding.skipped:
        counts.append(f"{finding.skipped:,} skipped")
    return ", ".join(counts)


def _wrapped(label: str, text: str, width: int) -> list[str]:
    indent = " " * (_LABEL + 2)
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=f"  {label:{_LABEL}}",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
