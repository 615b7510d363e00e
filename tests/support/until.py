"""Waiting for what no event tells: looked at now and then, for as long as a patient person would."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_S, PATIENCE_S = 0.02, 60.0


def until(happened: Callable[[], bool]) -> None:
    """Return when it has happened."""
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(LOOK_S)
