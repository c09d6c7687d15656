"""What to do about a command line that can't be understood: where newcomers stumble."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Any

import typer

from apilog.cli.help_text import EXAMPLES
from apilog.text import nearest_names

_WORDS = (
    (": Value error, ", ": "),
    (r": Input should be greater than or equal to (\S+)$", r": it must be \1 or more"),
    (r": Input should be less than or equal to (\S+)$", r": it must be \1 or less"),
    (r": Input should be a valid integer.*", ": it must be a whole number, such as 10"),
    (r": Input should be a valid number.*", ": it must be a number, such as 0.95"),
    (": Input should be ", ": it must be "),
)
"""What Typer's validation says of values, as regular expressions, and what is said instead."""
_ALIKE = 0.7
"""How alike to a known option a misspelt one is; of 1."""
_UNKNOWN_COMMAND = re.compile(r"(?is)no such command (['\"])(?P<word>.*?)\1(?:\.|$)")
_CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<known>'.*')")
_OTHER_FORMATS = {
    **dict.fromkeys(("excel", "exel", "xls"), "xlsx"),
    **dict.fromkeys(("text", "txt", "terminal"), "table"),
    **dict.fromkeys(("jsonl", "jsonlines"), "ndjson"),
    **dict.fromkeys(("prom", "metrics"), "prometheus"),
    "markdown": "md",
    "htm": "html",
}
"""What outputs are called elsewhere."""
_OUTPUT_NAMES = ("--json", "--csv", "--html", "--junit", "--github")
_OTHER_OPTIONS = {
    "check": {
        **dict.fromkeys(("--fail-on", "--fail-if", "--fail", "--max", "--assert"), "--threshold"),
        "--rule": "--threshold",
        **dict.fromkeys(("--junit", "--github"), "--format"),
    },
    "compare": dict.fromkeys(("--by", "--column", "--group-by", "--on"), "--split"),
    "": {
        **dict.fromkeys(("--from", "--start", "--after", "--begin", "--last", "--age"), "--since"),
        **dict.fromkeys(("--to", "--end", "--before"), "--until"),
        **dict.fromkeys(("--filter", "--query", "--only", "--sql"), "--where"),
        **dict.fromkeys(("--group-by", "--group", "--groupby"), "--by"),
        **dict.fromkeys(("--limit", "--rows", "-n"), "--top"),
        **dict.fromkeys(("--timezone", "--zone", "--time-zone"), "--tz"),
        **dict.fromkeys(("--interval", "--step", "--resolution"), "--bucket"),
        **dict.fromkeys(("--out", "--to-file", "--file"), "--output"),
        **dict.fromkeys(("--json", "--csv", "--html", "--type", "--output-format"), "--format"),
        **dict.fromkeys(("--overwrite", "--yes"), "--force"),
        **dict.fromkeys(("--silent", "-s"), "--quiet"),
    },
}
"""What options are called elsewhere, for one command or (`""`) for all, and what they are here."""


def explain_usage(problem: typer.TyperException, argv: Sequence[str]) -> tuple[str, str]:
    """Return the message of a problem with the command line, and what to do about it."""
    context = getattr(problem, "ctx", None)
    command = context.command_path if context else "apilog"
    see = f"see `{command} --help`"
    message = problem.format_message()
    for pattern, words in _WORDS:
        message = re.sub(pattern, words, message)
    message = f"{message[:1].lower()}{message[1:]}"
    if context is None:
        # Typer doesn't say whose option lacks its value.
        of = f"apilog {argv[0]}" if argv and argv[0] in EXAMPLES else command
        return message, f"see `{of} --help`"
    option = getattr(problem, "option_name", "")
    if hasattr(problem, "possibilities"):
        names = [name for parameter in context.command.params for name in parameter.opts]
        hint = _explain_option(option, command, names)
        own = next((word for word in argv if word in EXAMPLES), None)
        if command == "apilog" and own:
            hint = f"options stand after the command, as in `apilog {own} … {option}`; "
        return f"no such option: {option}", f"{hint}{see}"
    if match := _UNKNOWN_COMMAND.match(message):
        hint = _explain_command(match["word"], argv, context.command.list_commands(context))
        return f"no such command {match['word']!r}", hint or see
    if message.startswith("missing "):
        return message, _explain_missing(getattr(problem, "param", None), command)
    if choice := _CHOICE.search(message):
        given, known = choice["given"], re.findall("'([^']*)'", choice["known"])
        near = nearest_names(given, known)
        if (other := _OTHER_FORMATS.get(given.casefold(), "")) in known:
            near = [other]
        return message, f"did you mean {' or '.join(near)}? {see}" if near else see
    if command == "apilog man" and message.startswith("got unexpected extra argument"):
        return message, "it prints one page about all commands: pipe it to `man -l -`"
    if command == "apilog config" and message.startswith("got unexpected extra argument"):
        return message, "name the file with --config, as in `apilog config check --config FILE`"
    return message, see


def _explain_missing(parameter: Any, command: str) -> str:
    """Return the hint for an argument or option that has to be given: the command with it."""
    example = EXAMPLES.get(command.partition(" ")[2], (f"{command} --help",))[0]
    if parameter is None or parameter.name not in ("sources", "files"):
        return f"give it as in `{example}`"
    hint = f"name log files or folders, as in `{example}`"
    if " access.log" not in example:
        return hint
    piped = f"cat access.log | {example.replace(' access.log', ' -', 1)}"
    return f"{hint}; - reads standard input, as in `{piped}`"


def _explain_command(word: str, argv: Sequence[str], known: Sequence[str]) -> str:
    if word == "help":
        about = argv[1:2] if argv[1:2] and argv[1] in known else []
        return f"write `{shlex.join(['apilog', *about, '--help'])}`"
    if word == "version":
        return "write `apilog --version`"
    if _is_source(word):
        return f"to report on a log, write `{shlex.join(['apilog', 'report', *argv])}`"
    near = nearest_names(word, known)
    return f"did you mean {' or '.join(near)}? see `apilog --help`" if near else ""


def _is_source(word: str) -> bool:
    """Whether a word looks like a log: it is there, or is written as a path, a glob or a URL."""
    return word == "-" or os.path.exists(word) or any(sign in word for sign in "./*\\~")


def _explain_option(option: str, command: str, names: Collection[str]) -> str:
    """Return the beginning of a hint, or nothing."""
    for of in (command.rpartition(" ")[2], ""):
        here = _OTHER_OPTIONS.get(of, {}).get(option)
        if here in names:
            value = f" {option[2:]}" if option in _OUTPUT_NAMES else ""
            value = " COLUMN=a,b" if here == "--split" else value
            return f"here it is {here}{value}; "
    near = get_close_matches(option, [name for name in names if name[:2] == "--"], 2, _ALIKE)
    return f"did you mean {' or '.join(near)}? " if near else ""
