"""A broker that nobody can trust, and the air around it: loss, repeats, delays, replays of old messages, partitions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from colonies_edge.engine.outcome import Request
from tests.simulation.loop import SECOND, Loop

CAPTURED_MAX = 400  # messages that whoever listens keeps in order to play them again
QUEUE_MAX = 200  # what the broker keeps for a coordinator that is away


@dataclass(frozen=True, slots=True)
class Presence:
    """An executor's retained status, or its last will."""

    executorid: str
    conn: str
    online: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The coordinator's retained status."""

    epoch: int
    ts: int
    online: bool


@dataclass(frozen=True, slots=True)
class Down:
    """From the coordinator to one party; `conn` is "" for the topic `assign`, which every connection of it hears."""

    party: str
    conn: str
    kind: str  # reply, push, event
    payloadtype: str
    msgid: str
    error: bool
    value: Any
    ts: int


Up = Request | Presence


class Device(Protocol):
    """What the broker sees of a party."""

    identity: str
    conn: str
    cut: bool  # nothing gets through to it or from it

    def receive(self, down: Down) -> None: ...
    def heard_status(self, status: Status) -> None: ...
    def link_lost(self) -> None: ...
    def will(self, conn: str) -> Presence | None: ...


@dataclass(slots=True)
class Weather:
    """How bad the network is; everything 0 is a cable."""

    loss: float = 0.0
    repeat: float = 0.0
    late: float = 0.0  # chance of a delay of seconds instead of milliseconds
    very_late: float = 0.0  # chance of a delay of minutes


Deliver = Callable[[Up, Callable[[], None]], None]


class Broker:
    """QoS 1 as it is on a bad day. What it was not acknowledged by the coordinator it keeps, until it restarts."""

    def __init__(self, loop: Loop, rng: Random) -> None:
        self._loop = loop
        self._rng = rng
        self.weather = Weather()
        self.up = True
        self.generation = 0  # of the broker; what was under way in an older one is lost
        self.sessions: dict[str, Device] = {}  # by conn
        self.captured: list[Up] = []
        self.captured_down: list[Down] = []
        self._deliver: Deliver | None = None
        self._attached = 0  # which attachment of the coordinator
        self._queue: deque[Up] = deque()
        self._unacked: dict[int, Up] = {}
        self._number = 0
        self._presence: dict[str, Presence] = {}
        self._status: Status | None = None

    # The air

    def _hops(self) -> list[float]:
        """Delays in s of the copies that arrive."""
        rng, weather = self._rng, self.weather
        if weather.loss and rng.random() < weather.loss:
            return []
        copies = 1
        while weather.repeat and copies < 4 and rng.random() < weather.repeat:
            copies += 1
        return [self._delay() for _ in range(copies)]

    def _delay(self) -> float:
        rng, chance = self._rng, self._rng.random()
        if chance < self.weather.very_late:
            return rng.uniform(20, 400)
        if chance < self.weather.very_late + self.weather.late:
            return rng.uniform(0.5, 15)
        return rng.uniform(0.001, 0.03)

    def _carry(self, device: Device, act: Callable[[], None]) -> None:
        if device.cut or not self.up:
            return
        generation = self.generation

        def arrive() -> None:
            if self.up and self.generation == generation and not device.cut:
                act()

        for delay in self._hops():
            self._loop.after(delay, arrive)

    # Devices

    def attach(self, device: Device) -> bool:
        """A device connects; its old session, if the broker still has one, is taken over."""
        if not self.up or device.cut:
            return False
        for conn in [conn for conn, other in self.sessions.items() if other is device]:
            self.end_session(conn)
        self.sessions[device.conn] = device
        if self._status is not None:
            status = self._status
            self._carry(device, lambda: device.heard_status(status))
        return True

    def end_session(self, conn: str) -> None:
        """The broker notices that a connection is gone: the will is published."""
        device = self.sessions.pop(conn, None)
        will = device.will(conn) if device is not None else None
        if will is not None:
            self._presence[will.executorid] = will
            self.take(will)

    def publish(self, device: Device, up: Up) -> None:
        """A device publishes to the coordinator's subscription."""
        if device.conn not in self.sessions:
            return
        if len(self.captured) < CAPTURED_MAX:
            self.captured.append(up)
        else:
            self.captured[self._rng.randrange(CAPTURED_MAX)] = up
        self._carry(device, lambda: self._from_device(up))

    def _from_device(self, up: Up) -> None:
        if isinstance(up, Presence):
            self._presence[up.executorid] = up
        self.take(up)

    def take(self, up: Up) -> None:
        """It is here: for the coordinator, now or when it is back."""
        if self._deliver is not None:
            self._hand_over(up)
        elif len(self._queue) < QUEUE_MAX:
            self._queue.append(up)

    # The coordinator

    def attach_coordinator(self, deliver: Deliver) -> bool:
        """It connects with its persistent session: what it did not acknowledge comes again, then what waited."""
        if not self.up:
            return False
        self._deliver = deliver
        self._attached += 1
        again = [*self._unacked.values(), *self._queue]
        self._unacked.clear()
        self._queue.clear()
        for up in [*self._presence.values(), *again]:
            self._hand_over(up)
        return True

    def detach_coordinator(self) -> None:
        self._deliver = None

    def _hand_over(self, up: Up) -> None:
        self._number += 1
        number, attached = self._number, self._attached
        self._unacked[number] = up

        def ack() -> None:
            if self._attached == attached:
                self._unacked.pop(number, None)

        def arrive() -> None:
            if self._deliver is not None and self._attached == attached:
                self._deliver(up, ack)

        self._loop.after(self._rng.uniform(0.0005, 0.003), arrive)

    def say(self, down: Down) -> None:
        """The coordinator publishes; lost when the broker is away or nobody has subscribed."""
        if not self.up or self._deliver is None:
            return
        if len(self.captured_down) < CAPTURED_MAX:
            self.captured_down.append(down)
        else:
            self.captured_down[self._rng.randrange(CAPTURED_MAX)] = down
        self._to_device(down)

    def _to_device(self, down: Down) -> None:
        for conn, device in tuple(self.sessions.items()):
            if device.identity == down.party and down.conn in ("", conn):
                self._carry(device, self._reception(device, conn, down))

    @staticmethod
    def _reception(device: Device, conn: str, down: Down) -> Callable[[], None]:
        def receive() -> None:
            if device.conn == conn:
                device.receive(down)

        return receive

    def say_status(self, status: Status) -> None:
        """The coordinator's status, retained."""
        if self.up:
            self._status = status
            for device in tuple(self.sessions.values()):
                self._carry(device, self._status_to(device, status))

    @staticmethod
    def _status_to(device: Device, status: Status) -> Callable[[], None]:
        return lambda: device.heard_status(status)

    # Mischief

    def restart(self, away_s: float) -> None:
        """The broker dies and forgets everything: sessions, retained messages, what waited for the coordinator."""
        self.up = False
        self.generation += 1
        self._deliver = None
        self._attached += 1
        self._queue.clear()
        self._unacked.clear()
        self._presence.clear()
        self._status = None
        lost = tuple(self.sessions.values())
        self.sessions.clear()
        for device in lost:
            device.link_lost()

        def back() -> None:
            self.up = True

        self._loop.after(away_s, back)

    def replay(self) -> None:
        """Somebody plays a captured message again, to the coordinator or to a device."""
        rng = self._rng
        if self.captured and rng.random() < 0.75:
            # Half of the time a recent one: that is what is still fresh.
            last = len(self.captured)
            first = max(0, last - 15) if rng.random() < 0.5 else 0
            self.take(self.captured[rng.randrange(first, last)])
        elif self.captured_down:
            self._to_device(rng.choice(self.captured_down))

    def forget(self, conn: str, after_s: float) -> None:
        """A connection was cut without a word: the broker notices when the keep-alive is over."""
        self._loop.at(self._loop.now + int(after_s * SECOND), lambda: self.end_session(conn))
