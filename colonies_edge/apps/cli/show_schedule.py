"""How crons, generators and locations read in tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colonies_edge.apps.cli import show_workflow
from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.show import condition_items, seconds, spec_items, when, word, yes_no
from colonies_edge.apps.cli.table import Cell
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.json_text import parse_json


def cron(console: Console, value: Mapping[str, Any]) -> None:
    """Everything about one cron."""
    console.pairs(
        [
            ("CronId", word(value.get("cronid"))),
            ("Name", word(value.get("name"))),
            ("Colony", word(value.get("colonyname"))),
            ("InitiatorID", word(value.get("initiatorid"))),
            ("Initiator", word(value.get("initiatorname"))),
            ("Cron Expression", word(value.get("cronexpression"))),
            ("Interval", _interval(value)),
            ("Random", yes_no(value.get("random"))),
            ("NextRun", when(value.get("nextrun"))),
            ("LastRun", when(value.get("lastrun"))),
            ("PrevProcessGraphID", word(value.get("prevprocessgraphid"))),
            ("WaitForPrevProcessGraph", yes_no(value.get("waitforprevprocessgraph"))),
            ("CheckerPeriod", _period(value)),
            *_trouble(value),
        ],
        "Cron",
    )
    _workflow(console, value)


def _interval(value: Mapping[str, Any]) -> str:
    interval = value.get("interval")
    return f"{interval} s" if isinstance(interval, int) and interval > 0 else ""


def generator(console: Console, value: Mapping[str, Any]) -> None:
    """Everything about one generator."""
    console.pairs(
        [
            ("GeneratorId", word(value.get("generatorid"))),
            ("Name", word(value.get("name"))),
            ("Colony", word(value.get("colonyname"))),
            ("InitiatorID", word(value.get("initiatorid"))),
            ("Initiator", word(value.get("initiatorname"))),
            ("Trigger", word(value.get("trigger"))),
            ("Timeout", seconds(value.get("timeout"))),
            ("FirstPack", when(value.get("firstpack"))),
            ("LastRun", when(value.get("lastrun"))),
            ("CheckerPeriod", _period(value)),
            ("QueueSize", word(value.get("queuesize"))),
            *_trouble(value),
        ],
        "Generator",
    )
    _workflow(console, value)


def _period(value: Mapping[str, Any]) -> str:
    return f"{word(value.get('checkerperiod'))} ms"


def _trouble(value: Mapping[str, Any]) -> list[tuple[str, str | Cell]]:
    """Why the latest run did not start, from coordinators that say so."""
    return [("Error", Cell(word(value["error"]), "red"))] if value.get("error") else []


def _workflow(console: Console, value: Mapping[str, Any]) -> None:
    """What it starts: the picture, and every function spec."""
    try:
        workflow = parse_json(word(value.get("workflowspec")))
    except BadRequest:
        workflow = None
    if not isinstance(workflow, dict):
        console.pairs([("WorkflowSpec", word(value.get("workflowspec")))], "Workflow")
        return
    nodes = show_workflow.nodes_of_spec(workflow)
    show_workflow.picture(console, nodes, "Workflow")
    for node, _ in show_workflow.in_order(nodes):
        console.pairs(spec_items(node.spec), f"Function specification of {node.name}")
        console.pairs(condition_items(node.spec.get("conditions") or {}), f"Conditions of {node.name}")


def location(console: Console, value: Mapping[str, Any]) -> None:
    """One place."""
    fields = (
        ("Name", "name"),
        ("LocationID", "locationid"),
        ("Colony", "colonyname"),
        ("Description", "description"),
        ("Longitude", "long"),
        ("Latitude", "lat"),
    )
    console.pairs([(title, word(value.get(key))) for title, key in fields], "Location")
