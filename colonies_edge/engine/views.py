"""From rows to the objects that replies show."""

from dataclasses import replace
from typing import Any

from colonies_edge.engine.rows import Attr, ProcessRow, attribute_id
from colonies_edge.engine.step import Step
from colonies_edge.engine.tables import ENV, Tables, attributes_of
from colonies_edge.protocol import codec
from colonies_edge.protocol.model import Attribute, Executor, FunctionSpec, Process


def process(row: ProcessRow) -> Process:
    """A process; its attributes follow it."""
    return Process(
        processid=row.processid,
        initiatorid=row.initiatorid,
        initiatorname=row.initiatorname,
        assignedexecutorid=row.assignedexecutorid,
        isassigned=bool(row.assignedexecutorid),
        state=row.state,
        prioritytime=row.prioritytime,
        submissiontime=row.submissiontime,
        starttime=row.starttime,
        endtime=row.endtime,
        waitdeadline=row.waitdeadline,
        execdeadline=row.execdeadline,
        retries=row.retries,
        attributes=attributes(row),
        spec=_spec(row),
        waitforparents=row.waitforparents,
        parents=row.parents,
        children=row.children,
        processgraphid=row.processgraphid,
        in_=row.in_,
        out=row.out,
        errors=row.errors,
    )


def process_value(row: ProcessRow) -> dict[str, Any]:
    """The same as the JSON of a reply."""
    return codec.encode(process(row))


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


def executor(tables: Tables, row: Executor) -> Executor:
    """An executor with when it was last heard from; until then, what its registration said of that."""
    heard = tables.heard.get(row.executorid)
    return replace(row, lastheardfromtime=heard) if heard is not None else row


def echo(step: Step) -> Any:
    """The request's own JSON: what messages that change an identity are answered with."""
    assert step.request is not None
    return step.request.value
