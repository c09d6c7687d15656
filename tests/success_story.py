"""Ten weeks of a made-up API: its accounts, and the calls of its developers.

Written to `sample_logs/success/` by `make_sample_logs.py`. Every developer has a story: one never
calls, one stumbles over the token, one gives up at the webhooks, one stays and pays.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 9, 14, 8, tzinfo=UTC)
AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
OUTAGE = datetime(2026, 10, 14, 13, tzinfo=UTC)
ACCOUNTS = 240
_DAY = 86_400
_PRICES = {"starter": 29, "pro": 99, "scale": 499}
_HEAD = (
    "account,consumers,owner,country,signed_up_at,plan,trial_kind,trial_started_at,trial_ends_at,"
    "converted_at,churned_at,mrr,poc_started_at,poc_completed_at,variant"
)


@dataclass
class Developer:
    """One account."""

    number: int
    keys: list[str]
    country: str
    signed_up: datetime
    variant: str
    story: str
    plan: str = "free"
    kind: str = ""
    trial: tuple[datetime, datetime] | None = None
    converted: datetime | None = None
    churned: datetime | None = None
    poc: tuple[datetime, datetime | None] | None = None
    calls: list[tuple[datetime, str, str, int, float]] = field(default_factory=list)

    @property
    def row(self) -> str:
        """Its line in the account table."""
        trial, poc = self.trial or (None, None), self.poc or (None, None)
        paid = _PRICES.get(self.plan) if self.converted else None
        cells = (
            f"acct-{self.number:03d}",
            ";".join(self.keys),
            f"dev{self.number}@example.com",
            self.country,
            _iso(self.signed_up),
            self.plan,
            self.kind,
            *map(_iso, trial),
            _iso(self.converted),
            _iso(self.churned),
            str(paid or ""),
            *map(_iso, poc),
            self.variant,
        )
        return ",".join(cells)


def files(seed: int = 11) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file."""
    rng = random.Random(seed)
    developers = [_developer(rng, number) for number in range(1, ACCOUNTS + 1)]
    rows = "".join(f"{developer.row}\n" for developer in developers)
    yield "success/accounts.csv", f"{_HEAD}\n{rows}".encode()
    lines = sorted(
        (at, _line(rng, rng.choice(developer.keys), (at, *call)))
        for developer in developers
        for at, *call in developer.calls
        if at < AS_OF
    )
    lines = sorted([*lines, *_strangers(rng)])
    yield "success/gateway.log.gz", gzip.compress("".join(t for _, t in lines).encode(), mtime=0)


def _developer(rng: random.Random, number: int) -> Developer:
    variant = rng.choice(("new-quickstart", "old-quickstart"))
    is_new = variant.startswith("new")
    stories = ("silent", "token", "webhooks", "stays")
    developer = Developer(
        number=number,
        keys=[f"key-{rng.getrandbits(32):08x}" for _ in range(rng.choice((1, 1, 1, 2)))],
        country=rng.choices(("DE", "FR", "US", "IN"), (4, 2, 5, 2))[0],
        signed_up=START + timedelta(seconds=rng.randrange(63 * _DAY)),
        variant=variant,
        story=rng.choices(stories, (6, 6, 14, 74) if is_new else (14, 16, 26, 44))[0],
    )
    _begin_trial(rng, developer)
    _call(rng, developer, hurry=3 if is_new else 1)
    if developer.story == "stays":
        _decide(rng, developer)
    return developer


def _begin_trial(rng: random.Random, developer: Developer) -> None:
    developer.kind = rng.choices(("reverse", "standard", ""), (6, 2, 2))[0]
    if developer.kind:
        developer.trial = (developer.signed_up, developer.signed_up + timedelta(days=14))


def _call(rng: random.Random, developer: Developer, hurry: int) -> None:
    if developer.story == "silent":
        return
    at = developer.signed_up + timedelta(hours=rng.lognormvariate(1.5, 1.4) / hurry)
    for _ in range(rng.randrange(2, 6)):
        fails = developer.story == "token" or rng.random() < 0.4
        _add(rng, developer, at, "POST /v1/token", 401 if fails else 200, 40)
        at += timedelta(minutes=rng.uniform(0.5, 30))
    if developer.story == "token":
        return
    for _ in range(rng.randrange(2, 6)):
        _add(rng, developer, at, "GET /v1/users/{}", 200, 35)
        at += timedelta(minutes=rng.uniform(1, 90))
    if developer.story == "webhooks":
        for _ in range(rng.randrange(1, 4)):
            _add(rng, developer, at, "POST /v1/webhooks", rng.choice((422, 422, 404)), 60)
            at += timedelta(minutes=rng.uniform(1, 20))
        return
    _work(rng, developer, at)


def _work(rng: random.Random, developer: Developer, at: datetime) -> None:
    """Week after week, some of them without a call, until the developer leaves."""
    stays = rng.expovariate(1 / 40)
    busy = rng.choice((2, 3, 3, 6, 12))
    first = at
    while at < AS_OF and (at - first).days < 5 + stays:
        for _ in range(rng.randrange(1, 2 * busy)):
            request = rng.choice(("GET /v1/orders/{}", "POST /v1/orders", "GET /v1/search?q={}"))
            status = rng.choices((200, 404, 429, 500), (93, 4, 2, 1))[0]
            _add(rng, developer, at, request, status, 160 if "search" in request else 50)
            at += timedelta(minutes=rng.expovariate(1 / 40))
        at += timedelta(days=rng.uniform(0.7, 5))
    if developer.trial and developer.trial[0] < OUTAGE < developer.trial[1] and at > OUTAGE:
        for _ in range(rng.randrange(4, 9)):
            after = OUTAGE + timedelta(seconds=rng.randrange(8 * 60))
            _add(rng, developer, after, "GET /v1/orders/{}", 503, 3_000)


def _decide(rng: random.Random, developer: Developer) -> None:
    met_outage = any(status == 503 for _, _, _, status, _ in developer.calls)
    if rng.random() < (0.2 if met_outage else 0.5):
        converted = developer.signed_up + timedelta(days=rng.uniform(6, 20))
        plan = rng.choices(tuple(_PRICES), (6, 4, 1))[0]
        if converted < AS_OF:
            developer.plan, developer.converted = plan, converted
        churned = converted + timedelta(days=rng.uniform(14, 50))
        if rng.random() < 0.2 and churned < AS_OF:
            developer.churned = churned
    if rng.random() < 0.2:
        started = developer.signed_up + timedelta(days=rng.uniform(1, 6))
        completed = started + timedelta(days=rng.uniform(5, 25))
        has_ended = rng.random() < 0.7 and completed < AS_OF
        developer.poc = (started, completed if has_ended else None)


def _add(
    rng: random.Random, developer: Developer, at: datetime, request: str, status: int, ms: float
) -> None:
    method, target = request.format(rng.randrange(1, 5000)).split()
    developer.calls.append((at, method, target, status, ms * rng.lognormvariate(0, 0.5)))


def _strangers(rng: random.Random) -> Iterator[tuple[datetime, str]]:
    """Calls of nobody's key."""
    for key, count in (("status-page", 150), ("key-of-2024", 25), ("-", 40)):
        for _ in range(count):
            at = START + timedelta(seconds=rng.randrange(67 * _DAY))
            call = (at, "GET", "/v1/orders/7", 401 if key.startswith("key") else 200, 12.0)
            yield at, _line(rng, key, call)


def _line(rng: random.Random, key: str, call: tuple[object, ...]) -> str:
    at, method, target, status, ms = call
    seconds = float(str(ms)) / 1000
    return (
        f"203.0.113.{rng.randrange(1, 255)} - {key} [{at:%d/%b/%Y:%H:%M:%S +0000}] "
        f'"{method} {target} HTTP/1.1" {status} {rng.randrange(90, 4000)} "-" "sdk/2.4" '
        f"{seconds:.3f} {seconds * 0.9:.3f}\n"
    )


def _iso(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
