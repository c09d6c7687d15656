"""What a page says before its tables: of which command, time and inputs it is, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apilog.render.html.page_tables import safe_text
from apilog.render.sections.changes import change_of
from apilog.render.sections.report_view import ReportView
from apilog.render.sections.section import Facts
from apilog.render.sections.summary import describe_previous, head_section
from apilog.render.text.verdict_text import CHECKS, COMPARISON, summary_sentence
from apilog.report_model import CheckState

_TITLES = {
    "report": "API report",
    "export": "API report",
    "check": "Check",
    "compare": "Comparison",
    "success": "Developer success",
    "query": "Query",
    "routes": "Routes",
}
_STATE_WORDS = {
    CheckState.PASS: "Passed",
    CheckState.FAIL: "Failed",
    CheckState.INCONCLUSIVE: "Inconclusive",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageInput:
    """One input as the page shows it."""

    path: str
    format: str
    counts: Sequence[int]
    """Lines, records, rejects, skipped."""
    error: str
    hint: str
    doubts: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageHead:
    """The head of a page and its remarks; texts are safe for display but not for markup."""

    title: str
    window: str
    facts: Sequence[str]
    """How long the window is, what was read, which filters were given."""
    state: str
    """`pass`, `fail` or `inconclusive`; empty where there is no verdict."""
    verdict: str
    """The verdict in words; empty where there is none."""
    inputs: Sequence[PageInput]
    counts: Sequence[int]
    """Lines, records, rejects, skipped of all inputs."""
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageChange:
    """How a figure of the overview changed since the window before."""

    text: str
    level: str
    """`good`, `bad`, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageChanges:
    """The changes of the overview, and against which window they are."""

    of: Mapping[str, PageChange]
    """By column; empty where the sources don't tell of the window before."""
    against: str


def describe_changes(view: ReportView, columns: Sequence[str]) -> PageChanges:
    """Return how these columns of the overview changed since the window before."""
    changes = {}
    for column in columns:
        value = view.overview(column)
        if value is None or view.previous(column) is None:
            continue
        change = change_of(column, value, view.previous(column))
        if change.text:
            changes[column] = PageChange(text=change.text, level=_LEVELS.get(change.style, ""))
    return PageChanges(of=changes, against=describe_previous(view.report) if changes else "")


_LEVELS = {"green": "good", "red": "bad"}


def describe_head(view: ReportView) -> PageHead:
    """Return what stands before and after the tables."""
    report = view.report
    lines = [
        [safe_text(fact.text) for fact in block.facts]
        for block in head_section(view).blocks
        if isinstance(block, Facts)
    ]
    asked, *others = lines or [[]]
    window = asked[1] if len(asked) > 1 else ""
    has_verdicts = CHECKS in report.tables or COMPARISON in report.tables
    verdict = summary_sentence(report) if has_verdicts else ""
    return PageHead(
        title=safe_text(report.title) or _TITLES.get(report.command, report.command.capitalize()),
        window=window,
        facts=[*asked[2:], *(text for line in others for text in line)],
        state=report.state.value if report.state else "",
        verdict=f"{_STATE_WORDS[report.state]}: {verdict}" if report.state else verdict,
        inputs=[
            PageInput(
                path=safe_text(file.path),
                format=safe_text(file.format or "–"),
                counts=(file.lines, file.records, file.rejects, file.skipped),
                error=safe_text(file.error or ""),
                hint=safe_text(file.hint),
                doubts=[*map(safe_text, file.doubts)],
            )
            for file in report.input.files
        ],
        counts=(
            report.input.lines,
            report.input.records,
            report.input.rejects,
            report.input.skipped,
        ),
        notes=[*map(safe_text, report.notes)],
    )
