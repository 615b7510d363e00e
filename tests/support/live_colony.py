"""A colony that runs: a real coordinator with its embedded broker, or at a mosquitto, in a thread of the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from colonies_edge.apps import config
from colonies_edge.apps.coordinator.run import Options, Running, coordinating
from colonies_edge.apps.coordinator.serving import ServerTls
from colonies_edge.apps.executor import Executor, OsExecutor, os_executor
from colonies_edge.apps.sdk import Client
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer, identity_of, new_private_key
from colonies_edge.engine.ports import Settings
from colonies_edge.transports.mqtt_socket import Tls
from colonies_edge.transports.system import entropy
from tests.support.brokers import free_port

ROOT = Path(__file__).resolve().parents[2]


class LiveColony:
    """Server, colony `lab` and user `me`, each with a key. `stop` and `start` again: nothing is lost. `more` are
    further `Options`."""

    def __init__(
        self,
        folder: Path,
        *,
        mqtt: str = "",
        settings: Settings | None = None,
        server_tls: ServerTls | None = None,
        **more: Any,
    ) -> None:
        self.folder = folder
        self.server_prvkey, self.colony_prvkey, self.prvkey = (new_private_key(entropy(32)) for _ in range(3))
        self.serverid = identity_of(self.server_prvkey)
        port = free_port()
        self.embedded = not mqtt
        self.url = mqtt or (f"mqtts://localhost:{port}" if server_tls else f"mqtt://127.0.0.1:{port}")
        self.tls = Tls(cafile=str(folder / "coordinator" / "tls" / "ca.crt")) if server_tls else None
        self._options = Options(
            data=folder / "coordinator",
            mqtt=mqtt,
            port=port,
            server_tls=server_tls,
            server_prvkey=self.server_prvkey,
            settings=settings or Settings(),
            **more,
        )
        self._thread: threading.Thread | None = None
        self._end: Callable[[], None] = lambda: None
        self._failure: BaseException | None = None
        self.running: Running | None = None

    # -- the coordinator

    def __enter__(self) -> LiveColony:
        self.start()
        self.as_server(lambda client: client.add_colony("lab", identity_of(self.colony_prvkey)))
        self.as_owner(lambda client: client.add_user("me", identity_of(self.prvkey)))
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="coordinator")
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            raise self._failure

    def _run(self, ready: threading.Event) -> None:
        async def run() -> None:
            loop, end = asyncio.get_running_loop(), asyncio.Event()
            self._end = lambda: loop.call_soon_threadsafe(end.set)
            async with coordinating(self._options) as self.running:
                working = asyncio.ensure_future(self.running.coordinator.run())
                ready.set()
                ending = asyncio.ensure_future(end.wait())
                await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
                working.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await working

        try:
            asyncio.run(run())
        except BaseException as failure:
            self._failure = failure
        ready.set()

    def stop(self) -> None:
        """Nothing if it is stopped already."""
        if self._thread is not None:
            self._end()
            self._thread.join()
            self._thread = None
        if self._failure is not None:
            raise self._failure

    # -- those who talk to it

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(mqtt=self.url, serverid=self.serverid, tls=self.tls)

    def settings(self, **more: str | None) -> dict[str, str | None]:
        """Overrides for `config.load`, with all keys but the server's."""
        return {
            "mqtt": self.url,
            "mqtt_ca": self.tls.cafile if self.tls else None,
            "serverid": self.serverid,
            "colonyname": "lab",
            "prvkey": self.prvkey,
            "colony_prvkey": self.colony_prvkey,
            "data_dir": str(self.folder / "data"),
            **more,
        }

    def environment(self, **more: str) -> dict[str, str]:
        values = {config.VARIABLES[name]: value for name, value in self.settings(**more).items() if value}
        return {**os.environ, **values, "PYTHONPATH": str(ROOT)}

    def as_server(self, ask: Callable[[AsyncClient], Coroutine[Any, Any, Any]]) -> Any:
        return self._as(self.server_prvkey, ask)

    def as_owner(self, ask: Callable[[AsyncClient], Coroutine[Any, Any, Any]]) -> Any:
        return self._as(self.colony_prvkey, ask)

    def _as(self, prvkey: str, ask: Callable[[AsyncClient], Coroutine[Any, Any, Any]]) -> Any:
        async def run() -> Any:
            async with AsyncClient(self.endpoint, Signer(prvkey), "lab") as client:
                return await ask(client)

        return asyncio.run(run())

    def client(self) -> Client:
        return Client.from_env(**self.settings())

    def executor(self, executortype: str = "test", **options: Any) -> Executor:
        return Executor.from_env(executortype=executortype, **{**self.settings(), **options})

    def os_executor(self, executortype: str = "cli", executorname: str = "", **options: Any) -> OsExecutor:
        settings = self.settings(executortype=executortype, executorname=executorname or None)
        return os_executor(config.load(settings), **options)

    def program(self, text: str, **more: str) -> subprocess.Popen[str]:
        """A Python program of its own with the colony's settings in its environment."""
        return subprocess.Popen(
            [sys.executable, "-c", text], env=self.environment(**more), stdout=subprocess.PIPE, text=True
        )


@contextlib.contextmanager
def working(executor: Executor | OsExecutor) -> Iterator[None]:
    """The executor works in a thread; at the end it is stopped and has to end well."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(executor.serve())
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, name="executor")
    thread.start()
    try:
        yield
    finally:
        executor.stop()
        thread.join()
    if failures:
        raise failures[0]


def ended(process: subprocess.Popen[str], number: signal.Signals) -> int:
    """Signal a program and return its exit code."""
    process.send_signal(number)
    code = process.wait()
    if process.stdout is not None:
        process.stdout.close()
    return code
