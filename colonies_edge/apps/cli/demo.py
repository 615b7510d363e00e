"""`demo`: broker, coordinator and executor in one process run one job; nothing of it stays."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonies_edge.apps import config as settings
from colonies_edge.apps.cli import show
from colonies_edge.apps.cli.command import Command, Group
from colonies_edge.apps.cli.exits import FAILED, INTERRUPTED, SUCCESS
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.specs import complete_function_spec
from colonies_edge.client.tasks import end_tasks

if TYPE_CHECKING:
    from colonies_edge.apps.config import Config
    from colonies_edge.apps.coordinator import Running
    from colonies_edge.apps.executor import OsExecutor

SPEC = {"conditions": {"executortype": "cli"}, "funcname": "echo sayhello"}
_EXECUTOR = {"executorname": "testexecutor", "executortype": "cli"}
_STATE_SUCCESS = 2


async def run(session: Session) -> int:
    """The folder with everything in it goes, however this ends."""
    this = asyncio.current_task()
    assert this is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    try:
        with tempfile.TemporaryDirectory(prefix="colonies-edge-demo-") as name:
            return await _in_folder(session, Path(name))
    except asyncio.CancelledError:
        return INTERRUPTED


async def _in_folder(session: Session, folder: Path) -> int:
    """Whatever the environment and the folder say: a demonstration must not end in somebody's colony."""
    from colonies_edge.apps import dev
    from colonies_edge.apps.cli import services
    from colonies_edge.apps.cli.wire import asker
    from colonies_edge.apps.coordinator import Options

    devenv = folder / settings.DEVENV
    nothing = settings.load(environ={}, devenv=devenv)
    identities = dev.used_or_made(nothing, folder)
    options = Options(data=folder / settings.COORDINATOR_FOLDER, port=0, server_prvkey=identities.server_prvkey)
    stopping = asyncio.Event()
    ended: list[int] = []

    async def ready(running: Running) -> None:
        await dev.found(identities, asker(nothing, running.url, running.server_id))
        settings.write_devenv(devenv, dev.devenv_of(identities, running.url, nothing.topic_root))
        flags: dict[str, str | None] = {**_EXECUTOR, "data_dir": str(folder)}
        ended.append(await _one_job(session, settings.load(flags, environ={}, devenv=devenv)))
        stopping.set()

    await services.run(options, ready, stopping, busy=services.Busy(mqtt="try again", http=""))
    return ended[0]


async def _one_job(session: Session, config: Config) -> int:
    """With an executor beside us: submit, wait, show."""
    from colonies_edge.apps.executor import os_executor

    executor: OsExecutor = os_executor(config)
    session.console.info(f"Broker and coordinator run at {config.mqtt}, and executor {executor.name} beside them.")
    working = asyncio.ensure_future(executor.serve())
    job = asyncio.ensure_future(_job(config))
    try:
        await asyncio.wait({working, job}, return_when=asyncio.FIRST_COMPLETED)
        if not job.done():  # Ctrl-C is the executor's sign to stop
            return INTERRUPTED
        return _report(session, job.result())
    finally:
        executor.stop()
        await end_tasks([job])
        await asyncio.gather(working, return_exceptions=True)


async def _job(config: Config) -> dict[str, Any]:
    from colonies_edge.apps.cli.wire import Wire

    wire = Wire(config, config.prvkey)
    await wire.open()
    try:
        spec = complete_function_spec(SPEC, config.colonyname)
        process = await wire.ask({"msgtype": "submitfuncspecmsg", "spec": spec}, colony=config.colonyname)
        return await wire.finished(process["processid"], colony=config.colonyname)
    finally:
        await wire.close()


def _report(session: Session, process: dict[str, Any]) -> int:
    if not session.shown_as_json(process):
        session.output(process)
        session.console.pairs(show.process_items(process), "Process", show.state_tone(process["state"]))
    return SUCCESS if process["state"] == _STATE_SUCCESS else FAILED


GROUP = Group(
    name="demo",
    help="broker, coordinator and executor run one job, then everything is gone again",
    itself=Command(
        name="demo",
        help="broker, coordinator and executor run one job, then everything is gone again",
        run=run,
        connects=False,
    ),
)
