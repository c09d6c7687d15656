"""The unit of a duration, decided by evidence.

A unit that the name of a field tells wins, then one that the texts tell themselves; then what else
the lines tell of the same requests, then the documented habit of the software, then which sizes
are likely. Where another reading remains, the likelier one comes with a doubt.

Invariant: a unit is always given. Values that look odd in each unit are read in the likeliest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import polars as pl

from apilog.values.convert import durations_to_ms, sum_upstream_ms, to_floats
from apilog.values.dictionary import ColumnConverter

DURATION_UNITS = ("s", "ms", "us", "ns")
"""The units that a bare number may be in, the coarsest first."""
UNIT_NAMES = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
_MS_PER_UNIT = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}

_UNIT_WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "milli", "millis", "millisec", "millisecond", "milliseconds"),
    "us": (
        *("us", "usec", "usecs", "µs", "micro", "micros", "microsec"),
        *("microsecond", "microseconds"),
    ),
    "ns": ("ns", "nsec", "nano", "nanos", "nanosec", "nanosecond", "nanoseconds"),
}
_UNIT_OF_WORD = {word: unit for unit, words in _UNIT_WORDS.items() for word in words}
# `s` alone ends many a plural: it counts only where it is set apart.
_GLUED_WORDS = sorted((w for w in _UNIT_OF_WORD if len(w) > 4), key=len, reverse=True)
_NAME_PARTS = re.compile(r"[A-Z]+(?![a-zµ])|[A-Z]?[a-zµ]+|[0-9]+")

# Latencies of APIs spread around this one, by these steps of the natural logarithm.
_USUAL_MS, _SPREAD = 40.0, 2.3
# How much less likely a unit is that is seldom written as such numbers.
_RARE_WHOLE = {"s": 5.0, "ms": 0.0, "us": 1.5, "ns": 1.5}
_RARE_FRACTION = {"s": 0.0, "ms": 1.2, "us": 4.0, "ns": 7.0}
_UNUSUAL, _USUAL = 12.0, 6.0
_CLEAR = 3.0
"""A reading that is less likely by this leaves no doubt."""
_AGREEING_SHARE = 0.8
_MANY = 5
_LONGEST_REQUEST_MS = 86_400_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationEvidence:
    """What else the lines tell of the same durations, in milliseconds, line by line."""

    same: Sequence[pl.Series] = field(default=())
    """Other fields for the same duration."""
    about: Sequence[tuple[pl.Series, float]] = field(default=())
    """Gaps between two times of a line, and by how many milliseconds they may be off."""
    parts: Sequence[pl.Series] = field(default=())
    """Durations within it."""
    whole: Sequence[pl.Series] = field(default=())
    """Durations that it is within."""


_FEW_NUMBERS = 200
_PLAIN_NUMBER = re.compile(r"[0-9]{1,15}(?:\.([0-9]{1,15}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _NumberSummary:
    """What the numbers of a field that are not negative tell of their unit."""

    count: int
    middle: float | None = None
    """The median of those that took any time: cached answers of 0 would hide the size."""
    is_whole: bool = False
    high: float = 0.0
    """A tenth of them are higher."""
    is_constant: bool = False
    """Whether many took time, and all of them the same."""
    decimals: tuple[int, int] | None = None
    """The least and the largest number of decimals, if all have some."""

    @classmethod
    def of_texts(cls, values: pl.Series) -> _NumberSummary:
        """Return the summary of numbers as text."""
        plain = None
        if len(values) <= _FEW_NUMBERS and values.dtype == pl.String:
            # Of so few values queries cost more by themselves than all there is to do.
            plain = cls._of_plain_texts([v for v in values.to_list() if v not in (None, "", "-")])
        return plain or cls._of_any_texts(values)

    @classmethod
    def _of_plain_texts(cls, texts: Sequence[str]) -> _NumberSummary | None:
        """Return the summary of texts that are digits with or without a point; None for others."""
        matches = [_PLAIN_NUMBER.fullmatch(text) for text in texts]
        decimals = [len(match[1] or "") for match in matches if match]
        if not texts or len(decimals) < len(texts):
            return None
        given = sorted(map(float, texts))
        taken = [number for number in given if number > 0]
        return cls(
            count=len(given),
            middle=median_of_sorted(taken),
            is_whole=all(number.is_integer() for number in given),
            high=given[math.floor((len(given) - 1) * 0.9 + 0.5)],
            is_constant=len(taken) >= _MANY and taken[0] == taken[-1],
            decimals=(min(decimals), max(decimals)) if min(decimals) else None,
        )

    @classmethod
    def _of_any_texts(cls, values: pl.Series) -> _NumberSummary:
        given = to_floats(values).drop_nulls()
        given = given.filter(given >= 0)
        if not len(given):
            return cls(count=0)
        number = pl.col("n")
        taken = number.filter(number > 0)
        middle, many, kinds, is_whole, high = (
            given.to_frame("n")
            .select_seq(
                taken.median(),
                (taken.count() >= _MANY).alias("many"),
                taken.n_unique().alias("kinds"),
                ((number % 1) == 0).all().alias("whole"),
                number.quantile(0.9).alias("high"),
            )
            .row(0)
        )
        return cls(
            count=len(given),
            middle=middle,
            is_whole=is_whole,
            high=high or 0.0,
            is_constant=many and kinds == 1,
            decimals=_decimals(values),
        )


def median_of_sorted(numbers: Sequence[float]) -> float | None:
    """Return the median as Polars has it, to the last bit; None if there are no numbers."""
    if not numbers:
        return None
    half, is_odd = divmod(len(numbers), 2)
    if is_odd:
        return numbers[half]
    return numbers[half - 1] + (numbers[half] - numbers[half - 1]) * 0.5


def unit_in_name(name: str) -> str | None:
    """Return the unit that a field's name tells, such as `durationMs`, `time_ns`, `took.millis`."""
    # Also `MSec`; but `inSec` are seconds.
    if glued := re.search(r"([MmUuµ]|N|(?<![A-Za-z])n)[Ss]ecs?$", name):
        return _UNIT_OF_WORD[glued[1].lower().replace("µ", "u") + "sec"]
    parts = _NAME_PARTS.findall(name)
    if not parts:
        return None
    last = parts[-1].lower()
    if last in _UNIT_OF_WORD and (len(parts) > 1 or len(last) > 1):
        return _UNIT_OF_WORD[last]
    # A unit may come before the end: `duration_ms_total`, or be glued to a word in lower case.
    for part in map(str.lower, parts[:-1]):
        if part in ("ms", "us", "ns", "msec", "usec", "nsec", "millis", "micros", "nanos"):
            return _UNIT_OF_WORD[part]
    word = next((w for w in _GLUED_WORDS if last.endswith(w)), None)
    if word:
        return _UNIT_OF_WORD[word]
    glued = re.search(
        r"(?:time|duration|latency|elapsed|taken|took|rtt)(?:in)?(ms|us|ns|secs?)$", last
    )
    return _UNIT_OF_WORD[glued[1]] if glued else None


def decide_unit(
    values: pl.Series,
    key: str,
    *,
    column: str = "duration_ms",
    habit: Collection[str] = (),
    usual: str | None = None,
    evidence: DurationEvidence | None = None,
) -> tuple[str, str | None]:
    """Return the unit of bare numbers among durations (String), and a doubt if there is one.

    `habit` holds the units in which the software is documented to write them, `usual` is the unit
    that fields of this name mostly have; `key` is the field's name, as `--column` takes it. The
    unit is one of `DURATION_UNITS`.
    """
    named = unit_in_name(key)
    numbers = _NumberSummary.of_texts(values)
    if not numbers.count:  # none, or all of them with their unit
        return named or next(iter(habit), usual or "s"), None
    evidence = evidence or DurationEvidence()
    unfit = _contradicted_units(values, evidence)
    scores = _score_units(numbers)
    if named:
        return named, _doubt_name(column, key, named, scores, unfit, confirmed=named in habit)
    for unit in unfit:
        scores[unit] -= 100.0
    for unit in DURATION_UNITS if habit else ():
        if unit not in habit:
            # A habit is documented, but a log may be of another version or another program.
            scores[unit] -= _UNUSUAL
    if usual:
        scores[usual] += _USUAL
    best = max(DURATION_UNITS, key=lambda unit: scores[unit])
    other = max((u for u in DURATION_UNITS if u != best), key=lambda unit: scores[unit])
    is_sure = best in habit or best == usual or _is_sure(best, numbers, evidence)
    if is_sure and scores[best] - scores[other] >= _CLEAR:
        return best, None
    return best, unit_doubt(column, key, best, other)


def unit_doubt(column: str, key: str, unit: str, other: str, why: str = "by its size") -> str:
    """Return the sentence about a duration that may be in another unit."""
    return (
        f"`{key}` is read as {UNIT_NAMES[unit]}, {why}; it may be {UNIT_NAMES[other]}: "
        f"`--column {column}={key}:{other}` says so"
    )


def _doubt_name(
    column: str,
    key: str,
    named: str,
    scores: dict[str, float],
    unfit: Collection[str],
    *,
    confirmed: bool,
) -> str | None:
    """Return a doubt about the unit of a name if the values plainly speak against it."""
    likelier = {u: s for u, s in scores.items() if u not in unfit}
    best = max(likelier, key=lambda unit: likelier[unit], default=named)
    if best == named or confirmed:
        return None
    if named in unfit or scores[best] - scores[named] >= 2 * _CLEAR:
        return unit_doubt(column, key, named, best, "by its name")
    return None


def _is_sure(unit: str, numbers: _NumberSummary, evidence: DurationEvidence) -> bool:
    """Return whether more than the numbers' size speaks for a unit, or the size is the usual one.

    The usual sizes span a factor of 1000, so that the same numbers in another unit would not be
    read as this one without a doubt.
    """
    middle = numbers.middle
    if evidence.same or evidence.about or middle is None:
        return True
    # One value over and over, as of a timeout or a field that is not filled, is no size.
    if numbers.is_constant:
        return False
    return 1.0 <= middle * _MS_PER_UNIT[unit] < 1000.0


def _score_units(numbers: _NumberSummary) -> dict[str, float]:
    """Return how likely each unit is by the numbers alone (logarithms)."""
    rare = _RARE_WHOLE if numbers.is_whole else _RARE_FRACTION
    middle, high = numbers.middle, numbers.high
    scores = {}
    for unit in DURATION_UNITS:
        score = -rare[unit]
        if middle:
            steps = math.log(middle * _MS_PER_UNIT[unit] / _USUAL_MS) / _SPREAD
            score -= steps * steps / 2
        if high * _MS_PER_UNIT[unit] > _LONGEST_REQUEST_MS:
            score -= 20.0
        # nginx and its kin write seconds with exactly three decimals; so many of them are no
        # milliseconds, which have three only if a clock of microseconds was asked.
        if numbers.decimals == (3, 3) and unit == "s":
            score += 3.0
        scores[unit] = score
    return scores


def _decimals(values: pl.Series) -> tuple[int, int] | None:
    """Return the least and the largest number of decimals of numbers in texts."""
    text = pl.col("text")
    lengths = text.str.extract(r"^\s*[0-9]+\.([0-9]+)\s*$", 1).str.len_chars()
    numbers, with_point, least, most = (
        values.to_frame("text")
        .select_seq(
            text.str.contains(r"^\s*[0-9]").sum(),
            lengths.count().alias("with_point"),
            lengths.min().alias("least"),
            lengths.max().alias("most"),
        )
        .row(0)
    )
    if not numbers or with_point < numbers:
        return None
    return int(least), int(most)


def _contradicted_units(values: pl.Series, evidence: DurationEvidence) -> list[str]:
    """Return the units in which numbers as text disagree with what else the lines tell."""
    if not (evidence.same or evidence.about or evidence.parts or evidence.whole):
        return []
    numbers = to_floats(values)
    in_units = {unit: numbers * factor for unit, factor in _MS_PER_UNIT.items()}
    tests = (
        *(
            {u: _is_near(n, other, 0.02, 1.0) for u, n in in_units.items()}
            for other in evidence.same
        ),
        *(
            {u: _is_near(n, gap, 0.05, off) for u, n in in_units.items()}
            for gap, off in evidence.about
        ),
        *({u: n * 1.01 + 1.0 >= part for u, n in in_units.items()} for part in evidence.parts),
        *({u: n * 0.99 - 1.0 <= whole for u, n in in_units.items()} for whole in evidence.whole),
    )
    fit = set(DURATION_UNITS)
    for test in tests:
        agreeing = {u for u, agrees in test.items() if _share(agrees) >= _AGREEING_SHARE}
        # Where no unit agrees, it is the other field that is something else.
        fit = fit & agreeing or fit
    return [unit for unit in DURATION_UNITS if unit not in fit]


def _is_near(in_ms: pl.Series, other: pl.Series, share: float, off: float) -> pl.Series:
    return (in_ms - other).abs() <= other.abs() * share + off


def _share(agrees: pl.Series) -> float:
    """Return how many of the lines that can tell agree; all of them if none can."""
    given = agrees.drop_nulls()
    return float(given.sum()) / len(given) if len(given) else 1.0


@lru_cache(maxsize=64)
def duration_converter(column: str, unit: str) -> ColumnConverter:
    """Return what converts durations to milliseconds, bare numbers being in `unit`.

    The same function each time, so that formats can be compared.
    """
    if column == "upstream_duration_ms":
        return partial(sum_upstream_ms, unit=unit)
    return partial(durations_to_ms, unit=unit)
