"""`blueprint log`: what the executors wrote that bring blueprints about."""

from __future__ import annotations

import asyncio
from typing import Any

from colonies_edge.apps.cli.log import follow_once, newest, write
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import word
from colonies_edge.apps.cli.show_blueprint import handler_of, kind_of
from colonies_edge.protocol.errors import UsageError

_POLL_S = 0.5
_APPROVED = 1


async def log(session: Session) -> int:
    args = session.args
    if args.follow and session.console.as_json:
        raise UsageError("--follow never ends, so there is no one JSON value to print; leave out --json or --follow")
    names = await _handlers(session)
    found = {name: await _latest(session, name) for name in names}
    if session.shown_as_json([entry for entries in found.values() for entry in entries]):
        return 0
    if not names:
        session.console.info("No executors found that bring blueprints about")
    for name, entries in found.items():
        session.console.text(f"=== {name} ===")
        write(session.console, entries)
        if entries and not word(entries[-1].get("message")).endswith("\n"):
            session.console.text()
    if args.follow and names:
        await _follow(session, {name: newest(entries, 0) for name, entries in found.items()})
    return 0


async def _handlers(session: Session) -> list[str]:
    """Approved executors of the handler's type, at the blueprint's place; without a blueprint those of all kinds."""
    definitions = await session.ask("getblueprintdefinitionsmsg", colonyname=session.colony) or []
    place = ""
    if session.args.name:
        blueprint = await session.ask("getblueprintmsg", namespace=session.colony, name=session.args.name)
        place = word((blueprint.get("metadata") or {}).get("locationname"))
        definitions = [definition for definition in definitions if kind_of(definition) == blueprint.get("kind")]
    types = {word(handler_of(definition).get("executorType")) for definition in definitions} - {""}
    executors = await session.ask("getexecutorsmsg", colonyname=session.colony) or []
    return sorted(
        executor["executorname"]
        for executor in executors
        if executor.get("executortype") in types
        and executor.get("state") == _APPROVED
        and (not place or executor.get("locationname") == place)
    )


async def _latest(session: Session, name: str) -> list[dict[str, Any]]:
    entries = await session.ask(
        "getlogsmsg",
        colonyname=session.colony,
        executorname=name,
        processid="",
        count=session.args.count,
        since=0,
        latest=True,
    )
    return entries or []


async def _follow(session: Session, since: dict[str, int]) -> None:
    """Until Ctrl-C."""
    while True:
        for name in since:
            where: dict[str, Any] = {"processid": "", "executorname": name}
            since[name] = await follow_once(session, where, since[name])
        session.console.require_reader()
        await asyncio.sleep(_POLL_S)
