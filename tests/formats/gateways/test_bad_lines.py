"""One bad line costs no other, whatever is wrong with it, as the command shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apilog.formats import gateways
from apilog.formats.gateways.gateway import Gateway
from tests.commands import Run

BAD: dict[str, bytes] = {
    "objects nested 10 000 deep": b',"x":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    "arrays nested 10 000 deep": b',"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "a number of 5 000 digits": b',"x":1' + b"0" * 5_000 + b"}",
    "a number beyond doubles": b',"x":1e999999,"status":1e400}',
    "a key again in another case": b',"STATUS":"zzz","Properties":{"METHOD":1}}',
    "bytes that are no UTF-8": b',"x":"\xff\xfe\xc3("}',
    "a control character": b',"x":"\x01\x00"}',
    "no end": b',"x":"',
    "a constant that JSON lacks": b',"x":NaN}',
    "two commas": b',,"x":1}',
}
READ = {
    "a key again in another case",
    "bytes that are no UTF-8",
}
"""What is odd, but can be read."""
GATEWAYS_AND_BAD = [
    pytest.param(gateway, tuple(BAD)[number % len(BAD)], id=str(gateway.name))
    for number, gateway in enumerate(gateways.GATEWAYS[::2])
]
"""Every other gateway, each bad line once."""


@pytest.mark.parametrize(("gateway", "what"), GATEWAYS_AND_BAD)
def test_a_bad_line_is_one_reject(run: Run, tmp_path: Path, gateway: Gateway, what: str) -> None:
    good = gateway.samples[0].encode()
    path = tmp_path / "a.log"
    path.write_bytes((good + b"\n") * 30 + good[:-1] + BAD[what] + b"\n" + (good + b"\n") * 30)
    result = run("report", path, "-f", "json", "--table", "overview")
    assert result.code == 0
    account = json.loads(result.text)["input"]
    assert account["lines"] == 61
    assert account["records"] + account["rejects"] == 61
    assert account["records"] >= (61 if what in READ else 60)


@pytest.mark.parametrize("gateway", gateways.GATEWAYS[1::2], ids=lambda g: str(g.name))
def test_a_last_line_that_is_half_written_costs_only_itself(
    run: Run, tmp_path: Path, gateway: Gateway
) -> None:
    good = gateway.samples[0].encode()
    path = tmp_path / "a.log"
    # Text that has as many values as the log's first version had is a line of that.
    later = (len(good) // 2, len(good) - 1) if good.startswith(b"{") else ()
    ends = (1, len(good) // 3, *later)
    turn = gateways.GATEWAYS.index(gateway)
    path.write_bytes((good + b"\n") * 3 + good[: ends[turn % len(ends)]])
    account = json.loads(run("report", path, "-f", "json", "--table", "overview").text)["input"]
    assert (account["records"], account["rejects"]) == (3, 1)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_event_in_an_envelope_is_one_reject(run: Run, tmp_path: Path, what: str) -> None:
    good = gateways.GATEWAYS[0].samples[0]
    bad = good[:-1] + BAD[what].decode("utf-8", "replace")
    events = [{"timestamp": 1, "message": m, "ingestionTime": 1} for m in [good, bad, good]]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"events": events}))
    account = json.loads(run("report", path, "-f", "json", "--table", "overview").text)["input"]
    assert account["lines"] == 3
    assert account["records"] >= (3 if what in READ else 2)
