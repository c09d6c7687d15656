"""Values as people write and read them: durations, counts, sizes, ratios.

Parsing is exact or an error; formatting never fails and never prints a number as
another one that differs in kind (a tiny ratio isn't `0 %`, 99.999 % isn't `100 %`).
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from fractions import Fraction

from apilog.errors import UsageError

MISSING = "–"
"""What stands for a missing value."""

_MICROSECONDS = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
# Bounded digits: a number of any length would take quadratic time, or be refused by int().
_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,9})?"
_DURATION = re.compile("".join(rf"(?:({_NUMBER}){unit}(?![a-z]))?" for unit in _MICROSECONDS))
_UNIT_WORD = re.compile(r"([0-9]{1,5}) ?([A-Za-z]{1,20})")
_UNIT_NAMES = {
    "w": ("w", "week", "wk"),
    "d": ("d", "day"),
    "h": ("h", "hour", "hr"),
    "ms": ("ms", "millisecond", "milli", "msec"),
    "m": ("m", "minute", "min"),
    "s": ("s", "second", "sec"),
    "us": ("us", "microsecond", "micro", "usec"),
}
"""What units are called elsewhere."""
_RATIO = re.compile(rf"({_NUMBER}|\.[0-9]{{1,9}}) ?(%?)")


def parse_duration(text: str) -> timedelta:
    """Return the length of time that a text such as `5m` or `1h30m` means.

    Units are w d h m s ms us, larger ones first, each at most once; nothing is negative. Raises
    UsageError on anything else, on a number without a unit, and on parts of a microsecond.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    >>> parse_duration("0.3ms")
    datetime.timedelta(microseconds=300)
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise UsageError(f"can't read the duration {text!r}", _explain_duration(text))
    parts = zip(match.groups(), _MICROSECONDS.values(), strict=True)
    total = sum((Fraction(number) * unit for number, unit in parts if number), Fraction(0))
    if total.denominator != 1:
        raise UsageError(f"the duration {text!r} is finer than a microsecond")
    try:
        return timedelta(microseconds=int(total))
    except OverflowError as error:
        raise UsageError(f"the duration {text!r} is too long") from error


def _explain_duration(text: str) -> str:
    """Return the hint for a text that is no duration.

    >>> _explain_duration("5 minutes"), _explain_duration("2 months")
    ('write 5m', 'write 60d')
    """
    word = _UNIT_WORD.fullmatch(text.strip())
    if word:
        name = word[2].casefold()
        alone = name.removesuffix("s")
        unit = next((u for u, names in _UNIT_NAMES.items() if {name, alone} & {*names}), None)
        if unit and word[2] != "M":  # which is a month to some, a minute to others
            return f"write {word[1]}{unit}"
        if days := {"month": 30, "year": 365}.get(alone):
            return f"write {int(word[1]) * days}d"
    return "write a number and a unit (w d h m s ms us), such as 5m, 300ms or 1h30m"


def parse_ratio(text: str, *, is_share: bool = True) -> float:
    """Return the ratio that a text such as `1%`, `0.5 %` or `0.01` means.

    Raises UsageError on anything else; of a share, which is that of a part to its whole, also on
    more than 1 (100 %).

    >>> parse_ratio("1%"), parse_ratio("0.01")
    (0.01, 0.01)
    """
    match = _RATIO.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"can't read the ratio {text!r}", "write 1% or 0.01")
    number, percent = match.groups()
    ratio = Fraction(number) / (100 if percent else 1)
    if is_share and ratio > 1:
        raise UsageError(f"the ratio {text!r} is more than 100 %", "write 5% or 0.05")
    return float(ratio)


def format_duration(ms: float | None) -> str:
    """Return milliseconds as a person reads them: three digits at most, `–` for none.

    >>> [format_duration(ms) for ms in (0, 0.1234, 12.3, 1240, 200_000, 5_400_000, None)]
    ['0 ms', '0.123 ms', '12 ms', '1.24 s', '3m 20s', '1h 30m', '–']
    """
    if ms is None or not math.isfinite(ms):
        return MISSING
    if ms < 0:
        return _negate_text(format_duration(-ms))
    if 0 < ms < 0.001:
        return "<0.001 ms"
    # Each limit is where rounding would print the next unit's number: 999.5 is 1 s.
    if ms < 999.5:
        return f"{ms:.3g} ms" if ms < 9.995 else f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.3g} s"
    return _long_duration(ms)


def _long_duration(ms: float) -> str:
    seconds = round(ms / 1000)
    if seconds < 3_600:
        return f"{seconds // 60}m {seconds % 60}s"
    minutes = round(seconds / 60)
    if minutes < 1_440:
        return f"{minutes // 60}h {minutes % 60}m"
    hours = round(seconds / 3_600)
    return f"{hours // 24:,}d {hours % 24}h"


def format_count(count: float | None, *, compact: bool = False) -> str:
    """Return a whole number with thousands separated, or three digits of it; `–` for none.

    >>> format_count(12345), format_count(12345, compact=True), format_count(None)
    ('12,345', '12.3k', '–')
    """
    if count is None or not math.isfinite(count):
        return MISSING
    if not compact:
        return f"{count:,.0f}"
    return _format_scaled(count, ("", "k", "M", "G", "T"))


def format_bytes(size: float | None) -> str:
    """Return bytes in decimal units, three digits; `–` for none.

    >>> format_bytes(999), format_bytes(1_250_000), format_bytes(None)
    ('999 B', '1.25 MB', '–')
    """
    if size is None or not math.isfinite(size):
        return MISSING
    return _format_scaled(size, (" B", " kB", " MB", " GB", " TB", " PB"))


def format_counted(count: int, word: str) -> str:
    """Return a count with what is counted, whose plural ends in `s`.

    >>> format_counted(1, "file"), format_counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{format_count(count)} {word}{'' if count == 1 else 's'}"


def _format_scaled(value: float, suffixes: tuple[str, ...]) -> str:
    """Return three digits of the value in the largest unit that fits; whole in the smallest."""
    scaled, power = abs(value), 0
    # 999.5 of a unit would be printed as 1000.
    while scaled >= 999.5 and power < len(suffixes) - 1:
        scaled, power = scaled / 1000, power + 1
    digits = f"{scaled:.3g}" if power and scaled < 999.5 else f"{scaled:,.0f}"
    return f"{'-' if value < 0 else ''}{digits}{suffixes[power]}"


def format_ratio(ratio: float | None) -> str:
    """Return a ratio in percent, two decimals at most; `–` for none.

    Nothing between 0 and 1 is drawn as `0 %` or `100 %`.

    >>> [format_ratio(r) for r in (0, 0.000012, 0.0123, 0.5, 0.99999, 1, None)]
    ['0 %', '<0.01 %', '1.23 %', '50 %', '>99.99 %', '100 %', '–']
    """
    if ratio is None or not math.isfinite(ratio):
        return MISSING
    if ratio < 0:
        return _negate_text(format_ratio(-ratio))
    if 0 < ratio < 0.000_1:
        return "<0.01 %"
    if 0.999_9 < ratio < 1:
        return ">99.99 %"
    return f"{ratio * 100:,.2f}".rstrip("0").rstrip(".") + " %"


def _negate_text(text: str) -> str:
    """Return the text of a positive value as that of its negative: `<1` becomes `>-1`."""
    sign = {"<": ">-", ">": "<-"}.get(text[0])
    return f"{sign}{text[1:]}" if sign else f"-{text}"
