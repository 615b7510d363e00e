"""Tells those who look at topics how colonies are: a retained status each, and the discovery of Home Assistant."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

from colonies_edge.crypto.identity import Signer
from colonies_edge.engine.engine import Engine
from colonies_edge.engine.figures import Figures
from colonies_edge.protocol import home_assistant
from colonies_edge.protocol.limits import COLONIES_SHOWN_MAX, COLONY_STATUS_S
from colonies_edge.protocol.model import ExecutorState, Statistics
from colonies_edge.protocol.status import ColonyStatus, seal_status
from colonies_edge.protocol.topics import Topic, Topics
from colonies_edge.transports.ports import Link, LinkFull

_STATES = ("waiting", "running", "successful", "failed", "cancelled")


class Teller:
    """Looks every few seconds and publishes what is different from the last time: never twice the same, and nothing
    about a colony whose name fits into no topic."""

    def __init__(
        self,
        engine: Engine,
        signer: Signer,
        topics: Topics,
        now_ms: Callable[[], int],
        *,
        home_assistant_prefix: str = "",
    ) -> None:
        self._engine = engine
        self._signer = signer
        self._topics = topics
        self._now_ms = now_ms
        self._prefix = home_assistant_prefix
        self._told: dict[str, ColonyStatus] = {}  # by colony, with ts 0
        self._discovered: dict[str, bytes] = {}  # topic -> body

    async def run(self, link: Link) -> None:
        """Until cancelled."""
        while True:
            if link.connected:
                self.tell(link)
            await asyncio.sleep(COLONY_STATUS_S)

    def forget(self) -> None:
        """The broker may have forgotten: everything is told again."""
        self._told.clear()
        self._discovered.clear()

    def tell(self, link: Link) -> None:
        """Publish what changed since the last call. A link that takes no more is tried again the next time."""
        found = self._engine.figures(self._now_ms() * 1_000_000)
        try:
            self._tell_colonies(found, link)
            if self._prefix:
                self._tell_home_assistant(found, link)
        except LinkFull:
            return

    def _tell_colonies(self, found: Figures, link: Link) -> None:
        for colony, counts in list(found.colonies.items())[:COLONIES_SHOWN_MAX]:
            try:
                topic = self._topics.colony_status(colony)
            except ValueError:
                continue
            status = self._status(colony, counts, found)
            if self._told.get(colony) != status:
                link.publish(self._topics.format(topic), self._sealed(topic, status), retain=True)
                self._told[colony] = status
        for colony in self._told.keys() - found.colonies.keys():
            link.publish(self._topics.format(self._topics.colony_status(colony)), b"", retain=True)
            del self._told[colony]

    def _status(self, colony: str, counts: Statistics, found: Figures) -> ColonyStatus:
        return ColonyStatus(
            serverid=self._signer.identity,
            colonyname=colony,
            executorsready=found.ready.get(colony, 0),
            executorsapproved=counts.activeexecutors,
            processes={state: getattr(counts, f"{state}processes") for state in _STATES},
            workflows={state: getattr(counts, f"{state}workflows") for state in _STATES},
            bridges=dict(found.bridges.get(colony, {})),
        )

    def _sealed(self, topic: Topic, status: ColonyStatus) -> bytes:
        dated = replace(status, ts=self._now_ms())
        return seal_status(dated, self._topics.signed_form(topic), self._signer)

    def _tell_home_assistant(self, found: Figures, link: Link) -> None:
        wanted = {one.topic: one.body for one in self._discoveries(found)}
        for topic in self._discovered.keys() - wanted.keys():
            link.publish(topic, b"", retain=True)
            del self._discovered[topic]
        for topic, body in wanted.items():
            if self._discovered.get(topic) != body:
                link.publish(topic, body, retain=True)
                self._discovered[topic] = body

    def _discoveries(self, found: Figures) -> Iterator[home_assistant.Discovery]:
        for colony in list(found.colonies)[:COLONIES_SHOWN_MAX]:
            yield from home_assistant.of_colony(self._prefix, self._topics, colony)
        for executor in self._engine.tables.executors.values():
            if executor.state == ExecutorState.APPROVED:
                yield home_assistant.of_executor(self._prefix, self._topics, executor)
