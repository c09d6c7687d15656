"""The logs that stand for all others are of every family that there is."""

from __future__ import annotations

import pytest

from apilog.formats import gateways
from apilog.formats.detect import detect_plan
from apilog.formats.text_formats import ALL_TEXT_FORMATS
from tests.formats.damaged_lines import JSON, LOGFMT, LTSV
from tests.formats.families import LOGS_OF_FAMILIES, ONE_OF_EACH_FAMILY, family_of
from tests.formats.rails_lines import RAILS
from tests.formats.read_rows import lines_of
from tests.weblog import SAMPLE_LOGS

FOUND = {gateway.name: gateway.samples for gateway in gateways.GATEWAYS}
GENERIC = {"json": JSON, "ltsv": LTSV, "logfmt": LOGFMT, "rails": RAILS}


@pytest.mark.slow
def test_every_format_is_of_a_family_that_has_a_log() -> None:
    families = {log_format.name: family_of(log_format) for log_format in ALL_TEXT_FORMATS}
    for name, samples in (FOUND | GENERIC).items():
        plan = detect_plan(lines_of(*samples).series)
        assert plan, name
        families[name] = family_of(plan.stages[0].formats[0])
    assert set(families.values()) == ONE_OF_EACH_FAMILY.keys() - {"envelope", "lines of many kinds"}
    listed = {name: family for family, names in ONE_OF_EACH_FAMILY.items() for name in names}
    named = listed.keys() & families.keys()
    assert {name: listed[name] for name in named} == {name: families[name] for name in named}
    # A log that no format has its name of is of a kind of its own.
    assert {path.stem for path in SAMPLE_LOGS.glob("*.log")} - families.keys() <= listed.keys()
    assert len(listed) == len(LOGS_OF_FAMILIES)
