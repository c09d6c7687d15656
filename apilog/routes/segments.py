"""Kinds of identifiers that stand in path segments, told by their shape.

A segment is only given a kind when its shape leaves little doubt. Merging two routes
hides one of them, while an identifier that is missed only adds a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

# Matches every segment that may have a kind; cheaper than asking the kinds.
_MAY_HAVE_KIND = r"^[+-]?[0-9]|@|%40|[0-9].{4}|.{4}[0-9]"
# What may follow an identifier in its segment and stays: `123.json`, `123:cancel`.
_SUFFIX = r"(?:\.(?:json|xml)|:[A-Za-z]{3,})$"

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
VERSION = (
    rf"(?:[0-9]{{1,3}}|(?:19|20)[0-9]{{2}}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?|{_DATE})"
    r"(?:\.(?:json|xml))?"
)
"""A segment that may be the version of an API: `2`, `2024`, `20160918`, `2024-10-01`."""
_COLON = r"(?::|%3[Aa])?"
_ZONE = rf"(?:[Zz]|(?:[+-]|%2[Bb])[0-9]{{2}}{_COLON}(?:[0-9]{{2}})?)"
_TIME = rf"[0-9]{{2}}{_COLON}[0-9]{{2}}(?:{_COLON}[0-9]{{2}}(?:[.,][0-9]+)?)?{_ZONE}?"

_ADDRESS = r"^[A-Za-z0-9._%+'-]+(?:@|%40)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}$"
# What has an @ and is no address: `react@18.2.0-rc.js`, `logo@2x.png`.
_VERSION_OR_FILE = (
    r"(?i)(?:@|%40)v?[0-9]+[.x]"
    r"|\.(?:png|jpe?g|gif|webp|avif|svg|ico|css|m?js|map|html?|txt|pdf|gz|woff2?)$"
)

# https://github.com/ulid/spec: Crockford's base 32 without I, L, O and U, 128 bits.
_ULID = r"^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$"
# https://www.rfc-editor.org/rfc/rfc7519: the header is JSON, and `eyJ` is base64url of `{"`.
_JWT = r"^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$"
_HEX = r"^(?:(?:md5|sha[0-9]{1,3})(?::|%3[Aa])|0x|[a-z]{1,12}-)?[0-9a-fA-F]{16,}$"
_SHORT_HEX = r"^(?:[0-9a-f]{8,15}|[0-9A-F]{8,15})$"
_DIGIT_BESIDE_LETTER = r"[0-9][A-Fa-f]|[A-Fa-f][0-9]"
# Tells `3fad9c21` from `face2face` and `feed2026`.
_SHORT_LETTER_RUN = r"(?:^|[0-9])[A-Fa-f]{1,2}(?:[0-9]|$)"

_ONE_CASE = r"^(?:[a-z0-9]{20,}|[A-Z0-9]{20,})$"
_MIXED_CASE = r"^[A-Za-z0-9_~-]{20,}(?:=|%3[Dd]){0,2}$"
_PREFIXED = r"^[a-z]{2,10}_(?:test_|live_)?[A-Za-z0-9]{14,}$"
# Names are nearly always words in one of a few spellings (snake_case, kebab-case, camelCase), and
# random texts nearly never look like one for 20 characters.
# Neighbours that words, slugs and camelCase names seldom have.
_ODD = r"(?:[0-9][A-Za-z]|[A-Z0-9_~-][a-z][A-Z0-9])"
_THREE_CHANGES = r"[0-9][A-Za-z]+[0-9]+[A-Za-z]+[0-9]+[A-Za-z]"
_LONG_WORD_AT_END = r"[a-z]{6}(?:[^a-z_]|$)"
_WORDS = r"[a-z]{6}|(?:[_~-].*){4}"


@dataclass(frozen=True, slots=True)
class SegmentKind:
    """A kind of identifier."""

    name: str
    """The placeholder that stands in the route instead."""
    meaning: str
    all_of: tuple[str, ...]
    """Patterns that a segment (without its suffix) must match; the rarest first."""
    none_of: str | None = None
    """A pattern that it must not match."""


SEGMENT_KINDS = (
    SegmentKind("{id}", "integer", (r"^[+-]?[0-9]+$",)),
    SegmentKind("{uuid}", "UUID", (rf"^(?:\{{|%7[Bb])?{UUID}(?:\}}|%7[Dd])?$",)),
    SegmentKind(
        "{date}",
        "ISO 8601 date, with or without a time",
        (rf"^(?:{_DATE}(?:(?:[Tt ]|%20){_TIME})?|[0-9]{{8}}T[0-9]{{6}}Z?)$",),
    ),
    SegmentKind("{email}", "e-mail address", (_ADDRESS,), none_of=_VERSION_OR_FILE),
    SegmentKind("{token}", "ULID", (_ULID,)),
    SegmentKind(
        "{token}",
        "hex of 16 characters or more, digits and letters, also after `sha256:`",
        (_HEX, _DIGIT_BESIDE_LETTER),
    ),
    SegmentKind(
        "{token}",
        "hex of 8 to 15 characters, its letters in short runs",
        (_SHORT_HEX, _SHORT_LETTER_RUN),
    ),
    SegmentKind("{token}", "JSON web token", (_JWT,)),
    SegmentKind(
        "{token}", "20 or more letters and digits of one case in turn", (_ONE_CASE, _THREE_CHANGES)
    ),
    SegmentKind(
        "{token}",
        "random text of 14 or more letters and digits after a prefix such as `cus_`",
        (_PREFIXED, "[0-9]", _ODD),
        none_of=_LONG_WORD_AT_END,
    ),
    SegmentKind(
        "{token}",
        "random text of 20 or more characters, both cases and digits, no words",
        (_MIXED_CASE, "[A-Z]", "[0-9]", "[a-z]", f"{_ODD}.*{_ODD}"),
        none_of=_WORDS,
    ),
    SegmentKind(
        "{token}",
        "long random text, both cases and digits",
        (_MIXED_CASE, "[A-Z]", "[0-9]", f"{_ODD}(?:.*{_ODD}){{4}}"),
    ),
)
"""Every kind; the first that fits names the segment."""


def name_segments(segments: pl.Series) -> pl.Series:
    """Return each segment, or the name of its kind. Nulls stay null; order and length are kept."""
    # Most identifiers are integers, and a cast is far cheaper than the patterns.
    is_integer = segments.cast(pl.Int64, strict=False).is_not_null()
    named = segments.zip_with(~is_integer, pl.Series(["{id}"]))
    candidates = (~is_integer & segments.str.contains(_MAY_HAVE_KIND)).arg_true()
    if not len(candidates):
        return named
    unnamed = segments.gather(candidates)
    stems = unnamed.str.replace(_SUFFIX, "")
    names = pl.Series("name", [None], dtype=pl.String).new_from_index(0, len(unnamed))
    for kind in SEGMENT_KINDS:
        rows = names.is_null().arg_true()
        for pattern in kind.all_of:
            rows = rows.filter(stems.gather(rows).str.contains(pattern))
        if kind.none_of is not None:
            rows = rows.filter(~stems.gather(rows).str.contains(kind.none_of))
        names.scatter(rows, kind.name)
    suffixes = unnamed.to_frame("segment").select(pl.col("segment").str.strip_prefix(stems))
    texts = (names + suffixes.to_series()).zip_with(names.is_not_null(), unnamed)
    return named.scatter(candidates, texts)
