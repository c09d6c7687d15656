"""GitHub Actions: annotations as workflow commands, and the summary of a job as Markdown.

No text can end a command or begin one of its own.
"""

from __future__ import annotations

from typing import BinaryIO

from apilog.render.output import OutputOptions
from apilog.render.text.cell_text import units_of
from apilog.render.text.escape import escape_markdown, escape_terminal
from apilog.render.text.markdown import markdown_table
from apilog.render.text.verdict_text import (
    CHECKS,
    COMPARISON,
    figures_as_text,
    group_by_subject,
    overall_state,
    read_verdicts,
    summary_sentence,
)
from apilog.report_model import CheckState, Report
from apilog.text.units import format_count

_MOST_ANNOTATIONS = 10
"""The most annotations of one threshold: GitHub shows ten for each step.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""
_MOST_SUMMARY_ROWS = 50
"""The most rows of a table in the summary."""
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write an annotation for each failure, threshold that was not decided, and unread input."""
    lines: list[str] = []
    for verdicts in group_by_subject(read_verdicts(report)).values():
        state = overall_state(verdicts)
        if state is CheckState.PASS:
            continue
        is_error = state is CheckState.FAIL and CHECKS in report.tables
        command = "error" if is_error else "warning"
        annotated = [verdict for verdict in verdicts if verdict.state is state]
        lines += [
            _workflow_command(command, verdict.name, f"{verdict.name}: {verdict.explanation}")
            for verdict in annotated[:_MOST_ANNOTATIONS]
        ]
        if len(annotated) > _MOST_ANNOTATIONS:
            more = f"and {format_count(len(annotated) - _MOST_ANNOTATIONS)} more"
            lines.append(_workflow_command(command, annotated[0].subject, more))
    lines += [
        _workflow_command("error", file.path, f"{file.path}: {file.error}")
        for file in report.input.failed_files[:_MOST_ANNOTATIONS]
    ]
    stream.write("".join(lines).encode())
    stream.write(f"apilog {report.command}: {summary_sentence(report)}\n".encode())


def job_summary(report: Report) -> str:
    """Return the summary of the job in Markdown: the outcome, and the tables, shortened."""
    with units_of(report):
        heading = f"### apilog {escape_markdown(report.command)}: "
        parts = [heading + f"{escape_markdown(summary_sentence(report))}\n"]
        for name, frame in report.tables.items():
            if frame.is_empty():
                continue
            if name not in (CHECKS, COMPARISON):
                parts.append(f"#### {escape_markdown(name.capitalize())}\n")
            rows = figures_as_text(name, frame.head(_MOST_SUMMARY_ROWS))
            parts.append(markdown_table(rows, report.timezone))
            if frame.height > _MOST_SUMMARY_ROWS:
                parts.append(f"… and {format_count(frame.height - _MOST_SUMMARY_ROWS)} more\n")
        parts += [f"- {escape_markdown(note)}" for note in report.notes]
    return "\n".join(parts) + "\n"


def _workflow_command(command: str, title: str, message: str) -> str:
    title = escape_terminal(title).translate(_PROPERTY)
    return f"::{command} title={title}::{escape_terminal(message).translate(_DATA)}\n"
