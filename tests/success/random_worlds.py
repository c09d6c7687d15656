"""Random accounts and calls, and the files of them that the command reads."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st

from apilog.developer_success.accounts import ACCOUNT_COLUMNS
from tests.success.success_oracle import Call, Row, World

START = datetime(2026, 8, 30, tzinfo=UTC)
AS_OF = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
# Far enough apart that each has a bucket of its own, so that ranks don't depend on buckets.
DURATIONS = (None, 0.0, 1.0, 2.5, 7.0, 20.0, 60.0, 180.0, 900.0)
STATUSES = (200, 200, 200, 201, 304, 401, 404, 429, 500, 502, 503, None)
ROUTES = ("/v1/orders", "/v1/token", "/v1/users/{id}")


def write(world: World, folder: Path) -> tuple[Path, Path]:
    """Write the log and the account table of a world; return their paths."""
    log, table = folder / "calls.log", folder / "accounts.csv"
    log.write_text("".join(f"{json.dumps(line(call))}\n" for call in world.calls))
    with table.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(ACCOUNT_COLUMNS))
        writer.writeheader()
        for account in world.accounts:
            writer.writerow({name: cell(account.get(name)) for name in ACCOUNT_COLUMNS})
    return log, table


def line(call: Call) -> Row:
    path = call.route.replace("{id}", str(call.at.microsecond))
    fields = {
        "timestamp": call.at.isoformat(),
        "consumer": call.consumer,
        "method": "GET",
        "path": path,
        "status": call.status,
        "duration_ms": call.ms,
        "remote_addr": "192.0.2.1",
    }
    return {name: value for name, value in fields.items() if value is not None}


def cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat()
        case list():
            return ";".join(value)
        case _:
            return str(value)


def account(rng: random.Random, number: int, chance: float) -> Row:
    """Return an account whose events each happen with that chance."""

    def event(after: datetime, days: float) -> datetime | None:
        if rng.random() > chance:
            return None
        return after + timedelta(seconds=rng.randrange(round(days * 86_400)))

    start = START + timedelta(seconds=rng.randrange(85 * 86_400))
    trial, poc = event(start, 5), event(start, 20)
    return {
        "account": f"account-{number}",
        "consumers": [f"key-{number}-{i}" for i in range(rng.randrange(4))],
        "signed_up_at": event(start, 1),
        "plan": rng.choice((None, "free", "pro", "scale")),
        "trial_kind": rng.choice((None, "reverse", "standard")),
        "trial_started_at": trial,
        "trial_ends_at": event(trial, 30) if trial else None,
        "converted_at": event(start, 40),
        "churned_at": event(start, 80),
        "mrr": rng.choice((None, 0.0, 29.0, 99.9, 500.25)),
        "mrr_before": rng.choice((None, None, 0.0, 29.0, 300.0)),
        "poc_started_at": poc,
        "poc_completed_at": event(poc, 30) if poc else None,
        "variant": rng.choice((None, "A", "B", "C")),
    }


def call(rng: random.Random, consumers: list[str | None]) -> Call:
    # Whole minutes are common, so that some minutes have bursts.
    at = START + timedelta(days=rng.choice((1, 9, 40, 70)), minutes=rng.randrange(40))
    if rng.random() < 0.5:
        at = START + timedelta(seconds=rng.random() * 90 * 86_400)
    return Call(
        at=at.replace(microsecond=at.microsecond // 1000 * 1000),
        consumer=rng.choice(consumers),
        status=rng.choice(STATUSES),
        ms=rng.choice(DURATIONS),
        route=rng.choice(ROUTES),
    )


def world(seed: int, accounts: int, calls: int, chance: float = 0.7) -> World:
    """Return the world of a seed."""
    rng = random.Random(seed)
    rows = [account(rng, number, chance) for number in range(accounts)]
    known = [key for row in rows for key in row["consumers"] or [row["account"]]]
    consumers: list[str | None] = [*known, "stranger", "=cmd()", None]
    return World(
        accounts=rows,
        calls=[call(rng, consumers) for _ in range(calls)],
        as_of=AS_OF,
        activation_calls=rng.choice((1, 2, 5, 10)),
        cohort=rng.choice(("week", "month")),
        control=rng.choice([None, *{row["variant"] for row in rows if row["variant"]}]),
        min_accounts=rng.choice((1, 5, 100)),
        plans={"pro": (5, 29.0), "scale": (40, None), "gone": (None, 10.0)},
        since=rng.choice((None, START + timedelta(days=5))),
        until=rng.choice((None, AS_OF - timedelta(days=3))),
    )


worlds = st.builds(
    world,
    seed=st.integers(0, 10**9),
    accounts=st.integers(0, 30),
    calls=st.integers(0, 400),
    chance=st.sampled_from((0.0, 0.3, 0.7, 1.0)),
)
