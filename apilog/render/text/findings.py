"""The findings of `apilog detect` as text or JSON.

Lines fit the width, except those that are meant to be copied.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from apilog.errors import ApilogError
from apilog.render.data.json import describe_document
from apilog.render.text.escape import escape_json, escape_terminal
from apilog.report_model import DetectedFile, FoundFormat

_LABEL_WIDTH = 10
"""The width of the labels, with the margin and the gap."""
_LABELS = r"^(  (?:read|has|doubt|lacks|reject)\b|  log_format$|  as formats$)"
_NARROWEST_WIDTH = 40
_LONGEST_REJECT = 200
"""The most characters of a rejected line that are shown."""


def draw_findings(
    findings: Sequence[DetectedFile],
    problems: Sequence[ApilogError],
    output: str,
    width: int,
    *,
    color: bool = False,
) -> bytes:
    """Draw the findings as `table` (text, without the problems) or as `json`."""
    if output == "json":
        document = {
            "apilog": describe_document("detect"),
            "files": [asdict(finding) for finding in findings],
            "errors": [{"error": str(problem), "hint": problem.hint} for problem in problems],
        }
        return f"{escape_json(json.dumps(document, ensure_ascii=False, indent=2))}\n".encode()
    blocks = [_finding_text(finding, max(width, _NARROWEST_WIDTH)) for finding in findings]
    suggestions = dict.fromkeys(f.suggestion for f in findings if f.suggestion)
    for text in suggestions:
        # Others than nginx's say in a comment where they belong.
        place = ", in nginx.conf" if text.startswith("log_format ") else ""
        lines = "".join(f"  {line}\n" for line in text.splitlines())
        blocks.append(f"To log everything{place}:\n{lines}")
    drawn = "\n".join(blocks)
    if color:
        # The text is escaped already, so that the only control characters are these.
        drawn = re.sub(r"^(?=\S)(.+)", "\x1b[1m\\1\x1b[0m", drawn, flags=re.MULTILINE)
        drawn = re.sub(_LABELS, "\x1b[2m\\1\x1b[0m", drawn, flags=re.MULTILINE)
    return drawn.encode()


def _finding_text(finding: DetectedFile, width: int) -> str:
    format_name = "no access log lines"
    if finding.format is not None:
        gateways = f" ({', '.join(finding.gateways)})" if finding.gateways else ""
        format_name = f"{escape_terminal(finding.format)}{gateways}"
    title = f"{escape_terminal(finding.path)}: {format_name}"
    lines = _wrap_labelled("", title, width, indent=2)
    counts = [f"{finding.records:,} of the first {finding.lines:,} lines"]
    if finding.rejects:
        counts.append(f"{finding.rejects:,} rejected")
    if finding.skipped:
        counts.append(f"{finding.skipped:,} skipped")
    lines += _wrap_labelled("  read", ", ".join(counts), width)
    if finding.columns:
        lines += _wrap_labelled("  has", " ".join(finding.columns), width)
    for doubt in finding.doubts:
        lines += _wrap_labelled("  doubt", escape_terminal(doubt), width)
    longest = max((len(lack.column) for lack in finding.lacks), default=0)
    for i, lack in enumerate(finding.lacks):
        indent = _LABEL_WIDTH + longest + len("  add ")
        text = f"{lack.column:{longest}}  add {lack.directive}"
        lines += _wrap_labelled(" " * _LABEL_WIDTH if i else "  lacks", text, width, indent)
    if finding.reject is not None:
        reject = escape_terminal(finding.reject)
        reject = reject if len(reject) <= _LONGEST_REJECT else f"{reject[:_LONGEST_REJECT]}…"
        lines += _wrap_labelled("  reject", reject, width)
    if finding.log_format:
        lines += ["  log_format", f"    {escape_terminal(finding.log_format)}"]
    for found in finding.formats:
        lines += ["  as formats", *(f"    {line}" for line in format_section(found))]
    return "\n".join(lines) + "\n"


def format_section(found: FoundFormat) -> list[str]:
    """Return the lines of a section for the configuration."""
    given = {"lines": found.lines, "pattern": found.pattern, "gateway": found.gateway}
    lines = [f"[formats.{found.name}]"]
    lines += [f"{key} = {_toml_text(text)}" for key, text in given.items() if text is not None]
    if found.columns or found.remarks:
        lines.append(f"[formats.{found.name}.columns]")
    for column, mapping in found.columns.items():
        texts = {key: _toml_text(text) for key, text in mapping.items()}
        inner = ", ".join(f"{key} = {text}" for key, text in texts.items())
        lines.append(f"{column} = {texts['key'] if len(texts) == 1 else f'{{{inner}}}'}")
    for column, keys in found.remarks.items():
        lines.append(f"# {column}: {', '.join(map(_toml_text, keys))}")
    return lines


def _toml_text(text: str) -> str:
    """Return a basic string of TOML in which nothing is invisible."""

    def escape(character: str) -> str:
        if character in '"\\':
            return f"\\{character}"
        code = ord(character)
        if character == "\t":
            return "\\t"
        return character if character.isprintable() else f"\\U{code:08x}"

    return f'"{"".join(map(escape, text))}"'


def _wrap_labelled(label: str, text: str, width: int, indent: int = _LABEL_WIDTH) -> list[str]:
    """Wrap a text behind its label; all lines but the first are indented."""
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=f"{label:{_LABEL_WIDTH}}" if label else "",
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
    return [line.rstrip() for line in lines]
