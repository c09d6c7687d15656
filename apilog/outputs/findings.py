"""What `apilog detect` prints: text for people, or JSON.

Lines fit the width, except those that are meant to be copied.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from apilog.errors import ApilogError
from apilog.model import Finding, Lack
from apilog.outputs.escape import json_text, terminal_text

_LABEL = 10
"""Columns of the labels, margin and gap included."""
_LABELS = r"^(  (?:read|has|lacks|reject)\b|  log_format$)"
_NARROWEST = 40
_SHOWN = 200
"""How much of a rejected line is shown."""


def draw(
    findings: Sequence[Finding],
    problems: Sequence[ApilogError],
    output: str,
    width: int,
    *,
    color: bool = False,
) -> bytes:
    """The findings as `table` (text, without the problems) or `json`."""
    if output == "json":
        return _json(findings, problems).encode()
    text = _table(findings, width)
    return (_colored(text) if color else text).encode()


def _table(findings: Sequence[Finding], width: int) -> str:
    blocks = [_text(finding, max(width, _NARROWEST)) for finding in findings]
    suggestions = dict.fromkeys(f.suggestion for f in findings if f.suggestion)
    blocks += [f"To log everything, in nginx.conf:\n  {text}\n" for text in suggestions]
    return "\n".join(blocks)


def _colored(text: str) -> str:
    """With headings in bold and labels dim; the text has no control characters of its own."""
    text = re.sub(r"^(?=\S)(.+)", "\x1b[1m\\1\x1b[0m", text, flags=re.MULTILINE)
    return re.sub(_LABELS, "\x1b[2m\\1\x1b[0m", text, flags=re.MULTILINE)


def _json(findings: Sequence[Finding], problems: Sequence[ApilogError]) -> str:
    document = {
        "files": [asdict(finding) for finding in findings],
        "errors": [{"error": str(problem), "hint": problem.hint} for problem in problems],
    }
    return json_text(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def _text(finding: Finding, width: int) -> str:
    title = f"{terminal_text(finding.path)}: {_format(finding)}"
    lines = _wrapped("", title, width, indent=2)
    lines += _wrapped("  read", _counts(finding), width)
    if finding.columns:
        lines += _wrapped("  has", " ".join(finding.columns), width)
    lines += _lacks(finding.lacks, width)
    if finding.reject is not None:
        shown = terminal_text(finding.reject)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        lines += _wrapped("  reject", shown, width)
    if finding.log_format:
        lines += ["  log_format", f"    {terminal_text(finding.log_format)}"]
    return "\n".join(lines) + "\n"


def _format(finding: Finding) -> str:
    if finding.format is None:
        return "no access log lines"
    return f"{terminal_text(finding.format)} ({', '.join(finding.gateways)})"


def _counts(finding: Finding) -> str:
    counts = [f"{finding.records:,} of the first {finding.lines:,} lines"]
    if finding.rejects:
        counts.append(f"{finding.rejects:,} rejected")
    if finding.skipped:
        counts.append(f"{finding.skipped:,} skipped")
    return ", ".join(counts)


def _lacks(lacks: Sequence[Lack], width: int) -> list[str]:
    """A line for each column, what to add for it beside."""
    longest = max((len(lack.column) for lack in lacks), default=0)
    lines: list[str] = []
    for lack in lacks:
        label = " " * _LABEL if lines else "  lacks"
        text = f"{lack.column:{longest}}  add {lack.directive}"
        lines += _wrapped(label, text, width, indent=_LABEL + longest + len("  add "))
    return lines


def _wrapped(label: str, text: str, width: int, indent: int = _LABEL) -> list[str]:
    """A label, if there is one, and its text on lines that fit; the later ones indented."""
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=f"{label:{_LABEL}}" if label else "",
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
    return [line.rstrip() for line in lines]
