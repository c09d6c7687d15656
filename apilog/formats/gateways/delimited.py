"""A gateway's records as a table: a header line, then one line per record.

Invariant: a line is a record only if it has as many fields as the header; a line that has not,
or whose quotes don't pair up, changes nothing for the others.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.contract import MatchFailure
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.gateway import Gateway, has_fingerprint, locate_values
from apilog.values.event_lines import EventLines, as_polars_text

HEADER_REASON = "header line"
"""The reason of rejects that repeat the header."""

_SEPARATORS: Mapping[str, str] = {",": "commas", "|": "bars", "\t": "tabs", ";": "semicolons"}
_HEAD_LINES = 200
# Azure's portal appends the time zone to the header of each column of times.
_UTC_SUFFIX = " [UTC]"
# A last field that is added to every line, so that an empty field is told from a missing one.
_END_MARK = "\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelimitedFormat(GatewayFormat):
    """A gateway's records as fields between separators, quoted where needed.

    Quotes are those of RFC 4180, https://www.rfc-editor.org/rfc/rfc4180, but for line breaks
    within them: a record is one line.
    """

    locations: Mapping[str, tuple[int, ...]]
    """Name to the position of its field, and of the fields that are its alternates."""
    separator: str
    header: str
    """The header line as it stands, without a byte order mark."""
    field_count: int

    def explain(self, line: str) -> MatchFailure:
        fields = _split_fields(line, self.separator) or []
        if len(fields) == self.field_count:
            return MatchFailure(len(line), f"a time and a request of {self.name}")
        return MatchFailure(0, self._expected_fields)

    def find_foreign_lines(self, lines: EventLines) -> pl.Series | None:
        """Return which lines are the header or belong to another log; None if none is known to."""
        header = self._find_header_lines(lines)
        foreign = GatewayFormat.find_foreign_lines(self, lines)  # super() fails with slots
        return header if foreign is None else foreign if header is None else foreign | header

    def _find_header_lines(self, lines: EventLines) -> pl.Series | None:
        """Return which lines are the header, as in files that were joined; None if none is."""
        if self.header.encode() not in lines.data:
            return None
        return lines.series.str.strip_prefix("\ufeff").str.strip_suffix("\r") == self.header

    @property
    def _expected_fields(self) -> str:
        return f"{self.field_count} fields with {_SEPARATORS[self.separator]} between them"

    def _read_locations(
        self, lines: EventLines, locations: list[int]
    ) -> tuple[Mapping[int, pl.Series], pl.Series]:
        cells = None
        # A quote that is left open joins its line with all up to the next quote, which the number
        # of rows tells; only at the end of the data there is no next line to miss.
        last_line = lines.data[lines.data.rfind(b"\n", 0, -1) + 1 :]
        if last_line.count(b'"') % 2 == 0:
            cells = self._scan_csv(lines.data, locations, '"' if b'"' in lines.data else None)
        if cells is None or cells.height != lines.count:
            cells = self._read_cells_by_quoting(lines, locations)
        is_header = self._find_header_lines(lines)
        if is_header is not None:
            cells = cells.with_columns(pl.when(~is_header).then(pl.all()).name.keep())
        values = {position: cells[f"f{position}"] for position in locations}
        return values, cells["ok"].fill_null(value=False)

    def _read_cells_by_quoting(self, lines: EventLines, positions: list[int]) -> pl.DataFrame:
        """Return the fields, and `ok`, where some quotes mean nothing or are left open.

        Lines whose quotes are sound are read with quotes, those in which no field begins with
        one without, and the others are left null.
        """
        field = rf'(?:"(?:[^"]|"")*"|[^"{self.separator}][^{self.separator}]*|)'
        sound = lines.series.str.contains(rf"^{field}(?:[{self.separator}]{field})*\r?$")
        quoted = lines.series.str.contains(rf'(?:^|[{self.separator}])"')
        cells = pl.DataFrame(schema={**_text_schema(positions), "ok": pl.Boolean, "row": pl.UInt32})
        for chosen, quote in ((sound & quoted, '"'), (~quoted, None)):
            rows = chosen.arg_true().alias("row")
            frame = self._scan_csv(lines.gather(rows).data, positions, quote)
            if frame is not None and frame.height == len(rows):
                cells.vstack(frame.with_columns(rows), in_place=True)
        all_rows = pl.DataFrame({"row": pl.int_range(lines.count, dtype=pl.UInt32, eager=True)})
        return all_rows.join(cells, on="row", how="left", maintain_order="left")

    def _scan_csv(
        self, data: bytes, positions: list[int], quote: str | None
    ) -> pl.DataFrame | None:
        """Return the fields at these positions, and `ok`; None if the lines can't be read.

        A line is `ok` if the end mark stands where the header's fields end and nothing follows.
        """
        end = (self.separator + _END_MARK + "\n").encode()
        text, skipped_lines = as_polars_text(data)
        columns = _text_schema(range(self.field_count))
        try:
            return (
                pl.scan_csv(
                    text.replace(b"\r\n", b"\n").replace(b"\n", end),
                    skip_lines=skipped_lines,
                    has_header=False,
                    separator=self.separator,
                    quote_char=quote,
                    schema={**columns, "end": pl.String, "extra": pl.String},
                    truncate_ragged_lines=True,
                    # Polars counts fields on the first line, which may have any number of them.
                    missing_columns="insert",
                    extra_columns="ignore",
                )
                .select(
                    *_text_schema(positions),
                    ok=(pl.col("end") == _END_MARK) & pl.col("extra").is_null(),
                )
                .collect()
                .rechunk()  # as in `apilog.formats.nginx.tokens`
            )
        except pl.exceptions.PolarsError:  # quotes within a field, or no UTF-8
            return None

    def _unread_reasons(self, lines: EventLines) -> pl.Series:
        is_header = self._find_header_lines(lines)
        is_open = lines.series.str.count_matches('"', literal=True) % 2 == 1
        return (
            is_open.to_frame("open")
            .select(
                pl.when(False if is_header is None else is_header)
                .then(pl.lit(HEADER_REASON))
                .when("open")
                .then(pl.lit("a quote is left open"))
                .otherwise(pl.lit(f"not {self._expected_fields}"))
            )
            .to_series()
        )


def _text_schema(positions: Iterable[int]) -> dict[str, type[pl.DataType]]:
    return {f"f{position}": pl.String for position in positions}


def infer_delimited(gateway: Gateway, head: pl.Series) -> DelimitedFormat | None:
    """Return the format of a log of this gateway whose header is among these lines, if any."""
    for line in head.head(_HEAD_LINES).drop_nulls():
        header = line.removeprefix("\ufeff").rstrip("\r\n")
        if header.startswith(("{", "[")):
            continue
        for separator in _SEPARATORS:
            fields = _split_fields(header, separator) if separator in header else None
            if not fields:
                continue
            keys = [field.strip().removesuffix(_UTC_SUFFIX) for field in fields]
            located = locate_values(gateway, [(key,) for key in keys if key])
            if not has_fingerprint(gateway, located):
                continue
            log_format = DelimitedFormat(
                spec=gateway,
                locations={n: tuple(keys.index(k) for (k, *_) in p) for n, p in located.items()},
                separator=separator,
                header=header,
                field_count=len(fields),
            )
            columns = log_format.columns
            if "timestamp" in columns and columns & {*gateway.required_columns}:
                return log_format
    return None


def _split_fields(line: str, separator: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), None)
    except csv.Error:
        return None
