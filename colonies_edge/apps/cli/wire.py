"""The connection of one command: to the broker of the settings, as the holder of one private key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from colonies_edge.apps.config import Config
from colonies_edge.client.pinning import Pins
from colonies_edge.crypto.identity import InvalidKey, Signer, new_private_key
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.topics import Topics
from colonies_edge.transports.admission import password_of
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.mqtt_rpc import RpcCaller
from colonies_edge.transports.system import PartyClock, entropy, new_msgid

# A person waits for the prompt: long enough for a coordinator that is just starting again, short enough to stay.
PATIENCE_S = 5.0
ANSWER_S = 15.0
# How long one subscription lasts, and how often the process is looked at anyway: events may be lost with a connection.
_WATCH_S = 600
_LOOK_S = 10.0
_ENDED = (2, 3, 4)


def signing_key(config: Config, key: str) -> str:
    """The private key for a command. Executors use COLONIES_PRVKEY where they have no key of their own; questions that
    everybody may ask are asked with any key there is, and without one as a stranger."""
    if key == "executor_prvkey":
        return config.executor_prvkey or config.need("prvkey")
    if key != "any":
        return config.need(key)
    known = (config.prvkey, config.executor_prvkey, config.colony_prvkey, config.server_prvkey)
    return next(filter(None, known), "") or new_private_key(entropy(32))


class Wire:
    """One conversation with the coordinator."""

    def __init__(self, config: Config, private_key: str, *, url: str = "", serverid: str = "") -> None:
        self._signer = _signer(config, private_key)
        self._clock = PartyClock()
        self._serverid = serverid or config.serverid
        self._pins = Pins(Path(config.data_dir))
        self._url = url or config.mqtt
        self._root = config.topic_root
        try:
            self._link = self._new_link()
            topics = Topics(config.topic_root)
        except ValueError as error:
            raise UsageError(
                f"{error}; set COLONIES_MQTT and COLONIES_TOPIC_ROOT, or --mqtt and --topic-root"
            ) from error
        if not self._serverid:
            self._serverid = self._pins.known(str(self._link.url), self._root)
        self._caller = RpcCaller(
            self._link,
            topics,
            self._signer,
            colony=config.colonyname,
            serverid=self._serverid,
            learn=self._learn,
            clock=self._clock,
        )
        self._events: dict[str, asyncio.Event] = {}
        self._caller.on_event.append(self._on_event)

    def _new_link(self) -> MqttLink:
        """A login in the URL is a broker's account; without one the identity is the account, as at our own broker."""
        from colonies_edge.transports.mqtt_socket import BrokerUrl

        if BrokerUrl.parse(self._url).username:
            return MqttLink(self._url, patience_s=PATIENCE_S)
        return MqttLink(self._url, username=self._signer.identity, password=self._password, patience_s=PATIENCE_S)

    def _password(self) -> str:
        return password_of(self._signer, self._link.client_id, self._serverid, self._clock.now_ms())

    def _learn(self, serverid: str) -> None:
        self._pins.learn(str(self._link.url), self._root, serverid)

    @property
    def serverid(self) -> str:
        return self._caller.serverid

    @property
    def clock_offset_ms(self) -> int:
        """The coordinator's time minus this machine's, as far as it was learnt."""
        status = self._caller.status
        return self._clock.offset_ms if status is None else status.ts - self._clock.now_ms()

    async def open(self) -> None:
        await self._caller.open()

    async def close(self) -> None:
        await self._caller.close()

    async def ask(self, message: dict[str, Any], *, colony: str, patience_s: float = 0) -> Any:
        return await self._caller.call(message, colony=colony, timeout_s=ANSWER_S + patience_s)

    async def finished(self, processid: str, *, colony: str) -> dict[str, Any]:
        """Wait until a process has ended: told by an event, and looked at now and then in case that was lost."""
        while True:
            subscription = new_msgid()
            self._events[subscription] = ended = asyncio.Event()
            watch = {
                "msgtype": "subscribeprocessmsg",
                "colonyname": colony,
                "processid": processid,
                "state": _ENDED[0],
                "states": list(_ENDED),
                "timeout": _WATCH_S,
            }
            await self._caller.call(watch, colony=colony, timeout_s=ANSWER_S, msgid=subscription)
            for _ in range(int(_WATCH_S / _LOOK_S)):
                process: dict[str, Any] = await self.ask(
                    {"msgtype": "getprocessmsg", "processid": processid}, colony=colony
                )
                if process["state"] in _ENDED:
                    return process
                try:
                    await asyncio.wait_for(ended.wait(), _LOOK_S)
                except asyncio.TimeoutError:
                    continue

    def _on_event(self, subscription: str, number: int, value: Any) -> None:
        if subscription in self._events:
            self._events[subscription].set()


def _signer(config: Config, private_key: str) -> Signer:
    try:
        return Signer(private_key)
    except InvalidKey as error:
        names = [name for name in ("prvkey", "executor_prvkey", "colony_prvkey", "server_prvkey")]
        name = next((name for name in names if getattr(config, name) == private_key), "prvkey")
        raise UsageError(f"{config.describe(name)}: {error}; a private key is 64 hex digits") from error


def asker(config: Config, url: str, serverid: str) -> Callable[[str, str, dict[str, Any]], Awaitable[Any]]:
    """Ask a coordinator as different people, one connection per question."""

    async def ask(private_key: str, colony: str, message: dict[str, Any]) -> Any:
        wire = Wire(config, private_key, url=url, serverid=serverid)
        await wire.open()
        try:
            return await wire.ask(message, colony=colony)
        finally:
            await wire.close()

    return ask
