"""`blueprint doctor`: whether there is all that bringing blueprints about takes, and putting in order what can be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from colonies_edge.apps.cli.doctor_finding import OK, PROBLEM, WARNING, Finding, as_json, show_findings
from colonies_edge.apps.cli.exits import FAILED, SUCCESS
from colonies_edge.apps.cli.presence import SECOND_NS, time_of
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import when, word
from colonies_edge.apps.cli.show_blueprint import handler_of, kind_of, replicas
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.errors import ColoniesError
from colonies_edge.protocol.limits import CRONS_PER_COLONY_MAX, RECONCILE_S, STALE_EXECUTOR_S
from colonies_edge.protocol.model import State
from colonies_edge.transports.system import SystemClock

_APPROVED = 1
_DEPLOYMENT = "ExecutorDeployment"  # of this kind of upstream, replicas are executors
# An idle executor says twice in the time after which it would be unregistered that it is there; this one missed that.
_SILENT_S = STALE_EXECUTOR_S * 2 // 3
_ENDED = 100  # per type and end: enough for the last one of a blueprint, unless a type has much else to do

Blueprint: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Colony:
    """What is looked at."""

    name: str
    definitions: Mapping[str, Mapping[str, Any]]  # by kind
    executors: list[dict[str, Any]]
    crons: Mapping[str, Mapping[str, Any]]  # by name
    ended: list[dict[str, Any]]  # what handlers brought to an end of late, well or not; the latest first
    now: int


Fix: TypeAlias = "Callable[[Session, Blueprint, Colony], Coroutine[Any, Any, str]]"
Found: TypeAlias = "tuple[Finding, Fix | None]"


async def examine(session: Session) -> int:
    args = session.args
    if args.name:
        blueprints = [await session.ask("getblueprintmsg", namespace=session.colony, name=args.name)]
    else:
        blueprints = await session.ask("getblueprintsmsg", namespace=session.colony) or []
    findings = []
    for blueprint in blueprints:
        colony = await _looked_at(session)  # anew for each: what was put in order for one may serve the next
        for finding, fix in checked(blueprint, colony):
            mend = args.fix and fix is not None
            findings.append(await _mended(session, blueprint, colony, finding, fix) if mend and fix else finding)
    if session.console.as_json:
        session.console.value({"findings": [as_json(finding) for finding in findings]})
    elif findings:
        show_findings(session.console, findings)
    else:
        session.console.info("No blueprints found")
    return FAILED if any(finding.verdict == PROBLEM for finding in findings) else SUCCESS


async def _looked_at(session: Session) -> Colony:
    definitions = await session.ask("getblueprintdefinitionsmsg", colonyname=session.colony) or []
    crons = await session.ask("getcronsmsg", colonyname=session.colony, count=CRONS_PER_COLONY_MAX) or []
    types = {word(handler_of(definition).get("executorType")) for definition in definitions} - {""}
    ended: list[dict[str, Any]] = []
    for kind, state in itertools.product(sorted(types), (State.SUCCESS, State.FAILED)):
        asked: dict[str, Any] = {
            "colonyname": session.colony,
            "executortype": kind,
            "state": int(state),
            "count": _ENDED,
        }
        ended += await session.ask("getprocessesmsg", **asked) or []
    return Colony(
        name=session.colony,
        definitions={kind_of(definition): definition for definition in reversed(definitions)},
        executors=await session.ask("getexecutorsmsg", colonyname=session.colony) or [],
        crons={word(cron.get("name")): cron for cron in crons},
        ended=sorted(ended, key=lambda process: time_of(process.get("endtime")), reverse=True),
        now=SystemClock().wall_ns(),
    )


async def _mended(session: Session, blueprint: Blueprint, colony: Colony, finding: Finding, fix: Fix) -> Finding:
    try:
        return Finding(about=finding.about, verdict=OK, sentence=await fix(session, blueprint, colony))
    except ColoniesError as error:
        return Finding(about=finding.about, verdict=PROBLEM, sentence=f"{finding.sentence}; mending it failed: {error}")


# What there has to be


def checked(blueprint: Blueprint, colony: Colony) -> Iterator[Found]:
    """Each with how it could be put in order, where it can."""
    name, kind = _name(blueprint), word(blueprint.get("kind"))
    definition = colony.definitions.get(kind)
    handler = handler_of(definition)
    if definition is None or not handler.get("executorType") or not handler.get("functionName"):
        missing = "there is no definition" if definition is None else "the definition names no handler"
        remedy = f"of kind {kind}; add one: `colonies-edge blueprint definition add`"
        yield Finding(about=f"{name}: handler", verdict=PROBLEM, sentence=missing, remedy=remedy), None
        return
    calls = f"{handler['functionName']} of executors of type {handler['executorType']}"
    yield Finding(about=f"{name}: handler", verdict=OK, sentence=f"is {calls}"), None
    yield _executors(blueprint, colony, word(handler["executorType"])), None
    if kind == _DEPLOYMENT:
        yield _replicas(blueprint, colony)
    yield _cron(blueprint, colony)
    last = next((process for process in colony.ended if _is_about(process, blueprint, handler)), None)
    if last is not None:
        yield _outcome(blueprint, last), None


def _is_about(process: Mapping[str, Any], blueprint: Blueprint, handler: Mapping[str, Any]) -> bool:
    """Whether the handler looked at this blueprint in it: at this one, or at all of its kind at its place."""
    spec = process.get("spec") or {}
    kwargs, conditions = spec.get("kwargs") or {}, spec.get("conditions") or {}
    return (
        spec.get("funcname") == handler["functionName"]
        and conditions.get("executortype") == handler["executorType"]
        and (conditions.get("locationname") or "") == _place(blueprint)
        and kwargs.get("kind") == blueprint.get("kind")
        and kwargs.get("blueprintName", _name(blueprint)) == _name(blueprint)
    )


def _outcome(blueprint: Blueprint, last: Mapping[str, Any]) -> Finding:
    """What became of it the last time: all may be there, and the handler fails every time."""
    about, ended, processid = f"{_name(blueprint)}: outcome", when(last.get("endtime")), word(last.get("processid"))
    if last.get("state") == State.SUCCESS:
        return Finding(about=about, verdict=OK, sentence=f"the handler was done with it at {ended}")
    why = " ".join(" ".join(word(error) for error in last.get("errors") or ()).split()) or "it does not say why"
    remedy = f"`colonies-edge process get -p {processid}` shows all of it"
    return Finding(about=about, verdict=PROBLEM, sentence=f"the handler failed at {ended}: {why}", remedy=remedy)


def _executors(blueprint: Blueprint, colony: Colony, kind: str) -> Finding:
    """Somebody of the right type, at the right place, who was heard from."""
    about, place = f"{_name(blueprint)}: executor", _place(blueprint)
    here = [e for e in colony.executors if e.get("state") == _APPROVED and (e.get("locationname") or "") == place]
    where = f" at {place}" if place else ""
    if not place:  # without a place everywhere will do
        here = [e for e in colony.executors if e.get("state") == _APPROVED]
    right = [e for e in here if e.get("executortype") == kind]
    if not right:
        others = ", ".join(sorted({word(e.get("executortype")) for e in here}))
        there = f"; there are only such of type {others}" if others else ""
        sentence = f"no approved executor of type {kind}{where}{there}"
        return Finding(about=about, verdict=PROBLEM, sentence=sentence, remedy="start one, and approve it")
    heard = max(right, key=_heard)
    last = heard.get("lastheardfromtime")
    names = ", ".join(sorted(word(e.get("executorname")) for e in right))
    if colony.now - _heard(heard) > _SILENT_S * SECOND_NS:
        sentence = f"{names}{where}: last heard from {when(last) or 'never'}"
        return Finding(about=about, verdict=WARNING, sentence=sentence, remedy="see whether it runs")
    return Finding(about=about, verdict=OK, sentence=f"{names}{where}, heard from {when(last)}")


def _heard(executor: Mapping[str, Any]) -> int:
    return time_of(executor.get("lastheardfromtime"))


def _replicas(blueprint: Blueprint, colony: Colony) -> Found:
    present, wanted, old = replicas(blueprint, colony.executors)
    about, sentence = f"{_name(blueprint)}: replicas", f"{present} of {wanted or 0}, {old} of an older generation"
    if present >= (wanted or 0) and not old:
        return Finding(about=about, verdict=OK, sentence=sentence), None
    remedy = "`--fix` has the handler look at it as if it were another generation"
    return Finding(about=about, verdict=PROBLEM, sentence=sentence, remedy=remedy), _force


def _cron(blueprint: Blueprint, colony: Colony) -> Found:
    about, name = f"{_name(blueprint)}: cron", _cron_name(blueprint)
    cron = colony.crons.get(name)
    if cron is None:
        remedy = "`--fix` adds it again"
        return Finding(about=about, verdict=PROBLEM, sentence=f"there is no cron {name}", remedy=remedy), _add_cron
    if cron.get("error"):
        remedy = "see `colonies-edge cron get`"
        return Finding(about=about, verdict=PROBLEM, sentence=f"{name}: {word(cron['error'])}", remedy=remedy), None
    sentence = f"{name} every {word(cron.get('interval'))} s, next {when(cron.get('nextrun')) or 'not yet known'}"
    return Finding(about=about, verdict=OK, sentence=sentence), None


# Putting it in order


async def _force(session: Session, blueprint: Blueprint, colony: Colony) -> str:
    reply = await session.ask("reconcileblueprintmsg", namespace=colony.name, name=_name(blueprint), force=True)
    return f"the handler was asked to look at it, in process {word(reply.get('processid'))}"


async def _add_cron(session: Session, blueprint: Blueprint, colony: Colony) -> str:
    """As the coordinator makes it when the first blueprint of a kind comes to a place."""
    kind, name = word(blueprint.get("kind")), _cron_name(blueprint)
    handler = handler_of(colony.definitions.get(kind))
    spec = {
        "nodename": f"{handler['executorType']}-{handler['functionName']}",
        "funcname": handler["functionName"],
        "kwargs": {"kind": kind},
        "maxexectime": -1,
        "maxretries": -1,
        "conditions": {
            "colonyname": colony.name,
            "executortype": handler["executorType"],
            "locationname": _place(blueprint),
        },
    }
    cron = {
        "name": name,
        "colonyname": colony.name,
        "interval": handler.get("reconcileInterval") or RECONCILE_S,
        "waitforprevprocessgraph": True,
        "workflowspec": dump_json({"colonyname": colony.name, "functionspecs": [spec]}),
    }
    reply = await session.ask("addcronmsg", cron=cron)
    return f"{name} was missing, and is added again: {word(reply.get('cronid'))}"


def _name(blueprint: Blueprint) -> str:
    return word((blueprint.get("metadata") or {}).get("name"))


def _place(blueprint: Blueprint) -> str:
    return word((blueprint.get("metadata") or {}).get("locationname"))


def _cron_name(blueprint: Blueprint) -> str:
    place = _place(blueprint)
    return f"reconcile-{word(blueprint.get('kind'))}{f'-{place}' if place else ''}"
