"""`workflow`: submit graphs of functions, watch them and steer them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from colonies_edge.apps.cli import show, show_workflow
from colonies_edge.apps.cli.command import Command, Flag, Group, flag, switch
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.listing import COUNT_FLAG, first_of
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show_workflow import NodeView
from colonies_edge.apps.cli.specs_workflow import workflow_of
from colonies_edge.protocol.limits import COUNT_MAX

_LISTS = (("psw", 0), ("ps", 1), ("pss", 2), ("psf", 3), ("psc", 4))
_ALL_STATES = -1
_SUCCESS, _FAILED = 2, 3
_POLL_S = 0.5
_REASONS_MAX = 3  # in the one line that says why; the rest is in the picture


async def submit(session: Session) -> int:
    args = session.args
    spec = workflow_of(session)
    graph = await session.ask("submitworkflowspecmsg", spec=spec)
    graphid = graph["processgraphid"]
    if not (args.wait or args.follow):
        return session.done(graph, f"Workflow submitted: {graphid}")
    session.console.info(f"Workflow submitted: {graphid}")
    with session.waiting_for(
        "workflow", f"workflow get --workflowid {graphid}", f"workflow cancel --workflowid {graphid}"
    ):
        await (_followed(session, graphid) if args.follow else session.workflow_ended(graphid))
    return await _report(session, *await _looked_at(session, graphid))


async def _looked_at(session: Session, graphid: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A workflow, and its processes, as many as come in one answer."""
    graph = await session.ask("getprocessgraphmsg", processgraphid=graphid)
    return graph, await _processes(session, graph, _ALL_STATES)


async def _processes(session: Session, graph: dict[str, Any], state: int) -> list[dict[str, Any]]:
    found = await session.ask(
        "getprocessesmsg",
        colonyname=graph["colonyname"],
        processgraphid=graph["processgraphid"],
        state=state,
        count=COUNT_MAX,
        topic_colony=graph["colonyname"],
    )
    return found or []


async def _followed(session: Session, graphid: str) -> None:
    """A line for each change of a node, until the end."""
    end = asyncio.ensure_future(session.workflow_ended(graphid))
    known: dict[str, str] = {}
    try:
        while not end.done():
            await asyncio.wait({end}, timeout=_POLL_S)
            await _say_changes(session, graphid, known)
        await end
    finally:
        end.cancel()


async def _say_changes(session: Session, graphid: str, known: dict[str, str]) -> None:
    """`known` is process id → state as it was said last."""
    graph = await session.ask("getprocessgraphmsg", processgraphid=graphid)
    nodes = show_workflow.nodes_of(graph, () if graph.get("nodes") else (await _looked_at(session, graphid))[1])
    for node, _ in show_workflow.in_order(nodes):
        state = show.state_cell(node.state).text
        if known.get(node.key, show.STATES[0]) != state:
            session.console.stream(f"{node.name} {state}\n")
        known[node.key] = state


async def _report(session: Session, graph: dict[str, Any], processes: list[dict[str, Any]]) -> int:
    graphid, state = graph["processgraphid"], graph["state"]
    if not session.shown_as_json(graph):
        show_workflow.picture(session.console, show_workflow.nodes_of(graph, processes), f"Workflow {graphid}")
    if state == _SUCCESS:
        session.console.info(f"Workflow successful: {graphid}")
        return 0
    why = f": {_reasons(await _processes(session, graph, _FAILED))}" if state == _FAILED else ""
    more = f"`{PROGRAM} workflow get --workflowid {graphid}` shows more"
    raise Failed(f"workflow {graphid} {show.state_cell(state).text}{why}; {more}")


def _reasons(failed: list[dict[str, Any]]) -> str:
    """Of the nodes that failed by themselves, not with others."""
    from colonies_edge.client.workflow import CASUALTY

    causes = [p for p in failed if not any(show.word(e).startswith(CASUALTY) for e in p.get("errors") or ())]
    said = [
        f"{p['spec'].get('nodename') or p['processid']}: {'; '.join(p.get('errors') or ()) or 'no reason was given'}"
        for p in causes or failed
    ]
    more = f" and {len(said) - _REASONS_MAX} more" if said[_REASONS_MAX:] else ""
    return ", ".join(said[:_REASONS_MAX]) + more or "no reason was given"


def lister(state: int) -> Callable[[Session], Coroutine[Any, Any, int]]:
    async def ls(session: Session) -> int:
        graphs = await first_of(session, "getprocessgraphsmsg", "processgraphid", state=state)
        if session.listed(graphs, f"No {show.STATES[state]} workflows found"):
            show_workflow.workflow_list(session.console, graphs, state)
        return 0

    return ls


async def get(session: Session) -> int:
    if session.console.as_json:
        session.console.value(await session.ask("getprocessgraphmsg", processgraphid=session.args.workflowid))
        return 0
    graph, processes = await _looked_at(session, session.args.workflowid)
    nodes: list[NodeView] = show_workflow.nodes_of(graph, processes)
    show_workflow.workflow(session.console, graph, nodes)
    return 0


async def cancel(session: Session) -> int:
    reply = await session.ask("cancelprocessgraphmsg", processgraphid=session.args.workflowid)
    return session.done(reply, f"Workflow cancelled: {session.args.workflowid}")


async def remove(session: Session) -> int:
    reply = await session.ask("removeprocessgraphmsg", processgraphid=session.args.workflowid)
    return session.done(reply, f"Workflow removed: {session.args.workflowid}")


async def removeall(session: Session) -> int:
    args = session.args
    chosen = [(word, state) for state, word in enumerate(show.STATES) if getattr(args, word, False)]
    word, state = chosen[0] if chosen else ("", _ALL_STATES)
    which = f"all {f'{word} ' if word else ''}workflows of colony {session.colony}"
    running = "" if chosen else ", running ones too"
    session.confirm(f"Remove {which}{running}?")
    reply = await session.ask("removeallprocessgraphsmsg", colonyname=session.colony, state=state)
    return session.done(reply, f"Removed {which}")


_ID = flag("--workflowid", required=True, metavar="ID", help="the workflow")


def _simple(name: str, help: str, run: Any, *flags: Flag) -> Command:
    return Command(name=name, help=help, run=run, key="prvkey", colony=True, flags=flags)


GROUP = Group(
    name="workflow",
    help="submit graphs of functions, watch them and steer them",
    commands=(
        _simple(
            "submit",
            "submit the workflow in a file",
            submit,
            flag("--spec", required=True, metavar="FILE", help="a JSON array of function specs; - is stdin"),
            switch("--wait", help="return when the workflow has ended; exit code 1 unless it was successful"),
            switch("--follow", help="the same, with a line for each node that starts or ends"),
        ),
        *(
            _simple(
                name,
                f"list {show.STATES[state]} workflows",
                lister(state),
                COUNT_FLAG,
            )
            for name, state in _LISTS
        ),
        _simple("get", "show one workflow and its nodes", get, _ID),
        _simple("cancel", "cancel what of a workflow has not ended", cancel, _ID),
        _simple("remove", "forget a workflow that does not run, and its processes", remove, _ID),
        Command(
            name="removeall",
            help="forget all workflows, or all in one state, and their processes",
            run=removeall,
            key="colony_prvkey",
            colony=True,
            flags=(switch("--yes", help="do not ask"),),
            exclusive=(
                tuple(switch(f"--{word}", help=f"only {word} ones") for word in show.STATES if word != show.STATES[1]),
            ),
        ),
    ),
)
