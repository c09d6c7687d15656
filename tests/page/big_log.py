"""A log of many hours, routes and consumers: too much for a page to carry everything of."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

LOG_FORMAT = (
    "$remote_addr - $remote_user [$time_local] "
    '"$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time '
    "$upstream_response_time"
)
_START = datetime(2026, 10, 1, tzinfo=UTC)


def write_big_log(
    path: Path, requests: int, *, days: int = 30, routes: int = 200, consumers: int = 100
) -> Path:
    """Write requests at random times, some routes and consumers much busier than others."""
    with path.open("w") as log:
        log.writelines(_lines(random.Random(5), requests, days, routes, consumers))
    return path


def _lines(
    chance: random.Random, requests: int, days: int, routes: int, consumers: int
) -> Iterator[str]:
    paths = [f"/v1/{kind}{n}" for n in range(routes // 2) for kind in ("getOrders", "getItems")]
    usual = [chance.lognormvariate(4, 0.8) for _ in paths]
    busy = [1 / (i + 1) ** 0.7 for i in range(routes)]
    busy_consumers = [1 / (i + 1) ** 0.6 for i in range(consumers)]
    times = sorted(chance.random() * days * 86_400 for _ in range(requests))
    picked = chance.choices(range(routes), busy, k=requests)
    callers = chance.choices(range(consumers), busy_consumers, k=requests)
    for seconds, route, consumer in zip(times, picked, callers, strict=True):
        at = (_START + timedelta(seconds=seconds)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        status = chance.choices((200, 201, 404, 429, 500, 503), (85, 8, 4, 1, 1, 1))[0]
        taken = usual[route] * chance.lognormvariate(0, 0.5) / 1000
        address = f"10.0.{chance.randrange(9)}.{chance.randrange(250)}"
        # Names of methods in words: a number, or a noun among many, would be taken for a value.
        yield (
            f'{address} - app-{consumer:03} [{at}] "GET {_in_words(paths[route])} HTTP/1.1" '
            f'{status} {chance.randrange(100, 5000)} "-" "sdk" {taken:.3f} {taken * 0.9:.3f}\n'
        )


def _in_words(path: str) -> str:
    return path.translate({ord(str(digit)): "abcdefghij"[digit] for digit in range(10)})
