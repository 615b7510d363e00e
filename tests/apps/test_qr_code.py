"""Tokens as QR codes of characters: what is drawn is the code, and it fits a terminal."""

from __future__ import annotations

import pytest

from colonies_edge.apps.cli.qr_code import drawn

segno = pytest.importorskip("segno", reason="install it with: pip install segno")

_DARK = {"█": (False, False), "▀": (False, True), "▄": (True, False), " ": (True, True)}


@pytest.mark.parametrize("length", [20, 400, 900])
def test_what_is_drawn_reads_back_as_the_code(length: int) -> None:
    text = "ce1." + "aB3_-" * (length // 5)
    lines = drawn(text).split("\n")
    rows = [[_DARK[char][half] for char in line] for line in lines for half in (0, 1)]
    wanted = [[bool(dark) for dark in row] for row in segno.make(text, error="l", micro=False).matrix_iter(border=2)]
    assert rows[: len(wanted)] == wanted
    assert len(lines[0]) <= 109 and len(lines) <= 55
