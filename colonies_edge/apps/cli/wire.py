"""The connection of one command: to the broker of the settings, as the holder of one private key."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from colonies_edge.apps.config import DEFAULT, ENVIRONMENT, FLAG, SECRETS, Config, tls_of
from colonies_edge.apps.sdk import endpoint_of
from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import InvalidKey, Signer, new_private_key
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.transports.ports import NotAdmitted, TlsFailed
from colonies_edge.transports.system import PartyClock, entropy

# A person waits for the prompt: long enough for a coordinator that is just starting again, short enough to stay.
OPEN_S = 4.0
ANSWER_S = 15.0
_LONG_AGO_MS = 86_400_000


_WHOSE = {
    "prvkey": "the user",
    "executor_prvkey": "the executor",
    "colony_prvkey": "the colony's owner",
    "server_prvkey": "the server's owner",
}


def signing_key(config: Config, key: str) -> tuple[str, str]:
    """The private key for a command, and whose it is. Executors use COLONIES_PRVKEY where they have no key of their
    own; on a device, what executors may ask as users do is asked as its executor; questions that everybody may ask are
    asked with any key there is, and without one ("") as a stranger."""
    names = {"any": tuple(_WHOSE), "member": ("prvkey",), "executor_prvkey": ("executor_prvkey", "prvkey")}
    found = next((name for name in names.get(key, (key,)) if getattr(config, name)), "")
    if found:
        return getattr(config, found), _WHOSE[found]
    if config.of_device and key in names:
        from colonies_edge.apps.executor.settings import kept_key

        if kept := config.executor_prvkey or kept_key(config):
            return kept, f"executor {config.executorname}"
    if key == "any":
        return "", "a stranger"
    return config.need(names.get(key, (key,))[-1]), ""  # it says what to do


class Wire:
    """One conversation with the coordinator."""

    def __init__(
        self, config: Config, private_key: str, *, mqtt: str = "", serverid: str = "", trust_any_broker: bool = False
    ) -> None:
        self._config = config
        self._stranger = not private_key
        self._signer = _signer(config, private_key or new_private_key(entropy(32)))
        found = endpoint_of(config, tls=tls_of(config, believe_any=trust_any_broker))
        self._endpoint = replace(found, mqtt=mqtt or found.mqtt, serverid=serverid or found.serverid, patience_s=OPEN_S)
        try:
            self._client = AsyncClient(self._endpoint, self._signer, config.colonyname, timeout_s=ANSWER_S)
        except ValueError as error:
            remedy = "set COLONIES_MQTT and COLONIES_TOPIC_ROOT, or --mqtt and --topic-root"
            raise UsageError(f"{error}; {remedy}") from error

    @property
    def serverid(self) -> str:
        return self._client.serverid

    @property
    def signer(self) -> Signer:
        """For connections beside this one, as the same party."""
        return self._signer

    @property
    def client(self) -> AsyncClient:
        """For commands that do more than ask: files."""
        return self._client

    async def clock_offset_ms(self, colony: str) -> int | None:
        """The coordinator's time minus this machine's: a request from 1970 is answered with the right time, which the
        caller then keeps to. None when the coordinator did not answer with a time."""
        clock = self._client.clock
        clock.learn(_LONG_AGO_MS)
        with contextlib.suppress(ColoniesError):
            await self.ask({"msgtype": "getcolonymsg", "colonyname": colony}, colony=colony or "_")
        if clock.now_ms() > 2 * _LONG_AGO_MS:
            return clock.offset_ms
        clock.learn(PartyClock().now_ms())
        return None

    async def open(self) -> None:
        try:
            await self._client.open()
        except NoConnection as error:
            await self._client.close()
            raise type(error)(f"{error}{self._remedy(error)}") from error

    def _remedy(self, error: NoConnection) -> str:
        source = self._config.source("mqtt")
        if isinstance(error.__cause__, TlsFailed):
            return ""  # it says itself what to do
        if isinstance(error, NotAdmitted) and self._stranger:
            return "; it lets in only whom the coordinator knows: give --prvkey KEY of a member, or set COLONIES_PRVKEY"
        if isinstance(error, NotAdmitted):
            pinned = f", and to be {self._endpoint.serverid}" if self._endpoint.serverid else ""
            return f"; the coordinator there has to know {self._signer.identity}{pinned}"
        if source in (FLAG, ENVIRONMENT, DEFAULT):
            return f"; is it running? The address is the {source}'s" if source != DEFAULT else "; is it running?"
        return f"; the address is from {source}: is `colonies-edge dev` running in this folder?"

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, message: dict[str, Any], *, colony: str, patience_s: float = 0) -> Any:
        return await self._client.call(message, colony=colony, timeout_s=ANSWER_S + patience_s)

    async def finished(self, processid: str, *, colony: str) -> dict[str, Any]:
        """Wait until a process has ended, successfully or not; its JSON."""
        await self._client.wait_ended(processid)
        process: dict[str, Any] = await self.ask({"msgtype": "getprocessmsg", "processid": processid}, colony=colony)
        return process


def _signer(config: Config, private_key: str) -> Signer:
    try:
        return Signer(private_key)
    except InvalidKey as error:
        name = next((name for name in sorted(SECRETS) if getattr(config, name) == private_key), "prvkey")
        raise config.no_key(name) from error


def asker(
    config: Config, mqtt: str, serverid: str, *, trust_any_broker: bool = False
) -> Callable[[str, str, dict[str, Any]], Awaitable[Any]]:
    """Ask a coordinator as different people, one connection per question."""

    async def ask(private_key: str, colony: str, message: dict[str, Any]) -> Any:
        wire = Wire(config, private_key, mqtt=mqtt, serverid=serverid, trust_any_broker=trust_any_broker)
        await wire.open()
        try:
            return await wire.ask(message, colony=colony)
        finally:
            await wire.close()

    return ask
