"""Kinds of identifiers that stand in path segments, told by their shape.

A segment is only given a kind when its shape leaves little doubt. Merging two routes
hides one of them, while an identifier that is missed only adds a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

# Matches every segment that may have a kind; cheaper than asking the kinds.
_MAY_HAVE_KIND = r"^[+-]?[0-9]|[@%(;]|::|[0-9].{4}|.{4}[0-9]|[A-Z]-[0-9]"
_MARK = r"^[A-Z0-9+-]|[.,(%:]"
PARAMETERS = ";{params}"
"""Stands for the matrix parameters of a segment: `42;colour=red` is `{id};{params}`."""
EXTENSION = (
    r"(?:png|jpe?g|gif|webp|avif|svg|ico|bmp|tiff?|pdf|docx?|xlsx?|pptx?|csv|tsv|txt|md|json|xml"
    r"|ya?ml|zip|gz|tgz|tar|bz2|zst|7z|sql|log|bin|mp[34]|m4[av]|mov|webm|wav|ogg|m3u8|ts|mvt|pbf"
    r"|css|m?js|map|woff2?|ttf|eot|wasm|apk|parquet)"
)
"""Endings of files that stay where the name before them is replaced."""
# What may follow an identifier in its segment and stays: `123.json`, `123:cancel`.
_SUFFIX = rf"(?:\.{EXTENSION})?(?::[A-Za-z]{{3,}})?(?:;\{{params\}})?$"

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_MONTH = r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])"
_WEEK = r"(?:19|20)[0-9]{2}-W[0-5][0-9]"
_DOTTED_DATE = (
    r"(?:19|20)[0-9]{2}(?:[._](?:0[1-9]|1[0-2])(?:[._](?:0[1-9]|[12][0-9]|3[01]))?"
    r"|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
)
VERSION = (
    rf"(?:[vV]?[0-9]{{1,3}}(?:\.[0-9]{{1,4}}){{0,2}}"
    rf"|(?:19|20)[0-9]{{2}}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?|{_MONTH}|{_DATE})"
    r"(?:\.(?:json|xml))?"
)
"""A segment that may be the version of an API: `2`, `v1.4`, `2024`, `20160918`, `2024-10`."""
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
_HEX = r"^(?:[A-Z]{2}|(?:md5|sha[0-9]{1,3})(?::|%3[Aa])|0x|[a-z]{1,12}-)?[0-9a-fA-F]{16,}$"
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


_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_IPV4 = rf"^(?:{_OCTET}\.){{3}}{_OCTET}(?:%2[Ff][0-9]{{1,2}})?$"
# Eight groups, or fewer around `::`: https://www.rfc-editor.org/rfc/rfc4291#section-2.2
_IPV6 = r"^(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*)$"
# https://semver.org: three numbers, a pre-release, a build.
_SEMVER = r"^[vV]?[0-9]{1,4}\.[0-9]{1,5}\.[0-9]{1,6}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$"
_KEY_AND_NUMBER = r"^[A-Z][A-Z0-9]{1,9}(?:-[0-9]{1,12}){1,3}$"
_STANDARD = r"^(?:ISO|RFC|UTF|SHA|MD|AES|COVID|UTC|GMT|EN|DIN|IEEE|EC|CP|TOP|MP|HTTP)-"
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
_LIST = rf"^(?:{_NUMBER}(?:(?:,|%2[Cc])(?:%20)?{_NUMBER})+|{UUID}(?:,{UUID})+)$"
_MAC = r"^(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$|^(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}$"
# https://www.iso.org/standard/81090.html: country, check digits, bank, account.
_IBAN = r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{4}[0-9]{7}[A-Z0-9]{0,19}$"
# https://developer.salesforce.com/docs: 15 characters, or 18 with a checksum in base 32.
_SALESFORCE = r"^(?:00[0-9A-Za-z]|500|701)[A-Za-z0-9]{12}(?:[A-Z0-5]{3})?$"
# https://kubernetes.io: a ReplicaSet's hash and five characters without vowels.
_POD = (
    r"^[a-z][a-z0-9-]*-(?:[0-9a-f]{8,10}|[2456789bcdfghjklmnpqrstvwxz]{8,10})"
    r"-[2456789bcdfghjklmnpqrstvwxz]{5}$"
)
_SLUG_AFTER_ID = r"^[0-9]{3,}(?:-[A-Za-z][A-Za-z0-9]*){2,}$"
_YEAR_FIRST = r"^(?:19|20)[0-9]{2}-"
# Escapes of blanks, slashes and what is beyond ASCII: names of people and things, and paths.
_ESCAPED = r"%(?:20|2[Ff]|[C-Fc-f][0-9A-Fa-f]%[89ABab][0-9A-Fa-f])"
_ODATA = r"^([A-Za-z_][A-Za-z0-9_.]*)\((?:[A-Za-z_]+=)?(?:-?[0-9]+|'[^'/]*'|[0-9A-Fa-f-]{36})\)"
_HASHED_NAME = (
    r"[._-](?:[0-9a-f]{8,}|[A-Za-z0-9_-]{8,24})(?:\.(?:min|chunk|bundle|module))?"
    rf"\.(?:{EXTENSION})(?:\.(?:map|gz|br))?$"
)
_HASH_IN_NAME = (
    r"[._-](?:[0-9a-f]*(?:[0-9][a-f]|[a-f][0-9])[0-9a-f]*|[0-9]{8,})\.[^/]*$"
    r"|[._-][A-Za-z0-9_-]*(?:[A-Z][a-z]?[0-9]|[0-9][A-Z]|[0-9][a-z][A-Z]|[A-Z][a-z][A-Z])"
    r"[A-Za-z0-9_-]*\."
)
_NUMBERED_NAME = r"[A-Za-z][_-][0-9]{4,}(?:-[0-9]{2}){0,2}\.(?:pdf|docx?|xlsx?|csv|sql|zip|gz|txt)$"
_NAME_ENDING = (
    r"^.*?((?:\.(?:min|chunk|bundle|module))?"
    rf"\.(?:{EXTENSION})(?:\.(?:map|gz|br))?)$"
)


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
    takes: tuple[str, str] | None = None
    """The part that the name stands for, as a pattern and a replacement; None for all of it."""
    is_marked: bool = False
    """Whether it begins with a capital or a digit, or has a dot or another mark in it."""
    is_whole: bool = False
    """Whether it is told by the whole segment, its suffix too."""


@dataclass(frozen=True, slots=True)
class HexToken:
    """Hex in small letters that is a `{token}` and nothing else, whatever the kinds say."""

    shape: str
    mixture: str
    """What tells it from a number or a word."""


HEX_TOKEN = HexToken("^[0-9a-f]{16,}$", _DIGIT_BESIDE_LETTER)
"""The hex of `SEGMENT_KINDS` without a prefix: no kind before it takes what has both, but as a
token."""

SEGMENT_KINDS = (
    SegmentKind("{id}", "integer", (r"^(?:[+-]|%2[Bb])?[0-9]+$",)),
    SegmentKind("{uuid}", "UUID", (rf"^(?:\{{|%7[Bb]|urn:uuid:)?{UUID}(?:\}}|%7[Dd])?$",)),
    SegmentKind(
        "{date}",
        "ISO 8601 date, with or without a time; a month; a week",
        (rf"^(?:{_DATE}(?:(?:[Tt ]|%20){_TIME})?|[0-9]{{8}}T[0-9]{{6}}Z?|{_MONTH}|{_WEEK})$",),
        is_marked=True,
    ),
    SegmentKind("{ip}", "IPv4 or IPv6 address", (f"{_IPV4}|{_IPV6}",), is_marked=True),
    SegmentKind(
        "{version}", "version of three numbers, such as `4.17.21`", (_SEMVER,), is_marked=True
    ),
    SegmentKind("{list}", "numbers or UUIDs with commas between them", (_LIST,), is_marked=True),
    SegmentKind(
        "{id}",
        "key and number, such as `ORD-2026-000123`",
        (_KEY_AND_NUMBER,),
        none_of=_STANDARD,
        is_marked=True,
    ),
    SegmentKind("{id}", "ISBN of 13 digits", (r"^97[89](?:-?[0-9]){10}$",), is_marked=True),
    SegmentKind(
        "NAME({id})",
        "key in parentheses, as OData has them",
        (_ODATA + "$",),
        takes=(_ODATA, "${1}({id})"),
        is_marked=True,
    ),
    SegmentKind(
        "NAME-{date}",
        "date after a name, as indices of logs have it",
        (rf"^[a-z][a-z_-]*[-_.](?:{_DATE}|{_MONTH}|{_DOTTED_DATE})$",),
        takes=(rf"(?:{_DATE}|{_MONTH}|{_DOTTED_DATE})$", "{date}"),
    ),
    SegmentKind("{email}", "e-mail address", (_ADDRESS,), none_of=_VERSION_OR_FILE),
    SegmentKind("{token}", "ULID", (_ULID,)),
    SegmentKind("{token}", "MAC address", (_MAC,)),
    SegmentKind("{token}", "IBAN", (_IBAN,), is_marked=True),
    SegmentKind("{token}", "Salesforce record", (_SALESFORCE, "[A-Za-z]"), is_marked=True),
    SegmentKind("{token}", "hex after `0x`", ("^0[xX][0-9A-Fa-f]{2,}$",), is_marked=True),
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
    SegmentKind("{slug}", "pod of Kubernetes", (_POD, "[0-9].{0,9}-[^-]*$")),
    SegmentKind(
        "{slug}",
        "number of three digits or more, no year, before words",
        (_SLUG_AFTER_ID,),
        none_of=_YEAR_FIRST,
        is_marked=True,
    ),
    SegmentKind(
        "{file}.EXT",
        "file whose name ends in a hash",
        (_HASHED_NAME, _HASH_IN_NAME),
        takes=(_NAME_ENDING, "{file}${1}"),
        is_marked=True,
        is_whole=True,
    ),
    SegmentKind(
        "{file}.EXT",
        "document whose name ends in a number of four digits or more",
        (_NUMBERED_NAME,),
        takes=(_NAME_ENDING, "{file}${1}"),
        is_marked=True,
        is_whole=True,
    ),
    SegmentKind("{slug}", "name with escaped blanks, slashes or letters beyond ASCII", (_ESCAPED,)),
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
    is_marked = unnamed.str.contains(_MARK)
    for kind in SEGMENT_KINDS:
        texts = unnamed if kind.is_whole else stems
        rows = (names.is_null() & is_marked if kind.is_marked else names.is_null()).arg_true()
        for pattern in kind.all_of:
            rows = rows.filter(texts.gather(rows).str.contains(pattern))
        if kind.none_of is not None:
            rows = rows.filter(~texts.gather(rows).str.contains(kind.none_of))
        if kind.takes is None:
            names.scatter(rows, kind.name)
        elif len(rows):
            names.scatter(rows, texts.gather(rows).str.replace(*kind.takes))
            stems.scatter(rows, texts.gather(rows))
    suffixes = unnamed.to_frame("segment").select(pl.col("segment").str.strip_prefix(stems))
    texts = (names + suffixes.to_series()).zip_with(names.is_not_null(), unnamed)
    return named.scatter(candidates, texts)
