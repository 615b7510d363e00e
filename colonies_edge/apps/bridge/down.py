"""Down: what the cloud assigns to the bridge is done at the edge; its end, logs and attributes go back up."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from colonies_edge.apps.bridge.carrier import Carrier, Happened
from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage, Verdict
from colonies_edge.apps.bridge.loops import background
from colonies_edge.apps.bridge.notes import Notes
from colonies_edge.apps.bridge.origins import Origin, turned_back
from colonies_edge.apps.bridge.polls import Polls
from colonies_edge.apps.bridge.settings import CLOUD, Down
from colonies_edge.apps.bridge.side import BridgeClient, Member, Side
from colonies_edge.apps.bridge.specs import from_template, inputs_of, spec_for, work_of
from colonies_edge.apps.bridge.target import Target, close_as, state_of
from colonies_edge.client.tasks import end_tasks
from colonies_edge.client.watching import ENDS
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import (
    BadRequest,
    ColoniesError,
    Forbidden,
    Internal,
    NoConnection,
    NotFound,
    TooLarge,
)
from colonies_edge.protocol.messages import GetProcessHist, SubscribeProcess
from colonies_edge.protocol.model import FunctionSpec, Process, State

_log = logging.getLogger(__name__)

RECONCILE_S = 30.0  # between two looks at what the cloud believes to run here
SUBSCRIBED_S = 600  # events of cancelled and failed work make it quicker; they may get lost
LINGER_S = 60.0  # between two looks whether the cloud will ask again for what it did not take
EVER_S = 10 * 365 * 86_400


class DownDesk:
    """One rule: its executor in the cloud, and the hands of its items."""

    def __init__(self, carrier: Carrier, rule: Down, cloud: Side, edge: Side, member: Member, worker: Member) -> None:
        self._carrier = carrier
        self._rule = rule
        self._cloud = cloud
        self._edge = edge
        self._member = member  # takes and closes, in the cloud
        self._worker = worker  # submits, at the edge
        self._target = Target(worker, "at the edge")
        self._notes = Notes(carrier, member, self._target)
        self._polls = Polls(member, room=self._room, on_work=self._take, lost=self._look)
        self._looking = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # -- taking work

    def start(self) -> None:
        self._member.on_ready.append(self._look)
        self._member.on_open.append(lambda client: client.caller.on_event.append(self._on_event))
        self._polls.start()
        what = f"[[down]] for {self._rule.cloud}"
        self._tasks = [background(what, loop) for loop in (self._reconcile_on, self._see_room, self._stay_subscribed)]

    async def close_desk(self) -> None:
        await self._polls.close()
        await end_tasks(self._tasks)

    def _room(self) -> int:
        return self._rule.waiting - self._carrier.table.taking_room(Kind.DOWN, self._rule.name)

    def _key(self, processid: str) -> str:
        return f"{Kind.DOWN.value}:{self._rule.name}:{processid}"

    def _take(self, process: Process) -> None:
        item = Item(
            key=self._key(process.processid),
            kind=Kind.DOWN,
            rule=self._rule.name,
            source=process.processid,
            work=work_of(process),
            earlier=self._member.is_younger_than(process.submissiontime),
        )
        self._carrier.take(item)

    def _look(self) -> None:
        self._looking.set()

    async def _see_room(self) -> None:
        while True:
            await self._carrier.changed.wait()
            self._polls.look_again()

    # -- what the cloud believes to run here: assigns whose answer was lost, and work that it does not want any more

    async def _reconcile_on(self) -> None:
        while True:
            await _wait(self._looking, RECONCILE_S)
            self._looking.clear()
            try:
                await self._reconcile(await self._member.ready())
            except (ColoniesError, NoConnection) as error:
                _log.info("what the cloud believes to run here is not known now: %s", error)

    async def _reconcile(self, client: BridgeClient) -> None:
        asked_at = asyncio.get_running_loop().time()
        known = {item.key: item for item in self._carrier.table if self._is_ours(item)}
        running = await _running(client)
        for process in running:
            key = self._key(process.processid)
            if self._carrier.table.get(key) is None and not self._carrier.ended_since(key, asked_at):
                _log.info("process %s was assigned to us and its assignment got lost", process.processid)
                self._take(process)
        there = {self._key(process.processid) for process in running}
        for key, item in known.items():
            if key not in there and item.stage not in (Stage.KEPT, Stage.UNWANTED):
                try:
                    await self._check(client, item)
                except BadRequest as error:  # of this one only
                    _log.warning("what process %s is at its source makes no sense: %s", item.source, error)

    def _is_ours(self, item: Item) -> bool:
        return item.kind is Kind.DOWN and item.rule == self._rule.name

    async def _check(self, client: BridgeClient, item: Item) -> None:
        """An item that the cloud does not name among what runs here. One that waits there again may come back to us."""
        process = await state_of(client, item.source)
        elsewhere = process is not None and process.state is State.RUNNING and not self._has(process)
        if process is None or process.state in ENDS or elsewhere:
            self._carrier.tell(item.key, Event.WITHDRAWN)

    def _has(self, process: Process) -> bool:
        return process.assignedexecutorid == self._member.identity

    async def _stay_subscribed(self) -> None:
        while True:
            client = await self._member.ready()
            try:
                states = (State.CANCELLED, State.FAILED)
                await client.subscribe_processes(self._rule.cloud, states, SUBSCRIBED_S)
            except (ColoniesError, NoConnection) as error:
                _log.info("no events of %s from the cloud: %s", self._rule.cloud, error)
            await asyncio.sleep(SUBSCRIBED_S / 2)

    def _on_event(self, payloadtype: str, _msgid: str, _number: int, value: Any) -> None:
        if payloadtype == SubscribeProcess.msgtype and isinstance(value, dict):
            item = self._carrier.table.get(self._key(str(value.get("processid"))))
            if item is not None and item.stage not in (Stage.ENDED, Stage.KEPT, Stage.UNWANTED):
                self._look()

    # -- the hands of an item

    def _origin(self, item: Item, number: int = 0) -> Origin:
        return Origin(side=CLOUD, site=self._cloud.site, processid=item.source, round=str(number or item.round))

    @property
    def _whole(self) -> bool:
        return bool(self._rule.workflow)

    async def look_up(self, item: Item) -> Happened:
        await self._member.ready()  # the origin is named after the cloud
        if item.earlier:
            return await self._target.find_round(lambda number: self._origin(item, number).label, item.round)
        return await self._target.look_up(self._origin(item).label)

    async def submit(self, item: Item) -> Happened:
        client, origin = await self._worker.ready(), self._origin(item)
        # In every round, and not before the edge was heard for the first time: its site is not known until then.
        if turned_back(decode(FunctionSpec, item.work["spec"]).env, self._edge.site):
            circle = "it came from this edge: two rules of bridges form a circle"
            return Event.ENDED, {"verdict": Verdict(ok=False, errors=(circle,))}
        try:
            if self._whole:
                workflow = from_template(self._rule.workflow, item.work, origin, colonyname=client.colonyname)
                graph = await client.submit_workflow_spec(workflow, inputs=inputs_of(item.work), msgid=origin.msgid)
                return Event.PLACED, {"target": graph.processids[0], "graph": graph.processgraphid}
            spec = spec_for(item.work, origin, colonyname=client.colonyname, executortype=self._rule.edge)
            process = await client.submit_func_spec(spec, inputs=inputs_of(item.work), msgid=origin.msgid)
            self._target.placed(process)
            return Event.PLACED, {"target": process.processid}
        except (BadRequest, TooLarge) as error:
            return Event.ENDED, {"verdict": Verdict(ok=False, errors=(f"the edge refused it: {error}",))}

    async def watch(self, item: Item) -> Happened:
        following = asyncio.ensure_future(self._notes.follow(item, whole_graph=self._whole))
        try:
            verdict = await self._target.ended(item, whole_graph=self._whole)
        finally:
            await end_tasks([following])
        return Event.ENDED, {"verdict": verdict}

    async def close(self, item: Item) -> Happened:
        client = await self._member.ready()
        if item.target:
            await self._notes.finish(item, whole_graph=self._whole)
        return await self._close(client, item)

    async def _close(self, client: BridgeClient, item: Item) -> Happened:
        assert item.verdict is not None
        try:
            await close_as(client, item.source, item.verdict)
            return Event.CLOSED, {}
        except (BadRequest, Forbidden, NotFound, Internal):
            process = await state_of(client, item.source)  # raises Forbidden when we are no member any more
            if process is None or process.state in ENDS:
                return Event.CLOSED, {}
            if process.state is State.RUNNING and self._has(process):
                raise
            return Event.REFUSED, {}

    async def linger(self, item: Item) -> Happened:
        while True:
            process = await state_of(await self._member.ready(), item.source)
            if process is None or process.state in ENDS:
                self._notes.forget(item)
                return Event.FORGOTTEN, {}
            if process.state is State.RUNNING and self._has(process):
                return Event.AGAIN, {}
            await asyncio.sleep(LINGER_S)

    async def cancel(self, item: Item) -> Happened:
        await self._member.ready()
        happened = await self._target.cancel(item, self._origin(item).label, whole_graph=self._whole)
        self._notes.forget(item)
        return happened

    def refused(self, item: Item) -> None:
        del item
        self._member.doubt()
        self._worker.doubt()


async def _running(client: BridgeClient) -> list[Process]:
    """What the cloud believes to run at this executor. Where that does not fit into one answer, the newest of it: the
    rest comes up as these end."""
    message = GetProcessHist(
        colonyname=client.colonyname, executorid=client.identity, seconds=EVER_S, state=State.RUNNING
    )
    while True:
        try:
            return _readable(await client.call(message))
        except TooLarge:
            if message.seconds <= 1:
                raise
            message = replace(message, seconds=min(message.seconds // 10, 86_400))


def _readable(rows: Any) -> list[Process]:
    """Without those that make no sense: one of them must not hide the others."""
    found = []
    for row in rows if isinstance(rows, list) else ():
        try:
            found.append(decode(Process, row))
        except BadRequest as error:
            _log.warning("a process that the cloud believes to run here makes no sense: %s", error)
    return found


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except asyncio.TimeoutError:
        return
