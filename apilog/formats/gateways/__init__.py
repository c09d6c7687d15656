"""Gateways whose logs are JSON objects or tables of named values: one folder per vendor.

Invariant: everything that other modules know of a gateway comes from its entry in `GATEWAYS`. A
new gateway is one `Gateway`, in the `GATEWAYS` of its folder.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.contract import Refusal, SkipRule
from apilog.formats.gateways import apigee, aws, azure, edge_networks, google, telemetry
from apilog.formats.gateways.column_builder import GatewayFormat
from apilog.formats.gateways.delimited import infer_delimited
from apilog.formats.gateways.gateway import Gateway, TextLayout
from apilog.formats.gateways.keyed import RecordShape, infer_keyed
from apilog.formats.gateways.positional import infer_positional
from apilog.formats.nginx.format import NginxFormat

GATEWAYS: tuple[Gateway, ...] = (
    *aws.GATEWAYS,
    *apigee.GATEWAYS,
    *google.GATEWAYS,
    *azure.GATEWAYS,
    *edge_networks.GATEWAYS,
    *telemetry.GATEWAYS,
)
"""Every gateway whose records are recognised by the names of their values."""

TEXT_FORMATS: tuple[NginxFormat, ...] = tuple(f for g in GATEWAYS for f in g.text_formats)
"""The gateways' logs as plain text."""

SKIP_RULES: tuple[SkipRule, ...] = tuple(
    dict.fromkeys(rule for gateway in GATEWAYS for rule in gateway.skip_rules)
)
"""Lines that lie beside access lines; several gateways may name one rule."""

LAYOUTS: tuple[TextLayout, ...] = tuple(layout for g in GATEWAYS for layout in g.layouts)
"""How lines of text begin whose values have no names."""

W3C_FIELDS = Refusal(
    r"^#Fields: ",
    "a W3C extended log whose fields name no date and time, or no request, can't be read",
    "let IIS log date, time, cs-method, cs-uri-stem and sc-status, or name the fields with "
    "--log-format",
    samples=("#Fields: date time s-ip",),
)
"""Rows are objects by then, so that no guess is made of their order."""

REFUSALS: tuple[Refusal, ...] = (
    *dict.fromkeys(refusal for gateway in GATEWAYS for refusal in gateway.refusals),
    W3C_FIELDS,
)
"""Logs that are no access logs; several gateways may name one refusal."""

ADVICE: Mapping[str, Mapping[str, str]] = {g.gateway: g.advice for g in GATEWAYS if g.advice}
"""Value of the column `gateway` to column to what to log, or to change, to fill the column."""

TEMPLATES: Mapping[str, str] = {g.gateway: g.template for g in GATEWAYS if g.template}
"""Value of the column `gateway` to what to put into the gateway so that it logs everything."""


@dataclass(frozen=True, slots=True)
class GatewayDetector:
    """The formats of one gateway: objects, a table with a header, or lines of text."""

    gateway: Gateway

    def infer(
        self,
        head: pl.Series,
        *,
        is_timed: bool = False,
        shapes: Collection[RecordShape] | None = None,
    ) -> GatewayFormat | None:
        """Return the format of a log of this gateway that begins with these lines, if it is one.

        `is_timed` says that times come with the lines, so that records need none; `shapes` are
        those of the objects among the lines, if they are known.
        """
        objects = infer_keyed(self.gateway, head, is_timed=is_timed, shapes=shapes)
        return (
            objects or infer_delimited(self.gateway, head) or infer_positional(self.gateway, head)
        )


DETECTORS: Mapping[str, GatewayDetector] = {g.name: GatewayDetector(g) for g in GATEWAYS}
