"""The formats of access logs in configurations of keys and values: Envoy's family and Traefik.

Source: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/substitution_format_string.proto
and https://doc.traefik.io/traefik/observe/logs-and-access-logs/
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from apilog.errors import UsageError
from apilog.formats.envoy.operators import is_envoy_string
from apilog.formats.envoy.text_formats import DEFAULT
from apilog.formats.own.traefik_fields import traefik_fields
from apilog.options import OwnFormat

_TEXT_KEYS = frozenset(
    {"text_format", "textFormat", "inline_string", "inlineString", "format", "accessLogFormat"}
    | {"text", "envoy_log_format", "accesslog-format-string", "stringFormat", "string_format"}
)
"""Keys whose text is a format, in Envoy and in what configures it."""
_OBJECT_KEYS = frozenset(
    {"json_format", "jsonFormat", "typed_json_format", "json", "labels", "envoy_log_format"}
)
"""Keys whose object is a format, or holds one."""
_LOG_KEYS = frozenset({"access_log", "accessLog", "accessLogFile"})
_MOST_DEPTH = 200


def read_envoy(path: Path) -> Iterator[OwnFormat]:
    """Yield the formats that a configuration of Envoy's family names, or else its default."""
    document: list[Any] = _read_yaml(path)
    patterns = list(dict.fromkeys(_find_patterns(document, 0)))
    if not patterns and _has_key(document, _LOG_KEYS, 0):
        patterns = [DEFAULT]
    for number, pattern in enumerate(patterns, 1):
        name = f"envoy-{path.stem}" if number == 1 else f"envoy-{path.stem}-{number}"
        yield OwnFormat(name=name, lines="envoy", pattern=pattern, gateway="envoy")


def _find_patterns(value: Any, depth: int) -> Iterator[str]:
    """Yield the formats within a value, objects as one line of JSON."""
    if depth > _MOST_DEPTH:
        return
    if isinstance(value, list):
        for inner in value:
            yield from _find_patterns(inner, depth + 1)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in _TEXT_KEYS and isinstance(inner, str):
                if is_envoy_string(inner):
                    yield _one_line(inner)
            elif key in _OBJECT_KEYS and isinstance(inner, dict) and _is_template(inner):
                yield json.dumps(inner, ensure_ascii=False)
            elif isinstance(inner, str) and "%START_TIME" in inner and "\n" in inner:
                yield from _find_patterns(_parse_documents(key, inner), depth + 1)
            else:
                yield from _find_patterns(inner, depth + 1)


def _one_line(text: str) -> str:
    """Return a format as it is written: JSON in a text may be laid out over lines."""
    if text.lstrip().startswith("{"):
        try:
            return json.dumps(json.loads(text), ensure_ascii=False)
        except ValueError:
            pass
    return text.strip("\n")


def _is_template(value: Mapping[str, Any]) -> bool:
    texts = [text for text in value.values() if isinstance(text, str)]
    return any(map(is_envoy_string, texts))


def _has_key(value: Any, keys: frozenset[str], depth: int) -> bool:
    if depth > _MOST_DEPTH or not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    here = isinstance(value, dict) and not keys.isdisjoint(value)
    return here or any(_has_key(each, keys, depth + 1) for each in inner)


def _parse_documents(file: str, text: str) -> list[Any]:
    """Return the values of the documents in a YAML stream, or of one of JSON."""
    from apilog.specifications.documents import parse_yaml

    pieces = re.split(r"^---(?:[ \t].*)?$", text, flags=re.MULTILINE)
    return [parse_yaml(file, piece) for piece in pieces if piece.strip()]


def _read_yaml(path: Path) -> list[Any]:
    return _parse_documents(str(path), path.read_text("utf-8", "replace"))


def read_traefik(path: Path) -> Iterator[OwnFormat]:
    """Yield the format of Traefik's access log: JSON, or its Common Log Format."""
    if path.suffix == ".toml":
        try:
            document: Any = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is not TOML: {error}") from error
    else:
        documents = [each for each in _read_yaml(path) if isinstance(each, dict)]
        document = next((each for each in documents if "accessLog" in each), {})
    if "accessLog" not in document:
        return
    log = document["accessLog"]
    written = log.get("format", "common") if isinstance(log, dict) else "common"
    if str(written).lower() == "json":
        yield traefik_fields("Duration OriginDuration StartUTC")
    else:
        yield OwnFormat(name="traefik-common", lines="traefik-clf", gateway="traefik")
