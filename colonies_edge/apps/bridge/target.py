"""The target of an item, whichever side it is: finding what was submitted there, waiting for its end, cancelling it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from colonies_edge.apps.bridge.carrier import Happened
from colonies_edge.apps.bridge.items import Event, Item, Verdict
from colonies_edge.apps.bridge.side import BridgeClient, Member
from colonies_edge.apps.bridge.specs import verdict_of, verdict_of_graph
from colonies_edge.client.watching import ENDS
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Internal, NotFound, TooLarge
from colonies_edge.protocol.limits import BRIDGE_WAITING_MAX
from colonies_edge.protocol.model import Process, State

# A request that was cut off may still be on its way; a look that overtakes it finds nothing, and a second one is made.
SETTLE_S = 2.0
SEEN_MAX = 2 * BRIDGE_WAITING_MAX
# A Go server answers 400 when its database is away, too: only one that says so for this long means what we ask for.
REFUSED_S = 60.0
# The order in which processes move. Waiting is looked at twice: what ran may go back to the queue between two looks.
_LOOKS = (State.WAITING, State.RUNNING, State.WAITING, State.SUCCESS, State.FAILED, State.CANCELLED)
_OVER = (State.FAILED, State.CANCELLED)


class Target:
    """Asked as `member`. `where` is what errors call it."""

    def __init__(self, member: Member, where: str) -> None:
        self.member = member
        self._where = where
        self._seen: dict[str, Process] = {}  # as they were last heard of: what is known need not be asked
        self._refused: dict[str, float] = {}  # by label: since when a Go server does not take it

    def placed(self, process: Process) -> None:
        """It was submitted just now."""
        self._remember(process)

    def _remember(self, process: Process) -> None:
        self._seen[process.processid] = process
        if len(self._seen) > SEEN_MAX:  # those of items that were cut off; they are asked for again
            del self._seen[next(iter(self._seen))]

    def seen(self, processid: str) -> Process | None:
        """How it ended, if that was heard here; asked for once."""
        process = self._seen.pop(processid, None)
        return process if process is not None and process.state in ENDS else None

    def may_take_it_later(self, client: BridgeClient, error: ColoniesError, label: str) -> bool:
        """Was that refusal of a submit perhaps not about what we submit?"""
        if client.honours_msgids or isinstance(error, TooLarge):
            return False
        now = asyncio.get_running_loop().time()
        since = self._refused.setdefault(label, now)
        if len(self._refused) > SEEN_MAX:
            del self._refused[next(iter(self._refused))]
        return now - since < REFUSED_S

    async def look_up(self, label: str) -> Happened:
        """Whether a submit in doubt has arrived. Who honours msgids answers that when it is asked again."""
        client = await self.member.ready()
        return (Event.MISSING, {}) if client.honours_msgids else await self.find(label)

    async def find(self, label: str, *, earlier: bool = False) -> Happened:
        """`earlier`: what a bridge of our name submitted, which had another key."""
        return await self._first(await self._found(label, earlier=earlier))

    async def find_round(self, label_of: Callable[[int], str], last: int) -> Happened:
        """What a bridge submitted whose folder is lost, in rounds that nobody knows; `last`: there may be so many.

        What runs or succeeded is adopted; what failed or was cancelled was a try that is over, and is not repeated
        under its own label.
        """
        number = 1
        while True:
            found = await self._found(label_of(number), earlier=True)
            over = [node for node in found if node.state in _OVER and _are_one(found[0], node)]
            if (found and not over) or (not found and number >= last):
                event, facts = await self._first(found)
                return event, {**facts, "round": number}
            number += 1

    async def _first(self, found: Sequence[Process]) -> Happened:
        """Of several, which only requests that were cut off can make, the first counts and the others are cancelled."""
        if not found:
            return Event.MISSING, {"earlier": False}
        first, *others = found
        for other in others:
            if not _are_one(first, other):
                await _cancel(await self.member.ready(), other.processid, other.processgraphid)
        return Event.PLACED, {"target": first.processid, "graph": first.processgraphid, "earlier": False}

    async def _found(self, label: str, *, earlier: bool) -> list[Process]:
        """The only lookup that a Go server has; the first one first."""
        client = await self.member.ready()
        # Over MQTT the question is behind the request on the same connection; and what was asked earlier has arrived.
        if client.endpoint.over_http and not earlier:
            await asyncio.sleep(SETTLE_S)
        found: dict[str, Process] = {}
        for state in _LOOKS:
            for process in await client.get_processes(state, label=label):
                # A Go server takes one filter only, and this must be certain.
                if process.spec.label == label and (not earlier or process.initiatorname == self.member.name):
                    found[process.processid] = process
        return sorted(found.values(), key=lambda process: (process.submissiontime, process.processid))

    async def cancel(self, item: Item, label: str, *, whole_graph: bool = False) -> Happened:
        """Cancelled, or what had become of it before."""
        if not item.target:
            event, facts = await self.find(label)
            return (event, facts) if event is Event.PLACED else (Event.CANCELLED, {})
        client = await self.member.ready()
        if await _cancel(client, item.target, item.graph):
            return Event.CANCELLED, {}
        try:
            verdict = await self.verdict(client, item, whole_graph=whole_graph)
        except NotFound:
            return Event.CANCELLED, {}
        return (Event.ENDED, {"verdict": verdict}) if verdict.ok else (Event.CANCELLED, {})

    async def ended(self, item: Item, *, whole_graph: bool) -> Verdict:
        """Wait, however long. `whole_graph`: the item is a workflow, not one process of it."""
        client = await self.member.ready()
        try:
            if whole_graph:
                await client.wait_graph_ended(item.graph)
                return await self.verdict(client, item, whole_graph=True)
            process = self._seen.pop(item.target, None) or await client.get_process(item.target)
            if process.state not in ENDS:
                process = await client.wait_ended(process)
                if not client.events_are_whole:
                    process = await client.get_process(item.target)
            self._remember(process)
        except NotFound:
            return Verdict(ok=False, errors=(f"process {item.target} was removed {self._where}",))
        return verdict_of(process, self._where)

    async def verdict(self, client: BridgeClient, item: Item, *, whole_graph: bool = False) -> Verdict:
        if whole_graph:
            return verdict_of_graph(await nodes_of(client, item.graph), self._where)
        return verdict_of(await client.get_process(item.target), self._where)


def _are_one(process: Process, other: Process) -> bool:
    """Were they submitted as one?"""
    same_graph = process.processgraphid != "" and process.processgraphid == other.processgraphid
    return same_graph or process.processid == other.processid


async def nodes_of(client: BridgeClient, graphid: str) -> Sequence[Process]:
    """The processes of a workflow, in the order of its spec: with a coordinator of ours."""
    return await client.get_processes_of_graph(graphid)


async def _cancel(client: BridgeClient, processid: str, graphid: str) -> bool:
    """False when it has ended already."""
    try:
        if graphid:
            await client.cancel_process_graph(graphid)
        else:
            await client.cancel_process(processid)
    except (BadRequest, NotFound):
        return False
    except Internal as error:
        if "is nil" in error.message:  # what Colonies servers say of a process that they do not know
            return True
        raise
    return True


async def close_as(client: BridgeClient, processid: str, verdict: Verdict) -> None:
    """What does not fit into a message fails, and says so: tried again, it would not fit either."""
    try:
        if verdict.ok:
            await client.close_successful(processid, verdict.out)
        else:
            await client.close_failed(processid, verdict.errors)
    except TooLarge as error:
        await client.close_failed(processid, (f"the output does not fit through the line: {error}",))


async def state_of(client: BridgeClient, processid: str) -> Process | None:
    """The process as it is there now; None when it is not known any more."""
    try:
        return await client.get_process(processid)
    except NotFound:
        return None
    except ColoniesError as error:
        if isinstance(error, Internal) and "is nil" in error.message:
            return None
        raise
