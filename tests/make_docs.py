"""Writes the generated parts of the documentation, those between `<!-- generated:… -->` marks.

It draws README's pictures, too. Run it by hand after a change of commands, columns, metrics or
formats: `python -m tests.make_docs`. A test compares the files with what this would write.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from apilog.aggregate import ReportPlan, finish, merge
from apilog.aggregate.anomalies.counts import PART_KEYS
from apilog.aggregate.anomalies.table import SCHEMA as ANOMALY_SCHEMA
from apilog.aggregate.table_specs import EXTRA_TABLES, HISTOGRAM, SPECIFIED_TABLES, TABLES
from apilog.checks import REQUEST_METRICS
from apilog.checks.threshold import UNITS_BY_METRIC_UNIT
from apilog.cli.app import COMMANDS, command_function, main
from apilog.developer_success import build_success_report as success
from apilog.developer_success.success_metrics import SUCCESS_METRICS as SUCCESS_METRICS
from apilog.developer_success.tables import MORE_TABLES
from apilog.developer_success.tables import SUCCESS_TABLES as SUCCESS_TABLES
from apilog.formats.field_map import KEYS, VARIABLES
from apilog.formats.generic.dialects import DIALECTS
from apilog.formats.nginx import field_names, library
from apilog.formats.nginx.library import SUGGESTION
from apilog.formats.registry import ADVICE, FORMAT_INFOS
from apilog.formats.skipped_lines import SKIP_RULES
from apilog.metrics import METRICS, SPECIFIED_METRICS
from apilog.options import SuccessOptions
from apilog.render.svg import CHARTS
from apilog.routes import SEGMENT_KINDS
from apilog.schema import COLUMNS, SCHEMA
from apilog.specifications import OperationCatalogue
from apilog.transport.envelope_registry import ENVELOPES

REPOSITORY = Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- generated:(\S+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
_TERMINAL = {"COLUMNS": "80", "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def documents() -> list[Path]:
    """Every page that a reader may open."""
    return [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]


def rewritten(text: str) -> str:
    """The text of a page with its generated parts made anew."""
    return PART.sub(lambda part: f"{part[1]}{PARTS[part[2]]().strip()}\n{part[3]}", text)


PICTURES = {f"docs/report-{theme}.svg": theme for theme in ("light", "dark")}
"""The pictures of README's first screen, and their themes."""


def picture(theme: str) -> str:
    """The sample report as one chart."""
    return output_of("report", "sample_logs/api.log", "-f", "svg", "--theme", theme)


def output_of(*argv: str, folder: Path = REPOSITORY, code: int = 0) -> str:
    """What a command prints on a terminal of 80 columns; an error if it ends with another code."""
    with running_in(folder) as stdout:
        ended = main(argv)
    if ended != code:
        message = f"apilog {' '.join(argv)} ended with {ended}"
        raise RuntimeError(message)
    return stdout.getvalue().decode()


@contextlib.contextmanager
def running_in(folder: Path) -> Iterator[io.BytesIO]:
    """Stdout is the buffer, the folder is the current one, the terminal has 80 columns."""
    stdout = io.BytesIO()
    before = {name: os.environ.get(name) for name in _TERMINAL}
    os.environ.update(_TERMINAL)
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(
                io.TextIOWrapper(stdout, "utf-8", write_through=True)
            ) as out,
            contextlib.redirect_stderr(io.StringIO()),
        ):
            yield stdout
            out.detach()
    finally:
        os.environ |= {name: value for name, value in before.items() if value is not None}
        for name in (name for name, value in before.items() if value is None):
            del os.environ[name]


def _report() -> str:
    shown, end, _ = output_of("report", "sample_logs/api.log").partition("\nConsumers")
    assert end
    return _fenced(f"$ apilog report sample_logs/api.log\n{shown}\n…")


def _commands() -> str:
    rows = ((f"`apilog {name}`", _first_line(command_function(place))) for name, place in COMMANDS)
    return _table(("command", "what it does"), rows)


def _first_line(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").strip().splitlines()[0]


def _help() -> str:
    names = ["", *(f" {name}" for name, _ in COMMANDS)]
    pages = (
        f"## `apilog{name}`\n\n{_fenced(output_of(*name.split(), '--help'))}" for name in names
    )
    return "\n\n".join(pages)


def _columns() -> str:
    rows = (
        (f"`{c.name}`", c.type_name, c.meaning, f"`{c.otel}`" if c.otel else "") for c in COLUMNS
    )
    return _table(("column", "type", "meaning", "OpenTelemetry"), rows)


def _metrics() -> str:
    rows = (
        (f"`{m.name}`", f"`{m.column}`", m.unit.value, m.better, m.definition)
        for m in METRICS.values()
    )
    specified = (
        (f"`{name}`", f"`{name}`", "count", "lower", text)
        for name, text in SPECIFIED_METRICS.items()
    )
    titles = ("metric", "column in data", "unit", "better", "definition")
    return _table(titles, [*rows, *specified])


def _tables() -> str:
    rows = (
        (f"`{t.name}`", _names(t.keys), _names(METRICS[m].column for m in t.metrics))
        for t in TABLES.values()
        if t.name != "anomalies"
    )
    keys = ("timestamp", "end", "metric", *PART_KEYS)
    anomalies = (_names(keys), _names(name for name in ANOMALY_SCHEMA if name not in keys))
    return _table(("table", "keys", "metrics"), [*rows, ("`anomalies`", *anomalies)])


def _extra_tables() -> str:
    rows = [
        (f"`{t.name}`", _names(t.keys), _names(METRICS[m].column for m in t.metrics))
        for t in EXTRA_TABLES.values()
        if t.name != HISTOGRAM
    ]
    histogram = (f"`{HISTOGRAM}`", _names(["from_ms", "to_ms"]), _names(["requests"]))
    return _table(("table", "keys", "metrics"), [histogram, *rows])


def _specified_tables() -> str:
    plan = ReportPlan(tables=(*SPECIFIED_TABLES.values(),), specifications=OperationCatalogue(()))
    figures = (*("requests", "errors", "consumers", "last_seen"), "undeclared_statuses")
    rows = []
    for name, frame in finish(plan, merge(plan, [])).tables.items():
        keys = [column for column in frame.columns if column not in figures]
        metrics = [column for column in frame.columns if column in figures]
        rows.append((f"`{name}`", _names(keys), _names(metrics)))
    return _table(("table", "keys", "metrics"), rows)


def _charts() -> str:
    rows = ((f"`{c.command}`", f"`{c.name}`", c.meaning) for c in CHARTS.values())
    return _table(("command", "chart", "what it shows"), rows)


def _json() -> str:
    argv = ("report", "sample_logs/broken.log", "-f", "json", "--table", "statuses")
    return _fenced(f"$ apilog {' '.join(argv)}\n{output_of(*argv)}")


def _format_rows() -> str:
    """A row a gateway."""
    names: dict[str, list[str]] = {}
    for log_format in FORMAT_INFOS.values():
        names.setdefault(log_format.gateway or "any of several", []).append(f"`{log_format.name}`")
    return _table(("gateway", "formats"), ((g, ", ".join(n)) for g, n in names.items()))


def _formats() -> str:
    return "\n\n".join(_format(name) for name in FORMAT_INFOS)


def _format(name: str) -> str:
    info = FORMAT_INFOS[name]
    columns = [c for c in SCHEMA if c in info.columns] if info.columns else []
    fills = f"Fills {_names(columns)}." if columns else "Fills what its keys tell."
    shown = [_fenced(text) for text in (info.log_format, _example(name)) if text]
    writer = f"{info.gateway}: " if info.gateway else ""
    about = f"{writer}{info.title}. {fills} [Documentation]({info.url})."
    return "\n\n".join((f"### `{name}`", about, *shown))


def _example(name: str) -> str:
    """A line of the format: a sample of its own, else the first of its sample log."""
    samples = {f.name: f.samples[0] for f in library.NGINX_FORMATS}
    log = REPOSITORY / "sample_logs" / f"{name}.log"
    return samples.get(name) or log.read_text("utf-8").splitlines()[0]


def _envelopes() -> str:
    return "\n\n".join(
        f"`{e.name}`: {e.title}.\n\n{_fenced(e.samples[0].lines[0].replace(chr(0xFEFF), ''))}"
        for e in ENVELOPES
    )


def _variables() -> str:
    rows = (
        (f"`{column}`", ", ".join(f"`${field.variable}`" for field in fields))
        for column, fields in VARIABLES.items()
        if column in SCHEMA
    )
    return _table(("column", "variables, the first that the log has"), rows)


def _tail_keys() -> str:
    keys: dict[str, list[str]] = {}
    for key, variable in field_names.VARIABLE_OF_KEY.items():
        keys.setdefault(variable, []).append(key)
    rows = ((f"`${variable}`", _names(names)) for variable, names in keys.items())
    return _table(("stands for", "keys"), rows)


def _synonyms() -> str:
    rows = (
        (f"`{column}`", _names(tuple(dict.fromkeys(n for e in entries for n in e.names))))
        for column, entries in KEYS.items()
    )
    return _table(("column", "keys, the best first"), rows)


def _dialects() -> str:
    about: dict[str, str] = {}
    for dialect in DIALECTS:
        about.setdefault(f"[{dialect.name}]({dialect.url})", dialect.gateway or "")
    return _table(("software", "`gateway`"), about.items())


def _skips() -> str:
    reasons: dict[str, str] = {}
    for skip in SKIP_RULES:
        sample = next((s for s in skip.samples if s.strip(" \t\r\x00")), "")
        if skip.reason not in reasons or not reasons[skip.reason]:
            reasons[skip.reason] = sample
    rows = ((reason, f"`{text}`" if text else "") for reason, text in reasons.items())
    return _table(("skipped", "example"), rows)


def _kinds() -> str:
    rows = ((f"`{kind.name}`", kind.meaning) for kind in SEGMENT_KINDS)
    return _table(("stands in the route", "for a segment that is"), rows)


def _layers() -> str:
    """The layers that exist, as import-linter is given them."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    lines = ([name.strip("() ") for name in layer.split("|")] for layer in contract["layers"])
    package = REPOSITORY / "apilog"
    present = ([n for n in names if [*package.glob(f"{n}*")]] for names in lines)
    return _fenced("\n".join(" | ".join(names) for names in present if names))


def _detect() -> str:
    argv = ("detect", "sample_logs/combined.log")
    return _fenced(f"$ apilog {' '.join(argv)}\n{output_of(*argv)}")


def _query() -> str:
    sql = (
        "SELECT consumer, COUNT(*) AS requests, QUANTILE_CONT(duration_ms, 0.95) AS p95_ms\n"
        "  FROM requests WHERE route LIKE '/v1/%' GROUP BY consumer ORDER BY requests DESC LIMIT 4"
    )
    shown = output_of("query", sql, "sample_logs/api.log")
    return _fenced(f'$ apilog query "{sql}" sample_logs/api.log\n{shown}')


def _watch() -> str:
    argv = ("watch", "sample_logs/api.log", "--once", "--window", "3h")
    return _fenced(f"$ apilog {' '.join(argv)}\n{output_of(*argv)}")


_THRESHOLDS = (
    "server_error_rate < 1%",
    "error_rate < 10%",
    "latency_p95 < 300ms",
    "latency_p95 < 0.2s for each route",
)


def _check() -> str:
    options = [option for text in _THRESHOLDS for option in ("-t", text)]
    shown = output_of("check", "sample_logs/api.log", *options, code=1)
    told = " \\\n    ".join(f'-t "{text}"' for text in _THRESHOLDS)
    return _fenced(f"$ apilog check sample_logs/api.log \\\n    {told}\n{shown}")


def _compare() -> str:
    argv = ("sample_logs/api.log.1.gz", "sample_logs/api.log", "--top", "2")
    return _fenced(f"$ apilog compare {' '.join(argv)}\n{output_of('compare', *argv)}")


def _baseline() -> str:
    argv = ("sample_logs/api.log", "--where", "route = '/healthz'")
    written = output_of("baseline", *argv)
    shown = re.sub(r'(_ms": )\{.*\}', lambda found: _shortened(found[0]), written)
    shown = re.sub(r"\[(\d+, \d+), .*?, (\d+)\]", r"[\1, …, \2]", shown)
    return _fenced(shown, "json")


def _shortened(line: str) -> str:
    """The first buckets of a histogram and the last."""
    buckets = line.split(", ")
    return ", ".join([*buckets[:3], "…", buckets[-1]]) if len(buckets) > 4 else line


def _limit_units() -> str:
    used = {metric.unit for metric in REQUEST_METRICS.metrics.values()}
    named = (
        (f"`{unit.value}`", _names(of)) for unit, of in UNITS_BY_METRIC_UNIT.items() if unit in used
    )
    return _table(("unit of the metric", "units of a limit"), named)


_ACCOUNTS = "--accounts sample_logs/success/accounts.csv --as-of 2026-11-21"
_SUCCESS = (
    "ingest sample_logs/success/ --store store/ --quiet",
    f"success store/ {_ACCOUNTS} --control old-quickstart",
    f'check store/ {_ACCOUNTS} -t "trial_conversion_rate >= 10%"',
)


def _success_outputs() -> tuple[str, ...]:
    """What three commands from logs to a verdict print, in a folder of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sample_logs").symlink_to(REPOSITORY / "sample_logs")
        shown = [f"$ apilog {c}\n{output_of(*shlex.split(c), folder=folder)}" for c in _SUCCESS]
    return tuple(text.rstrip() for text in shown)


def _success_check() -> str:
    stored, _, verdict = _success_outputs()
    return _fenced(f"{stored}\n{verdict}")


def _success_report() -> str:
    return _fenced(_success_outputs()[1])


def _success_tables() -> str:
    empty = SuccessOptions(accounts=os.devnull, as_of="2026-11-21")
    frames = success([os.devnull], empty).tables
    meanings = {name: table.meaning for name, table in SUCCESS_TABLES.items()}
    meanings |= MORE_TABLES
    rows = ((f"`{n}`", meanings[n], _names(frame.columns)) for n, frame in frames.items())
    return _table(("table", "a row is", "columns"), rows)


def _success_metrics() -> str:
    rows = (
        (f"`{m.name}`", m.unit.value, m.better, _names(m.keys), m.definition)
        for m in SUCCESS_METRICS.values()
    )
    return _table(("metric", "unit", "better", "also by", "definition"), rows)


def _suggestion() -> str:
    return _fenced(SUGGESTION, "nginx")


def _advice() -> str:
    rows = (
        (gateway, f"`{column}`", f"`{directive}`")
        for gateway, lacking in ADVICE.items()
        for column, directive in lacking.items()
    )
    return _table(("gateway", "to fill", "log"), rows)


PARTS: Mapping[str, Callable[[], str]] = {
    "advice": _advice,
    "baseline": _baseline,
    "charts": _charts,
    "check": _check,
    "columns": _columns,
    "commands": _commands,
    "compare": _compare,
    "detect": _detect,
    "dialects": _dialects,
    "envelopes": _envelopes,
    "extra-tables": _extra_tables,
    "specified-tables": _specified_tables,
    "format-rows": _format_rows,
    "formats": _formats,
    "help": _help,
    "json": _json,
    "kinds": _kinds,
    "layers": _layers,
    "limit-units": _limit_units,
    "metrics": _metrics,
    "query": _query,
    "report": _report,
    "skips": _skips,
    "success-check": _success_check,
    "success-metrics": _success_metrics,
    "success-report": _success_report,
    "success-tables": _success_tables,
    "suggestion": _suggestion,
    "synonyms": _synonyms,
    "tables": _tables,
    "tail-keys": _tail_keys,
    "variables": _variables,
    "watch": _watch,
}
"""Name in the mark to what stands behind it."""


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _fenced(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in row)} |" for row in lines
    )


if __name__ == "__main__":
    for page in documents():
        page.write_text(rewritten(page.read_text("utf-8")), encoding="utf-8", newline="\n")
    for name, theme in PICTURES.items():
        (REPOSITORY / name).write_text(picture(theme), encoding="utf-8", newline="\n")
