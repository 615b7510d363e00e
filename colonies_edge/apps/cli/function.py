"""`function`: submit functions; see and register what executors can do."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

from colonies_edge.apps.cli import show_members
from colonies_edge.apps.cli.command import Command, Flag, Group, flag, switch
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.listing import is_id
from colonies_edge.apps.cli.log import follow
from colonies_edge.apps.cli.numbers import number
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import STATES, word
from colonies_edge.apps.cli.specs import (
    comma_list,
    complete_function_spec,
    parse_env,
    parse_kwargs,
    read_function_spec,
)
from colonies_edge.protocol.errors import UsageError

_SUCCESS = 2


async def register(session: Session) -> int:
    name = session.args.name or session.config.need("executorname")
    function = {"executorname": name, "colonyname": session.colony, "funcname": session.args.func}
    reply = await session.ask("addfunctionmsg", fun=function)
    return session.done(reply, f"Function added: {word(reply.get('functionid'))}")


async def remove(session: Session) -> int:
    reply = await session.ask("removefunctionmsg", functionid=session.args.functionid)
    return session.done(reply, f"Function removed: {session.args.functionid}")


async def ls(session: Session) -> int:
    functions = await session.ask("getfunctionsmsg", colonyname=session.colony, executorname="")
    if session.listed(functions, "No functions found"):
        for _, same in groupby(sorted(functions, key=_kind), key=_kind):
            session.console.pairs(show_members.merged_function_items(list(same)), "Function")
    return 0


def _kind(function: dict[str, Any]) -> tuple[str, str]:
    return word(function.get("executortype")), word(function.get("funcname"))


async def submit(session: Session) -> int:
    spec, unknown = read_function_spec(session.args.spec)
    for key in unknown:
        session.console.info(f"{session.args.spec}: {key!r} is no field of a function spec and is ignored")
    return await _submit(session, complete_function_spec(spec, session.colony, session.args.label))


async def execute(session: Session) -> int:
    args = session.args
    conditions: dict[str, Any] = {"executortype": args.targettype or ""}
    spec = {
        "funcname": args.func or "",
        "args": comma_list(args.args),
        "kwargs": parse_kwargs(args.kwargs),
        "env": parse_env(args.env),
        "maxwaittime": args.maxwaittime,
        "maxexectime": args.maxexectime,
        "maxretries": args.maxretries,
        "conditions": conditions,
    }
    if not args.func:
        raise UsageError("which function? Give --func NAME")
    if args.targetid:  # upstream puts the id where a name is expected, and nobody ever takes the process
        executor = await _executor(session, args.targetid)
        conditions |= {"executortype": executor["executortype"], "executornames": [executor["executorname"]]}
    elif not args.targettype:
        raise UsageError("for whom? Give --targettype TYPE, or --targetid ID for one executor")
    return await _submit(session, complete_function_spec(spec, session.colony, args.label))


async def _executor(session: Session, typed: str) -> Any:
    """By its id or its name."""
    if is_id(typed):
        return await session.ask("getexecutorbyidmsg", colonyname=session.colony, executorid=typed)
    return await session.ask("getexecutormsg", colonyname=session.colony, executorname=typed)


async def _submit(session: Session, spec: dict[str, Any]) -> int:
    args = session.args
    if args.snapshot:
        await _snapshots(session, spec)
    process = await session.ask("submitfuncspecmsg", spec=spec)
    processid = process["processid"]
    if not (args.wait or args.out or args.follow):
        return session.done(process, f"Process submitted: {processid}")
    session.console.info(f"Process submitted: {processid}")
    with session.waiting_for("process", f"process get -p {processid}", f"process cancel -p {processid}"):
        process = await (_followed(session, processid) if args.follow else session.finished(processid))
    return _report(session, process)


async def _snapshots(session: Session, spec: dict[str, Any]) -> None:
    """Remember what is below the label of each snapshot that the process mounts, and mount that."""
    from colonies_edge.transports.system import new_msgid

    mounts = (spec.get("fs") or {}).get("snapshots") or []
    if not mounts:
        session.console.info("--snapshot: the function spec mounts no snapshots (fs.snapshots), so none is made")
    for mount in mounts:
        label, name = mount.get("label") or "", f"submit-{new_msgid()}"
        reply = await session.ask("createsnapshotmsg", colonyname=session.colony, label=label, name=name)
        mount["snapshotid"] = reply["snapshotid"]
        session.console.info(f"Snapshot {name} of {label}: {reply['snapshotid']}")


async def _followed(session: Session, processid: str) -> dict[str, Any]:
    end = asyncio.ensure_future(session.finished(processid))
    await follow(session, {"processid": processid, "executorname": ""}, 0, end)
    return end.result()


def _report(session: Session, process: dict[str, Any]) -> int:
    processid, state = process["processid"], process["state"]
    if state == _SUCCESS:
        if session.args.out:
            session.output(process)
            return 0
        return session.done(process, f"Process successful: {processid}")
    session.shown_as_json(process)
    reasons = "; ".join(process.get("errors") or []) or "no reason was given"
    what = f"process {processid} {STATES[state]}"
    reason = f": {reasons}" if state != STATES.index("cancelled") else ""
    raise Failed(f"{what}{reason}; `{PROGRAM} process get -p {processid}` shows more")


_WAITING: tuple[Flag, ...] = (
    switch("--wait", help="return when the process has ended; exit code 1 unless it was successful"),
    switch("--out", help="print the output, and wait for it"),
    switch("--follow", help="print the log as it appears, until the end"),
    flag("--label", help="a word to find the process again"),
    switch("--snapshot", help="make the snapshots that the process mounts now, from what is below their labels"),
)

GROUP = Group(
    name="function",
    help="submit functions, see and register what executors can do",
    commands=(
        Command(
            name="submit",
            help="submit the function spec in a file",
            run=submit,
            key="prvkey",
            colony=True,
            flags=(flag("--spec", required=True, metavar="FILE", help="a function spec, JSON; - is stdin"), *_WAITING),
        ),
        Command(
            name="exec",
            help="submit a function with what is on the command line",
            run=execute,
            key="prvkey",
            colony=True,
            flags=(
                flag("--func", metavar="NAME", help="the function, for the os executor a command"),
                flag("--args", metavar="A,B", help="its arguments"),
                flag("--kwargs", metavar="K:V,K:V", help="its named arguments; values are text"),
                flag("--env", metavar="K=V,K=V", help="environment of the process"),
                flag("--maxwaittime", type=number, default=-1, metavar="S", help="fail if nobody took it by then"),
                flag("--maxexectime", type=number, default=-1, metavar="S", help="take it away if it ran so long"),
                flag("--maxretries", type=number, default=-1, metavar="N", help="how often it is given out again"),
                *_WAITING,
            ),
            exclusive=(
                (
                    flag("--targettype", metavar="TYPE", help="executors of this type may run it"),
                    flag("--targetid", metavar="ID", help="only this executor may run it: its id or its name"),
                ),
            ),
        ),
        Command(name="ls", help="list what executors can do", run=ls, key="prvkey", colony=True),
        Command(
            name="register",
            help="say what the executor can do, as this executor",
            run=register,
            key="executor_prvkey",
            colony=True,
            flags=(
                flag("--name", metavar="NAME", help="the executor; without it, COLONIES_EXECUTOR_NAME"),
                flag("--func", required=True, metavar="NAME", help="the function"),
            ),
        ),
        Command(
            name="remove",
            help="say that the executor no longer can, as this executor",
            run=remove,
            key="executor_prvkey",
            colony=True,
            flags=(flag("--functionid", required=True, metavar="ID", help="the entry, from `executor get`"),),
        ),
    ),
)
