"""Becoming a member of the colony: registered and approved, by oneself with the owner's key, or by somebody else."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from colonies_edge.apps.executor.functions import RegisteredFunction
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import Forbidden
from colonies_edge.protocol.limits import STALE_EXECUTOR_S
from colonies_edge.protocol.model import Capabilities, Executor, ExecutorState, Function, Hardware, Software

_log = logging.getLogger(__name__)

LOOK_FIRST_S = 2.0  # between two looks whether somebody has approved us
LOOK_MAX_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What an executor is registered as."""

    endpoint: Endpoint
    colonyname: str
    executorname: str
    executortype: str
    executorid: str
    version: str
    location: str = ""

    def fits(self, row: Executor) -> bool:
        return (row.executorname, row.executortype, row.locationname) == (
            self.executorname,
            self.executortype,
            self.location,
        )

    def how_to(self, *, is_there: bool = False) -> str:
        """What the colony's owner has to do; `is_there`: it was registered before, and only the word is missing."""
        if is_there:
            return f"colonies-edge executor approve --name {self.executorname}"
        return (
            f"colonies-edge executor add --name {self.executorname} --type {self.executortype}"
            f" --executorid {self.executorid} --approve"
        )


class Membership:
    """Makes sure that this executor is registered, approved, and has its functions registered.

    With the owner's key it registers itself when the program starts, and again after it was away for so long that the
    coordinator may have swept it. Otherwise losing the membership is taken as somebody's decision, and waited out: an
    executor that was replaced by another of its name must not take the name back, or the two would do so in turns.
    """

    def __init__(
        self,
        registration: Registration,
        functions: Sequence[RegisteredFunction],
        owner: Signer | None,
        *,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tell = tell
        self._registration = registration
        self._functions = tuple(functions)
        self._owner = owner
        self._member_at: float | None = None  # when we last knew that we were
        self._waiting_said = False

    def rekeyed(self, identity: str) -> None:
        """It is known under another key now."""
        self._registration = replace(self._registration, executorid=identity)

    async def become(self, client: AsyncClient) -> None:
        """Return when it is so. Raises NoConnection or ColoniesError when it cannot be found out."""
        pause_s = LOOK_FIRST_S
        while True:
            row = await self._own_row(client)
            if row is not None and row.state == ExecutorState.APPROVED and self._registration.fits(row):
                break
            if self._owner is not None and self._may_register():
                await self._register(self._owner, row)
                self._seen()
                continue
            self._say_waiting(row)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LOOK_MAX_S)
        self._seen()
        self._waiting_said = False
        await self._register_functions(client)

    async def enrol(self) -> None:
        """Before the first connection: brokers that know their parties do not admit one that nobody registered."""
        if self._owner is not None:
            await self._register(self._owner, None)

    def _seen(self) -> None:
        self._member_at = asyncio.get_running_loop().time()

    def _may_register(self) -> bool:
        if self._member_at is None:
            return True
        return asyncio.get_running_loop().time() - self._member_at > STALE_EXECUTOR_S / 2

    async def _own_row(self, client: AsyncClient) -> Executor | None:
        """Members and those who wait for approval may read the list; others are refused."""
        try:
            rows = await client.get_executors()
        except Forbidden:
            return None
        return next((row for row in rows if row.executorid == self._registration.executorid), None)

    async def _register(self, owner: Signer, row: Executor | None) -> None:
        """Adding replaces whatever had the name, and gives its work back: not for one that only needs approval."""
        wanted = self._registration
        async with AsyncClient(wanted.endpoint, owner, wanted.colonyname) as client:
            if row is None or not wanted.fits(row) or row.state not in (ExecutorState.PENDING, ExecutorState.APPROVED):
                await client.add_executor(
                    wanted.executorname,
                    wanted.executorid,
                    wanted.executortype,
                    location=wanted.location,
                    capabilities=capabilities(wanted.version),
                )
            await client.approve_executor(wanted.executorname)
        _log.info("registered as %s of type %s", wanted.executorname, wanted.executortype)

    def _say_waiting(self, row: Executor | None) -> None:
        if self._waiting_said:
            return
        self._waiting_said = True
        wanted = self._registration
        if row is None:
            state = "is not registered"
        elif not wanted.fits(row):
            state = f"is registered as {row.executorname} of type {row.executortype}"
        else:
            state = f"is {ExecutorState(row.state).name.lower()}"
        waiting = f"executor {wanted.executorname} {state} in colony {wanted.colonyname}; waiting for its owner to run"
        how_to = wanted.how_to(is_there=wanted.fits(row) if row is not None else self._member_at is not None)
        _log.warning("%s: %s", waiting, how_to)
        self._tell(f"{waiting}: {how_to}")

    async def _register_functions(self, client: AsyncClient) -> None:
        """Those that are there already, with the same arguments, keep their statistics."""
        name = self._registration.executorname
        there = {_shape(row): row for row in await client.get_functions(name)}
        wanted = {_shape_of(function): function for function in self._functions}
        for shape, row in there.items():
            if shape not in wanted and self._functions:
                await client.remove_function(row.functionid)
        for shape, function in wanted.items():
            if shape not in there:
                await client.add_function(name, function.name, description=function.description, args=function.args)


def _shape(row: Function) -> tuple[Any, ...]:
    return row.funcname, row.description, row.args


def _shape_of(function: RegisteredFunction) -> tuple[Any, ...]:
    return function.name, function.description, function.args


def capabilities(version: str) -> Capabilities:
    """What can be said of this machine without asking anybody."""
    try:
        mem = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    except (ValueError, OSError, AttributeError):
        mem = 0
    cores = os.cpu_count() or 0
    hardware = Hardware(
        model=platform.node(),
        nodes=1,
        cpu=f"{1000 * cores}m",
        cores=cores,
        mem=f"{mem}Mi",
        platform=platform.system().lower(),
        architecture=platform.machine(),
    )
    software = Software(name="colonies-edge", type="executor", version=version)
    return Capabilities(hardware=(hardware,), software=(software,))
