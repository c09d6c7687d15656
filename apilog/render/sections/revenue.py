"""Plans, revenue and trials: what accounts bring in, and what became of those who try."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from apilog.metrics import Unit
from apilog.render.sections.columns import format_mean, is_grouped, number_column, text_column
from apilog.render.sections.report_view import ReportView, has_values, ranking_section
from apilog.render.sections.section import (
    Block,
    Column,
    Fact,
    Facts,
    Gap,
    Paragraph,
    Section,
    ShareColumn,
    Table,
    TextColumn,
)
from apilog.render.text.cell_text import format_value

_CANDIDATE_REASONS = {"upgrade": ("▲ upgrade", "green"), "churn": ("▼ may leave", "yellow")}


_OF_MRR_BEFORE = (("net_revenue_retention", "NRR 30 d"), ("expansion", "expansion"))


def revenue_section(view: ReportView) -> Section | None:
    """Show what each plan brings in, the totals last."""
    frame = view.table("revenue")
    if is_grouped(frame, "plan") or not frame["accounts"].sum():
        return None
    columns: list[Column] = [
        text_column(frame, "plan", "plan", style="bold"),
        number_column(frame, "accounts", "accounts"),
        number_column(frame, "paying", "paying"),
        number_column(frame, "mrr", "MRR", styles="bold"),
        number_column(frame, "arpu", "ARPU", drop_order=4),
        number_column(frame, "arppu", "ARPPU", drop_order=5),
        number_column(frame, "conversion_rate", "converted", drop_order=2),
        number_column(frame, "churn_rate", "churn 30 d", drop_order=1),
        number_column(frame, "clv", "CLV", drop_order=3),
        *(
            number_column(frame, name, title, drop_order=3)
            for name, title in _OF_MRR_BEFORE
            if has_values(frame, name)
        ),
        number_column(frame, "requests", "calls", drop_order=6),
        number_column(frame, "revenue_per_1000_requests", "per 1000 calls", drop_order=7),
    ]
    table = Table(columns=columns, height=frame.height)
    return Section(title="Revenue", subtitle="a month, by plan", blocks=[table])


def plans_section(view: ReportView) -> Section | None:
    """Show how much of their quota the accounts of each plan use."""
    frame = view.table("plans")
    if is_grouped(frame, "plan") or not frame.height:
        return None
    columns: list[Column] = [
        text_column(frame, "plan", "plan", style="bold"),
        number_column(frame, "quota", "quota"),
        number_column(frame, "accounts", "accounts"),
        ShareColumn(shares=frame["median_usage"].to_list(), drop_order=4),
        number_column(frame, "median_usage", "median use"),
        number_column(frame, "over_limit", "over", styles="red"),
        number_column(frame, "near_limit", "near", styles="yellow", drop_order=1),
        number_column(frame, "hardly_used", "hardly used", drop_order=2),
        number_column(frame, "price_per_1000_requests", "per 1000 calls", drop_order=5),
    ]
    table = Table(columns=columns, height=frame.height)
    return Section(title="Plans", subtitle="calls of 30 days against the quota", blocks=[table])


def candidates_section(view: ReportView) -> Section | None:
    """Name the accounts near or over their limit, and those that hardly use their plan."""
    frame = view.table("candidates")
    if is_grouped(frame, "account") or not frame.height:
        return None
    full = frame.filter(pl.col("candidate_for") == "upgrade")
    idle = frame.filter(pl.col("candidate_for") == "churn").sort("usage", maintain_order=True)
    top = view.row_limit(3, frame.height)
    shown = pl.concat([full.head(top), idle.head(top)])
    subtitle = f"{full.height:,} may want a larger plan, {idle.height:,} may leave"
    section = ranking_section(
        shown, _candidate_columns, shown.height, title="Whom to talk to", subtitle=subtitle
    )
    if section is None or frame["account"].is_in(["(hidden)"]).any() is False:
        return section
    hint = "Accounts that are e-mail addresses are hidden; --hash-consumers shows hashes."
    return replace(section, blocks=[*section.blocks, Paragraph(text=hint, style="dim")])


def _candidate_columns(frame: pl.DataFrame) -> list[Column]:
    reasons = [_CANDIDATE_REASONS.get(reason, (reason, "")) for reason in frame["candidate_for"]]
    return [
        TextColumn(
            title="",
            cells=[text for text, _ in reasons],
            styles=[style for _, style in reasons],
        ),
        text_column(frame, "account", "account"),
        text_column(frame, "plan", "plan"),
        number_column(frame, "requests", "calls", drop_order=1),
        number_column(frame, "usage", "of quota"),
    ]


_MET_METRICS = (
    ("calls an account", "requests_per_account", None, "requests_p_value"),
    ("errors", "error_rate", Unit.RATIO, "error_rate_p_value"),
    ("p95", "latency_p95_ms", Unit.MILLISECONDS, "latency_p95_p_value"),
    ("uptime", "uptime", Unit.RATIO, None),
)
_TRIAL_GROUPS = (("all", ""), ("converted", "_converted"), ("lost", "_lost"))

TrialRow = dict[str, Any]


def trials_section(view: ReportView) -> Section | None:
    """Show a card for each kind of trial: what became of it, and what its calls met."""
    frame = view.table("trials")
    if is_grouped(frame, "trial_kind") or not frame.height:
        return None
    first, *others = [_trial_card(row) for row in frame.iter_rows(named=True)]
    blocks = [*first, *(block for card in others for block in (Gap(), *card))]
    return Section(title="Trials", blocks=blocks)


def poc_section(view: ReportView) -> Section | None:
    """Sum up the proofs of concept, if there are any."""
    frame = view.table("poc")
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
    facts = Facts(facts=[Fact(text=part) for part in parts])
    return Section(title="Proofs of concept", blocks=[facts])


def _trial_card(row: TrialRow) -> list[Block]:
    facts = [
        Fact(text=row["trial_kind"] or "no kind", style="bold cyan"),
        Fact(text=f"{row['started']:,} started"),
        Fact(text=f"{row['finished']:,} finished"),
    ]
    if row["running"]:
        facts.append(Fact(text=f"{row['running']:,} running"))
        if row["median_days_left"] is not None:
            left = f"half of these have {_format_days(row['median_days_left'])} left"
            facts.append(Fact(text=left, style="dim"))
        if row["ending_soon"]:
            facts.append(Fact(text=f"{row['ending_soon']:,} end within a week", style="yellow"))
    rate = row["conversion_rate"]
    if rate is None:
        outcome = [Fact(text="too early to tell how many convert", style="dim")]
    else:
        low, high = _format_ratio(row["conversion_low"]), _format_ratio(row["conversion_high"])
        converted = f"{row['converted']:,} of {row['started']:,}"
        if rate * row["started"] != row["converted"]:  # others still run
            converted += " so far"
        text = f"converted {_format_ratio(rate)}"
        outcome = [
            Fact(text=text, style="bold", share=rate, detail=converted),
            Fact(text=f"95 % sure: {low} to {high}", style="dim"),
        ]
        if row["followed_days"] is not None:
            outcome.append(Fact(text=f"within {_format_days(row['followed_days'])}", style="dim"))
        if row["median_days_to_convert"] is not None:
            days = _format_days(row["median_days_to_convert"])
            outcome.append(Fact(text=f"half of these within {days}"))
    return [Facts(facts=facts), Facts(facts=outcome), *_met_tables(row)]


def _met_tables(row: TrialRow) -> list[Table]:
    """Compare what the calls of all, the converted and the lost met; no table without a figure."""
    rows = [m for m in _MET_METRICS if row[m[1]] is not None]
    if not rows:
        return []
    significance = [_describe_significance(row[p] if p else None) for *_, p in rows]
    columns: list[Column] = [
        TextColumn(
            title="  in the trial", cells=[f"  {label}" for label, *_ in rows], styles="dim"
        ),
        *(
            TextColumn(
                title=title,
                cells=[format_mean(row[name + ending], unit) for _, name, unit, _ in rows],
                align_right=True,
            )
            for title, ending in _TRIAL_GROUPS
        ),
        TextColumn(
            title="converted against lost",
            cells=[text for text, _ in significance],
            styles=[style for _, style in significance],
            drop_order=1,
        ),
    ]
    return [Table(columns=columns, height=len(rows))]


def _describe_significance(p_value: float | None) -> tuple[str, str]:
    if p_value is None:
        return "", ""
    if p_value >= 0.05:
        return f"no difference shown (p {p_value:.2f})", "dim"
    return ("differ (p < 0.001)" if p_value < 0.001 else f"differ (p {p_value:.3f})"), "bold yellow"


def _format_ratio(value: float | None) -> str:
    return format_value(value, Unit.RATIO, "UTC")


def _format_days(value: float | None) -> str:
    return format_value(value, Unit.DAYS, "UTC")
