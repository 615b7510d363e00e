"""The executor SDK: Python functions become functions of a colony."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, overload

from colonies_edge.apps import config as settings_of
from colonies_edge.apps.config import Config
from colonies_edge.apps.executor.function_worker import FunctionWorker
from colonies_edge.apps.executor.functions import RegisteredFunction, describe
from colonies_edge.apps.executor.service import Stopping, serve
from colonies_edge.apps.executor.settings import GRACE_S, ExecutorSettings, gather
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.mqtt_socket import Tls

F = TypeVar("F", bound=Callable[..., Any])


class Executor:
    """`worker = Executor.from_env(executortype="sensor")`, `@worker.function` above functions, `worker.run()`.

    `capacity` is how many processes run at once, each in a thread of its own; async functions share a loop.
    """

    def __init__(self, settings: ExecutorSettings) -> None:
        self._settings = settings
        self._functions: dict[str, RegisteredFunction] = {}
        self._stopping = Stopping()
        self._running = False

    @classmethod
    def from_env(
        cls,
        *,
        capacity: int = 1,
        location: str = "",
        grace_s: float = GRACE_S,
        tls: Tls | None = None,
        folder: str | Path | None = None,
        **overrides: str | None,
    ) -> Executor:
        """Settings as everywhere: those given here by their names in `apps.config` (`executortype=`, `executorname=`,
        `mqtt=`, `colonyname=`), else COLONIES_* variables, else `.colonies-edge/devenv`. Raises UsageError."""
        unknown = set(overrides) - set(settings_of.VARIABLES)
        if unknown:
            known = ", ".join(settings_of.VARIABLES)
            raise UsageError(f"no such setting: {', '.join(sorted(unknown))}; there are {known}")
        config = settings_of.load(overrides, folder=folder)
        return cls.from_config(config, capacity=capacity, location=location, grace_s=grace_s, tls=tls)

    @classmethod
    def from_config(
        cls,
        config: Config,
        *,
        capacity: int = 1,
        location: str = "",
        grace_s: float = GRACE_S,
        tls: Tls | None = None,
    ) -> Executor:
        return cls(gather(config, capacity=capacity, location=location, grace_s=grace_s, tls=tls))

    @property
    def name(self) -> str:
        return self._settings.registration.executorname

    @property
    def identity(self) -> str:
        return self._settings.signer.identity

    @overload
    def function(self, function: F, /) -> F: ...

    @overload
    def function(self, function: None = None, /, *, name: str = "", description: str = "") -> Callable[[F], F]: ...

    def function(self, function: F | None = None, /, *, name: str = "", description: str = "") -> F | Callable[[F], F]:
        """Let processes call this function: `@worker.function`, or `@worker.function(name=..., description=...)`."""
        if function is None:
            return lambda wrapped: self._register(wrapped, name, description)
        return self._register(function, name, description)

    def _register(self, function: F, name: str, description: str) -> F:
        registered = describe(function, name, description)
        if registered.name in self._functions:
            raise UsageError(f"there are two functions named {registered.name!r}: give one another name")
        self._functions[registered.name] = registered
        return function

    def run(self) -> None:
        """Work until SIGTERM, SIGINT or `stop()`; then finish what is held. Registers itself and its functions first,
        and reconnects for as long as it takes."""
        if not logging.getLogger().handlers:  # a program that has its own log keeps it
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """The same in a loop of one's own."""
        if self._running:
            raise UsageError("this executor is running already")
        self._running = True
        try:
            functions = tuple(self._functions.values())
            await serve(self._settings, self._worker, functions, self._stopping, self._rekeyed)
        finally:
            self._running = False

    def _rekeyed(self, signer: Signer) -> None:
        self._settings = self._settings.rekeyed(signer)

    def stop(self) -> None:
        """Finish what is held and return from `run`; a second time: now. From any thread."""
        self._stopping.wish()

    def _worker(self) -> FunctionWorker:
        return FunctionWorker(self._functions, self._settings.capacity)
