"""JUnit XML: a suite for each threshold and a case for each value, for CI servers.

A value that was not decided is an error if no value of its threshold was, and else skipped. So is
an input that could not be read, in a suite of its own.
Nothing fails in a comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO
from xml.etree import ElementTree

from apilog.render.output import OutputOptions
from apilog.render.text.escape import escape_terminal
from apilog.render.text.verdict_text import (
    CHECKS,
    VerdictLine,
    group_by_subject,
    overall_state,
    read_verdicts,
)
from apilog.report_model import CheckState, FileInput, Report

_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Write the verdicts of a check or a comparison.

    Raises UsageError for any other report.
    """
    root = ElementTree.Element("testsuites", name=f"apilog {escape_terminal(report.command)}")
    can_fail = CHECKS in report.tables
    for subject, verdicts in group_by_subject(read_verdicts(report)).items():
        suite = ElementTree.SubElement(root, "testsuite", name=escape_terminal(subject))
        suite.extend(_test_case(verdict, overall_state(verdicts), can_fail) for verdict in verdicts)
        _count_cases(suite, suite)
    if failed := report.input.failed_files:
        suite = ElementTree.SubElement(root, "testsuite", name="inputs")
        suite.extend(_input_case(file) for file in failed)
        _count_cases(suite, suite)
    _count_cases(root, root.iter("testsuite"))
    ElementTree.indent(root, " ")
    stream.write(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _test_case(verdict: VerdictLine, of_all: CheckState, can_fail: bool) -> ElementTree.Element:
    said = escape_terminal(verdict.explanation)
    case = ElementTree.Element(
        "testcase", classname="apilog", name=escape_terminal(verdict.name), time="0"
    )
    match verdict.state:
        case CheckState.FAIL if can_fail:
            ElementTree.SubElement(case, "failure", message=said, type="threshold").text = said
        case CheckState.INCONCLUSIVE if can_fail and of_all is CheckState.INCONCLUSIVE:
            ElementTree.SubElement(case, "error", message=said, type="inconclusive").text = said
        case CheckState.INCONCLUSIVE:
            ElementTree.SubElement(case, "skipped", message=said)
        case _:
            ElementTree.SubElement(case, "system-out").text = said
    return case


def _input_case(file: FileInput) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname="apilog", name=escape_terminal(file.path), time="0"
    )
    said = escape_terminal(file.error or "")
    error = ElementTree.SubElement(case, "error", message=said, type="input")
    error.text = f"{said}\n{escape_terminal(file.hint)}" if file.hint else said
    return case


def _count_cases(element: ElementTree.Element, suites: Iterable[ElementTree.Element]) -> None:
    """Set how many cases there are in all suites, and how they ended."""
    cases = [case for suite in suites for case in suite.iter("testcase")]
    element.set("tests", str(len(cases)))
    for attribute, tag in _COUNTED.items():
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
