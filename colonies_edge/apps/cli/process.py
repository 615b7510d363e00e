"""`process`: list, show and steer processes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from colonies_edge.apps.cli import show
from colonies_edge.apps.cli.command import Command, Flag, Group, flag, switch
from colonies_edge.apps.cli.listing import COUNT_FLAG, first_of
from colonies_edge.apps.cli.numbers import number
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.specs import comma_list
from colonies_edge.protocol.errors import ColoniesError

_LISTS = (("psw", 0), ("ps", 1), ("pss", 2), ("psf", 3), ("psc", 4))
_ALL_STATES = -1


def lister(state: int) -> Callable[[Session], Coroutine[Any, Any, int]]:
    async def ls(session: Session) -> int:
        args = session.args
        processes = await first_of(
            session,
            "getprocessesmsg",
            "processid",
            state=state,
            executortype=args.executortype or "",
            label=args.label or "",
            initiator=args.initiator or "",
        )
        if session.listed(processes, f"No {show.STATES[state]} processes found"):
            show.process_list(session.console, processes, state, await _names(session, processes))
        return 0

    return ls


async def _names(session: Session, processes: list[dict[str, Any]]) -> dict[str, str]:
    """Names of executors, if any process has one; a list without names is better than none."""
    if not any(process.get("assignedexecutorid") for process in processes):
        return {}
    try:
        executors = await session.ask("getexecutorsmsg", colonyname=session.colony)
    except ColoniesError:
        return {}
    return {executor["executorid"]: executor["executorname"] for executor in executors or []}


async def get(session: Session) -> int:
    process = await session.ask("getprocessmsg", processid=session.args.processid)
    if session.args.out:
        session.output(process)
    elif not session.shown_as_json(process):
        show.process(session.console, process)
    return 0


async def assign(session: Session) -> int:
    timeout_s = session.args.timeout
    process = await session.ask(
        "assignprocessmsg", colonyname=session.colony, timeout=timeout_s, patience_s=max(timeout_s, 0)
    )
    return session.done(process, f"Assigned process to executor: {process['processid']}")


async def close(session: Session) -> int:
    args = session.args
    reply = await session.ask("closesuccessfulmsg", processid=args.processid, out=comma_list(args.out))
    return session.done(reply, f"Process closed as successful: {args.processid}")


async def fail(session: Session) -> int:
    args = session.args
    reply = await session.ask("closefailedmsg", processid=args.processid, errors=comma_list(args.errors))
    return session.done(reply, f"Process closed as failed: {args.processid}")


async def cancel(session: Session) -> int:
    reply = await session.ask("cancelprocessmsg", processid=session.args.processid)
    return session.done(reply, f"Process cancelled: {session.args.processid}")


async def remove(session: Session) -> int:
    reply = await session.ask("removeprocessmsg", processid=session.args.processid)
    return session.done(reply, f"Process removed: {session.args.processid}")


async def removeall(session: Session) -> int:
    args = session.args
    chosen = [(word, state) for word, state in zip(show.STATES, range(5), strict=True) if getattr(args, word, False)]
    word, state = chosen[0] if chosen else ("", _ALL_STATES)
    session.confirm(f"Remove all {f'{word} ' if word else ''}processes of colony {session.colony}?")
    reply = await session.ask("removeallprocessesmsg", colonyname=session.colony, state=state)
    return session.done(reply, f"Removed all {f'{word} ' if word else ''}processes of colony {session.colony}")


async def pause(session: Session) -> int:
    reply = await session.ask("pauseassignmentsmsg", colonyname=session.colony)
    return session.done(reply, f"Assignments of colony {session.colony} are PAUSED")


async def resume(session: Session) -> int:
    reply = await session.ask("resumeassignmentsmsg", colonyname=session.colony)
    return session.done(reply, f"Assignments of colony {session.colony} are ACTIVE")


async def status(session: Session) -> int:
    reply = await session.ask("getpausestatusmsg", colonyname=session.colony)
    if not session.shown_as_json(reply):
        state = "PAUSED" if reply.get("ispaused") else "ACTIVE"
        session.console.text(f"Assignments of colony {session.colony} are {state}")
    return 0


_ID = flag("-p", "--processid", required=True, metavar="ID", help="the process")
_FILTERS: tuple[Flag, ...] = (
    flag("--executortype", metavar="TYPE", help="only those for this type of executor"),
    flag("--label", help="only those with this label"),
    flag("--initiator", metavar="NAME", help="only those that this user or executor submitted"),
)
_LIST_FLAGS: tuple[Flag, ...] = (
    COUNT_FLAG,
    switch("-i", "--ids", help="as upstream's; ids are shown anyway"),
)
_OWNER_KEY = ("--colonyprvkey", "--prvkey")  # upstream's spelling beside ours: it is the colony owner's key either way


def _simple(name: str, help: str, run: Any, *, key: str = "prvkey", flags: tuple[Flag, ...] = (_ID,)) -> Command:
    return Command(name=name, help=help, run=run, key=key, colony=True, flags=flags)


GROUP = Group(
    name="process",
    help="list, show and steer processes",
    commands=(
        *(
            Command(
                name=name,
                help=f"list {show.STATES[state]} processes",
                run=lister(state),
                key="prvkey",
                colony=True,
                flags=_LIST_FLAGS,
                exclusive=(_FILTERS,),
            )
            for name, state in _LISTS
        ),
        _simple("get", "show one process", get, flags=(_ID, switch("--out", help="print only its output"))),
        _simple(
            "assign",
            "take a process, as an executor",
            assign,
            key="executor_prvkey",
            flags=(flag("--timeout", type=number, default=100, metavar="S", help="wait so long for one (100)"),),
        ),
        _simple(
            "close",
            "end a process successfully, as its executor",
            close,
            key="executor_prvkey",
            flags=(_ID, flag("--out", metavar="A,B", help="its output")),
        ),
        _simple(
            "fail",
            "end a process as failed, as its executor",
            fail,
            key="executor_prvkey",
            flags=(_ID, flag("--errors", required=True, metavar="A,B", help="what went wrong")),
        ),
        _simple("cancel", "cancel a waiting or running process", cancel),
        _simple("remove", "forget a process that does not run", remove),
        Command(
            name="removeall",
            help="forget all processes, or all in one state",
            run=removeall,
            key="colony_prvkey",
            colony=True,
            flags=(switch("--yes", help="do not ask"),),
            exclusive=(
                tuple(switch(f"--{word}", help=f"only {word} ones") for word in show.STATES if word != show.STATES[1]),
            ),
        ),
        Command(
            name="pause",
            help="assign nothing for now",
            run=pause,
            key="colony_prvkey",
            key_flags=_OWNER_KEY,
            colony=True,
        ),
        Command(
            name="resume",
            help="assign again",
            run=resume,
            key="colony_prvkey",
            key_flags=_OWNER_KEY,
            colony=True,
        ),
        _simple("status", "find out whether assignments are paused", status, flags=()),
    ),
)
