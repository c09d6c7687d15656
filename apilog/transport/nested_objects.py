"""Envelopes that hold an event as an object within an object: search engines and their exports.

What is inside is given on as JSON, in which a text may be the event in turn.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from apilog.transport.envelope import (
    SAMPLE_LINE,
    Envelope,
    EnvelopeSample,
    UnwrappedEvents,
    is_mostly_true,
    unwrap_lines,
)
from apilog.transport.json_envelopes import are_json_objects, sample_lines
from apilog.values.json_text import decode_objects


def inner_objects(lines: pl.Series, key: str) -> pl.Series:
    """Return the objects under a key as JSON; null where there is none."""
    is_whole = lines.str.contains(r"^\s*\{.*\}\s*$")
    # This keeps every escape, but knows sound JSON alone.
    exact = lines.set(~is_whole, None).str.json_path_match(f'$["{key}"]')
    texts = exact
    if exact.null_count():
        missing = exact.is_null().arg_true()
        repaired, _ = decode_objects(lines.gather(missing), (key,))
        texts = exact.clone().scatter(missing, repaired[key])
    is_object = texts.str.starts_with("{").fill_null(value=False)
    return texts.set(~is_object, None)


def _unwrap(key: str, lines: pl.Series) -> UnwrappedEvents:
    return unwrap_lines(inner_objects(lines, key))


def _detect(key: str, beside: tuple[str, ...], head: pl.Series) -> bool:
    """Return whether most lines have an object under a key, and one of these keys beside it."""
    if not are_json_objects(head):
        return False
    frame, _ = decode_objects(head, (key, *beside))
    is_object = pl.col(key).str.starts_with("{").fill_null(value=False)
    return is_mostly_true(
        frame.select(is_object & pl.any_horizontal(pl.col(beside).is_not_null())).to_series()
    )


def _nested_envelope(
    name: str, title: str, key: str, beside: tuple[str, ...], *samples: EnvelopeSample
) -> Envelope:
    return Envelope(
        name=name,
        title=title,
        unwrap=partial(_unwrap, key),
        first_characters="{",
        detect=partial(_detect, key, beside),
        samples=samples,
    )


_EVENT: dict[str, object] = {"message": SAMPLE_LINE}
_TEXTS = sample_lines(_EVENT)
_INNER = tuple(text.replace('": ', '":').replace(', "', ',"') for text in _TEXTS)

# https://www.elastic.co/docs/reference/elasticsearch/rest-apis/search-api
ELASTICSEARCH = _nested_envelope(
    "elasticsearch",
    "hits of Elasticsearch and OpenSearch: the event in _source",
    "_source",
    ("_index", "_id", "_score", "sort"),
    EnvelopeSample(
        sample_lines({"_index": "logs", "_id": "1", "_score": 1.0, "_source": _EVENT}), _INNER
    ),
)

# https://docs.splunk.com/Documentation/Splunk/latest/RESTREF/RESTsearch
SPLUNK_RESULT = _nested_envelope(
    "splunk-result",
    "results of a Splunk search as JSON",
    "result",
    ("preview", "offset", "lastrow"),
    EnvelopeSample(
        sample_lines({"preview": False, "offset": 0, "result": {"_raw": SAMPLE_LINE}}),
        tuple(text.replace("message", "_raw") for text in _INNER),
    ),
)

# https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector
SPLUNK_EVENT = _nested_envelope(
    "splunk-event",
    "events for Splunk's HTTP Event Collector, objects",
    "event",
    ("sourcetype", "index", "source"),
    EnvelopeSample(sample_lines({"time": 1.5, "sourcetype": "_json", "event": _EVENT}), _INNER),
)

# https://docs.datadoghq.com/api/latest/logs/#search-logs
DATADOG = _nested_envelope(
    "datadog",
    "logs of Datadog's API: the event in attributes",
    "attributes",
    ("id", "type"),
    EnvelopeSample(sample_lines({"id": "AQ", "type": "log", "attributes": _EVENT}), _INNER),
)

NESTED_ENVELOPES = (ELASTICSEARCH, SPLUNK_RESULT, SPLUNK_EVENT, DATADOG)
"""All of them, each of another collector."""
