"""LTSV (`time:…` TAB `status:200`) and logfmt (`time=… status=200 ua="a b"`).

Invariant: labels are read wherever they stand in a line; those of the head say which are
which, and where they are looked for first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.base import Lines, Parsed, Stop
from apilog.formats.dictionary import over_texts
from apilog.formats.escapes import decode_backslashes, decode_hex_escapes
from apilog.formats.fields import columns_of, parsed, targets_of
from apilog.formats.labels import positions, values_in_place, values_of
from apilog.formats.recognise import recognise
from apilog.formats.synonyms import Path

_HEAD = 200
_PAIR = r'[A-Za-z_$@][\w.$@-]*(?:=(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s"]\S*|))?'
_LOGFMT = rf"^\s*{_PAIR}(?:\s+{_PAIR})*\s*$"
_LTSV = r"^[0-9A-Za-z_.$@-]+:[^\t]*\t"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labelled:
    """What the labels of the head tell."""

    fields: Mapping[str, Path]
    places: Mapping[str, int]
    gateway: str

    def labels(self, columns: Collection[str]) -> list[str]:
        """The labels that are needed for these columns."""
        return [self.fields[target][0] for target in targets_of(columns, self.fields)]

    def parsed(
        self,
        found: Mapping[str, pl.Series],
        sound: pl.Series,
        columns: Collection[str],
        unsound: str,
    ) -> Parsed:
        """Records and rejects of the values behind the labels."""
        values = {t: found[path[0]] for t, path in self.fields.items() if path[0] in found}
        time_key = self.fields["time"][0]
        return parsed(values, sound, columns, unsound=unsound, time_key=time_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class LtsvFormat:
    """Labelled tab-separated values."""

    labelled: _Labelled
    name: str = "ltsv"

    @staticmethod
    def infer(head: pl.Series) -> LtsvFormat | None:
        """The format of a log that begins with these lines, or None."""
        lines = head.head(_HEAD).drop_nulls()
        labelled = _recognised(_ltsv_tokens(lines.filter(lines.str.contains(_LTSV))), ":")
        return LtsvFormat(labelled=labelled) if labelled else None

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.labelled.gateway

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return columns_of(self.labelled.fields)

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """See `Format.parse`."""
        labels = self.labelled.labels(columns)
        places = self.labelled.places
        found = values_in_place(lines.data, ":", places, labels)
        if found is None:
            sound = lines.series.str.contains("\t", literal=True)
            found = values_of(_ltsv_tokens(lines.series), ":", places, labels)
        else:
            sound = pl.repeat(value=True, n=lines.count, eager=True)
        if b"\\x" in lines.data:
            found = {label: decode_hex_escapes(values) for label, values in found.items()}
        return self.labelled.parsed(found, sound, columns, "not LTSV")

    def explain(self, line: str) -> Stop:
        """See `Format.explain`."""
        label = self.labelled.fields["time"][0]
        return Stop(0 if "\t" not in line else len(line), f"`{label}:` and a time")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogfmtFormat:
    """`key=value` pairs set apart by blanks."""

    labelled: _Labelled
    name: str = "logfmt"

    @staticmethod
    def infer(head: pl.Series) -> LogfmtFormat | None:
        """The format of a log that begins with these lines, or None."""
        lines = head.head(_HEAD).drop_nulls()
        labelled = _recognised(_logfmt_tokens(lines.filter(lines.str.contains(_LOGFMT))), "=")
        return LogfmtFormat(labelled=labelled) if labelled else None

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.labelled.gateway

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return columns_of(self.labelled.fields)

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """See `Format.parse`."""
        texts = lines.series
        labels = self.labelled.labels(columns)
        found = values_of(_logfmt_tokens(texts), "=", self.labelled.places, labels)
        found = {label: _unquote(values) for label, values in found.items()}
        sound = texts.str.contains(_LOGFMT)
        return self.labelled.parsed(found, sound, columns, "not key=value")

    def explain(self, line: str) -> Stop:
        """See `Format.explain`."""
        pairs = re.match(rf"\s*(?:{_PAIR}(?:\s+|\Z))*", line, re.ASCII)
        return Stop(pairs.end() if pairs else 0, "key=value")


def _ltsv_tokens(lines: pl.Series) -> pl.Series:
    return lines.str.strip_chars_end("\r").str.split("\t")


def _logfmt_tokens(lines: pl.Series) -> pl.Series:
    return lines.str.extract_all(_PAIR)


def _unquote(values: pl.Series) -> pl.Series:
    def unquoted(s: pl.Series) -> pl.Series:
        quoted = s.str.starts_with('"') & s.str.ends_with('"')
        if not quoted.any():
            return s
        inside = decode_backslashes(s.str.slice(1, s.str.len_chars() - 2))
        return inside.zip_with(quoted.fill_null(value=False), s)

    return over_texts(values, unquoted)


def _recognised(tokens: pl.Series, separator: str) -> _Labelled | None:
    places = positions(tokens.to_list(), separator)
    if not places:
        return None
    values = values_of(tokens, separator, places, places)
    found = recognise({(label,): _unquote(value) for label, value in values.items()})
    return _Labelled(fields=found[0], places=places, gateway=found[1]) if found else None
