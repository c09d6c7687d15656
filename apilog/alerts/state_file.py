"""The state file, which carries alerts from one run to the next: JSON, replaced atomically.

A file that is damaged, of another kind or of a later version is an error and is never overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from apilog.aggregate.ddsketch import BUCKET_CODES, ZERO_BUCKET
from apilog.alerts.hour_history import HourSums
from apilog.alerts.rules import Alert, AlertStatus
from apilog.errors import InputError
from apilog.render.data.cell_values import iso_timestamp
from apilog.render.text.escape import escape_json
from apilog.storage.local_folder import atomic_file

STATE_KIND = "apilog alerts"
STATE_VERSION = 2
"""Version 1 had no server errors and no durations; it is still read."""

_LARGEST_COUNT = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAlerts:
    """What the state file keeps between two runs."""

    alerts: Sequence[Alert] = ()
    hours: Mapping[datetime, HourSums] = field(default_factory=dict)


def load_state(path: Path) -> SavedAlerts:
    """Return the content of the file, or nothing if it does not exist.

    Raises InputError for a file that is damaged, of another kind or of a later version, so that
    it is not overwritten.
    """
    hint = f"remove {path} to start over, or name another file with --state"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return SavedAlerts()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InputError(f"can't read the state file {path}: {reason}", hint) from error
    try:
        document = json.loads(text)
        if not (isinstance(document, dict) and document.get("kind") == STATE_KIND):
            raise InputError(f"{path} is not a state file of alerts", hint)
        # Overwriting what a later version has written could lose alerts that it knows.
        if document["version"] > STATE_VERSION:
            newer = f"{path} was written by a later version of apilog"
            raise InputError(newer, "use that version, or name another file with --state")
        alerts = tuple(
            Alert(
                rule=str(entry["rule"]),
                condition=str(entry["condition"]),
                labels=tuple((str(name), str(value)) for name, value in entry["labels"].items()),
                status=AlertStatus(entry["status"]),
                since=_parse_time(entry["since"]),
                breaches=int(entry["breaches"]),
                notified=None if entry["notified"] is None else _parse_time(entry["notified"]),
                value=_parse_number(entry["value"]),
                limit=_parse_number(entry["limit"]),
                requests=int(entry["requests"]),
                reason=str(entry["reason"]),
            )
            for entry in document["alerts"]
        )
        durations = dict(document.get("durations", {}))
        hours = {
            _parse_time(start): _parse_hour(counts, durations.get(start, ""))
            for start, counts in document["hours"].items()
        }
        return SavedAlerts(alerts=alerts, hours=hours)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise InputError(f"the state file {path} is damaged", hint) from error


def save_state(path: Path, saved: SavedAlerts) -> None:
    """Replace the file atomically; raises OutputError if it can't be written."""
    document = {
        "kind": STATE_KIND,
        "version": STATE_VERSION,
        "alerts": [
            {
                "rule": alert.rule,
                "condition": alert.condition,
                "labels": dict(alert.labels),
                "status": alert.status.value,
                "since": iso_timestamp(alert.since, "UTC"),
                "breaches": alert.breaches,
                "notified": alert.notified and iso_timestamp(alert.notified, "UTC"),
                "value": alert.value,
                "limit": alert.limit,
                "requests": alert.requests,
                "reason": alert.reason,
            }
            for alert in saved.alerts
        ],
        "hours": {
            iso_timestamp(start, "UTC"): [
                n for n in (sums.requests, sums.errors, sums.server_errors) if n is not None
            ]
            for start, sums in saved.hours.items()
        },
        # A text each: hundreds of numbers on lines of their own are nothing to read.
        "durations": {
            iso_timestamp(start, "UTC"): " ".join(f"{b}:{n}" for b, n in sums.durations.items())
            for start, sums in saved.hours.items()
            if sums.durations
        },
    }
    with atomic_file(path, force=True) as stream:
        stream.write(escape_json(json.dumps(document, ensure_ascii=False, indent=1)).encode())
        stream.write(b"\n")


def _parse_hour(counts: Sequence[int], durations: str) -> HourSums:
    """Return the sums of an hour: requests, errors, server errors but in the first version."""
    requests, errors, *server_errors = (_parse_count(n) for n in counts)
    if len(server_errors) > 1:
        raise ValueError("too many counts")
    pairs = (pair.split(":") for pair in durations.split())
    histogram = {int(bucket): _parse_count(n) for bucket, n in pairs}
    if any(not ZERO_BUCKET <= bucket < ZERO_BUCKET + BUCKET_CODES for bucket in histogram):
        raise ValueError("no bucket of a duration")
    return HourSums(requests, errors, server_errors[0] if server_errors else None, histogram)


def _parse_count(text: str | int) -> int:
    count = int(text)
    if not 0 <= count <= _LARGEST_COUNT:
        raise ValueError("no count of requests")
    return count


def _parse_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time has no zone")
    return moment


def _parse_number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    return value
