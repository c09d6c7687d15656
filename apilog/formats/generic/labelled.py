"""LTSV (`time:…` TAB `status:200`) and logfmt (`time=… status=200 ua="a b"`).

Invariant: labels are read wherever they stand in a line. Where the head of the file has them only
decides how fast they are found, never what is found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.generic.recognition import recognise_fields
from apilog.formats.generic.records import fillable_columns, needed_targets, parse_fields
from apilog.formats.generic.synonyms import FieldPath
from apilog.values.dictionary import map_texts
from apilog.values.escapes import decode_apache_escapes, decode_hex_escapes
from apilog.values.event_lines import EventLines, as_polars_text


def label_places(tokens: Iterable[Iterable[str]], separator: str) -> Mapping[str, int]:
    """The labels in some lines, and the place where each is most often."""
    places: dict[str, Counter[int]] = {}
    for line in tokens:
        for place, token in enumerate(line):
            label, found, _ = token.partition(separator)
            if found:
                places.setdefault(label, Counter())[place] += 1
    return {label: counts.most_common(1)[0][0] for label, counts in places.items()}


def values_at_places(
    data: bytes, separator: str, places: Mapping[str, int], labels: Collection[str]
) -> Mapping[str, pl.Series] | None:
    """`values_of` tab-separated lines, in a fifth of the time; None unless every line has
    every label in its place."""
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
    begins = [s.str.starts_with(label + separator) for label, s in tokens.items()]
    if frame.height != data.count(b"\n") or not all(b.fill_null(False).all() for b in begins):
        return None
    return {label: s.str.slice(len(label + separator)) for label, s in tokens.items()}


def values_of_labels(
    tokens: pl.Series, separator: str, places: Mapping[str, int], labels: Collection[str]
) -> Mapping[str, pl.Series]:
    """The texts behind these labels in lists of tokens, null where a line lacks the label.

    Of equal labels in a line, the one where it is expected counts, else the first.
    """
    found = {label: _values_at(tokens, label + separator, places[label]) for label in labels}
    odd = pl.repeat(value=False, n=len(tokens), eager=True)
    for value in found.values():
        odd = odd | value.is_null()
    if not odd.any():
        return found
    elsewhere = _search_labels(tokens.filter(odd), separator, labels)
    position = (odd.cum_sum().cast(pl.Int64) - 1).set(~odd, None)
    return {
        label: value.fill_null(elsewhere[label].gather(position)) for label, value in found.items()
    }


def _values_at(tokens: pl.Series, prefix: str, place: int) -> pl.Series:
    token = tokens.list.get(place, null_on_oob=True)
    here = token.str.starts_with(prefix)
    return token.str.slice(len(prefix)).set(~here, None)


def _search_labels(
    tokens: pl.Series, separator: str, labels: Collection[str]
) -> Mapping[str, pl.Series]:
    """The value behind the first of each label in every list."""
    frame = tokens.alias("token").to_frame().with_row_index("row").explode("token")
    parts = frame.select("row", pl.col("token").str.splitn(separator, 2)).unnest("token")
    named = parts.filter(pl.col("field_0").is_in(list(labels)) & pl.col("field_1").is_not_null())
    found: dict[str, pl.Series] = {}
    for label in labels:
        own = named.filter(pl.col("field_0") == label).unique("row", keep="first")
        place = pl.repeat(None, len(tokens), dtype=pl.UInt32, eager=True)
        place = place.scatter(own["row"], pl.int_range(own.height, dtype=pl.UInt32, eager=True))
        found[label] = own["field_1"].gather(place)
    return found


_HEAD_LINES = 200
_LOGFMT_PAIR = r'[A-Za-z_$@][\w.$@-]*(?:=(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s"]\S*|))?'
_LOGFMT_LINE = rf"^\s*{_LOGFMT_PAIR}(?:\s+{_LOGFMT_PAIR})*\s*$"
_LTSV_LINE = r"^[0-9A-Za-z_.$@-]+:[^\t]*\t"


@dataclass(frozen=True, slots=True, kw_only=True)
class _LabelledFields:
    """What the labels of the head tell."""

    field_paths: Mapping[str, FieldPath]
    places: Mapping[str, int]
    gateway: str

    def labels_for(self, columns: Collection[str]) -> list[str]:
        """The labels that are needed for these columns."""
        return [self.field_paths[target][0] for target in needed_targets(columns, self.field_paths)]

    def build_parsed(
        self,
        found: Mapping[str, pl.Series],
        sound: pl.Series,
        columns: Collection[str],
        unsound: str,
    ) -> ParsedRecords:
        """Records and rejects of the values behind the labels."""
        values = {t: found[path[0]] for t, path in self.field_paths.items() if path[0] in found}
        time_key = self.field_paths["time"][0]
        return parse_fields(values, sound, columns, unsound=unsound, time_key=time_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class LtsvFormat:
    """Labelled tab-separated values."""

    labelled: _LabelledFields
    name: str = "ltsv"

    @staticmethod
    def infer(head: pl.Series) -> LtsvFormat | None:
        """The format of a log that begins with these lines, or None."""
        lines = head.head(_HEAD_LINES).drop_nulls()
        labelled = _recognise_labels(
            _ltsv_tokens(lines.filter(lines.str.contains(_LTSV_LINE))), ":"
        )
        return LtsvFormat(labelled=labelled) if labelled else None

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.labelled.gateway

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return fillable_columns(self.labelled.field_paths)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        """See `Format.parse`."""
        labels = self.labelled.labels_for(columns)
        places = self.labelled.places
        found = values_at_places(lines.data, ":", places, labels)
        if found is None:
            sound = lines.series.str.contains("\t", literal=True)
            found = values_of_labels(_ltsv_tokens(lines.series), ":", places, labels)
        else:
            sound = pl.repeat(value=True, n=lines.count, eager=True)
        if b"\\x" in lines.data:
            found = {label: decode_hex_escapes(values) for label, values in found.items()}
        return self.labelled.build_parsed(found, sound, columns, "not LTSV")

    def explain(self, line: str) -> MatchFailure:
        """See `Format.explain`."""
        label = self.labelled.field_paths["time"][0]
        return MatchFailure(0 if "\t" not in line else len(line), f"`{label}:` and a time")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogfmtFormat:
    """`key=value` pairs set apart by blanks."""

    labelled: _LabelledFields
    name: str = "logfmt"

    @staticmethod
    def infer(head: pl.Series) -> LogfmtFormat | None:
        """The format of a log that begins with these lines, or None."""
        lines = head.head(_HEAD_LINES).drop_nulls()
        labelled = _recognise_labels(
            _logfmt_tokens(lines.filter(lines.str.contains(_LOGFMT_LINE))), "="
        )
        return LogfmtFormat(labelled=labelled) if labelled else None

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.labelled.gateway

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return fillable_columns(self.labelled.field_paths)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        """See `Format.parse`."""
        texts = lines.series
        labels = self.labelled.labels_for(columns)
        found = values_of_labels(_logfmt_tokens(texts), "=", self.labelled.places, labels)
        found = {label: _unquote(values) for label, values in found.items()}
        sound = texts.str.contains(_LOGFMT_LINE)
        return self.labelled.build_parsed(found, sound, columns, "not key=value")

    def explain(self, line: str) -> MatchFailure:
        """See `Format.explain`."""
        pairs = re.match(rf"\s*(?:{_LOGFMT_PAIR}(?:\s+|\Z))*", line, re.ASCII)
        return MatchFailure(pairs.end() if pairs else 0, "key=value")


def _ltsv_tokens(lines: pl.Series) -> pl.Series:
    return lines.str.strip_chars_end("\r").str.split("\t")


def _logfmt_tokens(lines: pl.Series) -> pl.Series:
    return lines.str.extract_all(_LOGFMT_PAIR)


def _unquote(values: pl.Series) -> pl.Series:
    def unquoted(s: pl.Series) -> pl.Series:
        quoted = s.str.starts_with('"') & s.str.ends_with('"')
        if not quoted.any():
            return s
        inside = decode_apache_escapes(s.str.slice(1, s.str.len_chars() - 2))
        return inside.zip_with(quoted.fill_null(value=False), s)

    return map_texts(values, unquoted)


def _recognise_labels(tokens: pl.Series, separator: str) -> _LabelledFields | None:
    places = label_places(tokens.to_list(), separator)
    if not places:
        return None
    values = values_of_labels(tokens, separator, places, places)
    found = recognise_fields({(label,): _unquote(value) for label, value in values.items()})
    return _LabelledFields(field_paths=found[0], places=places, gateway=found[1]) if found else None
