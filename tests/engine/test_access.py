"""Every row of the access table, with every role: who may is let through, who may not is told nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from colonies_edge.engine.access import RULES, Role
from colonies_edge.engine.engine import HANDLERS
from colonies_edge.engine.rows import attribute_id
from colonies_edge.protocol.messages import MESSAGES
from tests.support.blueprints import blueprint_messages
from tests.support.engine_bench import LAB, Bench, add_executor, colony, found_colony, identity, running, spec
from tests.support.enrolling import token_of
from tests.support.files import file_messages
from tests.support.schedules import schedule_messages

ANYBODY = {"server", "owner", "worker", "ann", "pending", "rejected", "gone", "foreigner", "landlord", "stranger", None}
MAY: dict[Role, set[str | None]] = {
    Role.ANYBODY: ANYBODY,
    Role.SERVER_OWNER: {"server"},
    Role.COLONY_OWNER: {"owner"},
    Role.MEMBER: {"worker", "ann"},
    Role.MEMBER_OR_PENDING: {"worker", "ann", "pending"},
    Role.MEMBER_OR_OWNER: {"worker", "ann", "owner"},
    Role.BEARER: ANYBODY - {None, "gone"},
}
DENIALS = ("Access denied", "Colony with name <", "Empty Colony name")


def company() -> Bench:
    """A colony with everybody, a neighbour colony, and a running process with an attribute, a function and a log."""
    bench = colony()
    add_executor(bench, "pending", approve=False)
    add_executor(bench, "rejected")
    bench.do("owner", "rejectexecutormsg", colonyname=LAB, executorname="rejected")
    add_executor(bench, "gone")
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="gone")
    found_colony(bench, "next", owner="landlord")
    add_executor(bench, "foreigner", owner="landlord", colonyname="next")
    return bench


def message_of(bench: Bench, msgtype: str) -> dict[str, Any]:
    """A message of that type about the company that is fine in everything but perhaps its sender."""
    processid = running(bench, channels=["chat"])["processid"]
    function = {"executorname": "worker", "colonyname": LAB, "funcname": "work"}
    functionid = bench.do("worker", "addfunctionmsg", fun=function)["functionid"]
    attribute = {"targetid": processid, "attributetype": 1, "key": "k", "value": "v"}
    bench.do("worker", "addattributemsg", attribute=attribute)
    bench.do("worker", "addlogmsg", processid=processid, message="line")
    newcomer = identity("newcomer")
    by_process = {"processid": processid}
    special: dict[str, dict[str, Any]] = {
        "versionmsg": {},
        "getserverinfomsg": {},
        "getstatisticsmsg": {},
        "getclustermsg": {},
        "changeserveridmsg": {"serverid": newcomer},
        "addcolonymsg": {"colony": {"colonyid": newcomer, "name": "new"}},
        "getcoloniesmsg": {},
        "changecolonyidmsg": {"colonyname": LAB, "colonyid": newcomer},
        "addexecutormsg": {"executor": {"colonyname": LAB, "executorid": newcomer, "executorname": "newcomer"}},
        "getexecutorbyidmsg": {"colonyname": "elsewhere", "executorid": identity("worker")},
        "changeexecutoridmsg": {"colonyname": LAB, "executorid": newcomer},
        "addusermsg": {"user": {"colonyname": LAB, "userid": newcomer, "name": "newcomer"}},
        "getusermsg": {"colonyname": LAB, "name": "ann"},
        "getuserbyidmsg": {"colonyname": LAB, "userid": identity("ann")},
        "removeusermsg": {"colonyname": LAB, "name": "ann"},
        "changeuseridmsg": {"colonyname": LAB, "userid": newcomer},
        "addfunctionmsg": {"fun": function},
        "removefunctionmsg": {"functionid": functionid},
        "submitfuncspecmsg": {"spec": spec()},
        "assignprocessmsg": {"colonyname": LAB, "timeout": -1},
        "addattributemsg": {"attribute": {**attribute, "key": "k2"}},
        "getattributemsg": {"attributeid": attribute_id(processid, "k", 1)},
        "addexecutorlogmsg": {"colonyname": LAB, "executorname": "worker", "message": "line"},
        "getlogsmsg": {**by_process, "count": 1},
        "searchlogsmsg": {"colonyname": LAB, "text": "line", "days": 1, "count": 1},
        "subscribeprocessesmsg": {"colonyname": LAB, "executortype": "cli", "state": 0, "timeout": 1},
        "releaseprocessmsg": {**by_process, "attempt": 1},
        "getprocesshistmsg": {"colonyname": LAB, "seconds": 60, "state": 0},
        "getprocessesmsg": {"colonyname": LAB, "count": 1},
        "removeallprocessesmsg": {"colonyname": LAB, "state": -1},
        **workflow_messages(bench),
        **schedule_messages(bench),
        **blueprint_messages(bench),
        **file_messages(bench),
        "enrolmsg": {"colonyname": LAB, "token": token_of(bench) if msgtype == "enrolmsg" else "", "executorname": "n"},
        "revokeenrolmentmsg": {"colonyname": LAB, "tokenid": "t" * 16},
        "channelappendmsg": {**by_process, "name": "chat", "sequence": 1, "payload": "aGk="},
        "channelreadmsg": {**by_process, "name": "chat"},
        "subscribechannelmsg": {**by_process, "name": "chat", "timeout": 1},
    }
    by_name = {"approveexecutormsg", "rejectexecutormsg", "removeexecutormsg", "getexecutormsg", "getfunctionsmsg"}
    by_name |= {"reportallocationmsg", "updateexecutormsg"}
    if msgtype in by_name:
        return {"msgtype": msgtype, "colonyname": LAB, "executorname": "worker"}
    in_colony = {"colonyname": LAB} if "colonyname" in MESSAGES[msgtype].cls.__dataclass_fields__ else {}
    by_id = by_process if "processid" in MESSAGES[msgtype].cls.__dataclass_fields__ else {}
    return {"msgtype": msgtype, **special.get(msgtype, {**in_colony, **by_id, "timeout": 1})}


def workflow_messages(bench: Bench) -> dict[str, dict[str, Any]]:
    """Those about a workflow of which one process runs."""
    workflow = {"colonyname": LAB, "functionspecs": [spec(nodename="a", priority=1), spec(nodename="b")]}
    graph = bench.do("ann", "submitworkflowspecmsg", spec=workflow)
    step = bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)["processid"]
    by_graph = {"processgraphid": graph["processgraphid"]}
    return {
        "submitworkflowspecmsg": {"spec": workflow},
        "getprocessgraphmsg": by_graph,
        "subscribeprocessgraphmsg": {**by_graph, "timeout": 1},
        "removeprocessgraphmsg": by_graph,
        "cancelprocessgraphmsg": by_graph,
        "addchildmsg": {**by_graph, "parentprocessid": step, "spec": spec(nodename="c")},
    }


def is_denied(status: int, reply: Any) -> bool:
    return status == 403 and reply["message"].startswith(DENIALS)


def test_every_message_type_has_a_rule_and_a_handler() -> None:
    types = {row.cls.msgtype for row in MESSAGES.values()}
    assert set(RULES) == types
    assert set(HANDLERS) == types


@pytest.mark.parametrize("msgtype", sorted(RULES))
def test_only_who_may_is_let_through(msgtype: str) -> None:
    rule = RULES[msgtype]
    for caller in sorted(ANYBODY, key=str):
        bench = company()
        message = message_of(bench, msgtype)
        before = [dict(rows) for rows in bench.engine.tables.by_name.values()]
        status, reply = bench.ask(caller, message)
        denied = is_denied(status, reply)
        assert denied == (caller not in MAY[rule.role]), f"{caller}: {status} {reply}"
        if denied:
            assert [dict(rows) for rows in bench.engine.tables.by_name.values()] == before, caller


@pytest.mark.parametrize("msgtype", sorted(name for name, rule in RULES.items() if rule.target and not rule.target.of))
def test_a_message_about_an_unknown_colony_is_refused(msgtype: str) -> None:
    bench = company()
    message = message_of(bench, msgtype)
    elsewhere = json.loads(json.dumps(message).replace(f'"{LAB}"', '"nowhere"'))
    for caller in ("server", "owner", "worker", "ann", "stranger"):
        status, reply = bench.ask(caller, elsewhere)
        assert status in (400, 403), f"{caller}: {status} {reply}"
        assert "nowhere" in reply["message"]


@pytest.mark.parametrize("msgtype", sorted(RULES))
def test_a_message_without_any_field_is_refused_or_harmless(msgtype: str) -> None:
    for caller in ("server", "owner", "worker", "ann", None):
        bench = company()
        status, reply = bench.ask(caller, {"msgtype": msgtype})
        assert status in (200, 400, 403, 404, 500), f"{caller}: {status} {reply}"
        if status == 500:
            assert "exist" in reply["message"] or "is nil" in reply["message"], reply


def test_old_names_of_messages_mean_the_same() -> None:
    bench = colony()
    assert bench.do("ann", "getfunctionsbyexecutormsg", colonyname=LAB, executorname="worker") == []
    bench.do("owner", "deleteexecutormsg", colonyname=LAB, executorname="worker")
    assert bench.refused("worker", "getcolonymsg", colonyname=LAB)[0] == 403


def test_nobody_is_the_server_owner_of_a_coordinator_without_one() -> None:
    bench = colony()
    bench.engine.tables.server.clear()
    assert bench.refused(None, "getcoloniesmsg")[0] == 403


def test_a_message_about_one_colony_on_the_topics_of_another_is_refused() -> None:
    bench = company()
    message = {"msgtype": "getcolonymsg", "colonyname": LAB}
    assert bench.ask("ann", message, topic="_")[0] == 200
    assert bench.ask("ann", message, topic=LAB)[0] == 200
    assert bench.ask("ann", message, topic="next")[0] == 400
    assert bench.ask("stranger", message, topic="next")[0] == 403
