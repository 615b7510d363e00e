"""Crons, generators and locations of the usual company, and the workflows that they start."""

from __future__ import annotations

import json
from typing import Any

from tests.support.engine_bench import LAB, Bench, spec


def workflow(*nodes: dict[str, Any], colony: str = LAB) -> str:
    """The text of a workflow of these nodes; without any, of one called `only`."""
    specs = nodes or (spec(nodename="only"),)
    return json.dumps({"colonyname": colony, "functionspecs": list(specs)})


def node(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """A node that depends on others."""
    return spec(nodename=name, conditions={"dependencies": list(after)}, **fields)


def cron(name: str = "tick", **fields: Any) -> dict[str, Any]:
    """A cron, without an expression every 60 s."""
    times = {"interval": -1} if "cronexpression" in fields else {"interval": 60}
    return {"colonyname": LAB, "name": name, "workflowspec": workflow(), **times, **fields}


def add_cron(bench: Bench, key: str = "ann", **fields: Any) -> str:
    """The id of a new cron."""
    return str(bench.do(key, "addcronmsg", cron=cron(**fields))["cronid"])


def generator(name: str = "batch", **fields: Any) -> dict[str, Any]:
    """A generator, without more for three arguments and without a time-out."""
    return {"colonyname": LAB, "name": name, "workflowspec": workflow(), "trigger": 3, "timeout": -1, **fields}


def add_generator(bench: Bench, key: str = "ann", **fields: Any) -> str:
    """The id of a new generator."""
    return str(bench.do(key, "addgeneratormsg", generator=generator(**fields))["generatorid"])


def pack(bench: Bench, generatorid: str, *args: str, key: str = "worker") -> None:
    """Pack these arguments, one after the other."""
    for arg in args:
        bench.do(key, "packgeneratormsg", generatorid=generatorid, arg=arg)


def waiting(bench: Bench) -> list[dict[str, Any]]:
    """The processes that wait in the colony, the first to be served first."""
    found: list[dict[str, Any]] = bench.do("ann", "getprocessesmsg", colonyname=LAB, count=100, state=0)
    return found


def finish(bench: Bench, *out: Any) -> dict[str, Any]:
    """The next process is run to its success; returns it as it was assigned."""
    process: dict[str, Any] = bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    bench.do("worker", "closesuccessfulmsg", processid=process["processid"], out=list(out))
    return process


def schedule_messages(bench: Bench) -> dict[str, dict[str, Any]]:
    """A message of every type that is fine in everything but perhaps its sender."""
    cronid, generatorid = add_cron(bench), add_generator(bench)
    place = {"colonyname": LAB, "name": "attic", "long": 1.5, "lat": 2}
    bench.do("owner", "addlocationmsg", location=place)
    in_colony = {"colonyname": LAB, "count": 10}
    return {
        "addcronmsg": {"cron": cron("other")},
        "getcronmsg": {"cronid": cronid},
        "getcronsmsg": in_colony,
        "runcronmsg": {"cronid": cronid},
        "removecronmsg": {"cronid": cronid},
        "addgeneratormsg": {"generator": generator("other")},
        "getgeneratormsg": {"generatorid": generatorid},
        "resolvegeneratormsg": {"colonyname": LAB, "generatorname": "batch"},
        "getgeneratorsmsg": in_colony,
        "packgeneratormsg": {"generatorid": generatorid, "arg": "x"},
        "removegeneratormsg": {"generatorid": generatorid},
        "addlocationmsg": {"location": {**place, "name": "cellar"}},
        "getlocationsmsg": {"colonyname": LAB},
        "getlocationmsg": {"colonyname": LAB, "name": "attic"},
        "removelocationmsg": {"colonyname": LAB, "name": "attic"},
    }
