"""The section `[routes]`: templates that stand there, in files or pinned; and pinning some."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from apilog.config.search import PROJECT_FILE
from apilog.config.sections import ConfigTable
from apilog.config.toml_places import Place, find_positions
from apilog.errors import ApilogError, UsageError

ROUTE_KEYS = ("templates", "files", "pins")
"""The keys of the section, in the order in which templates are tried."""
_HINT = "write pins = [] there once, each on lines of its own below [routes]"


def read_routes(table: ConfigTable) -> tuple[str, ...]:
    """Return all templates, the first that matches a path deciding; UsageError for bad ones."""
    from apilog.routes import parse_rule, read_rules_file

    templates, pins = table.texts("templates") or (), table.texts("pins") or ()
    for key, texts in (("templates", templates), ("pins", pins)):
        for number, text in enumerate(texts):
            try:
                parse_rule(text)
            except UsageError as error:
                raise table.error(key, f"is no template: {error}", error.hint, [number]) from error
    of_files: list[str] = []
    for number, name in enumerate(table.texts("files") or ()):
        try:
            of_files += read_rules_file(table.folder / name)
        except ApilogError as error:
            hint = error.hint if isinstance(error, UsageError) else "it has a template a line"
            raise table.error("files", f"names {name!r}: {error}", hint, [number]) from error
    return (*templates, *of_files, *pins)


def pin_into(file: Path, templates: Sequence[str]) -> str:
    """Return the text of a configuration with these templates among the pins of its `[routes]`.

    All else in it stays as it is written. Raises UsageError where that can't be.
    """
    from apilog.config import read_settings

    text = file.read_bytes().decode() if file.exists() else ""
    place: Place = ("tool", "apilog", "routes") if file.name == PROJECT_FILE else ("routes",)
    settings = read_settings(file)[0] if text else {}
    section: Any = settings.get("routes", {})
    earlier = section.get("pins", []) if isinstance(section, dict) else []
    pins = [*dict.fromkeys([*earlier, *templates])]
    lines = text.splitlines(keepends=True)
    pinned = "".join([*_with_pins(file, lines, place, [*_pin_lines(pins)])])
    wanted: Any = tomllib.loads(text)
    inner = wanted
    for key in place:
        inner = inner.setdefault(key, {})
    inner["pins"] = pins
    try:
        is_right = tomllib.loads(pinned) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise UsageError(f"can't tell where {file} has its [routes]", _HINT)
    return pinned


def _pin_lines(pins: Sequence[str]) -> Iterator[str]:
    yield "pins = [\n"
    # What JSON writes of printable text is a basic string of TOML.
    yield from (f"    {json.dumps(pin, ensure_ascii=False)},\n" for pin in pins)
    yield "]\n"


def _with_pins(
    file: Path, lines: Sequence[str], place: Place, pin_lines: Sequence[str]
) -> Iterator[str]:
    """Return the lines, the pins in place of those that there are or in a section of theirs."""
    position = find_positions(file).get((*place, "pins"))
    if position is not None:
        begin = position[0] - 1
        return iter([*lines[:begin], *pin_lines, *lines[_statement_end(lines, begin) :]])
    head = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(map(str, place)) + r"\s*\]")
    for number, line in enumerate(lines):
        if head.match(line):
            return iter([*lines[: number + 1], *pin_lines, *lines[number + 1 :]])
    gap = ["\n"] if lines and lines[-1].endswith("\n") else ["\n\n"] if lines else []
    return iter([*lines, *gap, f"[{'.'.join(map(str, place))}]\n", *pin_lines])


def _statement_end(lines: Sequence[str], begin: int) -> int:
    """Return the number of the line after the statement that begins on a line."""
    for end in range(begin + 1, len(lines) + 1):
        try:
            tomllib.loads("".join(lines[begin:end]))
        except tomllib.TOMLDecodeError:
            continue
        return end
    return len(lines)
