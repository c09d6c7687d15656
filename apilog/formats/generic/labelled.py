"""LTSV (`time:…` TAB `status:200`) and logfmt (`time=… status=200 ua="a b"`).

See http://ltsv.org/ and https://brandur.org/logfmt.

Invariant: labels are read wherever they stand in a line. Where the head of the file has them only
decides how fast they are found, never what is found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

import polars as pl

from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.generic.recognition import recognise_fields
from apilog.formats.generic.records import (
    RecognisedFormat,
    find_foreign,
    needed_names,
    parse_fields,
)
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.values.dictionary import map_texts
from apilog.values.escapes import decode_apache_escapes, decode_hex_escapes
from apilog.values.event_lines import EventLines, as_polars_text

_HEAD_LINES = 200
# A value may be quoted or in brackets, as Apache's and Caddy's times are, or missing altogether.
_LOGFMT_PAIR = r'[A-Za-z_$@][\w.$@-]*(?:=(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s"]\S*|))?'
_LOGFMT_LINE = rf"^\s*{_LOGFMT_PAIR}(?:\s+{_LOGFMT_PAIR})*\s*$"
_QUOTED_SINGLY = r"='([^'\"]*)'(\s|$)"
_TEXT_OF_ERROR = r"='.*?'(\s+[A-Za-z_$@][\w.$@-]*=|\s*$)"
# What some set between pairs beside blanks.
_COMMA = r"[,;](\s+[A-Za-z_$@][\w.$@-]*=)"
_FEWEST_COMMAS = 2
_MESSAGE_LABEL = r"(?:^|\s)(?:msg|message|event|level|severity|error)="
_STATUS_LABEL = r"(?i)(?:^|\s)[\w.$@-]*(?:status|code)[\w.$@-]*="
_PATH_LABEL = r"(?i)(?:^|\s)[\w.$@-]*(?:method|verb|uri|url|path|request)[\w.$@-]*="
_LTSV_LINE = r"^[0-9A-Za-z_.$@-]+:[^\t]*\t"


@dataclass(frozen=True, slots=True, kw_only=True)
class _LabelledFormat(RecognisedFormat):
    """The labels of the head, which both formats have in common."""

    places: Mapping[str, int]
    """The place in a line where each label is most often."""

    @classmethod
    def _from_tokens(
        cls, tokens: pl.Series, separator: str, hints: KeyHints, *, is_timed: bool
    ) -> Self | None:
        """Return the format of lines that were split into labelled tokens, if it is one."""
        counts: dict[str, Counter[int]] = {}
        for line in tokens.to_list():
            for place, token in enumerate(line):
                label, is_labelled, _ = token.partition(separator)
                if is_labelled:
                    counts.setdefault(label, Counter())[place] += 1
        if not counts:
            return None
        places = {label: counter.most_common(1)[0][0] for label, counter in counts.items()}
        values = _values_of_labels(tokens, separator, places, places)
        recognised = recognise_fields(
            {(label,): _unquote(s) for label, s in values.items()}, hints, is_timed=is_timed
        )
        if not recognised:
            return None
        places |= {key: 0 for key in recognised.missing.values() if key not in places}
        return cls(fields=recognised, places=places)

    @property
    def pairs_lines(self) -> bool:
        return bool(self.fields.pair_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class LtsvFormat(_LabelledFormat):
    """Labelled tab-separated values."""

    name: str = "ltsv"

    @staticmethod
    def infer(
        head: pl.Series, hints: KeyHints = NO_KEY_HINTS, *, is_timed: bool = False
    ) -> LtsvFormat | None:
        """Return the format of a log that begins with these lines, or None."""
        lines = head.head(_HEAD_LINES).drop_nulls()
        tokens = _ltsv_tokens(lines.filter(lines.str.contains(_LTSV_LINE)))
        return LtsvFormat._from_tokens(tokens, ":", hints, is_timed=is_timed)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        labels = needed_names(columns, self.fields)
        values = _values_at_places(lines.data, self.places, labels)
        if values is None:
            sound = lines.series.str.contains("\t", literal=True)
            values = _values_of_labels(_ltsv_tokens(lines.series), ":", self.places, labels)
        else:
            sound = pl.repeat(value=True, n=lines.count, eager=True)
        if b"\\x" in lines.data:
            values = {label: decode_hex_escapes(s) for label, s in values.items()}
        return parse_fields(self.fields, values, sound, columns, unsound="not LTSV", lines=lines)

    def explain(self, line: str) -> MatchFailure:
        label = self.fields.time_name
        return MatchFailure(0 if "\t" not in line else len(line), f"`{label}:` and a time")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogfmtFormat(_LabelledFormat):
    """`key=value` pairs set apart by blanks."""

    name: str = "logfmt"
    has_commas: bool = False
    """Whether commas or semicolons stand before the blanks between pairs."""

    @staticmethod
    def infer(
        head: pl.Series, hints: KeyHints = NO_KEY_HINTS, *, is_timed: bool = False
    ) -> LogfmtFormat | None:
        """Return the format of a log that begins with these lines, or None."""
        lines = _quote_doubly(head.head(_HEAD_LINES).drop_nulls())
        has_commas = lines.str.count_matches(_COMMA) >= _FEWEST_COMMAS
        is_set_apart = 2 * int(has_commas.sum()) > len(lines)
        if is_set_apart:
            lines = _drop_commas(lines)
        lines = lines.filter(lines.str.contains(_LOGFMT_LINE))
        tokens = lines.str.extract_all(_LOGFMT_PAIR)
        found = LogfmtFormat._from_tokens(tokens, "=", hints, is_timed=is_timed)
        return replace(found, has_commas=is_set_apart) if found else None

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        labels = needed_names(columns, self.fields)
        series = self._without_commas(lines)
        tokens = series.str.extract_all(_LOGFMT_PAIR)
        values = _values_of_labels(tokens, "=", self.places, labels)
        values = {label: _unquote(s) for label, s in values.items()}
        sound = series.str.contains(_LOGFMT_LINE)
        return parse_fields(
            self.fields, values, sound, columns, unsound="not key=value", lines=lines
        )

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        names = needed_names(("timestamp",), self.fields)
        series = self._without_commas(lines)
        tokens = series.str.extract_all(_LOGFMT_PAIR)
        values = _values_of_labels(tokens, "=", self.places, names)
        values = {label: _unquote(s) for label, s in values.items()}
        sound = series.str.contains(_LOGFMT_LINE)
        texts = series.str
        is_plain = ~(texts.contains(_STATUS_LABEL) & texts.contains(_PATH_LABEL))
        return sound & find_foreign(self.fields, values, texts.contains(_MESSAGE_LABEL) & is_plain)

    def _without_commas(self, lines: EventLines) -> pl.Series:
        series = _quote_doubly(lines.series)
        return _drop_commas(series) if self.has_commas else series

    def explain(self, line: str) -> MatchFailure:
        pairs = re.match(rf"\s*(?:{_LOGFMT_PAIR}(?:\s+|\Z))*", line, re.ASCII)
        return MatchFailure(pairs.end() if pairs else 0, "key=value")


def _quote_doubly(lines: pl.Series) -> pl.Series:
    """Return the lines with double quotes for single ones around values.

    The text of an error that lograge writes so may hold any quotes itself, and is left out:
    https://github.com/roidrage/lograge/blob/master/lib/lograge/formatters/key_value.rb
    """
    is_quoted = lines.str.contains("='", literal=True)
    if not is_quoted.any():
        return lines
    quoted = lines.filter(is_quoted).str.replace_all(_QUOTED_SINGLY, '="$1"$2')
    quoted = quoted.str.replace_all(_TEXT_OF_ERROR, '=""$1')
    return lines.scatter(is_quoted.arg_true(), quoted)


def _drop_commas(lines: pl.Series) -> pl.Series:
    """Return lines with blanks alone between their pairs."""
    return lines.str.replace_all(_COMMA, "$1").str.strip_chars_end(",; \r")


def _ltsv_tokens(lines: pl.Series) -> pl.Series:
    return lines.str.strip_chars_end("\r").str.split("\t")


def _unquote(values: pl.Series) -> pl.Series:
    """Return values without quotes around them, and with escapes inside decoded."""

    def unquote_texts(s: pl.Series) -> pl.Series:
        is_quoted = s.str.starts_with('"') & s.str.ends_with('"')
        if not is_quoted.any():
            return s
        inside = decode_apache_escapes(s.str.slice(1, s.str.len_chars() - 2))
        return inside.zip_with(is_quoted.fill_null(value=False), s)

    return map_texts(values, unquote_texts)


def _values_at_places(
    data: bytes, places: Mapping[str, int], labels: Collection[str]
) -> Mapping[str, pl.Series] | None:
    """Do as `_values_of_labels` with LTSV; None unless every line has every label in its place.

    Lines that all look alike are a CSV file, which takes a fifth of the time.
    """
    if b"\r" in data:
        return None
    width = 1 + max(places[label] for label in labels)
    text, skipped = as_polars_text(data)
    try:
        frame = pl.read_csv(
            text,
            skip_lines=skipped,
            has_header=False,
            separator="\t",
            quote_char=None,
            schema={str(place): pl.String for place in range(width)},
            columns=sorted({places[label] for label in labels}),
            truncate_ragged_lines=True,
        )
    except pl.exceptions.PolarsError:
        return None
    tokens = {label: frame[str(places[label])] for label in labels}
    begins = [s.str.starts_with(f"{label}:") for label, s in tokens.items()]
    if frame.height != data.count(b"\n") or not all(b.fill_null(False).all() for b in begins):
        return None
    return {label: s.str.slice(len(label) + 1) for label, s in tokens.items()}


def _values_of_labels(
    tokens: pl.Series, separator: str, places: Mapping[str, int], labels: Collection[str]
) -> Mapping[str, pl.Series]:
    """Return the texts behind labels in lists of tokens, null where a line lacks the label.

    Of equal labels in a line, the one where it is expected counts, else the first.
    """
    # Looking at one place of each line is much cheaper than taking all lines apart.
    values: dict[str, pl.Series] = {}
    is_odd = pl.repeat(value=False, n=len(tokens), eager=True)
    for label in labels:
        prefix = label + separator
        token = tokens.list.get(places[label], null_on_oob=True)
        values[label] = token.str.slice(len(prefix)).set(~token.str.starts_with(prefix), None)
        is_odd = is_odd | values[label].is_null()
    if not is_odd.any():
        return values
    # In the other lines, the value behind the first of each label, wherever it stands.
    odd = tokens.filter(is_odd)
    frame = odd.alias("token").to_frame().with_row_index("row").explode("token")
    parts = frame.select("row", pl.col("token").str.splitn(separator, 2)).unnest("token")
    named = parts.filter(pl.col("field_0").is_in(list(labels)) & pl.col("field_1").is_not_null())
    elsewhere: dict[str, pl.Series] = {}
    for label in labels:
        first = named.filter(pl.col("field_0") == label).unique("row", keep="first")
        place = pl.repeat(None, len(odd), dtype=pl.UInt32, eager=True)
        place = place.scatter(first["row"], pl.int_range(first.height, dtype=pl.UInt32, eager=True))
        elsewhere[label] = first["field_1"].gather(place)
    position = (is_odd.cum_sum().cast(pl.Int64) - 1).set(~is_odd, None)
    return {label: s.fill_null(elsewhere[label].gather(position)) for label, s in values.items()}
