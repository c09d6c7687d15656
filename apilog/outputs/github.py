"""GitHub Actions: annotations as workflow commands, and the summary of a job as Markdown.

No text can end a command or begin one of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from apilog.model import Report
from apilog.outputs.base import OutputOptions
from apilog.outputs.escape import markdown_text, terminal_text
from apilog.outputs.markdown import table_text
from apilog.outputs.readable import readable
from apilog.outputs.verdicts import (
    CHECKS,
    COMPARISON,
    State,
    Verdict,
    by_subject,
    overall,
    sentence,
    verdicts,
)
from apilog.units import format_count

_SHOWN = 10
"""Annotations of one threshold; GitHub shows no more of a step."""
_SUMMARISED = 50
"""Rows of a table in the summary."""
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Writes an annotation for each failure, and for each threshold that was not decided."""
    for found in by_subject(verdicts(report)).values():
        stream.write("".join(_annotations(found, CHECKS in report.tables)).encode())
    stream.write(f"apilog {report.command}: {sentence(report)}\n".encode())


def summary(report: Report) -> str:
    """The job's summary: what came out, and the tables, shortened."""
    parts = [f"### apilog {markdown_text(report.command)}: {markdown_text(sentence(report))}\n"]
    for name, frame in report.tables.items():
        if frame.is_empty():
            continue
        if name not in (CHECKS, COMPARISON):
            parts.append(f"#### {markdown_text(name.capitalize())}\n")
        shown = readable(name, frame.head(_SUMMARISED))
        parts.append(table_text(shown, report.timezone))
        if frame.height > _SUMMARISED:
            parts.append(f"… and {format_count(frame.height - _SUMMARISED)} more\n")
    parts += [f"- {markdown_text(note)}" for note in report.notes]
    return "\n".join(parts) + "\n"


def _annotations(found: list[Verdict], can_fail: bool) -> list[str]:
    state = overall(found)
    if state is State.PASS:
        return []
    failing = "error" if can_fail else "warning"
    command = failing if state is State.FAIL else "warning"
    told = [verdict for verdict in found if verdict.state is state]
    lines = [_command(command, verdict.name, verdict.said) for verdict in told[:_SHOWN]]
    if len(told) > _SHOWN:
        more = f"and {format_count(len(told) - _SHOWN)} more"
        lines.append(_command(command, told[0].subject, more))
    return lines


def _command(command: str, title: str, message: str) -> str:
    return f"::{command} title={_escaped(title, _PROPERTY)}::{_escaped(message, _DATA)}\n"


def _escaped(text: str, escapes: Mapping[int, str]) -> str:
    return terminal_text(text).translate(escapes)
