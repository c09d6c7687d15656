"""Learning which positions of paths hold values, from the routes that requests had.

A position whose values are many, each rare, and followed by the same segments is a parameter; one
whose values are few and steady is not. That is decided by counts of routes, which add up: chunks,
files and machines come to the same templates in any order.

How many values a position may yet have is told by those that came once: their share is the chance
that the next request brings a new one (Good 1953, https://doi.org/10.1093/biomet/40.3-4.237).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from apilog.routes.positions import (
    ANY_TAIL,
    END,
    LEARNED,
    Evidence,
    LearnedPosition,
    digit_mask,
    is_version,
    split_affixes,
)
from apilog.routes.templates import NO_TEMPLATES, RouteTemplates

MOST_ROUTES = 30_000
"""Routes that are learned from: of more a sample, which is the same in any order."""
MOST_CHUNK_ROUTES = 2_000
"""Likewise of one chunk, where routes are so many that they have to merge before they are counted:
what many have in common few of them show, too."""
_MOST_DEPTH = 16
_FEWEST_VALUES = 12
_SHARED_TAIL = 10
"""A segment that follows so many values is a tail of its own."""
_SAMPLE_SEED = 20_261_130
_KIND = re.compile(r"\{[^{}/]+\}")
_JOINED_KINDS = ("{token}", "{slug}", "{file}")
"""Kinds of values whose look some of them lack by chance, as random text may."""
_OPEN_NAMES = frozenset(
    (
        *("me", "self", "current", "search", "new", "count", "export", "import", "batch", "bulk"),
        *("all", "latest", "login", "logout", "upload", "download", "health", "status", "index"),
    )
)
"""Segments that stand beside parameters in many APIs: they need no frequency to stay."""
_METHOD = re.compile(r"(?:[a-z]+|[A-Z][a-z]+)(?:[A-Z][a-z]+)+|[a-z]+(?:\.[a-z]+[A-Za-z]*)+")
_RANDOM = re.compile(r"[0-9].*[A-Za-z].*[0-9]|[A-Za-z].*[0-9].*[A-Za-z]|[a-z][A-Z]+[a-z]+[A-Z]")
_TELLING = re.compile(r"[0-9]|[-_.~%+:].*[-_.~%+:]|[a-z][A-Z]")


@dataclass(slots=True)
class _Values:
    """The values at a position with one tail: how many requests each had."""

    counts: Counter[str] = field(default_factory=Counter)
    literals: set[str] = field(default_factory=set)

    def values(self) -> dict[str, int]:
        return {text: n for text, n in self.counts.items() if text not in self.literals}


def learn_templates(
    routes: pl.DataFrame, known: RouteTemplates = NO_TEMPLATES, most: int = MOST_ROUTES
) -> RouteTemplates:
    """Return what is known and what can be learned from routes, `most` of them.

    `routes` has `route` and `found`, its requests that were not answered 404, each route once.
    """
    found = routes.filter(pl.col("found") > 0, pl.col("route").str.starts_with("/"))
    if found.height < 2:
        return known
    if found.height > most:
        # The busy ones, which are literals, and a sample of all by what they are.
        hashes = found["route"].hash(_SAMPLE_SEED)
        is_sampled = hashes <= hashes.bottom_k(most).max()
        least = found["found"].top_k(most // 10).min()
        busy = found.filter(pl.col("found") >= least).top_k(most // 10, by=["found", "route"])
        found = pl.concat([found.filter(is_sampled), busy]).unique("route").sort("route")
    rows = [(route.split("/")[1:], n) for route, n in found.select("route", "found").iter_rows()]
    learned: list[LearnedPosition] = []
    _learn_below("", rows, 0, {(p.prefix, p.key[1]): p for p in known.positions}, learned)
    return known | RouteTemplates.of(learned)


_Row = tuple[list[str], int]


def _learn_below(
    prefix: str,
    rows: Sequence[_Row],
    depth: int,
    known: Mapping[tuple[str, str], LearnedPosition],
    learned: list[LearnedPosition],
) -> None:
    """Learn the positions after a prefix, and rewrite the segments of the rows as they go."""
    if len(rows) < 2 or depth >= _MOST_DEPTH:
        return
    here = [known[prefix, lead] for lead in ("", "@", "~") if (prefix, lead) in known]
    if _may_hold_values({segments[depth] for segments, _ in rows}):
        settled = {position.key[1] for position in here if position.is_open}
        new = (p for p in _learn_position(prefix, rows, depth) if p.key[1] not in settled)
        here = list(RouteTemplates.of([*here, *new]).positions)
    learned += here
    below: dict[str, list[_Row]] = defaultdict(list)
    of_lead = {position.lead: position for position in here}
    for segments, n in rows:
        segment = segments[depth]
        following = segments[depth + 1] if depth + 1 < len(segments) else None
        position = of_lead.get(segment[0] if segment[0] in "@~" else "") if segment else None
        if position:
            segment = position.replace_segment(segment, following) or segment
        if following is not None:
            below[segment].append((segments, n))
    for segment, several in below.items():
        _learn_below(f"{prefix}/{segment}", several, depth + 1, known, learned)


def _may_hold_values(texts: set[str]) -> bool:
    return len(texts) >= _FEWEST_VALUES or (
        len(texts) > 1 and any(kind in text for text in texts for kind in _JOINED_KINDS)
    )


def _learn_position(prefix: str, rows: Sequence[_Row], depth: int) -> list[LearnedPosition]:
    """Return the positions that the segments right after a prefix are, if any."""
    by_lead: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for segments, n in rows:
        segment = segments[depth]
        if not segment:
            continue
        following = segments[depth + 1] if depth + 1 < len(segments) else END
        lead = segment[0] if segment[0] in "@~" else ""
        by_lead[lead].append((segment, following, n))
    positions = (_decide_position(prefix, lead, several) for lead, several in by_lead.items())
    return [position for position in positions if position]


def _decide_position(
    prefix: str, lead: str, rows: Sequence[tuple[str, str, int]]
) -> LearnedPosition | None:
    groups = _group_by_tail(rows)
    is_root = not prefix and not lead
    kinds: Counter[str] = Counter()
    tails: set[str] = set()
    values: Counter[str] = Counter()
    masks: set[str] = set()
    is_masked = True
    for tail, group in groups.items():
        _set_literals(prefix, group)
        given = group.values()
        texts = {text: n for text, n in given.items() if not _KIND.search(text)}
        if _is_parameter(texts, tail, is_root=is_root):
            is_masked = False
            chosen = texts
        elif numbered := _numbered(texts):
            masks |= {digit_mask(text) for text in numbered}
            chosen = numbered
        else:
            chosen = _lacking_their_kind(given, texts)
            if not chosen:
                continue
            is_masked = False
        tails.add(tail)
        values.update(chosen)
        for text, n in given.items():
            if text not in texts:
                kinds[split_affixes(text)[1]] += n
    if not values:
        return None
    most = max(values.values())
    is_open = not is_root and not is_masked and values.total() > kinds.total()
    totals: Counter[str] = Counter()
    for group in groups.values():
        totals.update(group.counts)
    literals = {
        text
        for text, n in totals.items()
        if text not in values and not _KIND.search(text) and (not is_open or n > most)
    }
    literals |= {text for group in groups.values() for text in group.literals} - values.keys()
    name = LEARNED
    if kinds and (busiest := min(kinds, key=lambda k: (-kinds[k], k))):
        name = busiest if kinds[busiest] > values.total() and _KIND.fullmatch(busiest) else LEARNED
    return LearnedPosition(
        prefix=prefix,
        name=lead + name,
        tails=frozenset(tails),
        literals=frozenset(literals),
        is_open=is_open,
        masks=frozenset(masks) if is_masked else frozenset(),
        evidence=Evidence(len(values), values.total(), sum(1 for n in values.values() if n == 1)),
    )


def _group_by_tail(rows: Iterable[tuple[str, str, int]]) -> dict[str, _Values]:
    """Return the values by what follows them: a segment that many share, or any other."""
    followed: dict[str, set[str]] = defaultdict(set)
    rows = list(rows)
    for segment, following, _ in rows:
        followed[following].add(segment)
    groups: dict[str, _Values] = defaultdict(_Values)
    for segment, following, n in rows:
        is_shared = following == END or len(followed[following]) >= _SHARED_TAIL
        groups[following if is_shared else ANY_TAIL].counts[segment] += n
    return groups


def _set_literals(prefix: str, group: _Values) -> None:
    """Find the segments of a group that are too frequent to be values, or are versions."""
    for text in group.counts:
        if is_version(prefix, text) or text in _OPEN_NAMES:
            group.literals.add(text)
    ordered = sorted(
        ((n, text) for text, n in group.values().items() if not _KIND.search(text)), reverse=True
    )
    counts = [n for n, _ in ordered]
    last = -1
    left = sum(counts)
    for i, n in enumerate(counts):
        # What lies below has to be a population of values itself.
        if n < _BUSY or len(counts) - i <= _FEWEST_VALUES:
            break
        left -= n
        is_above_rest = last == i - 1 and n >= left / _GAP
        if is_above_rest or n >= _GAP * counts[i + 1]:
            last = i
    group.literals |= {text for _, text in ordered[: last + 1]}


_BUSY = 20
_GAP = 4
"""A segment with so many times the requests of the next busy one is no value like it."""


def _is_parameter(texts: Mapping[str, int], tail: str, *, is_root: bool) -> bool:
    """Return whether values are so many, and so many of them new, that they are a parameter's."""
    values, requests = len(texts), sum(texts.values())
    if values < _FEWEST_VALUES:
        return False
    once = sum(1 for n in texts.values() if n == 1) / requests
    if is_root and tail == ANY_TAIL:
        return False
    if values < 1000 and sum(1 for text in texts if _is_method(text)) > values / 2:
        return False
    telling = sum(1 for text in texts if _TELLING.search(text)) / values
    if is_root and tail == END:
        return values >= 150 and once >= 0.5 and telling >= 0.5
    random = sum(1 for text in texts if len(text) >= 6 and _RANDOM.search(text)) / values
    if random >= 0.8 and once >= 0.5:
        return True
    if telling >= 0.5 and values >= 30 and requests >= 60 and once >= 0.3:
        return True
    if is_root:
        return values >= 100 and once >= 0.1
    enough = values >= 60 and requests >= 100
    return enough and (once >= 0.15 or values >= 100)


def _numbered(texts: Mapping[str, int]) -> dict[str, int]:
    """Return the values that differ in nothing but numbers, where there are many such."""
    by_mask: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        if (mask := digit_mask(text)) != text:
            by_mask[mask].append(text)
    many = [several for several in by_mask.values() if len(several) >= _FEWEST_VALUES]
    return {text: texts[text] for several in many for text in several}


def _lacking_their_kind(given: Mapping[str, int], texts: Mapping[str, int]) -> dict[str, int]:
    """Return the rare values that look random, beside many of a kind that some lack by chance."""
    kinds: Counter[str] = Counter()
    for text, n in given.items():
        if text not in texts and _KIND.fullmatch(heart := split_affixes(text)[1]):
            kinds[heart] += n
    busy = max((kinds[kind] for kind in _JOINED_KINDS), default=0)
    if busy < 10:
        return {}
    return {
        text: n
        for text, n in texts.items()
        if n <= max(2, busy // 50)
        and len(text) >= 6
        and (_RANDOM.search(text) or _TELLING.search(text))
        and not _is_method(text)
    }


def _is_method(text: str) -> bool:
    return _METHOD.fullmatch(split_affixes(text)[1]) is not None
