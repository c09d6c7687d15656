"""Tables of which one column holds the events: searches of log services, exported as CSV.

The header tells which column; the rest of a row says where the event was found, not what it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from apilog.transport.envelope import (
    LOOKS_LIKE_ACCESS,
    SAMPLE_LINE,
    Envelope,
    EnvelopeSample,
    UnwrappedEvents,
    is_mostly_true,
    unwrap_lines,
)
from apilog.values.csv_cells import CellLayout, split_fields
from apilog.values.event_lines import EventLines
from apilog.values.times import parse_times

# In lower case, the surest first. Splunk: https://docs.splunk.com/Documentation/Splunk/latest/Search/
# Exportsearchresults; Logs Insights: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/
# CWL_QuerySyntax.html; VictoriaLogs: https://docs.victoriametrics.com/victorialogs/keyconcepts/;
# Grafana's Explore: https://grafana.com/docs/grafana/latest/explore/logs-integration/; Kibana and
# Datadog: https://docs.datadoghq.com/logs/explorer/export/.
_EVENT_COLUMNS = (
    "_raw",
    "@message",
    "_msg",
    "message",
    "line",
    "log",
    "msg",
    "_source",
    "event.original",
    "logentry",
    "logmessage",
    "content",
    "textpayload",
    "jsonpayload",
)
_TIME_COLUMNS = (
    "_time",
    "@timestamp",
    "timestamp",
    "tsns",
    "time",
    "date",
    "_messagetime",
    "timegenerated",
    "timegenerated [utc]",
)
_SEPARATORS = ",\t;"
_NAME = re.compile(r"[@_A-Za-z][\w.@ \[\]:()/-]*", re.ASCII)
_COLUMN = r'"?[@_A-Za-z][A-Za-z0-9_.@ \[\]:()/-]*"?'
_ANY_EVENT_COLUMN = "|".join(map(re.escape, _EVENT_COLUMNS))
_SURE_COLUMN = rf'"?(?i:{_ANY_EVENT_COLUMN})"?'
EXPORT_HEADER = (
    rf"^\x{{FEFF}}?(?:(?:{_COLUMN}[,\t;])+{_SURE_COLUMN}|{_SURE_COLUMN}[,\t;]{_COLUMN})"
    rf"(?:[,\t;]{_COLUMN})*\r?$"
)
"""A pattern of their headers."""
_HEADER_SEARCH_LINES = 3


@dataclass(frozen=True, slots=True)
class _CsvLayout:
    """Where the events of a table stand, and their times."""

    header: str
    cells: CellLayout
    event_at: int
    time_at: int | None

    def texts(self, lines: pl.Series) -> pl.Series:
        texts = self._column(lines, self.event_at)
        is_header = (lines.str.strip_prefix("\ufeff") == self.header) | texts.is_in(("",))
        return texts.set(is_header.fill_null(value=False), None).str.strip_chars_end(" \t")

    def unwrap(self, lines: pl.Series) -> UnwrappedEvents:
        return unwrap_lines(self.texts(lines))

    def times(self, lines: pl.Series) -> pl.Series:
        if self.time_at is None:
            return parse_times(pl.Series([None], dtype=pl.String).new_from_index(0, len(lines)))
        return parse_times(self._column(lines, self.time_at))

    def _column(self, lines: pl.Series, position: int) -> pl.Series:
        read = self.cells.read(EventLines.from_series(lines), [position])
        return read[f"f{position}"].set(~read["ok"], None)


def _find_layout(lines: pl.Series) -> _CsvLayout | None:
    for line in lines.head(_HEADER_SEARCH_LINES).drop_nulls():
        header = line.removeprefix("\ufeff").rstrip("\r")
        for separator in _SEPARATORS:
            names = split_fields(header, separator) if separator in header else None
            if not names or not all(_NAME.fullmatch(name) for name in names if name):
                continue
            lowered = [name.strip().lower() for name in names]
            event = next((name for name in _EVENT_COLUMNS if name in lowered), None)
            if event is not None:
                time = next((name for name in _TIME_COLUMNS if name in lowered), None)
                return _CsvLayout(
                    header,
                    CellLayout(separator, len(names)),
                    lowered.index(event),
                    None if time is None else lowered.index(time),
                )
    return None


def infer_csv_envelope(lines: pl.Series) -> Envelope | None:
    """Return the envelope of a table that begins with these lines, if events stand in a column."""
    layout = _find_layout(lines)
    if layout is None:
        return None
    texts = layout.texts(lines).drop_nulls()
    if 2 * len(texts) <= len(lines) - 1 or not is_mostly_true(
        texts.str.contains(LOOKS_LIKE_ACCESS)
    ):
        return None
    return _envelope(layout)


def _envelope(layout: _CsvLayout | None = None) -> Envelope:
    return Envelope(
        name="csv",
        title="searches exported as CSV, the line in _raw, message, @message, Line or log",
        unwrap=layout.unwrap if layout else _unwrap_by_own_header,
        detect=lambda head: infer_csv_envelope(head) is not None,
        times=layout.times if layout and layout.time_at is not None else None,
        samples=_SAMPLES,
    )


def _unwrap_by_own_header(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap a table whose header is among these lines."""
    layout = _find_layout(lines)
    if layout is None:
        return unwrap_lines(lines.set(lines.is_not_null(), None))
    return layout.unwrap(lines)


_DOUBLED = SAMPLE_LINE.replace('"', '""')
_SAMPLES = (
    EnvelopeSample(
        (
            '"_raw","_time",host,source',
            f'"{_DOUBLED}","2026-10-10T13:55:36.000+0000",forwarder,access.log',
        ),
        (SAMPLE_LINE,),
    ),
    EnvelopeSample(
        ("Date,Host,Service,Message", f'2026-10-10T13:55:36.000Z,web-1,web,"{_DOUBLED}"'),
        (SAMPLE_LINE,),
    ),
)
CSV_MESSAGES = _envelope()
"""The envelope of tables that bring their header; `infer_csv_envelope` gives that of a file."""
