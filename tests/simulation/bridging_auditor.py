"""What has to be true of a bridged pair when everything has ended, judged from the rows of both engines."""

from __future__ import annotations

from collections import Counter
from typing import Any

from colonies_edge.apps.bridge.origins import chain_of, parse_label
from colonies_edge.protocol.model import State
from tests.simulation.bridging_machine import Machine
from tests.simulation.bridging_people import Site
from tests.simulation.violation import Violation

ENDS = (State.SUCCESS, State.FAILED, State.CANCELLED)
RECORD = "h"  # the round of what tells of the past
OF_THE_BRIDGE = "circle"  # what it says itself of what may not go further


def judge(source: Site, target: Site, counts: Counter[str]) -> None:
    """Everything that was submitted at `source` for the other side."""
    wanted = {row.processid: row for row in source.rows() if row.spec.conditions.executortype in source.wishes}
    done: dict[str, list[Any]] = {}
    rounds: set[str] = set()
    for row in target.rows():
        chain = chain_of(row.spec.env)
        if not chain:
            continue
        if len(chain) > 1:
            raise Violation(f"process {row.processid[:8]} at the {target.name} was echoed: {chain}")
        origin = parse_label(chain[0])
        if origin is not None and origin.round == RECORD:
            continue
        if origin is None or origin.side != source.name or origin.processid not in wanted:
            raise Violation(f"process {row.processid[:8]} at the {target.name} came from nowhere: {chain}")
        if origin.label in rounds:
            raise Violation(f"there are two processes of {origin.label} at the {target.name}")
        rounds.add(origin.label)
        done.setdefault(origin.processid, []).append(row)
    for processid, row in wanted.items():
        if not chain_of(row.spec.env):
            _judge_one(source.name, row, done.get(processid, []), counts)


def _judge_one(name: str, row: Any, done: list[Any], counts: Counter[str]) -> None:
    where = f"process {row.processid[:8]} of the {name} ({row.spec.conditions.executortype})"
    if row.state not in ENDS:
        raise Violation(f"{where} is {row.state.name} for ever")
    if any(other.state not in ENDS for other in done):
        raise Violation(f"{where} is over, and not at the other side")
    good = [other for other in done if other.state is State.SUCCESS]
    counts[f"from the {name}: {row.state.name.lower()} after {min(len(done), 3)} rounds"] += 1
    if len(good) > 1:
        raise Violation(f"{where} was done {len(good)} times")
    if row.state is State.SUCCESS and [other.out for other in good] != [row.out]:
        raise Violation(f"{where} has {row.out}, and the other side {[other.out for other in good]}")
    patient = row.spec.maxexectime <= 0 and row.spec.maxwaittime <= 0 and row.spec.maxretries < 0
    if row.state is State.FAILED and patient and not _explained(row, done):
        raise Violation(f"{where} failed with {row.errors}, and the other side {[other.errors for other in done]}")


def _explained(row: Any, done: list[Any]) -> bool:
    if any(OF_THE_BRIDGE in error or "not marked `returning`" in error for error in row.errors):
        return True
    return any(other.errors == row.errors for other in done if other.state is State.FAILED)


def records(edge: Site, cloud: Site) -> list[tuple[Any, list[Any]]]:
    """What was wanted and done at the edge, each with its records in the cloud."""
    found: dict[str, list[Any]] = {}
    for row in cloud.rows():
        origin = parse_label(row.spec.label)
        if origin is not None and origin.round == RECORD:
            found.setdefault(origin.processid, []).append(row)
    own = {row.processid: row for row in edge.rows() if not chain_of(row.spec.env)}
    strangers = [key for key in found if key not in own or own[key].spec.conditions.executortype != edge.serves]
    if strangers:
        raise Violation(f"there are records of {strangers}, which nobody wanted recorded")
    return [(row, found.get(key, [])) for key, row in own.items() if row.spec.conditions.executortype == edge.serves]


def judge_records(edge: Site, cloud: Site, counts: Counter[str]) -> None:
    """Each has one, which says the same."""
    for row, found in records(edge, cloud):
        counts[f"recorded: {row.state.name.lower()}"] += 1
        if len(found) != 1:
            raise Violation(f"process {row.processid[:8]} of the edge has {len(found)} records in the cloud")
        said = found[0]
        if (said.state is State.SUCCESS) != (row.state is State.SUCCESS) or said.out != row.out:
            raise Violation(f"process {row.processid[:8]} is {row.state} {row.out}, its record {said.state} {said.out}")


def require_nothing_left(machine: Machine) -> None:
    """In the memory of the bridge and in its file."""
    if machine.bridge is None:
        raise AssertionError("the bridge did not come back")
    left = [(item.key, item.stage.name) for item in machine.bridge.carrier.table]
    store = machine.bridge.store
    if left or store._rows:
        raise Violation(f"the bridge still has {left}, {sorted(store._rows)}")
    notes = [name for name in store._notes if not name.startswith(("site.", "history"))]
    if notes:
        raise Violation(f"the bridge keeps {notes} of what is over")
