"""JUnit XML: a suite a threshold, a case a value, as CI servers read test results.

What was not decided is an error if the whole threshold was not, else skipped. In a comparison
nothing fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO
from xml.etree import ElementTree

from apilog.model import Report
from apilog.outputs.base import OutputOptions
from apilog.outputs.escape import terminal_text
from apilog.outputs.verdicts import CHECKS, State, Verdict, by_subject, overall, verdicts

_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def write(report: Report, stream: BinaryIO, options: OutputOptions) -> None:
    """Writes the verdicts of a check or a comparison; UsageError for any other report."""
    root = ElementTree.Element("testsuites", name=f"apilog {terminal_text(report.command)}")
    can_fail = CHECKS in report.tables
    for subject, found in by_subject(verdicts(report)).items():
        suite = ElementTree.SubElement(root, "testsuite", name=terminal_text(subject))
        suite.extend(_case(verdict, overall(found), can_fail) for verdict in found)
        _count(suite, suite)
    _count(root, root.iter("testsuite"))
    ElementTree.indent(root, " ")
    stream.write(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _case(verdict: Verdict, of_all: State, can_fail: bool) -> ElementTree.Element:
    said = terminal_text(verdict.said)
    case = ElementTree.Element(
        "testcase", classname="apilog", name=terminal_text(verdict.name), time="0"
    )
    match verdict.state:
        case State.FAIL if can_fail:
            ElementTree.SubElement(case, "failure", message=said, type="threshold")
        case State.INCONCLUSIVE if can_fail and of_all is State.INCONCLUSIVE:
            ElementTree.SubElement(case, "error", message=said, type="inconclusive")
        case State.INCONCLUSIVE:
            ElementTree.SubElement(case, "skipped", message=said)
        case _:
            ElementTree.SubElement(case, "system-out").text = said
    return case


def _count(element: ElementTree.Element, suites: Iterable[ElementTree.Element]) -> None:
    """How many cases there are in all suites, and how they ended."""
    cases = [case for suite in suites for case in suite.iter("testcase")]
    element.set("tests", str(len(cases)))
    for attribute, tag in _COUNTED.items():
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
