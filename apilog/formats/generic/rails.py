"""Rails' own log: several lines a request, of which the first and the last make its record.

The lines of a request begin with its id where `config.log_tags` says so. Without one, a line
belongs to the request that began before it, as long as no other is under way: what may be of either
of two is left open. See https://guides.rubyonrails.org/debugging_rails_applications.html#tagged-logging
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.schema import TIMESTAMP
from apilog.values.convert import durations_to_ms, to_statuses
from apilog.values.event_lines import EventLines
from apilog.values.requests import target_path, target_query
from apilog.values.times import parse_times

_TAGS = r"^(?P<tags>(?:\[[^\]]*\] )*)"
_UUID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
# https://github.com/rails/rails/blob/main/railties/lib/rails/rack/logger.rb
_STARTED = (
    r'Started (?P<method>[A-Z]+) "(?P<target>[^"]*)" (?:\[WebSocket\] )?for (?P<ip>[^ ]*) '
    r"at (?P<at>[0-9-]{10} [0-9:]{8} [+-][0-9]{4})\s*$"
)
# https://github.com/rails/rails/blob/main/actionpack/lib/action_controller/log_subscriber.rb
_COMPLETED = r"Completed (?P<status>[1-5][0-9]{2}) [^()]*in (?P<ms>[0-9.]+) ?ms\b"
_PROCESSING = r"Processing by (?P<operation>[A-Za-z0-9_:]+#\w+[?!]?) as"
# A path that no route matches ends so; Rails answers 404:
# https://guides.rubyonrails.org/configuring.html#config-action-dispatch-rescue-responses
_NO_ROUTE = r"(?P<no_route>ActionController::RoutingError) \(No route matches"
_LINE = f"{_TAGS}(?:{_STARTED}|{_COMPLETED}|{_PROCESSING}|{_NO_ROUTE})"
_OWN_LINE = (
    r"^(?:Started [A-Z]+ \"|Processing by |Completed | {2}(?:Parameters|Render(?:ed|ing)|Layout|↳|"
    r"TRANSACTION|CACHE|SQL)|Redirected to |Filter chain halted|Sent (?:file|data) |Unpermitted "
    r"parameter|Can't verify CSRF|No template found|\[Active(?:Job|ModelSerializers)\]"
    r"| {2}[A-Z][\w:]* (?:Load|Exists\??|Create|Update|Destroy|Count|Pluck|Sum|Insert|Upsert|"
    r"Delete All) \("
    r"|(?:[A-Z]\w*::)+\w*(?:Error|Exception|Invalid|NotFound|Missing)\w*\b|[A-Z]\w*Error \("
    r"|(?:app|lib|config)/\S+\.rb:[0-9]+|Successfully upgraded to WebSocket|Finished \")"
)
_FROM_START = ("method", "target", "ip", "at", "operation", "logged")
_MOST_HEAD_LINES = 500
RAILS_COLUMNS = frozenset(
    {
        *("timestamp", "method", "path", "status", "duration_ms", "client_ip", "request_id"),
        "operation",
    }
)
_NO_ID = (
    "the lines have no request id: where two requests overlap, it is left open which path a status "
    "is of; `config.log_tags = [:request_id]` tells"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RailsFormat:
    """The log of a Rails application, without lograge."""

    name: str = "rails"
    gateway: str | None = "rails"
    columns: frozenset[str] = RAILS_COLUMNS
    doubts: tuple[str, ...] = ()
    pairs_lines: bool = True

    @staticmethod
    def infer(
        head: pl.Series, hints: KeyHints = NO_KEY_HINTS, *, is_timed: bool = False
    ) -> RailsFormat | None:
        """Return the format of a log that begins with these lines, if requests end in them."""
        found = _read_lines(head.head(_MOST_HEAD_LINES).drop_nulls())
        ends = found.filter(pl.col("status").is_not_null())
        begins = found["method"].is_not_null() | found["operation"].is_not_null()
        if not ends.height or not begins.any():
            return None
        has_ids = bool(ends["request_id"].is_not_null().all())
        return RailsFormat(doubts=() if has_ids else (_NO_ID,))

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        found = _read_lines(lines.series)
        times = lines.times
        logged = pl.lit(None, TIMESTAMP) if times is None else times
        joined = _join_requests(found.with_columns(logged.alias("logged")))
        is_end = joined["is_end"]
        ends = joined.filter("is_end")
        built = {
            "timestamp": ends["logged"].fill_null(parse_times(ends["at"])),
            "method": ends["method"],
            "path": target_path(ends["target"]),
            "query": target_query(ends["target"]),
            "status": to_statuses(ends["status"]),
            "duration_ms": durations_to_ms(ends["ms"], "ms"),
            "client_ip": ends["ip"],
            "request_id": ends["request_id"],
            "operation": ends["operation"],
        }
        asked = {*columns, "timestamp"}
        records = pl.DataFrame([s.alias(name) for name, s in built.items() if name in asked])
        return ParsedRecords.with_rejects(records, is_end, pl.lit("not the end of a request"))

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        """Return which lines are of the same log, and not the end of a request."""
        found = _read_lines(lines.series)
        bare = lines.series.str.replace(_TAGS, "")
        is_tagged = found["request_id"].is_not_null()
        return (is_tagged | bare.str.contains(_OWN_LINE)) & found["status"].is_null()

    def explain(self, line: str) -> MatchFailure:
        tags = re.match(_TAGS, line)
        return MatchFailure(tags.end() if tags else 0, "`Completed`, a status and a duration")


def _read_lines(lines: pl.Series) -> pl.DataFrame:
    """Return what each line says: the groups of its kind, the others null."""
    groups = lines.str.extract_groups(_LINE).struct.unnest()
    tags = lines.str.extract(_TAGS, 1)
    return groups.with_columns(
        request_id=tags.str.extract(_UUID, 1),
        status=pl.col("status").fill_null(
            pl.when(pl.col("no_route").is_not_null()).then(pl.lit("404"))
        ),
    )


def _join_requests(found: pl.DataFrame) -> pl.DataFrame:
    """Return the lines, those at the end of requests with what their first lines say.

    Without an id, an end is of the request before it if that has no other end, and if the one
    before that has ended: else two were under way.
    """
    is_begin, is_end = pl.col("method").is_not_null(), pl.col("status").is_not_null()
    key = pl.col("request_id").fill_null("")
    told = found.with_columns(
        is_begin.alias("is_begin"),
        is_end.alias("is_end"),
        key.alias("key"),
        is_begin.cast(pl.Int32).cum_sum().over(key).alias("number"),
    )
    spans = told.group_by("key", "number").agg(
        pl.col("is_end").sum().alias("ends"),
        *(pl.col(name).drop_nulls().first().alias(f"first_{name}") for name in _FROM_START),
    )
    before = spans.select("key", pl.col("number") + 1, pl.col("ends").alias("ends_before"))
    spans = spans.join(before, on=["key", "number"], how="left").with_columns(
        is_sure=(pl.col("key") != "")
        | ((pl.col("ends") == 1) & ((pl.col("ends_before") != 0) | (pl.col("number") <= 1)))
    )
    joined = told.join(spans, on=["key", "number"], how="left", maintain_order="left")
    taken = pl.col("is_sure") & (pl.col("number") > 0) & is_end
    return joined.with_columns(
        pl.when(taken).then(f"first_{name}").otherwise(name).alias(name) for name in _FROM_START
    )
