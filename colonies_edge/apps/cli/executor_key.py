"""`executor rotate-key` and `executor revoke`: another key for an executor, and no key any more."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.command import Command, flag, switch
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.numbers import identity
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import VARIABLES, read_devenv, write_devenv
from colonies_edge.protocol.errors import ColoniesError, Forbidden, NoConnection, UsageError
from colonies_edge.protocol.model_base import ExecutorState

if TYPE_CHECKING:
    from colonies_edge.apps.executor.settings import ExecutorSettings
    from colonies_edge.client.client import AsyncClient, Endpoint
    from colonies_edge.crypto.identity import Signer

_ANSWER_S = 60.0  # for the running executor to have changed its key: five tries of a call, and a connection
_LOOK_S = 0.1


async def rotate_key(session: Session) -> int:
    """A running executor is asked to do it itself: only so is nothing that it runs disturbed."""
    from colonies_edge.apps.executor.settings import KEY_FILE, gather
    from colonies_edge.client.outbox import LOCK

    config = session.config
    _require_kept(session)
    settings = gather(config)
    name = settings.registration.executorname
    if settings.signer.identity != _kept(settings.folder / KEY_FILE):
        where = config.describe("executor_prvkey" if config.executor_prvkey else "prvkey")
        raise UsageError(f"the key of executor {name} is given by {where}, and not kept in a file of ours")
    following = _next_endpoint(session, settings)
    if following is None:
        return _account_first(session, settings)
    holder = _holder(settings.folder / LOCK)
    if holder and following != settings.endpoint:
        raise UsageError(
            f"stop the executor first, process {holder}: it cannot change its account at the broker by itself"
        )
    before = settings.signer.identity
    after = await (_ask(settings, holder) if holder else _change(settings, following))
    _keep_address(session, settings, following)
    told = {"executorname": name, "before": before, "executorid": after}
    return session.done(told, f"Executor {name} has another key and is now {after}")


def _require_kept(session: Session) -> None:
    """Before anything is made for a name that was only mistyped."""
    from colonies_edge.apps.executor.settings import KEY_FILE, executor_folder

    config = session.config
    name = config.executorname
    if not name or config.executor_prvkey:
        return
    folder = executor_folder(Path(config.data_dir), config.need("colonyname"), name)
    if not (folder / KEY_FILE).exists():
        raise UsageError(f"executor {name} has no key in {folder}: is it another name, or another folder (--data)?")


def _next_endpoint(session: Session, settings: ExecutorSettings) -> Endpoint | None:
    """How the next identity connects; None when that has to be settled first."""
    from colonies_edge.transports.mqtt_socket import BrokerUrl, Tls

    args, present = session.args, settings.endpoint
    has_account = bool(BrokerUrl.parse(present.mqtt).username or session.config.mqtt_cert)
    if not has_account:
        return present
    if not (args.next_mqtt or args.next_cert):
        return None
    cafile = present.tls.cafile if present.tls is not None else ""
    certificate = Tls(cafile=cafile, certfile=args.next_cert or "", keyfile=args.next_key or "")
    return replace(present, mqtt=args.next_mqtt or present.mqtt, tls=certificate if args.next_cert else present.tls)


def _keep_address(session: Session, settings: ExecutorSettings, following: Endpoint) -> None:
    """The settings of this folder follow; those of an environment are said."""
    if following == settings.endpoint:
        return
    changed = {VARIABLES["mqtt"]: following.mqtt}
    if following.tls is not None and following.tls.certfile:
        changed |= {VARIABLES["mqtt_cert"]: following.tls.certfile, VARIABLES["mqtt_key"]: following.tls.keyfile}
    known = read_devenv(session.devenv)
    if VARIABLES["mqtt"] in known:
        write_devenv(session.devenv, known | changed)
    else:
        session.console.warn(f"set {' and '.join(changed)} to the next ones now")


def _kept(path: Path) -> str:
    from colonies_edge.apps.keys import read_key
    from colonies_edge.crypto.identity import identity_of

    return identity_of(read_key(path)) if path.exists() else ""


def _account_first(session: Session, settings: ExecutorSettings) -> int:
    """At a broker of one's own, or with a client certificate, the next identity has to be let in before it is used."""
    from colonies_edge.apps.executor.rotation import Keys

    following = Keys(settings.folder).next().identity
    told = {"executorname": settings.registration.executorname, "next": following}
    return session.done(
        told,
        f"The next identity is {following}. Make its account at the broker, or its certificate, stop the executor, and"
        " run this again with --next-mqtt URL, or --next-cert FILE and --next-key FILE",
    )


def _holder(lock: Path) -> int:
    """The process that runs this executor, or 0."""
    from colonies_edge.client.folder_lock import FolderBusy, FolderLock

    if not lock.exists():
        return 0
    try:
        FolderLock(lock).release()
    except FolderBusy:
        return int(lock.read_text(encoding="ascii").strip() or 0)
    return 0


async def _ask(settings: ExecutorSettings, process: int) -> str:
    from colonies_edge.apps.executor.settings import KEY_FILE

    key, before = settings.folder / KEY_FILE, settings.signer.identity
    try:
        os.kill(process, signal.SIGUSR1)
    except PermissionError as error:
        raise Failed(f"process {process}, which runs the executor, is another user's: run this as that user") from error
    deadline = asyncio.get_running_loop().time() + _ANSWER_S
    while (after := _kept(key)) == before:
        if asyncio.get_running_loop().time() > deadline:
            raise NoConnection(f"the executor, process {process}, has not changed its key yet; its log says why")
        await asyncio.sleep(_LOOK_S)
    return after


async def _change(settings: ExecutorSettings, following: Endpoint) -> str:
    """Nobody runs: the folder is locked, so that nobody starts with the old key meanwhile."""
    from colonies_edge.apps.executor.rotation import Keys, settle
    from colonies_edge.client.client import AsyncClient
    from colonies_edge.client.folder_lock import FolderLock
    from colonies_edge.client.outbox import LOCK
    from colonies_edge.transports.ports import NotAdmitted

    def connect(signer: Signer) -> AsyncClient:
        endpoint = settings.endpoint if signer.identity == settings.signer.identity else following
        return AsyncClient(endpoint, signer, settings.registration.colonyname)

    lock = FolderLock(settings.folder / LOCK)
    try:
        return (await settle(Keys(settings.folder), settings.signer, connect)).identity
    except (NotAdmitted, Forbidden) as error:
        name = settings.registration.executorname
        raise Failed(
            f"executor {name} is not in the colony any more, so its key cannot be changed ({error})"
        ) from error
    finally:
        lock.release()


async def revoke(session: Session) -> int:
    """Out of the colony and, at the embedded broker, off at once. What it ran goes back to the queue."""
    name: str = session.args.name or session.config.executorname
    if not name:
        raise UsageError("which executor? Give --name NAME, or set COLONIES_EXECUTOR_NAME")
    rows = await session.ask("getenrolmentsmsg", colonyname=session.colony) or []
    known = await _known(session, name)
    executorid = session.args.executorid or str(known.get("executorid") or "")
    if session.args.broker_config and not executorid:
        raise UsageError("which account? Give --executorid ID, or set COLONIES_PRVKEY to a user's key to look it up")
    session.confirm(f"Cut executor {name} of colony {session.colony} off?")
    await session.ask("removeexecutormsg", colonyname=session.colony, executorname=name)
    told = {"executorname": name, "executorid": executorid, "account": ""}
    if session.args.broker_config:
        from colonies_edge.apps.broker_config import remove_account

        told["account"] = "removed" if remove_account(Path(session.args.broker_config), executorid) else "not there"
    if not session.shown_as_json(told):
        _say_what_is_left(session, told, rows, was_in=known.get("state") != ExecutorState.UNREGISTERED)
    return 0


async def _known(session: Session, name: str) -> dict[str, Any]:
    """The executor, {} where nobody may look: members may, the owner is none, so with a user's key if there is one."""
    from colonies_edge.apps.cli.wire import asker

    config = session.config
    if not config.prvkey:
        return {}
    ask = asker(config, config.mqtt, session.serverid, trust_any_broker=session.args.skip_tls_verify)
    try:
        executor: dict[str, Any] = await ask(
            config.prvkey,
            session.colony,
            {"msgtype": "getexecutormsg", "colonyname": session.colony, "executorname": name},
        )
    except (ColoniesError, NoConnection):
        return {}
    return executor


def _say_what_is_left(session: Session, told: dict[str, str], rows: list[dict[str, Any]], *, was_in: bool) -> None:
    from colonies_edge.transports.mqtt_socket import BrokerUrl

    say, name = session.console.info, told["executorname"]
    if was_in:
        say(f"Executor {name} is cut off; what it ran goes back to the queue")
    else:
        say(f"Executor {name} was not in the colony any more, removed or silent for long; it stays out")
    if told["account"]:
        say(f"Its account at the broker: {told['account']}. Now: systemctl reload mosquitto")
    elif BrokerUrl.parse(session.config.mqtt).username:
        account = told["executorid"] or "IDENTITY"
        say(f"At this broker of your own it still has an account: mosquitto_passwd -D FILE {account}, and reload it")
    for row in rows:
        if name in row["executornames"] and len(row["executornames"]) < row["uses"] and not row["revoked"]:
            say(f"The token that it came with is good for more: {PROGRAM} enrol revoke {row['tokenid']}")


ROTATE_KEY = Command(
    name="rotate-key",
    help="give this machine's executor another key; what it runs goes on",
    run=rotate_key,
    colony=True,
    settings=("executorname", "executortype", "data_dir", "executor_prvkey"),
    flags=(
        flag("--next-mqtt", metavar="URL", help="at a broker of one's own: the address with the next account"),
        flag("--next-cert", metavar="FILE", help="with client certificates: the next identity's (PEM)"),
        flag("--next-key", metavar="FILE", help="the private key of --next-cert"),
    ),
)
REVOKE = Command(
    name="revoke",
    help="cut an executor off at once; its work goes back to the queue",
    run=revoke,
    key="colony_prvkey",
    colony=True,
    flags=(
        flag("--name", metavar="NAME", help="the executor; without it, COLONIES_EXECUTOR_NAME"),
        switch("--yes", help="do not ask"),
        flag("--executorid", type=identity, metavar="ID", help="its identity, for its account at the broker"),
        flag(
            "--broker-config",
            metavar="DIR",
            help="remove its account from the files that `broker-config mosquitto --out DIR` wrote, too",
        ),
    ),
)
