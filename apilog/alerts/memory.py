"""The state of alerts in a file, for whoever evaluates them next: JSON, replaced as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from apilog.alerts.history import Counts
from apilog.alerts.rules import Alert, Status
from apilog.errors import InputError
from apilog.outputs.escape import json_text
from apilog.outputs.files import replacing
from apilog.outputs.values import iso_timestamp

KIND = "apilog alerts"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is kept between two runs."""

    alerts: Sequence[Alert] = ()
    hours: Mapping[datetime, Counts] = field(default_factory=dict)


def load(path: Path) -> Memory:
    """What the file holds; nothing if there is none.

    Raises InputError for a file that is damaged, of another kind or of a later version: it is
    not overwritten.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Memory()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(f"can't read the state file {path}: {reason}", _hint(path)) from error
    try:
        document = json.loads(text)
        if not (isinstance(document, dict) and document.get("kind") == KIND):
            raise InputError(f"{path} is no state file of alerts", _hint(path))
        if document["version"] > VERSION:
            newer = f"{path} was written by a later version of apilog"
            raise InputError(newer, "use that version, or name another file with --state")
        return _read(document)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"the state file {path} is damaged", _hint(path)) from error


def save(path: Path, memory: Memory) -> None:
    """Replace the file; raises OutputError if it can't be written."""
    document = {
        "kind": KIND,
        "version": VERSION,
        "alerts": [_written(alert) for alert in memory.alerts],
        "hours": {_time(start): list(counts) for start, counts in memory.hours.items()},
    }
    with replacing(path, force=True) as stream:
        stream.write(json_text(json.dumps(document, ensure_ascii=False, indent=1)).encode())
        stream.write(b"\n")


def _written(alert: Alert) -> dict[str, object]:
    return {
        "rule": alert.rule,
        "condition": alert.condition,
        "labels": dict(alert.labels),
        "status": alert.status.value,
        "since": _time(alert.since),
        "breaches": alert.breaches,
        "notified": None if alert.notified is None else _time(alert.notified),
        "value": alert.value,
        "limit": alert.limit,
        "requests": alert.requests,
        "reason": alert.reason,
    }


def _read(document: dict[str, Any]) -> Memory:
    alerts = tuple(
        Alert(
            rule=str(one["rule"]),
            condition=str(one["condition"]),
            labels=tuple((str(name), str(value)) for name, value in one["labels"].items()),
            status=Status(one["status"]),
            since=_moment(one["since"]),
            breaches=int(one["breaches"]),
            notified=None if one["notified"] is None else _moment(one["notified"]),
            value=_number(one["value"]),
            limit=_number(one["limit"]),
            requests=int(one["requests"]),
            reason=str(one["reason"]),
        )
        for one in document["alerts"]
    )
    hours = {
        _moment(start): (int(requests), int(errors))
        for start, (requests, errors) in document["hours"].items()
    }
    return Memory(alerts=alerts, hours=hours)


def _time(moment: datetime) -> str:
    return iso_timestamp(moment, "UTC")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return value


def _hint(path: Path) -> str:
    return f"remove {path} to begin afresh, or name another file with --state"
