"""Fields between separators, quoted where needed, a chunk of lines at once.

Quotes are those of RFC 4180, https://www.rfc-editor.org/rfc/rfc4180, but for line breaks within
them: a record is one line.

Invariant: a line is read only if it has as many fields as it is to have; a line that has not, or
whose quotes don't pair up, changes nothing for the others.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.values.event_lines import EventLines, as_polars_text

# A last field that is added to every line, so that an empty field is told from a missing one.
_END_MARK = "\x01"

NULL_CELLS = ("\\N",)
"""What exports of databases write for a value that is missing, beside nothing at all and words
such as `NULL`, which a caller's text may be, too:
https://docs.snowflake.com/en/sql-reference/sql/create-file-format (NULL_IF),
https://www.postgresql.org/docs/current/sql-copy.html"""


@dataclass(frozen=True, slots=True)
class CellLayout:
    """What separates the fields of a line, and how many there are."""

    separator: str
    field_count: int
    nulls: tuple[str, ...] = ()
    """Texts that stand for no value."""

    def read(self, lines: EventLines, positions: Sequence[int]) -> pl.DataFrame:
        """Return the fields at these positions (String, named `f0`), and `ok`: which are read."""
        cells = None
        # A quote that is left open joins its line with all up to the next quote, which the number
        # of rows tells; only at the end of the data there is no next line to miss.
        last_line = lines.data[lines.data.rfind(b"\n", 0, -1) + 1 :]
        if last_line.count(b'"') % 2 == 0:
            cells = self._scan(lines.data, positions, '"' if b'"' in lines.data else None)
        if cells is None or cells.height != lines.count:
            cells = self._read_by_quoting(lines, positions)
        cells = cells.with_columns(pl.col("ok").fill_null(value=False))
        if not any(word.encode() in lines.data for word in self.nulls):
            return cells
        texts = pl.selectors.string()
        return cells.with_columns(pl.when(~texts.is_in([*self.nulls])).then(texts).name.keep())

    def _read_by_quoting(self, lines: EventLines, positions: Sequence[int]) -> pl.DataFrame:
        """Return the fields, and `ok`, where some quotes mean nothing or are left open.

        Lines whose quotes are sound are read with quotes, those in which no field begins with
        one without, those that have both kinds of quotes one field after the other; the others
        are left null.
        """
        separator = rf"[{self.separator}]"
        quoted_field = r'"(?:[^"]|"")*"'
        plain_field, odd_field = (
            rf'[^"{self.separator}]*',
            rf'[^"{self.separator}][^{self.separator}]*',
        )
        strict = rf"(?:{quoted_field}|{plain_field})"
        odd = rf"(?:{quoted_field}|{odd_field}|)"
        texts = lines.series.str.strip_suffix("\r")
        is_quoted = texts.str.contains(rf'(?:^|{separator})"')
        is_strict = texts.str.contains(rf"^{strict}(?:{separator}{strict})*$")
        is_odd = is_quoted & ~is_strict & texts.str.contains(rf"^{odd}(?:{separator}{odd})*$")
        cells = pl.DataFrame(schema={**text_schema(positions), "ok": pl.Boolean, "row": pl.UInt32})
        for chosen, quote in ((is_strict & is_quoted, '"'), (~is_quoted, None)):
            rows = chosen.arg_true().alias("row")
            frame = self._scan(lines.gather(rows).data, positions, quote)
            if frame is not None and frame.height == len(rows):
                cells.vstack(frame.with_columns(rows), in_place=True)
        if is_odd.any():
            rows = is_odd.arg_true().alias("row")
            fields = texts.gather(rows).str.extract_all(rf"(?:^|{separator}){odd}")
            cells.vstack(self._pick(fields, positions).with_columns(rows), in_place=True)
        all_rows = pl.DataFrame({"row": pl.int_range(lines.count, dtype=pl.UInt32, eager=True)})
        return all_rows.join(cells, on="row", how="left", maintain_order="left").drop("row")

    def _pick(self, fields: pl.Series, positions: Sequence[int]) -> pl.DataFrame:
        """Return the fields at these positions of lists of fields, separators before them."""

        def text(position: int) -> pl.Expr:
            field = pl.col("fields").list.get(position, null_on_oob=True)
            bare = field.str.strip_prefix(self.separator) if position else field
            inner = bare.str.slice(1).str.strip_suffix('"').str.replace_all('""', '"', literal=True)
            unquoted = pl.when(bare.str.starts_with('"')).then(inner).otherwise(bare)
            # As in what is scanned, an empty field is null.
            return pl.when(unquoted != "").then(unquoted).alias(f"f{position}")

        return fields.to_frame("fields").select(
            *map(text, positions), ok=pl.col("fields").list.len() == self.field_count
        )

    def _scan(
        self, data: bytes, positions: Sequence[int], quote: str | None
    ) -> pl.DataFrame | None:
        """Return the fields at these positions, and `ok`; None if the lines can't be read.

        A line is `ok` if the end mark stands where the fields end and nothing follows.
        """
        end = (self.separator + _END_MARK + "\n").encode()
        text, skipped_lines = as_polars_text(data)
        text = text.replace(b"\r\n", b"\n") if b"\r" in text else text
        columns = text_schema(range(self.field_count))
        try:
            return (
                pl.scan_csv(
                    text.replace(b"\n", end),
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
                    *text_schema(positions),
                    ok=(pl.col("end") == _END_MARK) & pl.col("extra").is_null(),
                )
                .collect()
                .rechunk()  # as in `apilog.formats.nginx.tokens`
            )
        except pl.exceptions.PolarsError:  # quotes within a field, or no UTF-8
            return None


def text_schema(positions: Iterable[int]) -> dict[str, type[pl.DataType]]:
    """Return the names and types of the fields at these positions."""
    return {f"f{position}": pl.String for position in positions}


def split_fields(line: str, separator: str) -> list[str] | None:
    """Return the fields of a line; None if its quotes don't pair up."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), None)
    except csv.Error:
        return None
