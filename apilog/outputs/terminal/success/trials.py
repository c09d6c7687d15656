"""Trials as cards, and proofs of concept as a line."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from apilog.metrics import Unit
from apilog.outputs.escape import terminal_text
from apilog.outputs.labels import display
from apilog.outputs.terminal.bars import bar
from apilog.outputs.terminal.grid import Column, Words, grid
from apilog.outputs.terminal.page import Page, Section
from apilog.outputs.terminal.success.cells import is_grouped, shown
from apilog.outputs.terminal.text import flow

_MET = (
    ("calls an account", "requests_per_account", None, "requests_p_value"),
    ("errors", "error_rate", Unit.RATIO, "error_rate_p_value"),
    ("p95", "latency_p95_ms", Unit.MILLISECONDS, "latency_p95_p_value"),
    ("uptime", "uptime", Unit.RATIO, None),
)
_GROUPS = (("all", ""), ("converted", "_converted"), ("lost", "_lost"))
_BAR = 20

Row = dict[str, Any]


def trials(page: Page) -> Section | None:
    """A card a kind: what became of its trials, and what their calls met."""
    frame = page.table("trials")
    if is_grouped(frame, "trial_kind") or not frame.height:
        return None

    def draw(width: int) -> list[Text]:
        cards = [_card(row, width) for row in frame.iter_rows(named=True)]
        lines = cards[0]
        for card in cards[1:]:
            lines += [Text(), *card]
        return lines

    return Section(title="Trials", draw=draw)


def poc(page: Page) -> Section | None:
    """Proofs of concept, if there are any."""
    frame = page.table("poc")
    if is_grouped(frame, "started") or not frame["started"][0]:
        return None
    row = frame.row(0, named=True)
    parts = [
        f"{row['started']:,} started",
        f"{row['completed']:,} completed ({_ratio(row['completion_rate'])})",
        f"{_ratio(row['conversion_rate'])} of these converted",
        f"half took up to {_days(row['median_days'])}, 90 % up to {_days(row['p90_days'])}",
    ]
    texts = [Text(part) for part in parts]
    return Section(title="Proofs of concept", draw=lambda width: _indented(texts, width))


def _card(row: Row, width: int) -> list[Text]:
    kind = terminal_text(row["trial_kind"] or "no kind")
    head = [Text(kind, "bold cyan"), Text(f"{row['started']:,} started")]
    head.append(Text(f"{row['finished']:,} finished"))
    if row["running"]:
        head.append(Text(f"{row['running']:,} running"))
        if row["median_days_left"] is not None:
            head.append(Text(f"half of these have {_days(row['median_days_left'])} left", "dim"))
        if row["ending_soon"]:
            head.append(Text(f"{row['ending_soon']:,} end within a week", "yellow"))
    return [*_indented(head, width), *_indented(_converted(row), width), *_met(row, width)]


def _converted(row: Row) -> list[Text]:
    if row["conversion_rate"] is None:
        return [Text("none has ended", "dim")]
    rate = row["conversion_rate"]
    filled = bar(rate, _BAR)
    drawn = Text.assemble(
        (f"converted {_ratio(rate)} ", "bold"),
        (filled, "green"),
        ("·" * (_BAR - len(filled)), "dim"),
        f" {row['converted']:,} of {row['finished']:,}",
    )
    low, high = _ratio(row["conversion_low"]), _ratio(row["conversion_high"])
    parts = [drawn, Text(f"95 % sure: {low} to {high}", "dim")]
    if row["median_days_to_convert"] is not None:
        parts.append(Text(f"half within {_days(row['median_days_to_convert'])}"))
    return parts


def _met(row: Row, width: int) -> list[Text]:
    """What the calls of all, the converted and the lost met, side by side."""
    rows = [m for m in _MET if row[m[1]] is not None]
    if not rows:
        return []
    told = [_significance(row[p] if p else None) for *_, p in rows]
    columns: list[Column] = [
        Words(title="  in the trial", cells=[f"  {label}" for label, *_ in rows], styles="dim"),
        *(
            Words(
                title=title,
                cells=[shown(row[name + ending], unit) for _, name, unit, _ in rows],
                right=True,
            )
            for title, ending in _GROUPS
        ),
        Words(
            title="converted against lost",
            cells=[text for text, _ in told],
            styles=[style for _, style in told],
            drop=1,
        ),
    ]
    return grid(columns, len(rows), width)


def _significance(p_value: float | None) -> tuple[str, str]:
    if p_value is None:
        return "", ""
    if p_value >= 0.05:
        return f"no difference shown (p {p_value:.2f})", "dim"
    return ("differ (p < 0.001)" if p_value < 0.001 else f"differ (p {p_value:.3f})"), "bold yellow"


def _indented(parts: list[Text], width: int) -> list[Text]:
    return [Text.assemble("  ", line) for line in flow(parts, width - 2)]


def _ratio(value: float | None) -> str:
    return display(value, Unit.RATIO, "UTC")


def _days(value: float | None) -> str:
    return display(value, Unit.DAYS, "UTC")
