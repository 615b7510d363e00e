"""What every device does: connect, call until there is an answer, learn the time, come back after a crash."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.outcome import Request, Route
from colonies_edge.protocol.limits import TRY_FIRST_S, TRY_MAX_S
from colonies_edge.transports.system import PartyClock
from tests.simulation.loop import SECOND, MachineClock, Task
from tests.simulation.network import Down, Presence, Status
from tests.support.engine_bench import identity

if TYPE_CHECKING:
    from tests.simulation.world import World

COLONY = "lab"
DAY = 86_400

Done = Callable[[bool, Any], None]  # error?, value


# A call is signed anew only when it was refused as stale, and by people only for so long: the last copy is then stale
# itself before the first answer is forgotten (`REMEMBER_S` after it).
PATIENCE_S = 290.0


@dataclass(slots=True)
class Call:
    """One call that has no answer yet."""

    message: dict[str, Any]
    done: Done | None
    stamp_ms: int = 0
    try_s: float = TRY_FIRST_S
    timer: Task | None = None


class Party:
    """A device with an identity. Its clock is wrong until the coordinator corrects it."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.identity = identity(name)
        self.conn = ""
        self.cut = False
        self.connected = False
        self.running = True
        self.frozen_until = 0
        self.pending: dict[str, Call] = {}
        self.said_to: dict[str, int] = {}  # process -> number of the last entry in its channel
        self.life = 0  # counts crashes: timers of an earlier life do nothing
        self._asked = 0
        self._conns = 0
        self.epoch = 0
        self._boot()

    def _boot(self) -> None:
        rng = self.world.rng
        error_s = rng.choice(
            (0.0, rng.uniform(-200, 290), rng.uniform(-5, 5), -30 * 365 * DAY, rng.uniform(-1, 1) * DAY)
        )
        self.clock = PartyClock(MachineClock(self.world.loop, int(error_s * SECOND)))

    # Time of its own

    def after(self, seconds: float, act: Callable[[], None]) -> Task:
        """A timer that dies with the device and waits while it hangs."""
        life = self.life

        def go() -> None:
            if self.life != life or not self.running:
                return
            if self.world.loop.now < self.frozen_until:
                self.world.loop.at(self.frozen_until, go)
            else:
                act()

        return self.world.loop.after(seconds, go)

    # Connections

    def connect(self) -> None:
        """Try until it works; every connection has a name of its own."""
        if not self.running or self.connected:
            return
        self._conns += 1
        self.conn = f"{self.name[:8]}-{self._conns:06d}"
        if not self.world.broker.attach(self):
            self.after(self.world.rng.uniform(0.5, 10), self.connect)
            return
        self.connected = True
        self.on_connect()
        for msgid in tuple(self.pending):
            self._send(msgid)

    def on_connect(self) -> None:
        """For executors."""

    def will(self, conn: str) -> Presence | None:
        """What the broker says when this connection is gone."""
        return None

    def link_lost(self) -> None:
        """The connection broke, and the device knows."""
        self.connected = False
        self.after(self.world.rng.uniform(0.1, 10), self.connect)

    def lose_link(self, noticed_s: float) -> None:
        """The connection breaks; the broker notices later."""
        if self.connected:
            self.world.broker.forget(self.conn, noticed_s)
            self.link_lost()

    def crash(self, away_s: float) -> None:
        """Power off: what is not on its disk is gone."""
        if not self.running:
            return
        self.running = False
        self.life += 1
        self.world.broker.forget(self.conn, self.world.rng.choice((0.0, 30.0)))
        self.connected = False
        self.pending.clear()
        self.world.loop.after(away_s, self.boot)

    def boot(self) -> None:
        if not self.running:
            self.running = True
            self.frozen_until = 0
            self.epoch = 0
            self._boot()
            self.on_boot()
            self.connect()

    def on_boot(self) -> None:
        """What a subclass does after a crash."""

    def heard_status(self, status: Status) -> None:
        """The coordinator's status: a new epoch means that it forgot who was ready."""
        if status.epoch != self.epoch:
            self.epoch = status.epoch
            self.on_new_epoch()

    def on_new_epoch(self) -> None:
        """For executors."""

    # Calls

    def new_msgid(self) -> str:
        self._asked += 1
        return f"{self.name}-call-{self.life:03d}-{self._asked:06d}"

    def words_for(self, processid: str) -> dict[str, Any]:
        """Something for the process's channel, sometimes again under the same number, as after a crash."""
        rng = self.world.rng
        said = self.said_to.setdefault(processid, 0)
        sequence = said if said and rng.random() < 0.3 else said + 1
        self.said_to[processid] = sequence
        payload = base64.b64encode(f"{self.name} {sequence}".encode()).decode()
        message = {"msgtype": "channelappendmsg", "processid": processid, "name": "ctl", "sequence": sequence}
        return {**message, "payload": payload}

    def call(self, message: dict[str, Any], done: Done | None = None, *, msgid: str = "") -> str:
        """Say it until it is answered."""
        msgid = msgid or self.new_msgid()
        message = {**message, "msgid": msgid}
        self.world.auditor.asked(self.identity, msgid, message)
        self.pending[msgid] = Call(message=message, done=done)
        self._send(msgid)
        return msgid

    def give_up(self, msgid: str) -> None:
        """Nobody waits for this answer any more."""
        call = self.pending.pop(msgid, None)
        if call is not None and call.timer is not None:
            call.timer.cancel()

    def _send(self, msgid: str) -> None:
        call = self.pending.get(msgid)
        if call is None or not self.connected:
            return
        if not call.stamp_ms:
            call.stamp_ms = self.clock.now_ms()
            call.message = {**call.message, "ts": call.stamp_ms}
            self.world.auditor.signed(self.identity, msgid)
        route = Route(colony=COLONY, party=self.identity, conn=self.conn)
        request = Request(caller=self.identity, payloadtype=call.message["msgtype"], value=call.message, route=route)
        self.publish(msgid, request)
        if call.timer is not None:
            call.timer.cancel()
        call.timer = self.after(call.try_s * self.world.rng.uniform(0.5, 1.0), lambda: self._send(msgid))
        call.try_s = min(2 * call.try_s, TRY_MAX_S)

    def publish(self, msgid: str, request: Request) -> None:
        """Send a call, as it is now."""
        self.world.broker.publish(self, request)

    def receive(self, down: Down) -> None:
        """Something arrived on one of its topics."""
        if not self.running:
            return
        if self.world.loop.now < self.frozen_until:
            self.after(0, lambda: self.receive(down))
        elif down.kind == "reply":
            self._answered(down)
        elif down.kind == "push":
            self.pushed(down)
        else:
            self.world.auditor.event_received(self, down)

    def pushed(self, down: Down) -> None:
        """For executors."""

    def _answered(self, down: Down) -> None:
        call = self.pending.get(down.msgid)
        if call is None:
            return
        status = down.value.get("status", 0) if down.error else 0
        if status == 425:
            self.clock.learn(down.value["ts"])
            call.stamp_ms = 0
            self._send(down.msgid)
            return
        if status == 429:
            return  # slow down: the next resend will ask again
        self.give_up(down.msgid)
        self.world.auditor.received(self, down.msgid)
        if call.done is not None:
            call.done(down.error, down.value)
