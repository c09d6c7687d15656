"""Gateways whose logs are objects or tables of named values: one module each.

A new one is a module with its `GATEWAY` as data, and its line in each of the tuples here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from apilog.formats.contract import Format
from apilog.formats.gateways import apigee, aws, azure, delimited, keyed
from apilog.formats.gateways.gateway import Gateway

GATEWAYS: tuple[Gateway, ...] = (aws.GATEWAY, *apigee.GATEWAYS, *azure.GATEWAYS)
"""Gateways whose records are recognised by the names of their values."""

TEXT_FORMATS = (*aws.TEXT_FORMATS, *apigee.TEXT_FORMATS)
"""Formats of theirs that are plain text."""

NON_ACCESS_LINES = (*aws.NON_ACCESS_LINES, *apigee.NON_ACCESS_LINES, *azure.NON_ACCESS_LINES)
"""Lines beside their access logs: reason, pattern, samples."""

REFUSALS = (*aws.REFUSALS, *apigee.REFUSALS, *azure.REFUSALS)
"""Files that are no access logs, however alike: pattern, message, hint, samples."""

ADVICE: Mapping[str, Mapping[str, str]] = {
    aws.GATEWAY.name: aws.ADVICE,
    apigee.GATEWAY.name: apigee.ADVICE,
    **azure.ADVICE,
}
"""Gateway to column to what to log, or to change, so that the column is filled."""

TEMPLATES: Mapping[str, str] = {**aws.TEMPLATES, **apigee.TEMPLATES, **azure.TEMPLATES}
"""What to put into a gateway so that apilog can see everything."""


@dataclass(frozen=True, slots=True)
class GatewayDetector:
    """The formats of one gateway: objects, or a table with a header."""

    gateway: Gateway

    def infer(self, head: pl.Series, *, is_timed: bool = False) -> Format | None:
        """The format of a log of this gateway that begins with these lines.

        `is_timed` tells that times came with the lines, so that records need none.
        """
        objects = keyed.infer_keyed(self.gateway, head, is_timed=is_timed)
        return objects or delimited.infer_delimited(self.gateway, head)


DETECTORS: Mapping[str, GatewayDetector] = {
    gateway.name: GatewayDetector(gateway) for gateway in GATEWAYS
}
