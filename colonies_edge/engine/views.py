"""From rows to what replies show."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from colonies_edge.engine.rows import Attr, ProcessRow, attribute_id
from colonies_edge.engine.step import Step
from colonies_edge.engine.tables import ENV, Tables, attributes_of
from colonies_edge.protocol.codec import encode, format_time
from colonies_edge.protocol.messages import ChangeServerId
from colonies_edge.protocol.model import Attribute, Executor, FunctionSpec


def process_value(tables: Tables, row: ProcessRow) -> dict[str, Any]:
    """A process as JSON, its attributes following it.

    Written out here instead of going through `model.Process`, which made the costliest part of a job cost twice as
    much; a test holds the two together.
    """
    return {
        "processid": row.processid,
        "initiatorid": row.initiatorid,
        "initiatorname": row.initiatorname,
        "assignedexecutorid": row.assignedexecutorid,
        "isassigned": bool(row.assignedexecutorid),
        "state": int(row.state),
        "prioritytime": row.prioritytime,
        "submissiontime": format_time(row.submissiontime),
        "starttime": format_time(row.starttime),
        "endtime": format_time(row.endtime),
        "waitdeadline": format_time(row.waitdeadline),
        "execdeadline": format_time(row.execdeadline),
        "retries": row.retries,
        "attributes": [encode(one) for one in attributes(row)],
        "spec": encode(_spec(row)),
        "waitforparents": row.waitforparents,
        "parents": list(row.parents),
        "children": list(row.children or tables.graphs_index.children(row.processid)),
        "processgraphid": row.processgraphid,
        "in": list(row.in_),
        "out": list(row.out),
        "errors": list(row.errors),
    }


def _spec(row: ProcessRow) -> FunctionSpec:
    """With the environment variables that the executor added: they and attributes of that type are one thing (4.11)."""
    added = {attr.key: attr.value for attr in row.attributes if attr.attributetype == ENV}
    return replace(row.spec, env={**row.spec.env, **added}) if added else row.spec


def attributes(row: ProcessRow) -> tuple[Attribute, ...]:
    """All attributes of a process."""
    return tuple(attribute(row, attr) for attr in attributes_of(row))


def attribute(row: ProcessRow, attr: Attr) -> Attribute:
    """One attribute of a process."""
    return Attribute(
        attributeid=attribute_id(row.processid, attr.key, attr.attributetype),
        targetid=row.processid,
        targetcolonyname=row.colonyname,
        targetprocessgraphid=row.processgraphid,
        state=int(row.state),
        attributetype=attr.attributetype,
        key=attr.key,
        value=attr.value,
    )


def executor(step: Step, row: Executor, present: Collection[str]) -> Executor:
    """An executor with when it was last heard from (until then, what its registration said of that), whether it is one
    of those that are there now or has left, and what a bridge says of itself."""
    heard = step.tables.heard.get(row.executorid, row.lastheardfromtime)
    bridge = step.live.bridges.get(row.executorid, {})
    left = step.live.has_left(row.executorid)
    return replace(row, lastheardfromtime=heard, online=row.executorid in present, left=left, bridge=bridge)


def echo(step: Step) -> Any:
    """The request's own JSON: what messages that change an identity are answered with.

    Without the stamp (`PROTOCOL.md` 2), which upstream does not have; the new server owner stands under the key that is
    the stamp's elsewhere.
    """
    assert step.request is not None
    value = step.request.value
    stamp = {"msgid", "ts", "forserverid" if value.get("msgtype") == ChangeServerId.msgtype else "serverid"}
    return {key: item for key, item in value.items() if key not in stamp}
