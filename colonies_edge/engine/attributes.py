"""Attributes: what an executor notes with the process it runs (`protocol-core.md` 4.11)."""

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine import views
from colonies_edge.engine.access import process_of_attribute
from colonies_edge.engine.rows import Attr, ProcessRow, attribute_id
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.tables import attributes_of
from colonies_edge.protocol.errors import BadRequest, Forbidden, TooLarge
from colonies_edge.protocol.limits import ATTRIBUTES_BYTES_MAX, ATTRIBUTES_PER_PROCESS_MAX
from colonies_edge.protocol.messages import AddAttribute, GetAttribute
from colonies_edge.protocol.model import Attribute, State


def add_attribute(step: Step, message: AddAttribute) -> Attribute:
    """Only who runs the process, only while it runs, each key once per type. Colony and state are the process's."""
    given = message.attribute
    assert given is not None  # access control refused it
    row = step.process(given.targetid)
    assert row is not None  # access control found it
    if row.state is not State.RUNNING:
        raise Forbidden("Failed to add attribute, process is not running")
    if row.assignedexecutorid != step.caller:
        raise Forbidden(
            f"Failed to add attribute, only executor with id <{row.assignedexecutorid}> is allowed to set attributes"
        )
    attr = Attr(attributetype=given.attributetype, key=given.key, value=given.value)
    _require_room(step, row, attr)
    return views.attribute(step.patch_process(row, attributes=(*row.attributes, attr)), attr)


def _require_room(step: Step, row: ProcessRow, new: Attr) -> None:
    if attribute_id(row.processid, new.key, new.attributetype) in step.tables.attribute_targets:
        raise BadRequest(f"Failed to add attribute, there is one with key <{new.key}> and type {new.attributetype}")
    attrs = tuple(attributes_of(row))
    if len(attrs) >= ATTRIBUTES_PER_PROCESS_MAX:
        raise BadRequest(f"Failed to add attribute, a process may have {ATTRIBUTES_PER_PROCESS_MAX} attributes")
    if sum(len(f"{attr.key}{attr.value}".encode()) for attr in (*attrs, new)) > ATTRIBUTES_BYTES_MAX:
        raise TooLarge(f"Failed to add attribute, those of a process may have {ATTRIBUTES_BYTES_MAX} bytes together")


def get_attribute(step: Step, message: GetAttribute) -> Any:
    """One attribute, in the state that its process has now."""
    row = process_of_attribute(step, message.attributeid)
    return next(found for found in views.attributes(row) if found.attributeid == message.attributeid)


HANDLERS: Mapping[str, Handler] = {
    "addattributemsg": add_attribute,
    "getattributemsg": get_attribute,
}
