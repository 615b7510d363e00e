"""A graph of ten thousand nodes in one message, for a coordinator that was told to take such messages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.protocol.errors import TooLarge
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from tests.support.site import COLONY, Site

NODES = 10_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path)
    yield running
    running.close()


def spec() -> dict[str, object]:
    """One root and 9,999 nodes that wait for it."""
    conditions = {"colonyname": COLONY, "executortype": "cli"}
    nodes = [{"nodename": "n0", "funcname": "echo", "conditions": conditions}]
    waiting = {**conditions, "dependencies": ["n0"]}
    nodes += [{"nodename": f"n{i}", "funcname": "echo", "conditions": waiting} for i in range(1, NODES)]
    return {"colonyname": COLONY, "functionspecs": nodes}


def test_a_coordinator_takes_messages_as_large_as_it_was_told(site: Site) -> None:
    async def scene() -> None:
        await site.found()
        async with site.client("user") as user:
            graph = await user.call({"msgtype": "submitworkflowspecmsg", "spec": spec()}, timeout_s=60)
            assert len(graph["processids"]) == NODES
            assert (await user.get_colony_stats()).waitingprocesses == NODES

    site.start("--message-kib", "4096")
    asyncio.run(scene())


def test_without_being_told_the_limit_is_said_at_the_sender(site: Site) -> None:
    async def scene() -> None:
        await site.found()
        async with site.client("user") as user:
            with pytest.raises(TooLarge, match=str(MESSAGE_BYTES_MAX)):
                await user.call({"msgtype": "submitworkflowspecmsg", "spec": spec()})

    site.start()
    asyncio.run(scene())
