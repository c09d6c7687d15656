"""A gateway's records as a table: a header line, then one line a record.

Invariant: a line is a record only if it has as many fields as the header; a line that has
not, or whose quotes don't pair up, changes nothing for the others.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.contract import MatchFailure, ParsedRecords
from apilog.formats.gateways.column_builder import (
    account_for_lines,
    build_columns,
    choose_sources,
    fill_from_alternates,
    fillable_columns,
    find_foreign_records,
    needed_names,
)
from apilog.formats.gateways.gateway import Gateway
from apilog.formats.gateways.key_resolution import find_alternates, has_fingerprint, resolve_keys
from apilog.values.event_lines import EventLines, as_polars_text

HEADER_REASON = "header line"
"""The reason of rejects that are the header again: to be skipped."""

_SEPARATORS: Mapping[str, str] = {",": "commas", "|": "bars", "\t": "tabs", ";": "semicolons"}
_HEAD_LINES = 200
_UTC_SUFFIX = " [UTC]"
_END_MARK = "\x01"
"""Written behind every line, so that an empty last field is told from a missing one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelimitedFormat:
    """A gateway's records as fields between separators, quoted where needed (RFC 4180)."""

    spec: Gateway
    separator: str
    header: str
    """The header line as it stands, without a byte order mark."""
    field_count: int
    """How many fields a line has."""
    field_positions: Mapping[str, tuple[int, ...]]
    """Name (of `normalise`) to the position of its field, and of those that may stand in for it."""

    @property
    def name(self) -> str:
        """See `Format.name`."""
        return self.spec.name

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.spec.gateway or self.spec.name

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return fillable_columns(self.spec, self.field_positions)

    def parse(self, lines: EventLines, columns: Collection[str]) -> ParsedRecords:
        """See `Format.parse`. The header is a reject whose reason is `HEADER`."""
        recipe = choose_sources(self.spec, columns, self.field_positions)
        is_header = self._find_header_lines(lines)
        values, ok = self._read_values(lines, needed_names(recipe, self.field_positions), is_header)
        reasons = "" if ok.all() else self._reject_reasons(lines, is_header)
        return account_for_lines(
            build_columns(recipe, values), ok, columns, self.spec, unsound=reasons
        )

    def explain(self, line: str) -> MatchFailure:
        """See `Format.explain`."""
        fields = _split_fields(line, self.separator) or []
        if len(fields) == self.field_count:
            return MatchFailure(len(line), f"a time and a request of {self.name}")
        return MatchFailure(0, self._expected_fields)

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        """Which lines are the header or of another log, and to be skipped; None if none is."""
        header = self._find_header_lines(lines)
        others = find_foreign_records(
            self.spec,
            self.field_positions,
            lambda names: self._read_values(lines, names, header)[0],
        )
        return header if others is None else others if header is None else others | header

    def _find_header_lines(self, lines: EventLines) -> pl.Series | None:
        """Which lines are the header; None if none is."""
        if self.header.encode() not in lines.data:
            return None
        texts = lines.series.str.strip_prefix("\ufeff").str.strip_suffix("\r")
        return texts == self.header

    @property
    def _expected_fields(self) -> str:
        return f"{self.field_count} fields with {_SEPARATORS[self.separator]} between them"

    def _read_values(
        self, lines: EventLines, names: Collection[str], is_header: pl.Series | None
    ) -> tuple[Mapping[str, pl.Series], pl.Series]:
        """The values of these names, and which lines they could be taken from."""
        cells = self._read_cells(
            lines, sorted({p for name in names for p in self.field_positions[name]})
        )
        if is_header is not None:
            cells = cells.with_columns(pl.when(~is_header).then(pl.all()).name.keep())
        values = {
            name: fill_from_alternates([cells[f"f{place}"] for place in self.field_positions[name]])
            for name in names
        }
        return values, cells["ok"].fill_null(value=False)

    def _read_cells(self, lines: EventLines, places: list[int]) -> pl.DataFrame:
        """One row a line: the fields at these places, and `ok`."""
        quote = '"' if b'"' in lines.data else None
        if not (quote and _ends_in_open_quote(lines.data)):
            frame = self._scan_csv(lines.data, places, quote)
            if frame is not None and frame.height == lines.count:
                return frame
        return self._read_cells_by_quoting(lines, places)

    def _read_cells_by_quoting(self, lines: EventLines, places: list[int]) -> pl.DataFrame:
        """Like `_read`; lines with sound quotes apart from those whose quotes mean nothing."""
        field = rf'(?:"(?:[^"]|"")*"|[^"{self.separator}][^{self.separator}]*|)'
        sound = lines.series.str.contains(rf"^{field}(?:[{self.separator}]{field})*\r?$")
        quoted = lines.series.str.contains(rf'(?:^|[{self.separator}])"')
        read = pl.DataFrame(schema={**_text_schema(places), "ok": pl.Boolean, "row": pl.UInt32})
        for chosen, quote in ((sound & quoted, '"'), (~quoted, None)):
            rows = chosen.arg_true().alias("row")
            frame = self._scan_csv(lines.gather(rows).data, places, quote)
            if frame is not None and frame.height == len(rows):
                read.vstack(frame.with_columns(rows), in_place=True)
        every = pl.DataFrame({"row": pl.int_range(lines.count, dtype=pl.UInt32, eager=True)})
        return every.join(read, on="row", how="left", maintain_order="left")

    def _scan_csv(self, data: bytes, places: list[int], quote: str | None) -> pl.DataFrame | None:
        """The fields at these places of every line, and `ok`; None if they can't be read."""
        end = (self.separator + _END_MARK + "\n").encode()
        text, skipped = as_polars_text(data)
        try:
            return (
                pl.scan_csv(
                    text.replace(b"\r\n", b"\n").replace(b"\n", end),
                    skip_lines=skipped,
                    has_header=False,
                    separator=self.separator,
                    quote_char=quote,
                    schema={
                        **_text_schema(range(self.field_count)),
                        "end": pl.String,
                        "extra": pl.String,
                    },
                    truncate_ragged_lines=True,
                    # Fields are counted on the first line, which may have any number of them.
                    missing_columns="insert",
                    extra_columns="ignore",
                )
                .select(
                    *_text_schema(places),
                    ok=(pl.col("end") == _END_MARK) & pl.col("extra").is_null(),
                )
                .collect()
                .rechunk()  # as in `apilog.formats.nginx.tokens`
            )
        except pl.exceptions.PolarsError:  # quotes within a field, or no UTF-8
            return None

    def _reject_reasons(self, lines: EventLines, is_header: pl.Series | None) -> pl.Series:
        """Why each line has not the fields of the header."""
        odd = lines.series.str.count_matches('"', literal=True) % 2 == 1
        return (
            pl.DataFrame({"odd": odd, "header": odd & False if is_header is None else is_header})
            .select(
                pl.when("header")
                .then(pl.lit(HEADER_REASON))
                .when("odd")
                .then(pl.lit("a quote is left open"))
                .otherwise(pl.lit(f"not {self._expected_fields}"))
            )
            .to_series()
        )


def _text_schema(places: Iterable[int]) -> dict[str, type[pl.DataType]]:
    return {f"f{place}": pl.String for place in places}


def infer_delimited(gateway: Gateway, head: pl.Series) -> DelimitedFormat | None:
    """The format of a log of this gateway that has its header among these lines, if it is one."""
    found = (_infer_from_header(gateway, line) for line in head.head(_HEAD_LINES).drop_nulls())
    return next((log_format for log_format in found if log_format), None)


def _infer_from_header(gateway: Gateway, line: str) -> DelimitedFormat | None:
    header = line.removeprefix("\ufeff").rstrip("\r\n")
    for separator, fields in _split_by_each_separator(header):
        keys = [field.strip().removesuffix(_UTC_SUFFIX) for field in fields]
        single = [(key,) for key in keys if key]
        paths = resolve_keys(gateway, single)
        if not has_fingerprint(gateway, paths):
            continue
        others = find_alternates(gateway, single, paths)
        places = {
            name: tuple(keys.index(key) for (key, *_) in (path, *others.get(name, ())))
            for name, path in paths.items()
        }
        columns = fillable_columns(gateway, places)
        if "timestamp" in columns and columns & {*gateway.required_columns}:
            return DelimitedFormat(
                spec=gateway,
                separator=separator,
                header=header,
                field_count=len(fields),
                field_positions=places,
            )
    return None


def _split_by_each_separator(line: str) -> Iterator[tuple[str, list[str]]]:
    """The line's fields by every separator that it may have."""
    if line.startswith(("{", "[")):
        return
    for separator in _SEPARATORS:
        fields = _split_fields(line, separator) if separator in line else None
        if fields:
            yield separator, fields


def _split_fields(line: str, separator: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), None)
    except csv.Error:
        return None


def _ends_in_open_quote(data: bytes) -> bool:
    """Whether a quote is open at the end; one before it would have joined lines."""
    last = data[data.rfind(b"\n", 0, -1) + 1 :]
    return last.count(b'"') % 2 == 1
