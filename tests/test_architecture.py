"""What a reader of the code may rely on: sizes, no forbidden calls, a light start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import apilog.errors

PACKAGE = Path(apilog.errors.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

LONGEST_FILE = 300
LONGEST_FUNCTION = 50
LONG = {
    "__init__.py:report": "one argument a line, each documented",
    "__init__.py:scan": "one argument a line, each documented",
    "cli/ingest.py:ingest": "its signature is the list of the command's options",
    "cli/export.py:export": "its signature is the list of the command's options",
    "cli/report.py:report": "its signature is the list of the command's options",
    "cli/success.py:success": "its signature is the list of the command's options",
    "formats/synonyms.py": "tables of names",
    "metrics.py": "the catalogue: one entry a metric",
}
"""What may be longer, and why: `metrics.py` or `metrics.py:function`."""

FORBIDDEN_CALLS = {"eval", "exec", "compile", "map_elements", "map_groups"}
FORBIDDEN_IMPORTS = {"pickle", "marshal", "shelve", "cloudpickle"}
CATCHES_EVERYTHING = {"cli/app.py:run"}

HEAVY = {"polars", "pyarrow", "numpy", "rich", "dateutil", "crossplane", "isal", "obstore", "boto3"}


def name_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def called(node: ast.Call) -> str:
    """The name that is called; of a method the method's, of `re.compile` nothing."""
    match node.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name) if name.startswith("map_"):
            return name
    return ""


def test_every_module_is_looked_at() -> None:
    names = {name_of(module) for module in MODULES}
    assert {"errors.py", "schema.py", "cli/app.py", "formats/base.py"} <= names


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_files_and_functions_are_short(module: Path) -> None:
    sizes = {name_of(module): (len(module.read_text("utf-8").splitlines()), LONGEST_FILE)}
    for node in functions(module):
        sizes[f"{name_of(module)}:{node.name}"] = (length(node), LONGEST_FUNCTION)
    too_long = {name: size for name, (size, most) in sizes.items() if size > most}
    assert set(too_long) <= set(LONG), too_long


def test_nothing_is_excused_that_is_short_or_gone() -> None:
    long_ones = {name_of(m) for m in MODULES if len(m.read_text().splitlines()) > LONGEST_FILE}
    long_ones |= {
        f"{name_of(module)}:{node.name}"
        for module in MODULES
        for node in functions(module)
        if length(node) > LONGEST_FUNCTION
    }
    assert set(LONG) <= long_ones


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_code_is_made_from_text_and_no_row_goes_through_python(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        match node:
            case ast.Call():
                assert called(node) not in FORBIDDEN_CALLS, f"line {node.lineno}"
            case ast.Import():
                names = {alias.name.partition(".")[0] for alias in node.names}
                assert not names & FORBIDDEN_IMPORTS, f"line {node.lineno}"
            case ast.ImportFrom(module=str(source)):
                assert source.partition(".")[0] not in FORBIDDEN_IMPORTS, f"line {node.lineno}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_only_the_outermost_function_catches_everything(module: Path) -> None:
    for function in functions(module):
        if f"{name_of(module)}:{function.name}" in CATCHES_EVERYTHING:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else ""
                assert caught not in ("", "Exception", "BaseException"), f"line {node.lineno}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_module_says_what_lives_in_it(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text("utf-8")))


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["schema", "--help"], ["nonsense"]])
def test_a_cold_start_loads_nothing_heavy(argv: list[str]) -> None:
    code = (
        "import sys; from apilog.cli.app import main; main(sys.argv[1:]);"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, apilog; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
