"""Drawing on terminals that show ASCII alone."""

from __future__ import annotations

import io
import os
import pty
import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.cli.ascii_drawing import DRAWN_IN_ASCII, AsciiDrawing, draw_in_ascii, is_ascii_locale
from apilog.cli.lifecycle import ProgressBar
from tests.cli.test_contract import on_terminal
from tests.conftest import REPOSITORY
from tests.weblog import SAMPLE_LOGS

TEXTS = st.text(st.sampled_from(["é", "a", "\n", "😀", *DRAWN_IN_ASCII]))


@pytest.mark.parametrize(
    ("environment", "is_ascii"),
    [
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # as Python leaves it
        ({"LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "en_US.utf8"}, False),
        ({"LANG": "de_DE.UTF-8@euro"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, False),
    ],
)
def test_the_locale_tells(environment: dict[str, str], is_ascii: bool) -> None:
    assert is_ascii_locale(environment) is is_ascii


def test_each_character_becomes_one_of_ascii() -> None:
    assert all(len(a) == len(b) == 1 and b.isascii() for a, b in DRAWN_IN_ASCII.items())


@given(TEXTS, st.integers(1, 5))
def test_a_stream_cut_anywhere_is_drawn_like_its_text(text: str, size: int) -> None:
    data, target = text.encode(), io.BytesIO()
    drawing = AsciiDrawing(cast("io.BufferedWriter", target))
    for start in range(0, len(data), size):
        assert drawing.write(data[start : start + size]) == len(data[start : start + size])
    assert target.getvalue().decode() == draw_in_ascii(text)
    assert not set(draw_in_ascii(text)) & set(DRAWN_IN_ASCII)


def test_what_the_terminal_renderers_draw_is_known() -> None:
    rooms = ("render/terminal", "render/sections", "watch")
    drawn = "".join(
        path.read_text() for room in rooms for path in (REPOSITORY / "apilog" / room).glob("*.py")
    )
    strings = "".join(re.findall(r'"[^"\n]*"', drawn))
    assert {c for c in strings if not c.isascii()} <= {*DRAWN_IN_ASCII}


def test_the_progress_bar_is_ascii_too(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {}
    for locale in ("C", "C.UTF-8"):
        monkeypatch.setenv("LC_ALL", locale)
        monkeypatch.setenv("TERM", "xterm")
        leader, follower = pty.openpty()
        with open(follower, "w", encoding="utf-8") as terminal:
            monkeypatch.setattr("sys.stderr", terminal)
            bar = ProgressBar()
            bar._started -= 60
            bar.total(100)
            bar.advance(40)
            bar.stop()
            terminal.flush()
            drawn[locale] = os.read(leader, 65_536).decode()
        os.close(leader)
    assert all("40 B of 100 B" in text for text in drawn.values())
    assert drawn["C"].isascii()
    assert not drawn["C.UTF-8"].isascii()


@pytest.mark.slow
def test_a_report_on_a_terminal_without_utf8_is_ascii() -> None:
    log = str(SAMPLE_LOGS / "api.log")
    assert on_terminal("report", log, LC_ALL="C").isascii()
    assert not on_terminal("report", log, LC_ALL="C.UTF-8").isascii()
