"""Columns of the values of a format string's variables, which are those of the field map."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from apilog.formats.field_entry import JoinedSource, VariableSource
from apilog.formats.field_map import JOINED_VARIABLES, VARIABLES
from apilog.values.convert import (
    mark_no_upstream,
)
from apilog.values.dictionary import (
    ColumnConverter,
    category_texts,
    encode_texts,
    from_codes,
    hardly_repeats,
    map_categories,
)
from apilog.values.requests import (
    split_request_lines,
    split_usual_lines,
    target_host,
    target_path,
    target_query,
)
from apilog.values.times import (
    parse_clf_times,
)

_FROM_REQUEST = ("method", "path", "protocol", "query")
_TARGET_PARTS = {"path": target_path, "query": target_query, "host": target_host}
_LINE_PARTS = frozenset({"method", "path", "protocol"})
_AS_DISTINCT_AS_LINES = frozenset({"path", "query"})
# A stand-in: what is made of request lines is made of all of them at once.
_REQUEST = VariableSource("request", encode_texts)
_NO_UPSTREAM = frozenset({"status", "upstream_status"})
"""The variables that together tell that a proxy failed without asking an upstream."""
# Each is `-` or 0 for an upstream that was asked and sent nothing.
_RECEIVED = ("upstream_bytes_received", "upstream_header_time")


def _split_requests(lines: pl.Series, columns: Sequence[str]) -> dict[str, pl.Series]:
    """Return columns that are parts of request lines, texts or encoded."""
    direct = {c if c in _LINE_PARTS else "target" for c in columns}
    usual = split_usual_lines(lines, direct)
    split = usual if usual is not None else split_request_lines(lines).to_dict()
    return {c: split[c] if c in split else _TARGET_PARTS[c](split["target"]) for c in columns}


@dataclass(frozen=True, slots=True)
class VariableMapper:
    """Makes schema columns of the values of a log format's variables."""

    variables: frozenset[str]
    unescape: ColumnConverter
    """Undoes the format's escaping, over distinct texts."""
    own: Mapping[str, tuple[VariableSource, ...]] = field(default_factory=dict)
    """Column to what it is made of in this log, whatever the variables mean elsewhere: the first
    that has a value counts. Without any, the column is not made."""
    sources: Mapping[str, VariableSource] = field(init=False)
    """The best source of each column that has one."""
    joined: Mapping[str, JoinedSource] = field(init=False)
    """What makes the columns that have no source."""
    columns: frozenset[str] = field(init=False)
    """The schema columns that can be made."""

    def __post_init__(self) -> None:
        sources = {
            column: source
            for column, candidates in VARIABLES.items()
            for source in reversed(candidates)
            if source.variable in self.variables
        }
        if "request" in self.variables:
            sources = {"host": _REQUEST} | sources | dict.fromkeys(_FROM_REQUEST, _REQUEST)
        elif "path" in sources:
            # A proxy is asked for an absolute target, which has the host in it.
            for column, part in (("query", target_query), ("host", target_host)):
                sources.setdefault(column, replace(sources["path"], part=part))
        for column, own in self.own.items():
            sources.pop(column, None)
            if own:
                sources[column] = own[0]
        derived = {"error_type"} if self.variables >= _NO_UPSTREAM else set()
        derived -= self.own.keys()
        joined = {
            column: source
            for column, candidates in JOINED_VARIABLES.items()
            for source in candidates
            if column not in sources.keys() | self.own.keys()
            and self.variables.issuperset(source.variables)
        }
        object.__setattr__(self, "sources", sources)
        object.__setattr__(self, "joined", joined)
        object.__setattr__(self, "columns", frozenset(sources.keys() | derived | joined.keys()))

    @property
    def _received(self) -> tuple[str, ...]:
        return tuple(name for name in _RECEIVED if name in self.variables)

    def needed_variables(self, columns: Collection[str]) -> set[str]:
        """Return the variables that these columns are made of."""
        needed = {self.sources[c].variable for c in columns if c in self.sources}
        needed |= {source.variable for c in columns for source in self.own.get(c, ())[1:]}
        needed |= {name for c in columns if c in self.joined for name in self.joined[c].variables}
        if "error_type" in columns and "error_type" in self.columns:
            needed |= (_NO_UPSTREAM | {*self._received}) & self.variables
        return needed

    def build_columns(
        self, values: pl.DataFrame, columns: Collection[str], *, escaped: bool = True
    ) -> dict[str, pl.Series]:
        """Return the columns that can be made of these values (String, named by variable).

        `escaped` is False where no value holds a backslash.
        """
        built: dict[str, pl.Series] = {}
        for column in columns:
            source = self.sources.get(column)
            if joined := self.joined.get(column):
                given = (values[name] for name in joined.variables)
                built[column] = joined.convert(*given).alias(column)
                continue
            if source is None:
                if column == "error_type" and column in self.columns:
                    received = values[self._received[0]] if self._received else None
                    failed_alone = mark_no_upstream(
                        values["status"], values["upstream_status"], received
                    )
                    built[column] = failed_alone.alias(column)
                continue
            if source == _REQUEST:
                continue
            series = self._convert(source, values, escaped=escaped)
            for other in self.own.get(column, ())[1:]:
                if not series.null_count():
                    break
                more = self._convert(other, values, escaped=escaped)
                # Each encoded series has categories of its own: codes of two don't mix.
                earlier, later = (
                    s.cast(pl.String) if isinstance(s.dtype, pl.Categorical) else s
                    for s in (series, more)
                )
                series = earlier.fill_null(later)
            built[column] = series.alias(column)
        from_request = [c for c in columns if self.sources.get(c) == _REQUEST]
        if from_request:
            lines, codes = values["request"], None
            if not hardly_repeats(lines):
                encoded = encode_texts(lines)
                lines, codes = category_texts(encoded), encoded.to_physical()
            # Once per distinct line, if lines repeat.
            for column, parts in _split_requests(lines, from_request).items():
                # Only now: a decoded blank or question mark must not split the line elsewhere.
                texts = self.unescape(parts) if escaped else parts
                if codes is not None and isinstance(texts.dtype, pl.Categorical):
                    texts = texts.gather(codes)
                elif codes is not None:
                    texts = from_codes(codes, texts)
                elif column not in _AS_DISTINCT_AS_LINES:
                    texts = encode_texts(texts)
                built[column] = texts.alias(column)
        return built

    def _convert(self, source: VariableSource, values: pl.DataFrame, *, escaped: bool) -> pl.Series:
        if source.variable == "time_local" and "time_local_zone" in values.columns:
            series = parse_clf_times(values["time_local"], values["time_local_zone"])
        else:
            series = source.convert(values[source.variable])
        if escaped and isinstance(series.dtype, (pl.String, pl.Categorical)):
            series = self.unescape(series)
        return map_categories(series, source.part) if source.part else series
