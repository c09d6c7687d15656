"""The manual page, made of the same commands and options as the help.

It is written with the macros of man(7): https://man7.org/linux/man-pages/man7/man.7.html.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

from apilog.cli.help_text import EXAMPLES, option_records
from apilog.cli.streams import ExitCode
from apilog.version import __version__

_LINE = 60
_EXIT_CODES = {
    ExitCode.OK: "Done; all thresholds hold.",
    ExitCode.FAILED: "A threshold failed.",
    ExitCode.ERROR: "Wrong usage, configuration or input, or an output that can't be written.",
    ExitCode.INCONCLUSIVE: "Too little data to decide.",
    ExitCode.INTERRUPTED: "Stopped by Ctrl-C.",
}
_ENVIRONMENT = {
    "APILOG_CONFIG": "The file of settings, where --config gives none.",
    "NO_COLOR": "Draw without colours, where --color is auto.",
    "FORCE_COLOR": "Draw in colours also into files and pipes, where --color is auto.",
    "COLUMNS": "The width to draw in.",
    "GITHUB_STEP_SUMMARY": "With -f github, the file that the tables are added to.",
}
_FILES = {
    "apilog.toml": "Settings, in the current folder or one above it; else [tool.apilog] in "
    "pyproject.toml, else apilog/apilog.toml among the user's settings.",
}


def man_page(context: Any) -> str:
    """Return the page as troff source; `context` is that of the program."""
    root = context.command
    lines = [
        # No date, so that the same version gives the same page.
        f'.TH APILOG 1 "" "apilog {_escape(__version__)}" "User Commands"',
        *(".SH NAME", f"apilog \\- {_escape(_summary(root))}"),
        *(".SH SYNOPSIS", ".B apilog", r".I COMMAND", r"[\fIOPTIONS\fR] [\fIARGUMENTS\fR]"),
        *(".SH COMMANDS", *_command_lines(root, context)),
        *(".SH EXIT STATUS", *_definitions({str(int(c)): t for c, t in _EXIT_CODES.items()})),
        *(".SH ENVIRONMENT", *_definitions(_ENVIRONMENT)),
        *(".SH FILES", *_definitions(_FILES)),
    ]
    return "\n".join(lines) + "\n"


def _summary(command: Any) -> str:
    text: str = (command.help or "").partition("\n")[0].removesuffix(".")
    return text[:1].lower() + text[1:]


def _command_lines(group: Any, context: Any) -> Iterator[str]:
    """Yield a section for each command, those of groups by both of their words."""
    for name, command in group.commands.items():
        own = command.context_class(command, parent=context, info_name=name)
        if hasattr(command, "commands"):
            yield from _command_lines(command, own)
            continue
        usage = " ".join(command.collect_usage_pieces(own))
        yield f'.SS "{_escape(own.command_path)} {_escape(usage)}"'
        for place, paragraph in enumerate(re.split(r"\n\s*\n", (command.help or "").strip())):
            yield from ([".PP"] if place else [])
            yield from _filled(paragraph)
        for title, records in option_records(command, own).items():
            if records:
                yield from (".PP", rf"\fI{_escape(title)}\fR")
                yield from _definitions(dict(records))
        examples = EXAMPLES.get(own.command_path.partition(" ")[2], ())
        if examples:
            yield from (".PP", r"\fIExamples\fR", ".PP", ".nf", ".RS 4")
            yield from map(_escape, examples)
            yield from (".RE", ".fi")


def _definitions(texts: dict[str, str]) -> Iterator[str]:
    for term, text in texts.items():
        yield from (".TP", rf"\fB{_escape(term)}\fR", *_filled(text))


def _filled(text: str) -> Iterator[str]:
    """Yield the words of a text in lines that every editor shows whole."""
    words = " ".join(text.split())
    yield from map(_escape, textwrap.wrap(words, _LINE, break_on_hyphens=False))


def _escape(text: str) -> str:
    """Return a text that troff shows as it is.

    >>> print(_escape(".a -b"), _escape('say "\\\\d"'))
    \\&.a \\-b say \\(dq\\ed\\(dq
    """
    text = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    text = text.replace("'", r"\(aq").replace("`", r"\(ga").replace("^", r"\(ha")
    text = text.replace("~", r"\(ti")
    return rf"\&{text}" if text.startswith(".") else text
