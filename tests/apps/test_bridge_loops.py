"""A defect ends no loop of the bridge for good."""

from __future__ import annotations

import asyncio
import logging

import pytest

from colonies_edge.apps.bridge import loops
from colonies_edge.apps.bridge.loops import background


def test_a_loop_that_fails_is_said_and_begins_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loops, "DEFECT_S", 0)
    begun: list[int] = []

    async def loop() -> None:
        begun.append(len(begun))
        if len(begun) < 3:
            raise TypeError("nobody thought of this")
        await asyncio.Event().wait()

    async def run() -> None:
        task = background("a test", loop)
        while len(begun) < 3:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert caplog.text.count("a test: a defect of the bridge") == 2
