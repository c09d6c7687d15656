"""How a file is parsed once the user's hints and the file's addresses are taken into account.

A hint changes what columns are made of, never which lines a format reads.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from apilog.formats.contract import Format
from apilog.formats.nginx.format import JsonTemplateFormat, NginxFormat
from apilog.formats.nginx.variables import VARIABLES_BY_COLUMN, VariableSource
from apilog.formats.own.client_address import choose_client, find_forwarded
from apilog.formats.own.hints import LogHints
from apilog.formats.parse_plan import ParsePlan, ParseStage
from apilog.transport.envelope_registry import unwrap_texts
from apilog.values.addresses import first_addresses
from apilog.values.dictionary import encode_texts

_SAMPLE_LINES = 500


def tailor_plan(plan: ParsePlan, head: pl.Series, hints: LogHints) -> ParsePlan:
    """Return the plan for a file that begins with these lines, as the user's hints have it."""
    stages = []
    for stage in plan.stages:
        texts = unwrap_texts(stage.envelopes, head.head(_SAMPLE_LINES))
        formats = tuple(tailor_format(f, texts, hints) for f in stage.formats)
        stages.append(ParseStage(stage.envelopes, formats))
    return ParsePlan(tuple(stages))


def tailor_format(log_format: Format, texts: pl.Series, hints: LogHints) -> Format:
    """Return a format for lines of which these are the first, as the hints have it."""
    if isinstance(log_format, (NginxFormat, JsonTemplateFormat)):
        return _tailor_variables(log_format, texts, hints)
    return log_format


def _tailor_variables(
    log_format: NginxFormat | JsonTemplateFormat, texts: pl.Series, hints: LogHints
) -> Format:
    sources = {s.variable: s for s in VARIABLES_BY_COLUMN["client_ip"]}
    variables = log_format.mapper.variables
    choice = choose_client(
        hints.client_ip,
        sorted(variables),
        [name for name in sources if name in variables and name not in find_forwarded(sources)],
        lambda names: log_format.sample_variables(texts, names),
    )
    if choice is None:
        return log_format
    own = dict(log_format.own_sources)
    if choice.keys:
        own["client_ip"] = tuple(
            sources.get(key, VariableSource(key, encode_texts, first_addresses))
            for key in choice.keys
        )
    doubts = (*log_format.doubts, *([choice.doubt] if choice.doubt else []))
    return replace(log_format, own_sources=own, doubts=doubts)
