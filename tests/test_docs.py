"""The documentation is true: what is generated is current, what is shown runs, all is named."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

import apilog
import apilog.errors
from apilog.aggregate.table_specs import EXTRA_TABLES, SPECIFIED_TABLES, TABLES
from apilog.cli.app import COMMANDS, command_line
from apilog.cli.streams import ExitCode
from apilog.formats.registry import FORMAT_INFOS
from apilog.metrics import METRICS, SPECIFIED_METRICS
from apilog.render import CHART_OUTPUTS, OUTPUTS, VERDICT_OUTPUTS
from apilog.schema import COLUMNS, ERROR_SOURCES
from apilog.transport.envelope_registry import ENVELOPES
from tests import make_docs
from tests.commands import Run

PAGES = make_docs.documents()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
NGINX_CONF = """\
events {}
http {
  log_format api '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                 '"$http_referer" "$http_user_agent" $request_time $upstream_response_time';
  access_log /var/log/nginx/access.log api;
}
"""

APP_LOG = """\
{"t":"2026-11-20T12:00:00Z","verb":"GET","path":"/v1/users/7","response":{"code":200},"took":1250}
{"t":"2026-11-20T12:00:01Z","verb":"GET","path":"/v1/users/8","response":{"code":404},"took":980}
"""


def name_of(page: Path) -> str:
    return page.relative_to(make_docs.REPOSITORY).as_posix()


@cache
def page(name: str) -> str:
    return (make_docs.REPOSITORY / name).read_text("utf-8")


def commands_in(text: str) -> Iterator[list[str]]:
    """The commands of apilog in the `sh` blocks of a page; pipes need tools that may be missing."""
    for language, block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines() if language == "sh" else ():
            argv = shlex.split(line)
            if argv[:1] == ["apilog"]:
                yield argv[1:]


def marked(text: str, mark: str) -> str:
    """The block behind `<!-- mark -->`, as `.ci/run` finds it."""
    found = re.search(rf"^<!-- {mark} -->\n```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found, mark
    return found[1]


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the logs that the examples read."""
    logs = make_docs.REPOSITORY / "sample_logs"
    # Not all of them, which takes longer than the examples do without.
    for name in ("api.log", "api.log.1.gz", "broken.log", "combined.log", "json.log"):
        (tmp_path / "sample_logs").mkdir(exist_ok=True)
        shutil.copy(logs / name, tmp_path / "sample_logs" / name)
    shutil.copytree(logs / "success", tmp_path / "sample_logs" / "success")
    shutil.copy(logs / "success" / "accounts.csv", tmp_path / "accounts.csv")
    shutil.copy(logs / "api.log", tmp_path / "access.log")
    shutil.copy(logs / "api.log.1.gz", tmp_path / "access.log.1.gz")
    (tmp_path / "nginx.conf").write_text(NGINX_CONF)
    (tmp_path / "app.log").write_text(APP_LOG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_generated_parts_are_current(path: Path) -> None:
    text = path.read_text("utf-8")
    # `python -m tests.make_docs` makes them so.
    assert text == make_docs.rewritten(text)


@pytest.mark.parametrize("name", make_docs.PICTURES)
def test_pictures_are_current(name: str) -> None:
    assert page(name) == make_docs.picture(make_docs.PICTURES[name])


def test_every_generated_part_stands_in_a_page() -> None:
    parts = [part[1] for path in PAGES for part in make_docs.PART.findall(path.read_text("utf-8"))]
    assert sorted(parts) == sorted(make_docs.PARTS)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for link in LINK.findall(BLOCK.sub("", text)):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), link
        assert there.is_relative_to(make_docs.REPOSITORY), link
        assert not anchor or anchor in anchors(there.read_text("utf-8")), link


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_page_names_a_place_on_somebodys_machine(path: Path) -> None:
    assert not re.findall(
        r"(?:/home|/root|/work|/tmp|/Users|[A-Z]:\\)\b\S*", path.read_text("utf-8")
    )


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {(make_docs.REPOSITORY / link).resolve() for link in LINK.findall(page("README.md"))}
    assert set(PAGES) - {make_docs.REPOSITORY / "README.md"} <= linked


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [p for p in PAGES if [*commands_in(p.read_text("utf-8"))]], ids=name_of
)
def test_examples_run(folder: Path, run: Run, path: Path) -> None:
    text = path.read_text("utf-8")
    for kind, block in BLOCK.findall(text):
        if kind == "toml" and block.startswith("# apilog.toml\n"):
            (folder / "apilog.toml").write_text(block)
    for argv in commands_in(text):
        result = run(*argv)
        assert result.code == 0, (argv, result.stderr)


def printed_commands() -> Iterator[tuple[str, list[str]]]:
    """The page and the words of each command of apilog in a block of any language."""
    for path in PAGES:
        for language, block in BLOCK.findall(path.read_text("utf-8")):
            for line in block.replace("\\\n", " ").splitlines() if language != "python" else ():
                found = re.search(r"(?:^|[\s/=])apilog ((?:[a-z]+|-)\b.*)", line)
                # What is drawn, and the head of a help, begin so, too.
                if not found or " · " in line or line.startswith("Usage: "):
                    continue
                words = shlex.shlex(found[1], posix=True, punctuation_chars="|&;<>")
                words.whitespace_split = True
                with contextlib.suppress(ValueError):  # a sentence with an apostrophe
                    argv = [*takewhile(lambda word: word.strip("|&;<>"), words)]
                    if argv[0] in {name.split()[0] for name, _ in COMMANDS}:
                        yield f"{name_of(path)}: {' '.join(argv)}", argv


def test_every_printed_command_is_understood() -> None:
    """Those that can't run here are parsed at least: their options exist and take such values."""
    commands = dict(printed_commands())
    assert len(commands) > 150
    for place, argv in commands.items():
        line: Any = command_line()
        rest = list(argv)
        while hasattr(line, "commands"):
            line = line.commands[rest.pop(0)]
        try:
            line.make_context("apilog", rest)
        except typer.TyperException as problem:
            pytest.fail(f"{place}: {problem.format_message()}")


def printed(language: str) -> list[str]:
    return [block for kind, block in BLOCK.findall(page("docs/cron.md")) if kind == language]


def services() -> Iterator[str]:
    """The commands that the crontab and the service of docs/cron.md run."""
    (crontab,) = printed("crontab")
    for line in crontab.splitlines():
        times, command = line.split(None, 5)[:5], line.split(None, 5)[5]
        assert all(re.fullmatch(r"[*0-9/,-]+", time) for time in times)
        assert "%" not in command  # which cron takes for a newline
        yield from command.split(" && ")
    yield from re.findall(r"^ExecStart=(.+)$", "".join(printed("systemd")), re.MULTILINE)


def test_the_printed_cron_job_and_service_run(folder: Path, run: Run) -> None:
    logs = folder / "nginx"
    logs.mkdir()
    for name in ("access.log", "access.log.1.gz"):
        (folder / name).rename(logs / name)
    commands = [*services()]
    assert len(commands) == 4
    assert commands[:2] == commands[2:]
    for command in commands:
        program, *argv = shlex.split(command)
        assert program == "/opt/apilog/bin/apilog"
        here = [re.sub(r"^/(?:var/log|srv/apilog)/", f"{folder}/", arg) for arg in argv]
        here = ["--since=2026-01-01" if arg == "--since" else arg for arg in here if arg != "8d"]
        here = ["9999d" if arg == "400d" else arg for arg in here]
        result = run(*here)
        assert (result.code, result.stderr) == (0, "")
    assert [p.name[:10] for p in (folder / "reports").glob("2*")] == ["2026-11-20"]


def test_systemd_takes_the_printed_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    timer, service = printed("systemd")
    (tmp_path / "apilog.timer").write_text(timer)
    # It looks for the program.
    (tmp_path / "apilog.service").write_text(service.replace("/opt/apilog/bin/apilog", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "apilog.timer", tmp_path / "apilog.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if "apilog" in line]
    assert (done.returncode, told) == (0, [])


@pytest.mark.slow
def test_the_readmes_first_command_sets_up_and_reports(run: Run, folder: Path) -> None:
    text = page("README.md")
    steps = [shlex.split(step) for step in marked(text, "run").strip().split(" && ")]
    assert text.index("```sh") == text.index("<!-- run -->\n") + len("<!-- run -->\n")
    assert steps[:2] == [["python3", "-m", "venv", ".venv"], [".venv/bin/pip", "install", "."]]
    program, *argv = steps[2]
    assert program == ".venv/bin/apilog"
    assert len(steps) == 3
    result = run(*argv)
    assert (result.code, result.stderr) == (0, "")
    assert "Endpoints" in result.text


def test_the_readmes_second_command_sets_up_and_tests() -> None:
    text = page("README.md")
    steps = [shlex.split(step) for step in marked(text, "test").strip().split(" && ")]
    assert steps == [
        ["python3", "-m", "venv", ".venv"],
        [".venv/bin/pip", "install", "--no-compile", "-e", ".[test]"],
        [".venv/bin/pytest", "-n", "auto"],
    ]
    assert text.index("<!-- run -->") < text.index("<!-- test -->")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_python_examples_run(folder: Path, path: Path) -> None:
    for language, block in BLOCK.findall(path.read_text("utf-8")):
        if language == "python" and ">>>" not in block:
            subprocess.run([sys.executable, "-c", block], check=True, stdout=subprocess.DEVNULL)
    result = doctest.testfile(str(path), module_relative=False)
    assert result.failed == 0


def modules_with_examples() -> Iterator[str]:
    package = Path(apilog.errors.__file__).parent
    for module in sorted(package.rglob("*.py")):
        if ">>>" in module.read_text("utf-8"):
            parts = module.relative_to(package.parent).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__")


@pytest.mark.slow
@pytest.mark.parametrize("module", [*modules_with_examples()])
def test_examples_in_docstrings_run(folder: Path, module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert (result.failed, result.attempted > 0) == (0, True)


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_a_command_and_its_options_are_documented(name: str) -> None:
    text = page("docs/cli.md")
    assert f"`apilog {name}`" in page("README.md")
    _, heading, section = text.partition(f"## `apilog {name}`\n")
    assert heading
    section = section.partition("\n## ")[0]
    command: Any = command_line()
    for word in name.split():
        command = command.commands[word]
    for parameter in command.params:
        for option in (o for o in parameter.opts if o.startswith("--")):
            assert re.search(rf"{option}\b", section), option


DOCUMENTED = [
    *(("docs/schema.md", column.name) for column in COLUMNS),
    *(("docs/metrics.md", metric) for metric in (*METRICS, *SPECIFIED_METRICS)),
    *(("docs/metrics.md", source) for source in ERROR_SOURCES),
    *(("docs/outputs.md", table) for table in (*TABLES, *EXTRA_TABLES, *SPECIFIED_TABLES)),
    *(("docs/formats.md", name) for name in FORMAT_INFOS),
    *(("docs/formats.md", envelope.name) for envelope in ENVELOPES),
    *(("docs/outputs.md", output) for output in (*OUTPUTS, *CHART_OUTPUTS, *VERDICT_OUTPUTS)),
]


@pytest.mark.parametrize(("path", "name"), DOCUMENTED)
def test_every_name_has_a_row_or_a_heading(path: str, name: str) -> None:
    assert re.search(rf"^(?:\| |#+ )?`{re.escape(name)}`", page(path), re.MULTILINE)


def test_every_format_is_named_beside_its_gateway() -> None:
    rows = page("docs/formats.md").splitlines()
    for name, log_format in FORMAT_INFOS.items():
        writer = log_format.gateway or "any of several"
        assert any(r.startswith(f"| {writer} |") and f"`{name}`" in r for r in rows), name


@pytest.mark.parametrize("table", [*TABLES, *EXTRA_TABLES, *SPECIFIED_TABLES])
def test_every_table_is_described(table: str) -> None:
    rows = re.findall(rf"^\| `{table}` \| (.+) \|$", page("docs/outputs.md"), re.MULTILINE)
    assert len(rows) == 2  # its columns, and what a row of it is


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    assert re.search(rf"^\| {code.value} \| \w+", page("README.md"), re.MULTILINE)


@pytest.mark.parametrize("name", [n for n in apilog.__all__ if n != "__version__"])
def test_everything_public_is_documented(name: str) -> None:
    assert re.search(rf"`(?:apilog\.)?{name}`", page("docs/python.md"))
    assert getattr(apilog, name).__doc__


@pytest.mark.slow
def test_every_format_has_a_sample_log_that_it_reads() -> None:
    logs = {name: make_docs.REPOSITORY / "sample_logs" / f"{name}.log" for name in FORMAT_INFOS}
    files = apilog.report([*logs.values()], tables=["overview"]).input.files
    assert {Path(file.path).stem: file.format for file in files} == {name: name for name in logs}
    # Of Rails' lines three are one request.
    assert all(
        file.records > 0 and file.rejects == 0 for file in files if Path(file.path).stem == "rails"
    )
    others = [file for file in files if Path(file.path).stem != "rails"]
    assert all(file.records == file.lines > 0 for file in others)


def test_the_suggested_directive_leaves_nothing_lacking(folder: Path, run: Run) -> None:
    directive = re.search(r"^log_format apilog .*;$", page("docs/detect.md"), re.MULTILINE)
    assert directive
    (folder / "suggested.log").write_text(
        '203.0.113.7 - alice [21/Nov/2026:10:00:00 +0000] "GET /v1/users/42 HTTP/1.1" 200 512 "-" '
        f'"curl/8.1" 412 0.012 0.011 200 api.example.com {"7521" * 8}\n'
    )
    result = run("detect", "suggested.log", "-l", directive[0])
    assert result.code == 0
    assert "lacks" not in result.text


def test_a_changed_option_would_be_noticed() -> None:
    text = page("docs/cli.md")
    assert make_docs.rewritten(text.replace("--since TIME", "--from TIME")) == text


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_mark_has_its_end(path: Path) -> None:
    text = path.read_text("utf-8")
    marks = re.findall(r"^<!-- (?:generated:\S+|/generated) -->$", text, re.MULTILINE)
    assert len(marks) == 2 * len(make_docs.PART.findall(text))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_that_a_page_names_exist(path: Path) -> None:
    for name in re.findall(
        r"`((?:apilog|tests|docs|sample_logs|\.ci)/[\w./-]*)`", path.read_text("utf-8")
    ):
        assert (make_docs.REPOSITORY / name).exists(), name


def test_the_way_of_a_line_names_functions_that_exist() -> None:
    section = page("ARCHITECTURE.md").partition("## One line's way")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|[^|]*\| `(apilog/[\w/]+\.py)` \| (.+) \|$", section, re.MULTILINE)
    counts = re.search(r"these (\d+) functions of (\d+) modules", section)
    named = [(path, name) for path, names in rows for name in re.findall(r"`([\w.]+)`", names)]
    assert counts
    assert (len(named), len({path for path, _ in named})) == (int(counts[1]), int(counts[2]))
    for path, name in named:
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        owner, _, member = name.rpartition(".")
        holder = getattr(module, owner) if owner else module
        assert hasattr(holder, member) or member in holder.__annotations__, (path, name)
