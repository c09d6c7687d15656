"""Plans, revenue and trials: what accounts bring in, and what became of those who try."""

from __future__ import annotations

from typing import Any

import polars as pl
from rich.text import Text

from apilog.metrics import Unit
from apilog.render.sections.columns import format_mean, is_grouped, number_column, text_column
from apilog.render.sections.section import ReportView, Section, ranking_section
from apilog.render.terminal.charts import draw_bar
from apilog.render.terminal.fit_text import flow_parts, wrap_text
from apilog.render.terminal.grid import GridColumn, TextColumn, draw_grid
from apilog.render.text.cell_text import format_value
from apilog.render.text.escape import escape_terminal

_USAGE_BAR_WIDTH = 12
_CANDIDATE_REASONS = {"upgrade": ("▲ upgrade", "green"), "churn": ("▼ may leave", "yellow")}


def revenue_section(page: ReportView) -> Section | None:
    """A line a plan, the totals last."""
    frame = page.table("revenue")
    if is_grouped(frame, "plan") or not frame["accounts"].sum():
        return None

    def draw(width: int) -> list[Text]:
        columns: list[GridColumn] = [
            text_column(frame, "plan", "plan", style="bold"),
            number_column(frame, "accounts", "accounts"),
            number_column(frame, "paying", "paying"),
            number_column(frame, "mrr", "MRR", styles="bold"),
            number_column(frame, "arpu", "ARPU", drop=4),
            number_column(frame, "arppu", "ARPPU", drop=5),
            number_column(frame, "conversion_rate", "converted", drop=2),
            number_column(frame, "churn_rate", "churn 30 d", drop=1),
            number_column(frame, "clv", "CLV", drop=3),
            number_column(frame, "requests", "calls", drop=6),
            number_column(frame, "revenue_per_1000_requests", "per 1000 calls", drop=7),
        ]
        return draw_grid(columns, frame.height, width)

    return Section(title="Revenue", subtitle="a month, by plan", draw=draw)


def plans_section(page: ReportView) -> Section | None:
    """How much of their quota the accounts of each plan use."""
    frame = page.table("plans")
    if is_grouped(frame, "plan") or not frame.height:
        return None

    def draw(width: int) -> list[Text]:
        columns: list[GridColumn] = [
            text_column(frame, "plan", "plan", style="bold"),
            number_column(frame, "quota", "quota"),
            number_column(frame, "accounts", "accounts"),
            TextColumn(
                title="",
                cells=[_draw_usage(u) for u in frame["median_usage"]],
                styles="cyan",
                drop=4,
            ),
            number_column(frame, "median_usage", "median use"),
            number_column(frame, "over_limit", "over", styles="red"),
            number_column(frame, "near_limit", "near", styles="yellow", drop=1),
            number_column(frame, "hardly_used", "hardly used", drop=2),
            number_column(frame, "price_per_1000_requests", "per 1000 calls", drop=5),
        ]
        return draw_grid(columns, frame.height, width)

    return Section(title="Plans", subtitle="calls of 30 days against the quota", draw=draw)


def candidates_section(page: ReportView) -> Section | None:
    """The accounts over or near their limit, and those that hardly use their plan."""
    frame = page.table("candidates")
    if is_grouped(frame, "account") or not frame.height:
        return None
    full = frame.filter(pl.col("candidate_for") == "upgrade")
    idle = frame.filter(pl.col("candidate_for") == "churn").sort("usage", maintain_order=True)
    top = page.rows(3, frame.height)
    shown = pl.concat([full.head(top), idle.head(top)])
    told = f"{full.height:,} may want a larger plan, {idle.height:,} may leave"
    section = ranking_section(
        shown, _candidate_columns, shown.height, title="Whom to talk to", subtitle=told
    )
    if section is None or frame["account"].is_in(["(hidden)"]).any() is False:
        return section
    hint = "Accounts that are e-mail addresses are hidden; --hash-consumers shows hashes."

    def draw(width: int) -> list[Text]:
        return [*section.draw(width), *wrap_text(hint, width, "dim")]

    return Section(title=section.title, subtitle=section.subtitle, draw=draw)


def _candidate_columns(frame: pl.DataFrame) -> list[GridColumn]:
    reasons = [_CANDIDATE_REASONS.get(reason, (reason, "")) for reason in frame["candidate_for"]]
    return [
        TextColumn(
            title="",
            cells=[text for text, _ in reasons],
            styles=[style for _, style in reasons],
        ),
        text_column(frame, "account", "account"),
        text_column(frame, "plan", "plan"),
        number_column(frame, "requests", "calls", drop=1),
        number_column(frame, "usage", "of quota"),
    ]


def _draw_usage(usage: float | None) -> str:
    """How full the quota is."""
    filled = draw_bar(min(usage or 0.0, 1.0), _USAGE_BAR_WIDTH)
    return filled + "·" * (_USAGE_BAR_WIDTH - len(filled))


_MET_METRICS = (
    ("calls an account", "requests_per_account", None, "requests_p_value"),
    ("errors", "error_rate", Unit.RATIO, "error_rate_p_value"),
    ("p95", "latency_p95_ms", Unit.MILLISECONDS, "latency_p95_p_value"),
    ("uptime", "uptime", Unit.RATIO, None),
)
_TRIAL_GROUPS = (("all", ""), ("converted", "_converted"), ("lost", "_lost"))
_CONVERSION_BAR_WIDTH = 20

TrialRow = dict[str, Any]


def trials_section(page: ReportView) -> Section | None:
    """A card a kind: what became of its trials, and what their calls met."""
    frame = page.table("trials")
    if is_grouped(frame, "trial_kind") or not frame.height:
        return None

    def draw(width: int) -> list[Text]:
        cards = [_trial_card(row, width) for row in frame.iter_rows(named=True)]
        lines = cards[0]
        for card in cards[1:]:
            lines += [Text(), *card]
        return lines

    return Section(title="Trials", draw=draw)


def poc_section(page: ReportView) -> Section | None:
    """Proofs of concept, if there are any."""
    frame = page.table("poc")
    if is_grouped(frame, "started") or not frame["started"][0]:
        return None
    row = frame.row(0, named=True)
    parts = [
        f"{row['started']:,} started",
        f"{row['completed']:,} completed ({_format_ratio(row['completion_rate'])})",
        f"{_format_ratio(row['conversion_rate'])} of these converted",
        (
            f"half took up to {_format_days(row['median_days'])}, "
            f"90 % up to {_format_days(row['p90_days'])}"
        ),
    ]
    texts = [Text(part) for part in parts]
    return Section(title="Proofs of concept", draw=lambda width: _indent_parts(texts, width))


def _trial_card(row: TrialRow, width: int) -> list[Text]:
    kind = escape_terminal(row["trial_kind"] or "no kind")
    head = [Text(kind, "bold cyan"), Text(f"{row['started']:,} started")]
    head.append(Text(f"{row['finished']:,} finished"))
    if row["running"]:
        head.append(Text(f"{row['running']:,} running"))
        if row["median_days_left"] is not None:
            head.append(
                Text(f"half of these have {_format_days(row['median_days_left'])} left", "dim")
            )
        if row["ending_soon"]:
            head.append(Text(f"{row['ending_soon']:,} end within a week", "yellow"))
    return [
        *_indent_parts(head, width),
        *_indent_parts(_conversion_parts(row), width),
        *_met_lines(row, width),
    ]


def _conversion_parts(row: TrialRow) -> list[Text]:
    if row["conversion_rate"] is None:
        return [Text("none has ended", "dim")]
    rate = row["conversion_rate"]
    filled = draw_bar(rate, _CONVERSION_BAR_WIDTH)
    drawn = Text.assemble(
        (f"converted {_format_ratio(rate)} ", "bold"),
        (filled, "green"),
        ("·" * (_CONVERSION_BAR_WIDTH - len(filled)), "dim"),
        f" {row['converted']:,} of {row['finished']:,}",
    )
    low, high = _format_ratio(row["conversion_low"]), _format_ratio(row["conversion_high"])
    parts = [drawn, Text(f"95 % sure: {low} to {high}", "dim")]
    if row["median_days_to_convert"] is not None:
        parts.append(Text(f"half within {_format_days(row['median_days_to_convert'])}"))
    return parts


def _met_lines(row: TrialRow, width: int) -> list[Text]:
    """What the calls of all, the converted and the lost met, side by side."""
    rows = [m for m in _MET_METRICS if row[m[1]] is not None]
    if not rows:
        return []
    told = [_describe_significance(row[p] if p else None) for *_, p in rows]
    columns: list[GridColumn] = [
        TextColumn(
            title="  in the trial", cells=[f"  {label}" for label, *_ in rows], styles="dim"
        ),
        *(
            TextColumn(
                title=title,
                cells=[format_mean(row[name + ending], unit) for _, name, unit, _ in rows],
                right=True,
            )
            for title, ending in _TRIAL_GROUPS
        ),
        TextColumn(
            title="converted against lost",
            cells=[text for text, _ in told],
            styles=[style for _, style in told],
            drop=1,
        ),
    ]
    return draw_grid(columns, len(rows), width)


def _describe_significance(p_value: float | None) -> tuple[str, str]:
    if p_value is None:
        return "", ""
    if p_value >= 0.05:
        return f"no difference shown (p {p_value:.2f})", "dim"
    return ("differ (p < 0.001)" if p_value < 0.001 else f"differ (p {p_value:.3f})"), "bold yellow"


def _indent_parts(parts: list[Text], width: int) -> list[Text]:
    return [Text.assemble("  ", line) for line in flow_parts(parts, width - 2)]


def _format_ratio(value: float | None) -> str:
    return format_value(value, Unit.RATIO, "UTC")


def _format_days(value: float | None) -> str:
    return format_value(value, Unit.DAYS, "UTC")
