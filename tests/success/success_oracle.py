"""Every table of a success report from lists of dicts, in plain Python; statistics by scipy.

It shares no code with apilog and follows the definitions word by word.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any

from scipy import stats

Row = dict[str, Any]
STAGES = ("signed_up", "first_call", "first_success", "activated", "converted")
BINS = (0, 1 / 12, 0.25, 1, 6, 24, 72, 168, 336, 720)


@dataclass
class Call:
    """One request."""

    at: datetime
    consumer: str | None
    status: int | None
    ms: float | None
    route: str = "/v1/things"

    @property
    def is_error(self) -> bool:
        return self.status is not None and 400 <= self.status <= 599

    @property
    def is_success(self) -> bool:
        return self.status is not None and self.status < 400


@dataclass
class World:
    """Accounts and calls, and the options of the report on them."""

    accounts: list[Row]
    calls: list[Call]
    as_of: datetime
    activation_calls: int = 10
    cohort: str = "week"
    control: str | None = None
    min_accounts: int = 100
    plans: dict[str, tuple[int | None, float | None]] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None


def ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def middle(values: Iterable[float]) -> float | None:
    known = list(values)
    return median(known) if known else None


def linear(values: Iterable[float], q: float) -> float | None:
    known = sorted(values)
    if not known:
        return None
    place = q * (len(known) - 1)
    low = math.floor(place)
    high = min(low + 1, len(known) - 1)
    return known[low] + (known[high] - known[low]) * (place - low)


def p95(durations: Iterable[float | None]) -> float | None:
    known = sorted(d for d in durations if d is not None)
    return known[math.floor(0.95 * (len(known) - 1))] if known else None


def hours(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 3600


Curve = list[tuple[float, Fraction, Fraction]]
"""Times of events, the share that waits after each, and Greenwood's sum."""
RANKED = ("error_rate", "requests_per_account")
ATTRIBUTION = timedelta(days=30)
CONVERSIONS = (
    *("conversion_rate", "conversion_low", "conversion_high", "effective_trials"),
    *("followed_days", "median_days_to_convert"),
)


def kaplan_meier(waits: Iterable[tuple[float, bool]]) -> Curve:
    """The curve of times, each with whether it ended in the event."""
    known = [*waits]
    curve: Curve = []
    share, spread = Fraction(1), Fraction(0)
    for time in sorted({t for t, happened in known if happened}):
        at_risk = sum(t >= time for t, _ in known)
        events = sum(happened and t == time for t, happened in known)
        share *= 1 - Fraction(events, at_risk)
        if events < at_risk:
            spread += Fraction(events, at_risk * (at_risk - events))
        curve.append((time, share, spread))
    return curve


def time_of(curve: Curve, q: Fraction) -> float | None:
    """When that share has had the event; between two times if it is just that share."""
    reached = [(time, share) for time, share, _ in curve if share <= 1 - q]
    if not reached:
        return None
    time = reached[0][0]
    return (time + reached[1][0]) / 2 if reached[0][1] == 1 - q and reached[1:] else time


def wilson(share: float, size: float) -> tuple[float, float]:
    """All shares p with (share − p)² ≤ z² · p · (1 − p) / size."""
    z2 = float(stats.norm.ppf(0.975)) ** 2
    a, b, c = 1 + z2 / size, -(2 * share + z2 / size), share * share
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return max(0.0, (-b - root) / (2 * a)), min(1.0, (-b + root) / (2 * a))


def tries(account: Row) -> bool:
    """Whether an account has a trial that began before it paid."""
    start, paid = account["trial_start"], account["converted"]
    return bool(start) and not (paid and paid.date() < start.date())


def ranks(one: Sequence[float | None], other: Sequence[float | None]) -> float | None:
    a, b = [v for v in one if v is not None], [v for v in other if v is not None]
    if not a or not b:
        return None
    if len({*a, *b}) == 1:
        return 1.0
    return float(stats.mannwhitneyu(a, b, method="auto").pvalue)


class Oracle:
    """The tables of the report on a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        claimed = {
            consumer: account["account"]
            for account in world.accounts
            for consumer in account["consumers"] or [account["account"]]
        }
        self.calls = [c for c in world.calls if c.at < world.as_of]
        own = defaultdict(list)
        self.strangers = []
        for call in self.calls:
            if call.consumer in claimed:
                own[claimed[call.consumer]].append(call)
            elif self.is_counted(call):
                self.strangers.append(call)
        later = {claimed.get(c.consumer or "") for c in world.calls if c.at >= world.as_of}
        self.first = min((c.at for c in self.calls), default=None)
        self.last = max((c.at for c in self.calls), default=None)
        self.begins = self.first and self.first.replace(hour=0, minute=0, second=0, microsecond=0)
        self.ends = self.last and min(
            world.as_of,
            self.last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1),
        )
        seen = [self.seen(account, own[account["account"]]) for account in world.accounts]
        events = ("signed_up", "converted", "churned", "trial_start", "poc_start", "poc_end")
        self.accounts = [
            a
            for a in seen
            if (not a["signed_up"] or a["signed_up"] <= world.as_of)
            and (any(a[event] for event in events) or a["account"] not in later)
        ]

    def is_counted(self, call: Call) -> bool:
        """Whether a call is in the window."""
        since, until = self.world.since, self.world.until
        return (since is None or call.at >= since) and (until is None or call.at < until)

    def covers(self, at: datetime | None) -> bool:
        """Whether the log tells of that time."""
        return bool(at and self.begins and self.ends and self.begins <= at <= self.ends)

    def seen(self, account: Row, calls: list[Call]) -> Row:
        """An account as it is at as-of, with its calls."""
        calls = sorted(calls, key=lambda call: call.at)
        good = [call.at for call in calls if call.is_success]
        first = calls[0].at if calls else None
        n = self.world.activation_calls

        def happened(name: str) -> datetime | None:
            at = account.get(name)
            return at if at and at <= self.world.as_of else None

        row = dict(account) | {
            "calls": calls,
            "counted": [call for call in calls if self.is_counted(call)],
            "timed": self.covers(account.get("signed_up_at")),
            "followed": self.covers(account.get("signed_up_at"))
            or bool(self.first and not account.get("signed_up_at")),
            "signed_up": account.get("signed_up_at") or first,
            "first_call": first,
            "first_success": good[0] if good else None,
            "activated": good[n - 1] if len(good) >= n else None,
            "converted": happened("converted_at"),
            "churned": happened("churned_at"),
            "trial_start": happened("trial_started_at"),
            "poc_start": happened("poc_started_at"),
            "poc_end": happened("poc_completed_at"),
        }
        row["stage"] = 0
        for stage in STAGES[1:]:
            if row[stage] is None:
                break
            row["stage"] += 1
        return row

    def tables(self) -> dict[str, list[Row]]:
        return {
            "funnel": self.funnel(),
            "onboarding": self.onboarding(),
            "onboarding_histogram": self.onboarding_histogram(),
            "bottlenecks": self.bottlenecks(),
            "trials": self.trials(),
            "revenue": self.revenue(),
            "plans": self.plans(),
            "candidates": self.candidates(),
            "poc": self.poc(),
            "retention": self.retention(),
            "experiments": self.experiments(),
            "unmatched": self.unmatched(),
        }

    def funnel(self) -> list[Row]:
        rows: list[Row] = []
        for i, stage in enumerate(STAGES):
            followed = [a for a in self.accounts if a["followed"]]
            reached = [a for a in followed if a["stage"] >= i]
            timed = [a for a in followed if a["timed"]]
            curve = self.waiting(timed, stage, lambda a, i=i: a["stage"] >= i)
            rows.append(
                {
                    "stage": stage,
                    "accounts": sum(a["stage"] >= i for a in self.accounts),
                    "rate": ratio(len(reached), len(followed)),
                    "step_rate": ratio(len(reached), rows[-1]["reached"]) if rows else None,
                    "median_hours": time_of(curve, Fraction(1, 2)),
                    "at_risk": len(followed),
                    "reached": len(reached),
                }
            )
        return rows

    def waiting(self, accounts: list[Row], event: str, has: Callable[[Row], bool]) -> Curve:
        """The curve of the hours from sign-up to the event."""
        ends = self.ends or self.world.as_of
        return kaplan_meier(
            (hours(a["signed_up"], a[event] if has(a) else ends), has(a)) for a in accounts
        )

    def taken(self, event: str) -> list[float]:
        return [hours(a["signed_up"], a[event]) for a in self.accounts if a["timed"] and a[event]]

    def onboarding(self) -> list[Row]:
        timed = [a for a in self.accounts if a["timed"]]
        return [
            {
                "stage": event,
                "accounts": len(self.taken(event)),
                "p50_hours": time_of(curve, Fraction(1, 2)),
                "p90_hours": time_of(curve, Fraction(9, 10)),
                "at_risk": len(timed),
            }
            for event in STAGES[1:4]
            for curve in [self.waiting(timed, event, lambda a, e=event: bool(a[e]))]
        ]

    def onboarding_histogram(self) -> list[Row]:
        rows = []
        for event in STAGES[1:4]:
            taken = self.taken(event)
            for low, high in zip((None, *BINS), (*BINS, None), strict=True):
                n = sum((low is None or t >= low) and (high is None or t < high) for t in taken)
                rows.append(
                    {
                        "stage": event,
                        "from_hours": low,
                        "to_hours": high,
                        "accounts": n,
                        "share": ratio(n, len(taken)),
                    }
                )
        return rows

    def bottlenecks(self) -> list[Row]:
        counts: Counter[tuple[int, str | None, int | None]] = Counter()
        for account in self.accounts:
            if account["stage"] == 4 or not account["followed"]:
                continue
            errors = [c for c in account["calls"] if c.is_error] or account["calls"]
            last = max(errors, key=lambda c: (c.at, c.route, c.status or -1), default=None)
            counts[account["stage"], last and last.route, last and last.status] += 1
        stalled = Counter(a["stage"] for a in self.accounts if a["followed"])
        rows = [
            {
                "stage": STAGES[stage],
                "route": route,
                "status": status,
                "accounts": n,
                "share": n / stalled[stage],
            }
            for (stage, route, status), n in counts.items()
        ]
        return sorted(
            rows,
            key=lambda r: (
                STAGES.index(r["stage"]),
                -r["accounts"],
                r["route"] is None,
                r["route"] or "",
                r["status"] is None,
                r["status"] or 0,
            ),
        )

    def trials(self) -> list[Row]:
        kinds = {a["trial_kind"] for a in self.accounts if tries(a)}
        ordered = sorted(kinds, key=lambda kind: (kind is None, kind or ""))
        return [self.trial(kind) for kind in ordered]

    def trial(self, kind: str | None) -> Row:
        as_of = self.world.as_of
        started = [a for a in self.accounts if tries(a) and a["trial_kind"] == kind]
        converted = [
            a
            for a in started
            if a["converted"]
            and not (a["trial_ends_at"] and a["converted"] > a["trial_ends_at"] + ATTRIBUTION)
        ]
        open_ = [a for a in started if a not in converted]
        lost = [a for a in open_ if a["trial_ends_at"] and a["trial_ends_at"] <= as_of]
        running = [a for a in open_ if a not in lost]
        finished = len(converted) + len(lost)
        left = [hours(as_of, a["trial_ends_at"]) / 24 for a in running if a["trial_ends_at"]]
        row = {
            "trial_kind": kind,
            "started": len(started),
            "running": len(running),
            "finished": finished,
            "converted": len(converted),
            "ending_soon": sum(days <= 7 for days in left),
            "median_days_left": middle(left),
        }
        row |= self.conversions(started, converted)
        for suffix, group in (("", started), ("_converted", converted), ("_lost", lost)):
            logged = [a for a in group if self.has_trial(a)]
            row |= {f"{name}{suffix}": value for name, value in self.met(logged).items()}
        compare: dict[str, Callable[[list[Call]], float | None]] = {
            "requests_p_value": len,
            "error_rate_p_value": lambda cs: ratio(sum(c.is_error for c in cs), len(cs)),
            "latency_p95_p_value": lambda cs: p95(c.ms for c in cs),
        }
        for name, value in compare.items():
            row[name] = ranks(
                *(
                    [value(self.within(a)) for a in group if self.has_trial(a)]
                    for group in (converted, lost)
                )
            )
        return row

    def conversions(self, started: list[Row], converted: list[Row]) -> Row:
        """The share that converts in the end, and how soon."""
        as_of = self.world.as_of

        def followed(account: Row) -> float:
            end = account["trial_ends_at"]
            if end and end + ATTRIBUTION <= as_of:
                return math.inf
            return hours(account["trial_start"], as_of) / 24

        def needed(account: Row) -> float:
            return max(0.0, hours(account["trial_start"], account["converted"]) / 24)

        # The longest time that at least a tenth is followed.
        times = sorted({followed(a) for a in started})
        longest = max(
            t for t in times if sum(followed(a) >= t for a in started) * 10 >= len(started)
        )
        lengths = [
            hours(a["trial_start"], a["trial_ends_at"]) / 24 for a in started if a["trial_ends_at"]
        ]
        if lengths and longest < median(lengths):
            return dict.fromkeys(CONVERSIONS)
        in_time = [a for a in converted if needed(a) <= longest]
        curve = kaplan_meier(
            (needed(a) if a in in_time else min(followed(a), longest), a in in_time)
            for a in started
        )
        share = 1 - curve[-1][1] if curve else Fraction(0)
        if share in (0, 1):
            size: Fraction | int = sum(followed(a) >= longest for a in started)
        else:
            size = share / ((1 - share) * curve[-1][2])
        low, high = wilson(float(share), float(size)) if size else (None, None)
        return {
            "conversion_rate": float(share),
            "conversion_low": low,
            "conversion_high": high,
            "effective_trials": round(float(size)),
            "followed_days": longest if math.isfinite(longest) else None,
            "median_days_to_convert": time_of(curve, share / 2) if share else None,
        }

    def has_trial(self, account: Row) -> bool:
        """Whether the log has the whole trial, but for a day in the end."""
        as_of = self.world.as_of
        over = min(account["trial_ends_at"] or as_of, account["converted"] or as_of, as_of)
        is_begun: bool = self.covers(account["trial_start"])
        return is_begun and self.ends is not None and over <= self.ends + timedelta(days=1)

    def within(self, account: Row) -> list[Call]:
        """The calls in an account's trial."""
        start = account["trial_start"]
        # Later than as-of or not, a conversion ends the trial; no call is later than as-of.
        end = min(
            (t for t in (account["trial_ends_at"], account["converted_at"]) if t), default=None
        )
        return [c for c in account["calls"] if c.at >= start and (end is None or c.at < end)]

    def met(self, group: list[Row]) -> Row:
        calls = [call for account in group for call in self.within(account)]
        minutes = [minute for account in group for minute in self.trial_minutes(account)]
        bursts = self.bursts()
        down = sum(minute in bursts for minute in minutes)
        return {
            "requests_per_account": ratio(len(calls), len(group)),
            "error_rate": ratio(sum(c.is_error for c in calls), len(calls)),
            "latency_p95_ms": p95(c.ms for c in calls),
            "uptime": 1 - down / len(minutes) if minutes else None,
        }

    def bursts(self) -> set[int]:
        total: Counter[int] = Counter()
        failed: Counter[int] = Counter()
        for call in self.calls:
            minute = math.floor(call.at.timestamp() // 60)
            total[minute] += 1
            failed[minute] += call.status is not None and 500 <= call.status <= 599
        return {m for m, n in failed.items() if n >= 3 and n >= 0.1 * total[m]}

    def trial_minutes(self, account: Row) -> range:
        if not self.calls:
            return range(0)
        first = math.floor(min(c.at for c in self.calls).timestamp() // 60)
        last = math.floor(max(c.at for c in self.calls).timestamp() // 60) + 1
        as_of = self.world.as_of
        end = min(account["trial_ends_at"] or as_of, account["converted"] or as_of, as_of)
        start = math.ceil(account["trial_start"].timestamp() / 60)
        return range(max(start, first), min(math.ceil(end.timestamp() / 60), last))

    def revenue(self) -> list[Row]:
        plans = {a["plan"] for a in self.accounts}
        ordered = sorted(plans, key=lambda plan: (plan is None, plan or ""))
        rows = [
            self.money(plan, [a for a in self.accounts if a["plan"] == plan]) for plan in ordered
        ]
        return [*rows, self.money("(all)", self.accounts)]

    def money(self, plan: str | None, accounts: list[Row]) -> Row:
        then = self.world.as_of - timedelta(days=30)
        paying = [a for a in accounts if a["converted"] and not a["churned"] and a["mrr"]]
        mrr = math.fsum(a["mrr"] for a in paying)
        current = [a for a in accounts if not a["churned"]]
        at_risk = [
            a
            for a in accounts
            if not (a["churned"] and a["churned"] <= then)
            and (
                a["mrr_before"] > 0
                if a["mrr_before"] is not None
                else a["converted"]
                and a["converted"] <= then
                and not (not a["churned"] and a["mrr"] == 0)
            )
        ]
        lost = [a for a in at_risk if a["churned"]]
        arppu, churn = ratio(mrr, len(paying)), ratio(len(lost), len(at_risk))
        requests = sum(len(a["counted"]) for a in accounts)
        compared = [
            (a["mrr_before"], 0 if a["churned"] else a["mrr"])
            for a in accounts
            if a["mrr_before"] and (a["churned"] or a["mrr"] is not None)
        ]
        before = math.fsum(b for b, _ in compared)
        return {
            "plan": plan,
            "accounts": len(accounts),
            "current": len(current),
            "paying": len(paying),
            "mrr": mrr,
            "arpu": ratio(mrr, len(current)),
            "arppu": arppu,
            "conversion_rate": ratio(sum(bool(a["converted"]) for a in accounts), len(accounts)),
            "at_risk": len(at_risk),
            "churn_rate": churn,
            "clv": arppu / churn if churn and arppu is not None else None,
            "net_revenue_retention": ratio(math.fsum(n for _, n in compared), before),
            "expansion": ratio(math.fsum(max(0, n - b) for b, n in compared), before),
            "requests": requests,
            "requests_per_account": ratio(sum(len(a["counted"]) for a in current), len(current)),
            "revenue_per_1000_requests": self.per_1000(accounts, requests),
        }

    def per_1000(self, accounts: list[Row], requests: int) -> float | None:
        """What accounts paid while the log goes, for each thousand calls."""
        if self.first is None or self.last is None:
            return None
        start = max(self.first, self.world.since or self.first)
        end = min(self.last, self.world.until or self.last)
        if end - start < timedelta(days=1):
            return None
        paid = 0.0
        for account in accounts:
            if account["converted"] and account["mrr"]:
                until = min(account["churned"] or end, end)
                days = hours(max(account["converted"], start), until) / 24
                paid += account["mrr"] * max(0.0, days) / 30
        return ratio(paid * 1000, requests)

    def used(self, account: Row) -> int:
        then = self.world.as_of - timedelta(days=30)
        return sum(call.at >= then for call in account["calls"])

    def hardly(self, account: Row, quota: int | None) -> bool:
        then = self.world.as_of - timedelta(days=30)
        is_old = account["signed_up"] is not None and account["signed_up"] <= then
        share = self.logged_share()
        if not quota or not is_old or share < 0.9:
            return False
        return self.used(account) / quota < 0.1 * share

    def logged_share(self) -> float:
        """Of the last 30 days, how much the log tells of."""
        if not self.begins or not self.ends:
            return 0
        then = self.world.as_of - timedelta(days=30)
        covered = min(self.world.as_of, self.ends) - max(then, self.begins)
        return max(0.0, covered / timedelta(days=30))

    def plans(self) -> list[Row]:
        rows = []
        for plan, (quota, price) in self.world.plans.items():
            accounts = [a for a in self.accounts if a["plan"] == plan and not a["churned"]]
            usages = [self.used(a) / quota for a in accounts] if quota else []
            requests = sum(map(self.used, accounts))
            known = self.logged_share() >= 0.9
            rows.append(
                {
                    "plan": plan,
                    "quota": quota,
                    "price": price,
                    "accounts": len(accounts),
                    "requests": requests,
                    "requests_per_account": ratio(requests, len(accounts)) if known else None,
                    "median_usage": middle(usages) if known else None,
                    "near_limit": sum(0.8 <= u <= 1 for u in usages) if known else None,
                    "over_limit": sum(u > 1 for u in usages) if known else None,
                    "hardly_used": (
                        sum(self.hardly(a, quota) for a in accounts) if known else None
                    ),
                    "price_per_1000_requests": (
                        price * 1000 / quota if quota and price is not None else None
                    ),
                }
            )
        return rows

    def candidates(self) -> list[Row]:
        rows = []
        for account in self.accounts:
            quota, _ = self.world.plans.get(account["plan"], (None, None))
            if not quota or account["churned"]:
                continue
            usage = self.used(account) / quota
            why = "upgrade" if usage >= 0.8 else "churn" if self.hardly(account, quota) else None
            if why:
                rows.append(
                    {
                        "account": account["account"],
                        "plan": account["plan"],
                        "candidate_for": why,
                        "requests": self.used(account),
                        "quota": quota,
                        "usage": usage,
                    }
                )
        return sorted(rows, key=lambda row: (-row["usage"], row["account"]))

    def poc(self) -> list[Row]:
        started = [a for a in self.accounts if a["poc_start"]]
        done = [a for a in started if a["poc_end"]]
        days = [hours(a["poc_start"], a["poc_end"]) / 24 for a in done]
        return [
            {
                "started": len(started),
                "completed": len(done),
                "conversion_rate": ratio(sum(bool(a["converted"]) for a in done), len(done)),
                "completion_rate": ratio(len(done), len(started)),
                "median_days": middle(days),
                "p90_days": linear(days, 0.9),
            }
        ]

    def first_day(self, at: datetime) -> date:
        day = at.date()
        if self.world.cohort == "month":
            return day.replace(day=1)
        return day - timedelta(days=day.weekday())

    def next_day(self, day: date) -> date:
        if self.world.cohort == "week":
            return day + timedelta(days=7)
        return (day + timedelta(days=32)).replace(day=1)

    def retention(self) -> list[Row]:
        cohorts = defaultdict(list)
        for account in self.accounts:
            if account["signed_up"]:
                cohorts[self.first_day(account["signed_up"])].append(account)
        rows = []
        as_of = self.world.as_of
        logged = {self.first_day(call.at) for call in self.calls}
        for cohort, members in sorted(cohorts.items()):
            day, age = cohort, 0
            while day <= as_of.date():
                active = sum(
                    any(self.first_day(c.at) == day for c in account["calls"])
                    for account in members
                )
                begin, end = (
                    datetime.combine(d, datetime.min.time(), as_of.tzinfo)
                    for d in (day, self.next_day(day))
                )
                is_known = day in logged
                rows.append(
                    {
                        "cohort": cohort,
                        "age": age,
                        "accounts": len(members),
                        "active": active if is_known else None,
                        "rate": active / len(members) if is_known else None,
                        "complete": is_known and self.covers(begin) and self.covers(end),
                    }
                )
                day, age = self.next_day(day), age + 1
        return rows

    def experiments(self) -> list[Row]:
        groups = defaultdict(list)
        for account in self.accounts:
            if account["variant"]:
                groups[account["variant"]].append(account)
        names = sorted(groups)
        if not names:
            return []
        control = self.world.control or names[0]
        sizes = [len(groups[name]) for name in names]
        split = float(stats.chisquare(sizes).pvalue) if len(sizes) > 1 else None
        rows = [
            self.experiment(metric, name, groups, control) | {"split_p_value": split}
            for metric in METRICS
            for name in names
        ]
        made = [row for row in rows if row["p_value"] is not None]
        if made:
            adjusted = stats.false_discovery_control([row["p_value"] for row in made])
            for row, p_value in zip(made, adjusted, strict=True):
                row["p_value"] = float(p_value)
        for row in rows:
            row["verdict"] = self.verdict(row, groups, control)
        return rows

    def experiment(self, metric: str, name: str, groups: dict[str, list[Row]], control: str) -> Row:
        value_of, each, is_proportion = METRICS[metric]
        group, base = groups[name], groups.get(control, [])
        if metric == "activation":
            group, base = ([a for a in accounts if a["followed"]] for accounts in (group, base))
        value, base_value = value_of(group), value_of(base)
        one, other = [each(a) for a in group], [each(a) for a in base]
        row: Row = {
            "variant": name,
            "metric": metric,
            "accounts": len(group),
            "value": value,
            "typical": (middle(v for v in one if v is not None) if metric in RANKED else None),
            **dict.fromkeys(("superiority", "lift", "low", "high", "p_value")),
        }
        if name == control or control not in groups:
            return row
        if metric == "latency_p95":
            if value and base_value:
                row["lift"] = value / base_value - 1
            return row | latency_lift(group, base)
        if not is_proportion:
            known, base_known = ([v for v in vs if v is not None] for vs in (one, other))
            return row | {"p_value": ranks(one, other)} | effect(known, base_known)
        if value is None or base_value is None:
            return row
        hits = [sum(one), sum(other)]
        misses = [len(one) - hits[0], len(other) - hits[1]]
        same = not sum(hits) or not sum(misses)
        row["superiority"] = sum((a > b) + (a == b) / 2 for a in one for b in other) / (
            len(one) * len(other)
        )
        row["p_value"] = (
            1.0 if same else float(stats.chi2_contingency([hits, misses], correction=False).pvalue)
        )
        if base_value:
            row["lift"] = value / base_value - 1
        errors = [spread(values) for values in (one, other)]
        if value and base_value and None not in errors:
            error = math.sqrt(sum(e * e for e in errors if e is not None))
            z = stats.norm.ppf(0.975)
            row["low"] = value / base_value * math.exp(-z * error) - 1
            row["high"] = value / base_value * math.exp(z * error) - 1
        return row

    def verdict(self, row: Row, groups: dict[str, list[Row]], control: str) -> str:
        if row["variant"] == control:
            return "control"
        base = groups.get(control, [])
        if row["metric"] == "activation":
            base = [a for a in base if a["followed"]]
        if min(row["accounts"], len(base)) < self.world.min_accounts:
            return "too early"
        if row["split_p_value"] is not None and row["split_p_value"] < 0.001:
            return "uneven split"
        if row["p_value"] is None:
            return "no data"
        if row["p_value"] >= 0.05:
            return "no difference shown"
        wants_less = row["metric"] in ("error_rate", "latency_p95")
        is_lower = row["lift"] < 0 if row["superiority"] is None else row["superiority"] < 0.5
        return "better" if is_lower == wants_less else "worse"

    def unmatched(self) -> list[Row]:
        by_consumer = defaultdict(list)
        for call in self.strangers:
            by_consumer[call.consumer].append(call)
        rows = [
            {
                "consumer": consumer,
                "requests": len(calls),
                "errors": sum(c.is_error for c in calls),
                "error_rate": sum(c.is_error for c in calls) / len(calls),
                "last_seen": max(c.at for c in calls),
            }
            for consumer, calls in by_consumer.items()
        ]
        return sorted(
            rows, key=lambda r: (-r["requests"], r["consumer"] is None, r["consumer"] or "")
        )


def errors_of(account: Row) -> int:
    return sum(c.is_error for c in account["counted"])


METRICS: dict[str, tuple[Callable[[list[Row]], float | None], Callable[[Row], Any], bool]] = {
    "activation": (
        lambda group: ratio(sum(a["stage"] >= 3 for a in group), len(group)),
        lambda a: a["stage"] >= 3,
        True,
    ),
    "conversion": (
        lambda group: ratio(sum(bool(a["converted"]) for a in group), len(group)),
        lambda a: bool(a["converted"]),
        True,
    ),
    "error_rate": (
        lambda group: ratio(sum(map(errors_of, group)), sum(len(a["counted"]) for a in group)),
        lambda a: ratio(errors_of(a), len(a["counted"])),
        False,
    ),
    "latency_p95": (
        lambda group: p95(c.ms for a in group for c in a["counted"]),
        lambda a: p95(c.ms for c in a["counted"]),
        False,
    ),
    "requests_per_account": (
        lambda group: ratio(sum(len(a["counted"]) for a in group), len(group)),
        lambda a: len(a["counted"]),
        False,
    ),
}


def spread(values: list[bool]) -> float | None:
    """The standard error of the logarithm of a share, with n − 1 for n."""
    n, hits = len(values), sum(values)
    if n < 2 or not hits:
        return None
    return math.sqrt((n - hits) / hits / (n - 1))


def effect(one: list[float], other: list[float]) -> Row:
    """The superiority of one group over the other, and the ratio that takes it away."""
    if not one or not other:
        return {}
    pairs = [(a, b) for a in one for b in other]
    row: Row = {"superiority": sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)}
    # Between two neighbours of these nothing changes.
    steps = sorted({a / b for a, b in pairs if a and b})

    def above(factor: float) -> float:
        return sum((a > factor * b) - (a < factor * b) for a, b in pairs)

    def differs(factor: float) -> bool:
        p_value = ranks(one, [factor * b for b in other])
        return p_value is not None and p_value <= 0.05

    def last(holds: Callable[[float], bool]) -> float | None:
        """Up to which factor it holds; it doesn't again once it did not."""
        places = [1.0]
        if steps:
            middles = (math.sqrt(a * b) for a, b in pairwise(steps))
            places = [steps[0] / 2, *middles, steps[-1] * 2]
        holding = bisect_left(places, True, key=lambda place: not holds(place))
        return None if holding == len(places) else steps[holding - 1] if holding else 0.0

    factor: float | None = 1.0
    if row["superiority"] != 0.5:
        middle_two = last(lambda f: above(f) > 0), last(lambda f: above(f) >= 0)
        factor = None if None in middle_two else math.sqrt(math.prod(m or 0.0 for m in middle_two))
    low = last(lambda f: above(f) > 0 and differs(f))
    high = last(lambda f: above(f) >= 0 or not differs(f))
    bounds = {"lift": factor, "low": low, "high": high}
    return row | {name: None if bound is None else bound - 1 for name, bound in bounds.items()}


def latency_lift(group: list[Row], base: list[Row]) -> Row:
    """Woodruff's interval of both p95, put together on the logarithm, and the p-value of none."""
    one, other = bounds(group), bounds(base)
    if one is None or other is None or not one[0] or not other[0]:
        return {"lift": None}
    (value, low, high), (base_value, base_low, base_high) = one, other
    if 0 in (low, base_low):
        return {}
    lift = math.log(value / base_value)
    down = math.sqrt(math.log(value / low) ** 2 + math.log(base_high / base_value) ** 2)
    up = math.sqrt(math.log(high / value) ** 2 + math.log(base_value / base_low) ** 2)
    distance = down if lift > 0 else up
    if not lift:
        p_value = 1.0
    else:
        z = stats.norm.ppf(0.975) * abs(lift) / distance if distance else math.inf
        p_value = float(2 * stats.norm.sf(z))
    return {
        "low": math.exp(lift - down) - 1,
        "high": math.exp(lift + up) - 1,
        "p_value": p_value,
    }


def bounds(group: list[Row]) -> tuple[float, float, float] | None:
    """The p95 of the calls of a group, and the bounds of its interval."""
    timed = [[c.ms for c in a["counted"] if c.ms is not None] for a in group]
    timed = [durations for durations in timed if durations]
    every = sorted(ms for durations in timed for ms in durations)
    m, n = len(timed), len(every)
    if m < 2:
        return None
    value = every[math.floor(0.95 * (n - 1))]
    pairs = [(sum(ms <= value for ms in durations), len(durations)) for durations in timed]
    share = sum(x for x, _ in pairs) / n
    variance = m / (m - 1) * math.fsum((x - share * y) ** 2 for x, y in pairs) / n**2
    off = float(stats.norm.ppf(0.975)) * math.sqrt(variance)
    levels = (max(0.0, 0.95 - off), min(1.0, 0.95 + off))
    low, high = (in_bucket(every[math.floor(level * (n - 1))]) for level in levels)
    return min(max(in_bucket(value), every[0]), every[-1]), low, high


def in_bucket(ms: float) -> float:
    """What a logarithmic bucket says of a latency: all within 1 % of it."""
    gamma = 1.01 / 0.99
    number = math.ceil(math.log(max(ms, 1e-3)) / math.log(gamma))
    return 2 * gamma**number / (gamma + 1) if ms else 0.0
