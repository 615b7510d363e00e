"""`blueprint`: what shall be so, who brings it about, and whether they do."""

from __future__ import annotations

import json
from typing import Any

from colonies_edge.apps.cli import blueprint_definition, blueprint_doctor, blueprint_log, show_blueprint
from colonies_edge.apps.cli.command import Command, Flag, Group, flag, switch
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.numbers import count, number
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.specs_workflow import read_blueprint
from colonies_edge.protocol.errors import ColoniesError, UsageError
from colonies_edge.protocol.json_text import parse_json
from colonies_edge.protocol.limits import BLUEPRINT_HISTORY_MAX, LOG_COUNT_MAX

_HISTORY, _LOG = 10, 100
_ROOTS = ("spec", "metadata")
_ALL = -1


async def named(session: Session) -> dict[str, Any]:
    """The blueprint that --name says."""
    found: dict[str, Any] = await session.ask("getblueprintmsg", namespace=session.colony, name=session.args.name)
    return found


async def add(session: Session) -> int:
    blueprint = read_blueprint(session.args.spec, session.colony)
    reply = await session.ask("addblueprintmsg", blueprint=blueprint)
    return session.done(reply, f"Blueprint added: {reply['metadata']['name']}")


async def update(session: Session) -> int:
    """The file says what shall be so. What is so is the handler's to say, so it stays unless the file has it."""
    blueprint = read_blueprint(session.args.spec, session.colony)
    if "status" not in blueprint:
        name = (blueprint.get("metadata") or {}).get("name") or ""
        before = await session.ask("getblueprintmsg", namespace=blueprint["metadata"]["colonyname"], name=name)
        blueprint["status"] = before.get("status") or {}
    reply = await session.ask("updateblueprintmsg", blueprint=blueprint)
    metadata = reply["metadata"]
    return session.done(reply, f"Blueprint updated: {metadata['name']}, generation {metadata.get('generation', 0)}")


async def ls(session: Session) -> int:
    blueprints = await session.ask("getblueprintsmsg", namespace=session.colony, kind=session.args.kind or "")
    if session.listed(blueprints, "No blueprints found"):
        definitions = await session.ask("getblueprintdefinitionsmsg", colonyname=session.colony) or []
        types = {
            show_blueprint.kind_of(definition): show_blueprint.handler_of(definition).get("executorType") or ""
            for definition in definitions
        }
        show_blueprint.blueprint_list(session.console, blueprints, types, await _executors(session))
    return 0


async def _executors(session: Session) -> list[dict[str, Any]]:
    """A list without replicas is better than none: an owner of the colony is no member."""
    try:
        return await session.ask("getexecutorsmsg", colonyname=session.colony) or []
    except ColoniesError:
        return []


async def get(session: Session) -> int:
    blueprint = await named(session)
    if session.shown_as_json(blueprint):
        return 0
    processid = (blueprint.get("metadata") or {}).get("lastReconciliationProcess")
    process = None
    if processid:
        try:
            process = await session.ask("getprocessmsg", processid=processid)
        except ColoniesError:
            session.console.info(f"The process {processid} of the last reconciliation is gone")
    show_blueprint.blueprint(session.console, blueprint, process)
    return 0


async def set_value(session: Session) -> int:
    """Change one value that is there. The coordinator has the handler look when that makes a new generation; when the
    value was the same already, it is asked to."""
    args = session.args
    blueprint = await named(session)
    before = (blueprint.get("metadata") or {}).get("generation")
    put(blueprint, args.key, _value(args.value))
    reply = await session.ask("updateblueprintmsg", blueprint=blueprint)
    generation = (reply.get("metadata") or {}).get("generation")
    if generation == before:
        await session.ask("reconcileblueprintmsg", namespace=session.colony, name=args.name)
    return session.done(reply, f"Blueprint {args.name}: {args.key} set, generation {generation}")


def _value(text: str) -> Any:
    """JSON, else text as it is."""
    try:
        json.loads(text)
        return parse_json(text)
    except (ValueError, RecursionError, ColoniesError):
        return text


def put(blueprint: dict[str, Any], key: str, value: Any) -> None:
    """`a.b.c` leads from the whole blueprint where it begins with spec or metadata, else from its spec; a number leads
    into a list. Raises UsageError where it leads nowhere."""
    words = key.split(".")
    if words[0] not in _ROOTS or len(words) == 1:
        words = ["spec", *words]
    place: Any = blueprint
    for depth, word in enumerate(words):
        step: Any = int(word) if isinstance(place, list) and word.isdecimal() else word
        there = step in place if isinstance(place, dict) else isinstance(place, list) and step in range(len(place))
        if not there:
            what = ", ".join(place) if isinstance(place, dict) and place else "nothing by name"
            raise UsageError(f"--key: there is no {'.'.join(words[: depth + 1])}; there is {what}")
        if depth == len(words) - 1:
            place[step] = value
        else:
            place = place[step]


async def remove(session: Session) -> int:
    name = session.args.name
    reply = await session.ask("removeblueprintmsg", namespace=session.colony, name=name)
    return session.done(reply, f"Blueprint removed: {name}")


async def reconcile(session: Session) -> int:
    args = session.args
    process = await session.ask("reconcileblueprintmsg", namespace=session.colony, name=args.name, force=args.force)
    processid = process["processid"]
    if not session.shown_as_json(process):
        session.console.text(processid)
        session.console.info(f"`{PROGRAM} log get -p {processid} --follow` shows its log")
    return 0


async def history(session: Session) -> int:
    args = session.args
    blueprint = await named(session)
    limit = args.limit if args.generation == _ALL else BLUEPRINT_HISTORY_MAX
    lines = await session.ask("getblueprinthistorymsg", blueprintid=blueprint["blueprintid"], limit=limit) or []
    if args.generation != _ALL:
        line = next((line for line in lines if line.get("generation") == args.generation), None)
        if line is None:
            there = ", ".join(str(line.get("generation")) for line in reversed(lines)) or "none"
            raise Failed(f"blueprint {args.name} has no generation {args.generation} in its history; it has {there}")
        if not session.shown_as_json(line):
            show_blueprint.history_entry(session.console, line, await _names(session))
    elif session.listed(lines, f"No history of blueprint {args.name}"):
        show_blueprint.history(session.console, lines, await _names(session))
    return 0


async def _names(session: Session) -> dict[str, str]:
    """Identities as people call them, as far as they are known."""
    try:
        users = await session.ask("getusersmsg", colonyname=session.colony) or []
    except ColoniesError:
        users = []
    names = {user["userid"]: user["name"] for user in users}
    return {**{e["executorid"]: e["executorname"] for e in await _executors(session)}, **names}


_NAME = flag("--name", required=True, metavar="NAME", help="the blueprint's name")
_ONE_OR_ALL = flag("--name", metavar="NAME", help="only this blueprint")
_FILE = flag("--spec", required=True, metavar="FILE", help="a blueprint, JSON; - is stdin")


def _simple(name: str, help: str, run: Any, *flags: Flag) -> Command:
    return Command(name=name, help=help, run=run, key="prvkey", colony=True, flags=flags)


GROUP = Group(
    name="blueprint",
    help="what shall be so in the colony, and who brings it about",
    subgroups=(blueprint_definition.GROUP,),
    commands=(
        _simple("add", "add the blueprint in a file", add, _FILE),
        _simple("update", "let it be as in a file", update, _FILE),
        _simple("ls", "list blueprints", ls, flag("--kind", metavar="KIND", help="only of this kind")),
        _simple("get", "show one blueprint", get, _NAME),
        _simple(
            "set",
            "change one value of a blueprint",
            set_value,
            _NAME,
            flag("--key", required=True, metavar="A.B.C", help="which one, like spec.level; it must be there"),
            flag("--value", required=True, metavar="VALUE", help="JSON, else text"),
        ),
        _simple("remove", "it shall be no more", remove, _NAME),
        _simple(
            "reconcile",
            "have its handler look at it now; prints the process",
            reconcile,
            _NAME,
            switch("-f", "--force", help="as if it were another generation"),
        ),
        _simple(
            "history",
            "show what it was before, newest first",
            history,
            _NAME,
            flag(
                "-l",
                "--limit",
                type=count(BLUEPRINT_HISTORY_MAX),
                default=_HISTORY,
                metavar="N",
                help=f"at most so many ({_HISTORY})",
            ),
            flag("-g", "--generation", type=number, default=_ALL, metavar="N", help="all of this generation"),
        ),
        _simple(
            "log",
            "print what the handlers' executors wrote",
            blueprint_log.log,
            _ONE_OR_ALL,
            flag(
                "-c",
                "--count",
                type=count(LOG_COUNT_MAX),
                default=_LOG,
                metavar="N",
                help=f"at most so many entries of each ({_LOG})",
            ),
            switch("-f", "--follow", help="go on printing until Ctrl-C"),
        ),
        _simple(
            "doctor",
            "find out why a blueprint is not brought about",
            blueprint_doctor.examine,
            _ONE_OR_ALL,
            switch("--fix", help="put in order what can be: a missing cron, missing replicas"),
        ),
    ),
)
