"""The help of commands: options in groups, types by their names, examples at the end.

Plain text, which needs no import of rich and is the same in a pipe.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from apilog.cli.plain_values import spare_validation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPTION_GROUPS: Mapping[str, Sequence[str]] = {
    "Reading logs": (
        *("log_format", "nginx_conf", "column", "client_ip", "exclude", "route", "openapi"),
        *("routes_file", "max_routes"),
    ),
    "Personal data": ("keep_query", "anonymize_ip", "hash_consumers"),
    "Choosing requests": ("since", "until", "tz", "where"),
    "Metrics": ("metrics", "apdex", "report"),
    "Accounts": ("accounts", "accounts_query", "as_of", "min_accounts"),
    "Output": (
        *("format", "table", "columns", "by", "bucket", "top", "output", "force", "raw"),
        *("csv_dialect", "theme", "width", "color"),
    ),
    "Engine": ("engine", "scheduler"),
    "General": ("config", "quiet", "no_progress", "rejects", "strict", "help"),
}
"""The groups of options that several commands have; what is a command's own comes before them."""
_GROUP_OF = {name: group for group, names in OPTION_GROUPS.items() for name in names}
_OWN = "Options"

EXAMPLES: Mapping[str, tuple[str, str]] = {
    "report": (
        "apilog report access.log",
        "apilog report logs/ --since 7d --where \"method = 'POST'\" -o report.json",
    ),
    "check": (
        'apilog check access.log -t "error_rate < 1%" -t "latency_p95 < 300ms"',
        'apilog check new.log --baseline main.json -t "error_rate <= baseline + 0.5pp"',
    ),
    "baseline": (
        "apilog baseline access.log -o main.json",
        "apilog baseline store/ --since 7d -o main.json --force",
    ),
    "compare": (
        "apilog compare old.log new.log",
        "apilog compare access.log --split host=blue,green",
    ),
    "query": (
        'apilog query "SELECT route, COUNT(*) FROM requests GROUP BY route" access.log',
        'apilog query "SELECT * FROM requests WHERE status >= 500" store/ -f csv',
    ),
    "openapi": (
        "apilog openapi access.log -o openapi.yaml",
        "apilog openapi store/ --since 7d --keep-query -o openapi.json",
    ),
    "routes": (
        "apilog routes access.log",
        "apilog routes store/ --pin api.txt && apilog report new.log --routes api.txt",
    ),
    "success": (
        "apilog success store/ --accounts accounts.csv",
        "apilog success logs/ --accounts accounts.csv --cohort month -f json",
    ),
    "ingest": (
        "apilog ingest /var/log/nginx/ --store store/",
        "apilog ingest 'logs/*.gz' --store store/ --anonymize-ip",
    ),
    "export": (
        "apilog export store/ --to reports/",
        "apilog export store/ --to reports/ --every hour --closed-only --keep 90d",
    ),
    "store info": ("apilog store info store/", "apilog store info store/ -f json"),
    "store verify": ("apilog store verify store/", "apilog store verify s3://bucket/store"),
    "store compact": ("apilog store compact store/ --dry-run", "apilog store compact store/"),
    "store prune": (
        "apilog store prune store/ --keep 400d --dry-run",
        "apilog store prune store/ --keep 8w",
    ),
    "store anonymize": (
        "apilog store anonymize store/ --ip --before 30d --dry-run",
        "apilog store anonymize store/ --hash-consumers env:KEY --drop referer",
    ),
    "watch": (
        "apilog watch /var/log/nginx/access.log",
        "apilog watch access.log --once --window 15m",
    ),
    "detect": ("apilog detect access.log", "apilog detect logs/ -f json"),
    "config": ("apilog config", "apilog config check"),
    "init": ("apilog init access.log", "apilog init -o -"),
    "formats": ("apilog formats", "apilog formats combined -f json"),
    "schema": ("apilog schema duration_ms", "apilog schema --json report"),
    "metrics": ("apilog metrics latency_p95", "apilog metrics -f md"),
    "man": ("apilog man | man -l -", "apilog man -o apilog.1"),
}
"""Two examples of each command; a test parses each of them."""

_TYPE_NAMES = {
    "<path>": "FILE",
    "<int range>": "N",
    "<int>": "N",
    "<float range>": "NUMBER",
    "<float>": "NUMBER",
    "<str>": "NAME",
}
_WIDEST = 76
"""Of a line of 80, beside what it is indented by."""
_LEAST = re.compile(r"\bx>=([0-9]+)")


class PlainCommand(TyperCommand):
    """A command whose help has its options in groups, and examples."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, which take values as they stand."""
        return spare_validation(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line, arguments as they are declared."""
        arguments = [p for p in self.get_params(ctx) if p.param_type_name == "argument"]
        return ["[OPTIONS]", *(str(p.metavar or p.name) for p in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, those of several commands in groups."""
        for title, records in option_records(self, ctx).items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, never broken: they are to be copied."""
        examples = EXAMPLES.get(ctx.command_path.partition(" ")[2])
        if examples:
            with formatter.section("Examples"):
                for example in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def option_records(command: Any, context: Any) -> dict[str, list[tuple[str, str]]]:
    """Return how arguments and options are written and what they do, by their group."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], _OWN: []}
    sections |= {group: [] for group in OPTION_GROUPS}
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            is_argument = parameter.param_type_name == "argument"
            group = "Arguments" if is_argument else _GROUP_OF.get(parameter.name, _OWN)
            shown = parameter.metavar if is_argument and parameter.metavar else record[0]
            sections[group].append(_fit(_name_types(shown), _name_types(record[1])))
    return {title: records for title, records in sections.items() if records}


def _fit(shown: str, meaning: str) -> tuple[str, str]:
    """Return the record of an option with its values among what it means, if they are too many."""
    names, _, values = shown.partition(" <")
    if len(shown) <= _WIDEST:
        return shown, meaning
    choices = ", ".join(values.removesuffix(">").split("|"))
    return f"{names} NAME", f"{meaning} One of {choices}."


def _name_types(text: str) -> str:
    for shown, name in _TYPE_NAMES.items():
        text = text.replace(shown, name)
    return _LEAST.sub(r"at least \1", text)
