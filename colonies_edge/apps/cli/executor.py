"""`executor`: register, approve and see executors; `executor os start` runs one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colonies_edge.apps.cli import show_members
from colonies_edge.apps.cli.command import Command, Flag, Group, flag, switch
from colonies_edge.apps.cli.executor_key import REVOKE, ROTATE_KEY
from colonies_edge.apps.cli.executor_os import OS
from colonies_edge.apps.cli.numbers import identity
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import word
from colonies_edge.apps.cli.specs import read_executor_spec
from colonies_edge.crypto.identity import identity_of, new_private_key
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import COUNT_MAX
from colonies_edge.transports.system import entropy

_UNREGISTERED = 3
_RUNNING = 1


async def add(session: Session) -> int:
    executor = _described(session, session.args.executorid)
    return await _register(session, executor)


async def create(session: Session) -> int:
    """Files first: a key that was registered and not kept is worth nothing."""
    args = session.args
    private_key = new_private_key(entropy(32))
    executor = _described(session, identity_of(private_key))
    for path, text, mode in ((args.keypath, private_key, 0o600), (args.idpath, executor["executorid"], 0o644)):
        if path:
            _write_new(Path(path), text, mode)
    return await _register(session, executor)


def _described(session: Session, executorid: str) -> dict[str, Any]:
    args = session.args
    executor = read_executor_spec(args.spec) if args.spec else {}
    if not args.spec and not (args.name and args.type):
        raise UsageError("what kind of executor? Give --spec FILE, or both --name and --type")
    executor |= {"executorid": executorid, "colonyname": session.colony}
    executor |= {"executorname": args.name} if args.name else {}
    executor |= {"executortype": args.type} if args.type else {}
    for key, option in (("executorname", "--name"), ("executortype", "--type")):
        if not executor.get(key):
            raise UsageError(f"{args.spec} has no {key}; add it, or give {option}")
    return executor


async def _register(session: Session, executor: dict[str, Any]) -> int:
    name = executor["executorname"]
    reply = await session.ask("addexecutormsg", executor=executor)
    if session.args.approve:
        await session.ask("approveexecutormsg", colonyname=session.colony, executorname=name)
    then = "added and approved" if session.args.approve else f"added; approve it with executor approve --name {name}"
    return session.done(reply, f"Executor {name} {then}")


def _write_new(path: Path, text: str, mode: int) -> None:
    """Never over a key that is there: that one may be the only copy."""
    import os

    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists and is not overwritten; name another file") from None


async def approve(session: Session) -> int:
    return await _judge(session, "approveexecutormsg", "approved")


async def reject(session: Session) -> int:
    return await _judge(session, "rejectexecutormsg", "rejected")


async def remove(session: Session) -> int:
    return await _judge(session, "removeexecutormsg", "removed")


async def _judge(session: Session, msgtype: str, verdict: str) -> int:
    name = _name(session)
    reply = await session.ask(msgtype, colonyname=session.colony, executorname=name)
    return session.done(reply, f"Executor {verdict}: {name}")


def _name(session: Session) -> str:
    name: str = session.args.name or session.config.executorname
    if not name:
        raise UsageError("which executor? Give --name NAME, or set COLONIES_EXECUTOR_NAME")
    return name


async def chid(session: Session) -> int:
    reply = await session.ask("changeexecutoridmsg", colonyname=session.colony, executorid=session.args.executorid)
    return session.done(reply, f"The executor's identity is now {session.args.executorid}")


async def ls(session: Session) -> int:
    args = session.args
    executors = await session.ask("getexecutorsmsg", colonyname=session.colony) or []
    filtered = args.type or args.location or args.filter
    chosen = [executor for executor in executors if _wanted(session, executor)]
    if session.console.as_json:
        session.console.value(chosen if filtered else executors)
        return 0
    if not session.listed(chosen, "No executors found"):
        return 0
    if not args.full:
        running = await session.ask("getprocessesmsg", colonyname=session.colony, state=_RUNNING, count=COUNT_MAX) or []
        client = (await session.wire()).client
        now, since = client.clock.now_ms() * 1_000_000, client.status.since * 1_000_000 if client.status else 0
        show_members.executor_list(session.console, chosen, running, now, since)
        return 0
    functions = await session.ask("getfunctionsmsg", colonyname=session.colony, executorname="") or []
    for number, executor in enumerate(chosen):
        if number:
            session.console.text("=" * 72)
        own = [f for f in functions if f.get("executorname") == executor.get("executorname")]
        show_members.executor(session.console, executor, own)
    return 0


def _wanted(session: Session, executor: dict[str, Any]) -> bool:
    args = session.args
    name, kind, location = (word(executor.get(key)) for key in ("executorname", "executortype", "locationname"))
    return (
        (args.all or session.console.as_json or executor.get("state") != _UNREGISTERED)
        and (not args.type or kind == args.type)
        and (not args.location or location.lower() == args.location.lower())
        and (not args.filter or args.filter in name or args.filter in kind)
    )


async def get(session: Session) -> int:
    name = _name(session)
    executor = await session.ask("getexecutormsg", colonyname=session.colony, executorname=name)
    if not session.shown_as_json(executor):
        functions = await session.ask("getfunctionsmsg", colonyname=session.colony, executorname=name) or []
        show_members.executor(session.console, executor, functions)
    return 0


_NAME = flag("--name", metavar="NAME", help="the executor; without it, COLONIES_EXECUTOR_NAME")
_DESCRIPTION: tuple[Flag, ...] = (
    flag("--spec", metavar="FILE", help="an executor spec, JSON; - is stdin"),
    flag("--name", metavar="NAME", help="its name, in place of the spec's"),
    flag("--type", metavar="TYPE", help="its type, in place of the spec's"),
    switch("--approve", help="approve it too"),
)


def _owner(name: str, help: str, run: Any, *flags: Flag) -> Command:
    return Command(name=name, help=help, run=run, key="colony_prvkey", colony=True, flags=flags)


_ID = flag("--executorid", required=True, type=identity, metavar="ID", help="its identity, 64 hex digits")

GROUP = Group(
    name="executor",
    help="register, approve and run executors",
    subgroups=(OS,),
    commands=(
        _owner("add", "register an executor whose identity is known", add, _ID, *_DESCRIPTION),
        _owner(
            "create",
            "make a key and register an executor with it",
            create,
            *_DESCRIPTION,
            flag("--keypath", required=True, metavar="FILE", help="where to put the private key"),
            flag("--idpath", metavar="FILE", help="where to put the identity"),
        ),
        _owner("approve", "let an executor work", approve, _NAME),
        _owner("reject", "do not let an executor work", reject, _NAME),
        _owner("remove", "remove an executor; its work goes back to the queue", remove, _NAME),
        REVOKE,
        ROTATE_KEY,
        Command(
            name="chid",
            help="change the executor's own identity, as this executor",
            run=chid,
            key="executor_prvkey",
            colony=True,
            flags=(
                flag("--executorid", required=True, type=identity, metavar="ID", help="the new one, 64 hex digits"),
            ),
        ),
        Command(
            name="ls",
            help="list executors",
            run=ls,
            key="prvkey",
            colony=True,
            flags=(
                switch("--full", help="everything about each"),
                switch("--all", help="removed ones too"),
                flag("--type", metavar="TYPE", help="only of this type"),
                flag("--location", metavar="NAME", help="only at this location"),
                flag("-f", "--filter", metavar="TEXT", help="only with this text in the name or type"),
            ),
        ),
        Command(name="get", help="show one executor", run=get, key="prvkey", colony=True, flags=(_NAME,)),
    ),
)
