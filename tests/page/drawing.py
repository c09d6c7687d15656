"""Pages and the JSON they are held against, drawn in this process."""

from __future__ import annotations

import io
import json
import random
import re
from typing import Any

import apilog
import apilog.aggregate
from apilog.render import OUTPUTS, OutputOptions
from apilog.render.data.cell_values import iso_timestamp
from apilog.report_model import Report

SOURCES = [f"sample_logs/{name}.log" for name in ("api", "kong", "apigee", "aws-apigateway")]
STEP = "1h"
"""The step of the page's buckets, with which the commands are asked, too."""
LISTED = ("gateway", "route", "consumer")


def drawn(report: Report, output: str = "html", **options: object) -> str:
    stream = io.BytesIO()
    OUTPUTS[output].write(report, stream, OutputOptions(**options))  # type: ignore[arg-type]
    return stream.getvalue().decode()


def embedded(page: str, name: str) -> str:
    """The text of the script with that id."""
    found = re.search(rf'<script [^>]*id="apilog-{name}">([^<]*)</script>', page)
    assert found is not None
    return found[1]


def edges_of(report: Report) -> list[str]:
    """The starts of all buckets of the page, and the end of the last one."""
    assert report.sums is not None
    moments = [*report.sums.starts, report.sums.ends[-1]]
    return [iso_timestamp(moment, report.timezone) for moment in moments]


def random_filters(report: Report, count: int, seed: int) -> list[dict[str, str]]:
    """Filters as a fragment has them; none is empty."""
    chance, edges = random.Random(seed), edges_of(report)
    tables = {"gateway": "gateways", "route": "latency", "consumer": "consumers"}
    values = {
        name: [v for v in report.tables[table][name].head(30).to_list() if v and v[0] != "("]
        for name, table in tables.items()
    }
    filters: list[dict[str, str]] = []
    while len(filters) < count:
        state: dict[str, str] = {}
        if chance.random() < 0.6:
            first, last = sorted(chance.sample(range(len(edges)), 2))
            limits = {"since": edges[first], "until": edges[last]}
            state |= {k: v for k, v in limits.items() if chance.random() < 0.8}
        state |= {k: chance.choice(v) for k, v in values.items() if v and chance.random() < 0.35}
        if chance.random() < 0.5:
            state["status"] = chance.choice(["2xx", "3xx", "4xx", "5xx"])
        if state:
            filters.append(state)
    return filters


def condition_of(state: dict[str, str]) -> str | None:
    """What the command is asked with --where for the same requests."""
    parts = []
    for name in LISTED:
        if name in state:
            text = state[name].replace("'", "''")
            parts.append(f"{name} = '{text}'")
    if "status" in state:
        low = int(state["status"][0]) * 100
        parts.append(f"status >= {low} AND status < {low + 100}")
    return " AND ".join(parts) or None


def asked(sources: list[str], state: dict[str, str], **options: Any) -> dict[str, Any]:
    """The tables of the command that a filter stands for, as JSON has them."""
    given = {"bucket": STEP, **options}
    tables = [name for name in apilog.aggregate.TABLES if name != "anomalies"]
    report = apilog.report(
        sources,
        since=state.get("since"),
        until=state.get("until"),
        where=condition_of(state),
        tables=tables,
        **given,
    )
    told: dict[str, Any] = json.loads(drawn(report, "json"))["tables"]
    return told
