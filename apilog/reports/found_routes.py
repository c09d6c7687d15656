"""`routes`: every route of the sources, what it merges and why, from one pass.

Distinct paths are counted by the smallest of their hashes, which merge in any order: exactly up to
`_SKETCH`, else from how densely these lie (Bar-Yossef et al. 2002,
https://doi.org/10.1007/3-540-45726-7_1), within some 6 %.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from apilog.engine.known_routes import declared_routes
from apilog.engine.source_pass import SourcePass, check_positive, filters_of
from apilog.errors import UsageError
from apilog.options import ReadOptions, Source
from apilog.report_model import Report
from apilog.routes import LearnedPosition, RouteTemplates, learn_templates, parse_rule
from apilog.schema import GUESSED_ROUTE, is_within
from apilog.time import TimeWindow, parse_window, parse_zone
from apilog.version import __version__

ROUTES = "routes"
"""The table."""
_SKETCH = 1024
_EXAMPLES = 3
_MOST_ROUTES = 100_000
_TRAFFIC = "traffic"
_SEED = 20_261_129
_PLACEHOLDER = re.compile(r"\{[^{}/]+\}")
_COLUMNS = frozenset({"timestamp", "route", "path", "status", GUESSED_ROUTE})
_COUNTS = {"route": pl.String, "requests": pl.Int64, "found": pl.Int64, "is_guessed": pl.Boolean}
_PATHS = {"route": pl.String, "hash": pl.UInt64, "path": pl.String}


@dataclass(frozen=True, slots=True)
class FoundRoutes:
    """The routes of some requests, as their looks give them, with a few paths of each."""

    counts: pl.DataFrame
    """`route`, `requests`, how many of these were `found`, and whether it `is_guessed`."""
    paths: pl.DataFrame
    """`route`, and the smallest `hash` values with the `path` of each."""
    templates: RouteTemplates

    @classmethod
    def of_records(cls, records: pl.DataFrame, window: TimeWindow) -> FoundRoutes:
        """Return the routes of records in the window."""
        if window.is_limited:
            records = records.filter(is_within(window))
        told = records.select(
            pl.col("route", "path").cast(pl.String),
            found=pl.col("status").ne_missing(404),
            is_guessed=pl.col(GUESSED_ROUTE).is_not_null(),
        ).drop_nulls("route")
        counts = told.group_by("route").agg(
            pl.len().cast(pl.Int64).alias("requests"),
            pl.col("found").sum().cast(pl.Int64),
            pl.col("is_guessed").all(),
        )
        paths = told.select("route", "path").drop_nulls().unique()
        hashed = paths.select("route", pl.col("path").hash(_SEED).alias("hash"), "path")
        return cls(counts, _smallest(hashed), RouteTemplates())

    @classmethod
    def merge(cls, parts: Sequence[FoundRoutes]) -> FoundRoutes:
        """Return the routes of all parts; of none for none."""
        if not parts:
            return cls(pl.DataFrame(schema=_COUNTS), pl.DataFrame(schema=_PATHS), RouteTemplates())
        templates = parts[0].templates
        for part in parts[1:]:
            templates |= part.templates
        merged = cls(
            _add_up(pl.concat(part.counts for part in parts)),
            _smallest(pl.concat(part.paths for part in parts)),
            templates,
        )
        if merged.counts.height > _MOST_ROUTES:
            return merged.learned().bounded()
        return merged.renamed(templates) if templates else merged

    def learned(self) -> FoundRoutes:
        """Return the routes merged by what they show."""
        guessed = self.counts.filter("is_guessed").select("route", "found")
        return self.renamed(learn_templates(guessed, self.templates))

    def renamed(self, templates: RouteTemplates) -> FoundRoutes:
        """Return the routes merged that these templates make equal."""
        guessed = self.counts.filter("is_guessed")["route"]
        renamed = templates.rename(guessed).alias("to")
        to = pl.DataFrame([guessed, renamed]).filter(pl.col("route") != pl.col("to"))

        def rename(frame: pl.DataFrame) -> pl.DataFrame:
            joined = frame.join(to, on="route", how="left", maintain_order="left")
            return joined.with_columns(pl.coalesce("to", "route").alias("route")).drop("to")

        return FoundRoutes(_add_up(rename(self.counts)), _smallest(rename(self.paths)), templates)

    def bounded(self) -> FoundRoutes:
        """Return the busiest routes; of too many, most are what scanners made up."""
        counts = self.counts.top_k(_MOST_ROUTES, by=["found", "requests", "route"])
        return FoundRoutes(counts, self.paths.join(counts, on="route", how="semi"), self.templates)


def _add_up(counts: pl.DataFrame) -> pl.DataFrame:
    sums = (pl.col("requests").sum(), pl.col("found").sum(), pl.col("is_guessed").all())
    return counts.group_by("route").agg(sums)


def _smallest(paths: pl.DataFrame) -> pl.DataFrame:
    unique = paths.unique(["route", "hash"]) if paths.height else paths
    return unique.sort("route", "hash").group_by("route", maintain_order=True).head(_SKETCH)


def report_routes(sources: Sequence[Source], options: ReadOptions) -> Report:
    """Return the report of one table, `routes`; those of which nothing was found are a note.

    Raises UsageError for options that can't be understood, before reading.
    """
    check_positive("--max-routes", options.max_routes)
    window = parse_window(options.since, options.until, options.tz)
    source_pass = SourcePass(
        sources,
        options,
        _COLUMNS,
        lambda records: FoundRoutes.of_records(records, window),
        window=window,
    )
    found = source_pass.merge_results(FoundRoutes.merge).learned()
    templates = source_pass.templates.before(found.templates)
    table = _table(found, templates, declared_routes(options))
    shown = table.filter(found=True).head(options.max_routes).drop("found")
    return Report(
        version=__version__,
        command="routes",
        since=window.since,
        until=window.until,
        input=source_pass.input,
        tables={ROUTES: shown},
        timezone=parse_zone(options.tz).key,
        filters=filters_of(options, window),
        notes=(*source_pass.notes, *_notes_on(table, shown.height)),
    )


EMPTY_ROUTES = pl.DataFrame(
    schema={
        "route": pl.String,
        "requests": pl.Int64,
        "paths": pl.Int64,
        "why": pl.String,
        "examples": pl.String,
    }
)
"""The table without rows."""


def _notes_on(table: pl.DataFrame, shown: int) -> Iterable[str]:
    unfound = table.filter(found=False)
    if unfound.height:
        count = unfound["requests"].sum()
        yield f"{unfound.height:,} routes of {count:,} requests are left out: all were answered 404"
    if (left := table.height - unfound.height - shown) > 0:
        yield f"{left:,} less busy routes are left out; --max-routes says how many are kept"


def _table(found: FoundRoutes, templates: RouteTemplates, declared: frozenset[str]) -> pl.DataFrame:
    k, space = _SKETCH, 2.0**64
    estimate = (k - 1) * space / pl.col("hash").max().cast(pl.Float64)
    paths = found.paths.group_by("route", maintain_order=True).agg(
        pl.when(pl.len() < k).then(pl.len()).otherwise(estimate).cast(pl.Int64).alias("paths"),
        pl.col("path").head(_EXAMPLES).str.join(" ").alias("examples"),
    )
    reasons = [
        _why(route, templates, is_guessed=is_guessed, is_declared=route in declared)
        for route, is_guessed in found.counts.select("route", "is_guessed").iter_rows()
    ]
    return (
        found.counts.with_columns(why=pl.Series(reasons, dtype=pl.String))
        .join(paths, on="route", how="left")
        .with_columns(pl.min_horizontal("paths", "requests").alias("paths"))
        .sort("requests", "route", descending=[True, False])
        .select("route", "requests", "paths", "why", "examples", found=pl.col("found") > 0)
    )


def _why(
    route: str, templates: RouteTemplates, *, is_guessed: bool, is_declared: bool
) -> str | None:
    """Say why the paths of a route are one."""
    if is_declared:
        return "declared"
    if not is_guessed:
        return "named by the log"
    told = [f"{p.evidence.values:,}" for p in _positions_in(route, templates)]
    count = len(_PLACEHOLDER.findall(route))
    reasons = ["look"] if count > len(told) else []
    if told:
        reasons.append(f"{_TRAFFIC} ({' and '.join(told)} values)")
    return ", ".join(reasons) or None


def _positions_in(route: str, templates: RouteTemplates) -> list[LearnedPosition]:
    segments = route.split("/")
    prefixes = {"/".join(segments[:i]): segments[i] for i in range(1, len(segments))}
    return [
        position
        for position in templates.positions
        if prefixes.get(position.prefix, "").startswith(position.name)
    ]


def pinned_templates(report: Report, templates: Iterable[str]) -> list[str]:
    """Return what declares the routes of a report that traffic told, those without values first.

    Literal siblings such as `/users/me` are among them: a template would take them otherwise.
    """
    learned = sorted({*templates}, key=lambda text: (len(_PLACEHOLDER.findall(text)), text))
    patterns = []
    for text in learned:
        try:
            patterns.append(re.compile(parse_rule(text).pattern))
        except (UsageError, re.error):
            continue
    routes = report.tables[ROUTES]["route"].to_list()
    skeletons = {_PLACEHOLDER.sub("{}", text) for text in learned}
    siblings = [
        route
        for route in routes
        if _PLACEHOLDER.sub("{}", route) not in skeletons
        and any(pattern.match(route) for pattern in patterns)
    ]
    both = [*siblings, *learned]
    return sorted(filter(_is_rule, both), key=lambda t: (len(_PLACEHOLDER.findall(t)), t))


def _is_rule(text: str) -> bool:
    """Return whether a route can stand on a line of a file, as a template."""
    if not text.isprintable():
        return False
    try:
        parse_rule(text)
    except UsageError:
        return False
    return True


def traffic_templates(report: Report) -> list[str]:
    """Return the routes of a report that traffic told."""
    rows = report.tables[ROUTES].select("route", "why").iter_rows()
    return [route for route, why in rows if why and _TRAFFIC in why]
