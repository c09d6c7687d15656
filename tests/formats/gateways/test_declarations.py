"""A gateway's entry is whole, and says the same as its records do."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from apilog.formats import gateways
from apilog.formats.gateways.gateway import Gateway
from apilog.formats.key_paths import normalise_name
from apilog.formats.registry import FORMAT_INFOS, TEMPLATES
from apilog.schema import GATEWAYS, SCHEMA

each_gateway = pytest.mark.parametrize("gateway", gateways.GATEWAYS, ids=lambda g: str(g.name))
CASES = Path(__file__).parents[2] / "cases"


def test_the_listed_gateways_are_those_of_the_schema() -> None:
    assert {info.gateway for info in FORMAT_INFOS.values()} - {None} <= set(GATEWAYS)


def test_no_two_formats_have_one_name() -> None:
    names = [g.name for g in gateways.GATEWAYS] + [f.name for f in gateways.TEXT_FORMATS]
    assert len(names) == len(set(names))


@each_gateway
def test_all_that_an_entry_names_is_there(gateway: Gateway) -> None:
    assert set(gateway.column_sources) <= {*SCHEMA, "query"}
    assert {*gateway.required_columns} & gateway.column_sources.keys()
    assert "timestamp" in gateway.column_sources
    assert gateway.advice.keys() <= SCHEMA.keys()
    assert {f.gateway for f in gateway.text_formats} <= {gateway.gateway}
    assert gateway.samples
    assert gateway.url.startswith("https://")


@each_gateway
def test_names_are_in_their_normal_form(gateway: Gateway) -> None:
    sources = [
        *(source for several in gateway.column_sources.values() for source in several),
        *gateway.is_own_record,
        *gateway.is_foreign_record,
    ]
    names = {name for source in sources for name in (*source.names, *source.optional_names)}
    names |= gateway.ignored_keys | gateway.nested_scopes | gateway.record_wrappers
    for name in names.union(*gateway.fingerprint_keys):
        assert normalise_name(name) == name


@each_gateway
def test_every_gateway_is_advised_on_and_has_a_template_and_cases(gateway: Gateway) -> None:
    assert gateways.ADVICE[gateway.gateway]
    assert TEMPLATES[gateway.gateway]
    assert [*(CASES / gateway.gateway).glob("*.log")]


@each_gateway
def test_samples_are_objects_that_have_a_fingerprint(gateway: Gateway) -> None:
    for sample in gateway.samples:
        log_format = gateways.DETECTORS[gateway.name].infer(pl.Series([sample]))
        assert log_format is not None
        assert log_format.spec is gateway
