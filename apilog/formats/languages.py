"""The languages in which servers' logs are described, told apart by the text alone.

Invariant: the languages are asked in order, and a text is of the first that it is meant in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from apilog.formats.contract import Format
from apilog.formats.envoy.operators import is_envoy_string, parse_envoy_format
from apilog.formats.gateways.aws.context_format import compile_context_format, is_context_format
from apilog.formats.generic.traefik_rows import TraefikFieldsDetector
from apilog.formats.generic.w3c_rows import W3cRowsDetector, is_w3c_fields, parse_w3c_fields
from apilog.formats.haproxy.log_format import is_haproxy_string, parse_haproxy_format
from apilog.formats.nginx.apache_format import (
    find_apache_gateway,
    is_apache_string,
    parse_apache_format,
)
from apilog.formats.nginx.format import compile_log_format
from apilog.formats.nginx.grammar import LogFormat, parse_log_format
from apilog.formats.own.key_hints import NO_KEY_HINTS, KeyHints
from apilog.formats.own.traefik_fields import is_traefik_fields, parse_traefik_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatLanguage:
    """A language whose texts describe lines."""

    name: str
    """As `lines` of `[formats.NAME]` has it."""
    is_meant: Callable[[str], bool]
    """Whether a text is of this language."""
    compile: Callable[[str, str], Format]
    """Takes a text and the name of the format; raises `UsageError` for what it does not say."""
    list_values: Callable[[str], tuple[str, ...]]
    """Returns the names that a text gives to values."""
    example: str
    """What texts of it have in them, for hints."""


class LineDetector(Protocol):
    """What finds in the head of a file what lines of a described kind say."""

    def infer(
        self, head: pl.Series, hints: KeyHints = NO_KEY_HINTS, /, *, is_timed: bool = False
    ) -> Format | None:
        """Return the format of a file that begins with these lines, if it is of this kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLanguage:
    """A language whose texts are nothing but the names of fields, one after the other."""

    is_meant: Callable[[str], bool]
    """Whether a text is of this language."""
    parse_names: Callable[[str], tuple[str, ...]]
    """Returns the names in a text; raises `UsageError` for what names no fields."""
    detect: Callable[[tuple[str, ...]], LineDetector]
    """Returns what reads lines with the fields of these names."""
    example: str
    """How texts of it look, for hints."""
    lacks_names: bool = False
    """Whether logs may name their fields themselves, so that no text is needed."""


def _language(
    name: str,
    is_meant: Callable[[str], bool],
    parse: Callable[[str], LogFormat],
    example: str,
    find_gateway: Callable[[str], str | None] | None = None,
) -> FormatLanguage:
    def compile_text(text: str, format_name: str) -> Format:
        gateway = find_gateway(text) if find_gateway else name
        return compile_log_format(parse(text), name=format_name, gateway=gateway)

    return FormatLanguage(
        name=name,
        is_meant=is_meant,
        compile=compile_text,
        list_values=lambda text: parse(text).variables,
        example=example,
    )


def _has_variable(text: str) -> bool:
    return "$" in text


FORMAT_LANGUAGES: Mapping[str, FormatLanguage] = {
    language.name: language
    for language in (
        FormatLanguage(
            name="aws",
            is_meant=is_context_format,
            compile=lambda text, _: compile_context_format(text),
            list_values=lambda text: tuple(compile_context_format(text).places_by_key()),
            example="such as $context.requestId",
        ),
        _language("envoy", is_envoy_string, parse_envoy_format, "such as %START_TIME%"),
        _language("nginx", _has_variable, parse_log_format, "such as $status"),
        _language("haproxy", is_haproxy_string, parse_haproxy_format, "such as %ci, %ST"),
        _language(
            "apache",
            is_apache_string,
            parse_apache_format,
            "such as %h, %>s",
            find_gateway=find_apache_gateway,
        ),
    )
}
"""Every language by name, in the order in which they are asked."""


def find_language(text: str) -> FormatLanguage | None:
    """Return the language that a text is meant in; None for a name or anything else."""
    return next((lang for lang in FORMAT_LANGUAGES.values() if lang.is_meant(text)), None)


FIELD_LANGUAGES: Mapping[str, FieldLanguage] = {
    "w3c": FieldLanguage(
        is_meant=is_w3c_fields,
        parse_names=parse_w3c_fields,
        detect=W3cRowsDetector,
        example="such as #Fields: date time cs-method cs-uri-stem sc-status time-taken",
        lacks_names=True,
    ),
    "traefik": FieldLanguage(
        is_meant=is_traefik_fields,
        parse_names=parse_traefik_fields,
        detect=TraefikFieldsDetector,
        example="such as StartUTC RequestMethod RequestPath DownstreamStatus Duration",
    ),
}
"""Every language of names, as `lines` of `[formats.NAME]` has it."""


def find_line_detector(text: str) -> LineDetector | None:
    """Return what reads lines whose fields a text names, one after the other; None if it does not.

    Raises `UsageError` for names that can't be meant.
    """
    language = next((lang for lang in FIELD_LANGUAGES.values() if lang.is_meant(text)), None)
    return language.detect(language.parse_names(text)) if language else None
