"""What a reader of the code may rely on: sizes, no forbidden calls, a light start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import apilog.errors

PACKAGE = Path(apilog.errors.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

LONGEST_FILE = 500
LONGEST_FUNCTION = 60
LONG: dict[str, str] = {}
"""What may be longer, and why: `metrics.py` or `metrics.py:function`."""

FORBIDDEN_CALLS = {"eval", "exec", "compile", "map_elements", "map_groups"}
FORBIDDEN_IMPORTS = {"pickle", "marshal", "shelve", "cloudpickle"}
# Where a process begins: the command, and a task on a worker.
CATCHES_EVERYTHING = {"cli/app.py:run", "engine/cluster/tasks.py:naming_failures"}

HEAVY = {
    "polars",
    "pyarrow",
    "numpy",
    "rich",
    "dateutil",
    "crossplane",
    "isal",
    "obstore",
    "boto3",
} | {
    "distributed",
    "openapi_pydantic",
    "pydantic",
    "yaml",
}


def name_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


@cache
def trees() -> dict[Path, ast.Module]:
    return {module: ast.parse(module.read_text("utf-8")) for module in MODULES}


@cache
def nodes() -> dict[Path, list[ast.AST]]:
    return {module: list(ast.walk(tree)) for module, tree in trees().items()}


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes()[module]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long() -> dict[str, int]:
    """The lines of each module and function that is longer than it may be."""
    lines = {}
    for module in MODULES:
        name = name_of(module)
        if (count := len(module.read_text("utf-8").splitlines())) > LONGEST_FILE:
            lines[name] = count
        for node in functions(module):
            if (count := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION:
                lines[f"{name}:{node.name}"] = count
    return lines


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
    assert {"errors.py", "schema.py", "cli/app.py", "formats/registry.py"} <= names


def test_files_and_functions_are_short_or_excused() -> None:
    found = too_long()
    assert {name: n for name, n in found.items() if name not in LONG} == {}
    assert set(LONG) - set(found) == set(), "is excused, but short or gone"


def test_no_code_is_made_from_text_and_no_row_goes_through_python() -> None:
    found = []
    for module in MODULES:
        for node in nodes()[module]:
            match node:
                case ast.Call() if called(node) in FORBIDDEN_CALLS:
                    found.append(f"{name_of(module)}:{node.lineno}")
                case ast.Import(names=aliases):
                    names = {alias.name.partition(".")[0] for alias in aliases}
                    if names & FORBIDDEN_IMPORTS:
                        found.append(f"{name_of(module)}:{node.lineno}")
                case ast.ImportFrom(module=str(source)):
                    if source.partition(".")[0] in FORBIDDEN_IMPORTS:
                        found.append(f"{name_of(module)}:{node.lineno}")
    assert found == []


def test_only_the_outermost_function_catches_everything() -> None:
    found = []
    for module in MODULES:
        excused = {
            id(node)
            for function in functions(module)
            if f"{name_of(module)}:{function.name}" in CATCHES_EVERYTHING
            for node in ast.walk(function)
        }
        for node in nodes()[module]:
            if isinstance(node, ast.ExceptHandler) and id(node) not in excused:
                caught = ast.unparse(node.type) if node.type else ""
                if caught in ("", "Exception", "BaseException"):
                    found.append(f"{name_of(module)}:{node.lineno}")
    assert found == []


def test_every_module_says_what_lives_in_it() -> None:
    assert [
        name_of(module) for module, tree in trees().items() if not ast.get_docstring(tree)
    ] == []


def test_classes_have_names_of_their_own() -> None:
    names = Counter(
        node.name for each in nodes().values() for node in each if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


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


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed by Linux")
def test_importing_everything_runs_no_query() -> None:
    """A process that has run one must not fork, and starting takes longer."""
    code = """
import importlib, os, pkgutil, apilog
for module in pkgutil.walk_packages(apilog.__path__, "apilog."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
threads = [f"/proc/self/task/{task}/comm" for task in os.listdir("/proc/self/task")]
print({open(path).read().strip() for path in threads} & {"tokio-rt-worker", "polars-0"})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
