"""Another key for an executor that is one already: written first, told then, adopted last; finished after any crash."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from colonies_edge.apps.executor.settings import KEY_FILE
from colonies_edge.apps.keys import keep_key
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.whole_file import sync_folder
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import ColoniesError, Forbidden, NoConnection
from colonies_edge.protocol.limits import TRY_FIRST_S, TRY_MAX_S
from colonies_edge.transports.ports import NotAdmitted
from colonies_edge.transports.system import jitter

_log = logging.getLogger(__name__)

NEXT_FILE = "key.next"  # beside the key; that it is there says that a change was begun

Connect = Callable[[Signer], AsyncClient]  # a client to be, as somebody


@dataclass(frozen=True, slots=True)
class Keys:
    """The two files of a change."""

    folder: Path

    @property
    def changing(self) -> bool:
        return (self.folder / NEXT_FILE).exists()

    def next(self) -> Signer:
        """Made, and on the disk, before anybody hears of it."""
        return Signer(keep_key(self.folder / NEXT_FILE))

    def adopt(self) -> None:
        """The coordinator knows the next one: it is the key from now on."""
        os.replace(self.folder / NEXT_FILE, self.folder / KEY_FILE)
        sync_folder(self.folder)


async def settle(keys: Keys, present: Signer, connect: Connect) -> Signer:
    """Bring a change that was begun to its end, wherever it stopped; returns the key that counts. Whether the next is
    known is asked first: after a crash nobody here remembers whether it was told. Raises NoConnection, and Forbidden
    when neither is known."""
    following = keys.next()
    if not await _is_known(following, connect):
        async with connect(present) as client:
            await client.change_executor_id(following.identity)
    keys.adopt()
    return following


async def _is_known(signer: Signer, connect: Connect) -> bool:
    try:
        async with connect(signer) as client:
            return any(row.executorid == signer.identity for row in await client.get_executors())
    except (NotAdmitted, Forbidden):
        return False


async def settled_in_time(keys: Keys, present: Signer, connect: Connect) -> Signer:
    """The same for a service, which tries until it is connected; a key that nobody knows is left to the owner."""
    pause_s = float(TRY_FIRST_S)
    while True:
        try:
            return await settle(keys, present, connect)
        except (NotAdmitted, ColoniesError) as error:
            _log.warning("the change of the key that was begun is not finished: %s", error)
            return present
        except NoConnection as error:
            _log.info("the change of the key that was begun has to wait: %s", error)
        await asyncio.sleep(jitter(pause_s))
        pause_s = min(2 * pause_s, float(TRY_MAX_S))


class LiveRotation:
    """The same while the executor works: what runs goes on, and is reported under the new key."""

    def __init__(self, keys: Keys, client: AsyncClient, connect: Connect, adopted: Callable[[Signer], None]) -> None:
        self._keys = keys
        self._client = client
        self._connect = connect
        self._adopted = adopted
        self._under_way = False

    async def change(self, present: Signer) -> Signer:
        """The key that counts afterwards. One change at a time."""
        if self._under_way:
            return present
        self._under_way = True
        try:
            return await self._change(present)
        finally:
            self._under_way = False

    async def _change(self, present: Signer) -> Signer:
        following = self._keys.next()
        with contextlib.suppress(NoConnection, Forbidden):  # did it arrive? The next lines find out
            await self._client.change_executor_id(following.identity)
            self._keys.adopt()
            self._become(following)
            return following
        following = await settled_in_time(self._keys, present, self._connect)
        if following.identity != present.identity:
            self._become(following)
        return following

    def _become(self, signer: Signer) -> None:
        self._client.become(signer)
        self._adopted(signer)
        _log.warning("this executor has another key now and is %s", signer.identity)
