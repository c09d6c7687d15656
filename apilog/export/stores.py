"""What periods are made of where all sources are stores: then nothing needs to be read to know it.

A store's data files never change, so their names say whether a period is what it was.
"""

from __future__ import annotations

import hmac
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from apilog.engines.stored import stores_among
from apilog.export.marks import VERSION
from apilog.export.options import ExportOptions
from apilog.store import DataFile
from apilog.version import __version__
from apilog.window import Period, period_at, zone


def stored_periods(
    sources: Sequence[str | os.PathLike[str]], options: ExportOptions
) -> Mapping[Period, str] | None:
    """The periods that may have requests, and a hash of what each is made of and how.

    None if there is a source that is no store.
    """
    stores, logs = stores_among(sources)
    if logs or not stores:
        return None
    names: defaultdict[Period, list[str]] = defaultdict(list)
    for store in stores:
        for file in store.files():
            for period in _periods_of(file, options):
                names[period].append(file.name)
    how = _how(options)
    return {
        period: sha256(how + json.dumps(sorted(files)).encode()).hexdigest()
        for period, files in names.items()
    }


def _periods_of(file: DataFile, options: ExportOptions) -> Iterator[Period]:
    """The periods that a file may hold records of."""
    if file.first is None or file.last is None:
        return
    timezone = zone(options.report.tz)
    at = file.first
    while at <= file.last:
        period = period_at(at, options.every, timezone)
        yield period
        at = period.end


def _how(options: ExportOptions) -> bytes:
    """Whatever else decides what the files say."""
    key = options.report.privacy.key
    keyed = hmac.digest(key, b"apilog export", "sha256").hex() if key is not None else ""
    return json.dumps([VERSION, __version__, options.settings(), keyed]).encode()
