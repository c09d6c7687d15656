"""What plans bring in, how much of them is used, and whom to talk to."""

from __future__ import annotations

import polars as pl
from rich.text import Text

from apilog.outputs.terminal.bars import bar
from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.ranking import ranking
from apilog.outputs.terminal.success.cells import is_grouped, numbers, texts
from apilog.outputs.terminal.text import wrap

_BAR = 12
_REASONS = {"upgrade": ("▲ upgrade", "green"), "churn": ("▼ may leave", "yellow")}


def revenue(page: Page) -> Section | None:
    """A line a plan, the totals last."""
    frame = page.table("revenue")
    if is_grouped(frame, "plan") or not frame["accounts"].sum():
        return None

    def draw(width: int) -> list[Text]:
        columns: list[Column] = [
            texts(frame, "plan", "plan", style="bold"),
            numbers(frame, "accounts", "accounts"),
            numbers(frame, "paying", "paying"),
            numbers(frame, "mrr", "MRR", styles="bold"),
            numbers(frame, "arpu", "ARPU", drop=4),
            numbers(frame, "arppu", "ARPPU", drop=5),
            numbers(frame, "conversion_rate", "converted", drop=2),
            numbers(frame, "churn_rate", "churn 30 d", drop=1),
            numbers(frame, "clv", "CLV", drop=3),
            numbers(frame, "requests", "calls", drop=6),
            numbers(frame, "revenue_per_1000_requests", "per 1000 calls", drop=7),
        ]
        return grid(columns, frame.height, width)

    return Section(title="Revenue", subtitle="a month, by plan", draw=draw)


def plans(page: Page) -> Section | None:
    """How much of their quota the accounts of each plan use."""
    frame = page.table("plans")
    if is_grouped(frame, "plan") or not frame.height:
        return None

    def draw(width: int) -> list[Text]:
        columns: list[Column] = [
            texts(frame, "plan", "plan", style="bold"),
            numbers(frame, "quota", "quota"),
            numbers(frame, "accounts", "accounts"),
            Words(
                title="", cells=[_filled(u) for u in frame["median_usage"]], styles="cyan", drop=4
            ),
            numbers(frame, "median_usage", "median use"),
            numbers(frame, "over_limit", "over", styles="red"),
            numbers(frame, "near_limit", "near", styles="yellow", drop=1),
            numbers(frame, "hardly_used", "hardly used", drop=2),
            numbers(frame, "price_per_1000_requests", "per 1000 calls", drop=5),
        ]
        return grid(columns, frame.height, width)

    return Section(title="Plans", subtitle="calls of 30 days against the quota", draw=draw)


def candidates(page: Page) -> Section | None:
    """The accounts over or near their limit, and those that hardly use their plan."""
    frame = page.table("candidates")
    if is_grouped(frame, "account") or not frame.height:
        return None
    full = frame.filter(pl.col("candidate_for") == "upgrade")
    idle = frame.filter(pl.col("candidate_for") == "churn").sort("usage", maintain_order=True)
    top = page.rows(3, frame.height)
    shown = pl.concat([full.head(top), idle.head(top)])
    told = f"{full.height:,} may want a larger plan, {idle.height:,} may leave"
    section = ranking(shown, _columns, shown.height, title="Whom to talk to", subtitle=told)
    if section is None or frame["account"].is_in(["(hidden)"]).any() is False:
        return section
    hint = "Accounts that are e-mail addresses are hidden; --hash-consumers shows hashes."

    def draw(width: int) -> list[Text]:
        return [*section.draw(width), *wrap(hint, width, "dim")]

    return Section(title=section.title, subtitle=section.subtitle, draw=draw)


def _columns(frame: pl.DataFrame) -> list[Column]:
    reasons = [_REASONS.get(reason, (reason, "")) for reason in frame["candidate_for"]]
    return [
        Words(
            title="",
            cells=[text for text, _ in reasons],
            styles=[style for _, style in reasons],
        ),
        texts(frame, "account", "account"),
        texts(frame, "plan", "plan"),
        numbers(frame, "requests", "calls", drop=1),
        numbers(frame, "usage", "of quota"),
    ]


def _filled(usage: float | None) -> str:
    """How full the quota is."""
    filled = bar(min(usage or 0.0, 1.0), _BAR)
    return filled + "·" * (_BAR - len(filled))
