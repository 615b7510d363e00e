"""The os executor: processes are commands of this machine (the old `colonies executor os start`)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from colonies_edge.apps.config import Config
from colonies_edge.apps.executor.os_command import Rules, split_allow
from colonies_edge.apps.executor.os_leftovers import Leftovers
from colonies_edge.apps.executor.os_worker import CommandWorker
from colonies_edge.apps.executor.service import Stopping, serve
from colonies_edge.apps.executor.settings import GRACE_S, ExecutorSettings, gather
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.mqtt_socket import BrokerUrl, Tls
from colonies_edge.transports.notify import Notifier


class OsExecutor:
    """Runs `funcname` with `args` as a command; see docs of `executor os start`."""

    def __init__(
        self,
        settings: ExecutorSettings,
        *,
        allow: str | Sequence[str] = (),
        workdir: str | Path | None = None,
        pass_key: bool = False,
    ) -> None:
        self._settings = settings
        self._rules = Rules(allow=split_allow(allow))
        self._workdir = Path(workdir).resolve() if workdir else None
        self._pass_key = pass_key
        self._stopping = Stopping()
        self._commands: CommandWorker | None = None
        if self._workdir is not None and not self._workdir.is_dir():
            raise UsageError(f"{workdir} is no folder: make it, or leave --workdir away for a folder per process")

    @property
    def name(self) -> str:
        return self._settings.registration.executorname

    @property
    def identity(self) -> str:
        return self._settings.signer.identity

    async def serve(self, notifier: Notifier | None = None, runs: Callable[[], None] = lambda: None) -> None:
        """Work until a signal or `stop()`; `runs` is called as soon as work can come."""
        await serve(self._settings, self._worker, (), self._stopping, self._rekeyed, notifier, runs)

    def _rekeyed(self, signer: Signer) -> None:
        self._settings = self._settings.rekeyed(signer)
        if self._commands is not None:
            self._commands.rekeyed(self._about(), self._key_passed())

    def stop(self) -> None:
        """Finish what is held and return from `serve`; a second time: now. From any thread."""
        self._stopping.wish()

    def _worker(self) -> CommandWorker:
        leftovers = Leftovers(self._settings.folder)
        leftovers.end_all()  # the outbox is ours by now, so no other executor's commands are meant
        self._commands = CommandWorker(
            rules=self._rules,
            base_env=os.environ,
            own_env=self._about(),
            leftovers=leftovers,
            workdir=self._workdir,
            private_key=self._key_passed(),
        )
        return self._commands

    def _key_passed(self) -> str:
        return self._settings.signer.private_key if self._pass_key else ""

    def _about(self) -> dict[str, str]:
        """What a command may know of where it runs. COLONIES_COLONY_ID is the old spelling; it held the name then."""
        registration = self._settings.registration
        about = {
            "COLONIES_COLONY_NAME": registration.colonyname,
            "COLONIES_COLONY_ID": registration.colonyname,
            "COLONIES_EXECUTOR_ID": registration.executorid,
            "COLONIES_EXECUTOR_NAME": registration.executorname,
            "COLONIES_EXECUTOR_TYPE": registration.executortype,
            "COLONIES_MQTT": str(BrokerUrl.parse(registration.endpoint.mqtt)),
            "COLONIES_TOPIC_ROOT": registration.endpoint.topic_root,
        }
        if registration.endpoint.serverid:
            about["COLONIES_SERVER_ID"] = registration.endpoint.serverid
        return about


def os_executor(
    config: Config,
    *,
    capacity: int = 1,
    location: str = "",
    allow: str | Sequence[str] = (),
    workdir: str | Path | None = None,
    pass_key: bool = False,
    grace_s: float = GRACE_S,
    tls: Tls | None = None,
) -> OsExecutor:
    """Raises UsageError for settings that are missing or make no sense."""
    settings = gather(config, capacity=capacity, location=location, grace_s=grace_s, tls=tls)
    return OsExecutor(settings, allow=allow, workdir=workdir, pass_key=pass_key)


def run_os_executor(
    config: Config,
    *,
    capacity: int = 1,
    location: str = "",
    allow: str | Sequence[str] = (),
    workdir: str | Path | None = None,
    pass_key: bool = False,
    grace_s: float = GRACE_S,
    tls: Tls | None = None,
) -> None:
    """Work until SIGTERM or SIGINT."""
    executor = os_executor(
        config,
        capacity=capacity,
        location=location,
        allow=allow,
        workdir=workdir,
        pass_key=pass_key,
        grace_s=grace_s,
        tls=tls,
    )
    asyncio.run(executor.serve())
