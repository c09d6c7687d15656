"""A gateway's records as a table: a header line, then one line a record.

Invariant: a line is a record only if it has as many fields as the header; a line that has
not, or whose quotes don't pair up, changes nothing for the others.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.base import Lines, Parsed, Stop, readable
from apilog.formats.gateways.gateway import Gateway
from apilog.formats.gateways.naming import is_marked, named, spares
from apilog.formats.gateways.recipes import (
    accounted,
    fillable,
    made,
    needed_for,
    of_other_logs,
    recipe_of,
    with_spares,
)

HEADER = "header line"
"""The reason of rejects that are the header again: to be skipped."""

_SEPARATORS: Mapping[str, str] = {",": "commas", "|": "bars", "\t": "tabs", ";": "semicolons"}
_HEAD = 200
_UTC = " [UTC]"
_END = "\x01"
"""Written behind every line, so that an empty last field is told from a missing one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelimitedFormat:
    """A gateway's records as fields between separators, quoted where needed (RFC 4180)."""

    gateway_info: Gateway
    separator: str
    header: str
    """The header line as it stands, without a byte order mark."""
    width: int
    """How many fields a line has."""
    places: Mapping[str, tuple[int, ...]]
    """Name (of `normalise`) to the position of its field, and of those that may stand in for it."""

    @property
    def name(self) -> str:
        """See `Format.name`."""
        return self.gateway_info.name

    @property
    def gateway(self) -> str:
        """See `Format.gateway`."""
        return self.gateway_info.gateway or self.gateway_info.name

    @property
    def columns(self) -> frozenset[str]:
        """See `Format.columns`."""
        return fillable(self.gateway_info, self.places)

    def parse(self, lines: Lines, columns: Collection[str]) -> Parsed:
        """See `Format.parse`. The header is a reject whose reason is `HEADER`."""
        recipe = recipe_of(self.gateway_info, columns, self.places)
        is_header = self._headers_among(lines)
        values, ok = self._values(lines, needed_for(recipe, self.places), is_header)
        reasons = "" if ok.all() else self._reasons(lines, is_header)
        return accounted(made(recipe, values), ok, columns, self.gateway_info, unsound=reasons)

    def explain(self, line: str) -> Stop:
        """See `Format.explain`."""
        fields = _fields(line, self.separator) or []
        if len(fields) == self.width:
            return Stop(len(line), f"a time and a request of {self.name}")
        return Stop(0, self._wanted)

    def others_among(self, lines: Lines) -> pl.Series | None:
        """Which lines are the header or of another log, and to be skipped; None if none is."""
        header = self._headers_among(lines)
        others = of_other_logs(
            self.gateway_info, self.places, lambda names: self._values(lines, names, header)[0]
        )
        return header if others is None else others if header is None else others | header

    def _headers_among(self, lines: Lines) -> pl.Series | None:
        """Which lines are the header; None if none is."""
        if self.header.encode() not in lines.data:
            return None
        texts = lines.series.str.strip_prefix("\ufeff").str.strip_suffix("\r")
        return texts == self.header

    @property
    def _wanted(self) -> str:
        return f"{self.width} fields with {_SEPARATORS[self.separator]} between them"

    def _values(
        self, lines: Lines, names: Collection[str], is_header: pl.Series | None
    ) -> tuple[Mapping[str, pl.Series], pl.Series]:
        """The values of these names, and which lines they could be taken from."""
        cells = self._read(lines, sorted({p for name in names for p in self.places[name]}))
        if is_header is not None:
            cells = cells.with_columns(pl.when(~is_header).then(pl.all()).name.keep())
        values = {
            name: with_spares([cells[f"f{place}"] for place in self.places[name]]) for name in names
        }
        return values, cells["ok"].fill_null(value=False)

    def _read(self, lines: Lines, places: list[int]) -> pl.DataFrame:
        """One row a line: the fields at these places, and `ok`."""
        quote = '"' if b'"' in lines.data else None
        if not (quote and _is_open(lines.data)):
            frame = self._scan(lines.data, places, quote)
            if frame is not None and frame.height == lines.count:
                return frame
        return self._read_apart(lines, places)

    def _read_apart(self, lines: Lines, places: list[int]) -> pl.DataFrame:
        """Like `_read`; lines with sound quotes apart from those whose quotes mean nothing."""
        field = rf'(?:"(?:[^"]|"")*"|[^"{self.separator}][^{self.separator}]*|)'
        sound = lines.series.str.contains(rf"^{field}(?:[{self.separator}]{field})*\r?$")
        quoted = lines.series.str.contains(rf'(?:^|[{self.separator}])"')
        read = pl.DataFrame(schema={**_texts(places), "ok": pl.Boolean, "row": pl.UInt32})
        for chosen, quote in ((sound & quoted, '"'), (~quoted, None)):
            rows = chosen.arg_true().alias("row")
            frame = self._scan(lines.gather(rows).data, places, quote)
            if frame is not None and frame.height == len(rows):
                read.vstack(frame.with_columns(rows), in_place=True)
        every = pl.DataFrame({"row": pl.int_range(lines.count, dtype=pl.UInt32, eager=True)})
        return every.join(read, on="row", how="left", maintain_order="left")

    def _scan(self, data: bytes, places: list[int], quote: str | None) -> pl.DataFrame | None:
        """The fields at these places of every line, and `ok`; None if they can't be read."""
        end = (self.separator + _END + "\n").encode()
        text, skipped = readable(data)
        try:
            return (
                pl.scan_csv(
                    text.replace(b"\r\n", b"\n").replace(b"\n", end),
                    skip_lines=skipped,
                    has_header=False,
                    separator=self.separator,
                    quote_char=quote,
                    schema={**_texts(range(self.width)), "end": pl.String, "extra": pl.String},
                    truncate_ragged_lines=True,
                    # Fields are counted on the first line, which may have any number of them.
                    missing_columns="insert",
                    extra_columns="ignore",
                )
                .select(
                    *_texts(places),
                    ok=(pl.col("end") == _END) & pl.col("extra").is_null(),
                )
                .collect()
                .rechunk()  # as in `apilog.formats.nginx.tokens`
            )
        except pl.exceptions.PolarsError:  # quotes within a field, or no UTF-8
            return None

    def _reasons(self, lines: Lines, is_header: pl.Series | None) -> pl.Series:
        """Why each line has not the fields of the header."""
        odd = lines.series.str.count_matches('"', literal=True) % 2 == 1
        return (
            pl.DataFrame({"odd": odd, "header": odd & False if is_header is None else is_header})
            .select(
                pl.when("header")
                .then(pl.lit(HEADER))
                .when("odd")
                .then(pl.lit("a quote is left open"))
                .otherwise(pl.lit(f"not {self._wanted}"))
            )
            .to_series()
        )


def _texts(places: Iterable[int]) -> dict[str, type[pl.DataType]]:
    return {f"f{place}": pl.String for place in places}


def infer(gateway: Gateway, head: pl.Series) -> DelimitedFormat | None:
    """The format of a log of this gateway that has its header among these lines, if it is one."""
    found = (_of_header(gateway, line) for line in head.head(_HEAD).drop_nulls())
    return next((log_format for log_format in found if log_format), None)


def _of_header(gateway: Gateway, line: str) -> DelimitedFormat | None:
    header = line.removeprefix("\ufeff").rstrip("\r\n")
    for separator, fields in _readings(header):
        keys = [field.strip().removesuffix(_UTC) for field in fields]
        single = [(key,) for key in keys if key]
        paths = named(gateway, single)
        if not is_marked(gateway, paths):
            continue
        others = spares(gateway, single, paths)
        places = {
            name: tuple(keys.index(key) for (key, *_) in (path, *others.get(name, ())))
            for name, path in paths.items()
        }
        columns = fillable(gateway, places)
        if "timestamp" in columns and columns & {*gateway.required}:
            return DelimitedFormat(
                gateway_info=gateway,
                separator=separator,
                header=header,
                width=len(fields),
                places=places,
            )
    return None


def _readings(line: str) -> Iterator[tuple[str, list[str]]]:
    """The line's fields by every separator that it may have."""
    if line.startswith(("{", "[")):
        return
    for separator in _SEPARATORS:
        fields = _fields(line, separator) if separator in line else None
        if fields:
            yield separator, fields


def _fields(line: str, separator: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), None)
    except csv.Error:
        return None


def _is_open(data: bytes) -> bool:
    """Whether a quote is open at the end; one before it would have joined lines."""
    last = data[data.rfind(b"\n", 0, -1) + 1 :]
    return last.count(b'"') % 2 == 1
