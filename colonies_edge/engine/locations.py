"""Locations: places of a colony that have a name (`protocol-rest.md` 8)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from colonies_edge.engine.names import require_name, require_text
from colonies_edge.engine.schedule_index import location_key
from colonies_edge.engine.step import Handler, Step
from colonies_edge.protocol.errors import BadRequest, NotFound, TooManyRequests
from colonies_edge.protocol.limits import DESCRIPTION_CHARS_MAX, LOCATIONS_PER_COLONY_MAX
from colonies_edge.protocol.messages import AddLocation, GetLocation, GetLocations, RemoveLocation
from colonies_edge.protocol.model import Location


def add_location(step: Step, message: AddLocation) -> Location:
    """A new place; the client may choose its id. Which executors are there is theirs to say, known place or not."""
    location = message.location
    assert location is not None  # access control refused it
    failure, tables = "Failed to add location", step.tables
    require_name(failure, "location name", location.name)
    require_text(failure, "location id", location.locationid)
    if len(location.description) > DESCRIPTION_CHARS_MAX:
        raise BadRequest(f"{failure}, the description is longer than {DESCRIPTION_CHARS_MAX} characters")
    key = location_key(step.colony, location.name)
    if key in tables.schedule.locations:
        raise BadRequest(f"A location with name <{location.name}> already exists in Colony with name <{step.colony}>")
    if len(tables.schedule.locations_in.get(step.colony, ())) >= LOCATIONS_PER_COLONY_MAX:
        raise TooManyRequests(f"{failure}, Colony <{step.colony}> has {LOCATIONS_PER_COLONY_MAX} locations already")
    if not location.locationid:
        location = replace(location, locationid=step.new_id("location"))
    step.draft.put("locations", key, location)
    return location


def get_locations(step: Step, message: GetLocations) -> list[Location]:
    """All of the colony."""
    schedule = step.tables.schedule
    return [schedule.locations[key] for key in schedule.locations_in.get(step.colony, ())]


def get_location(step: Step, message: GetLocation) -> Location:
    """One by its name, exactly as it is written."""
    location = step.tables.schedule.locations.get(location_key(step.colony, message.name))
    if location is None:
        raise NotFound("Failed to get location, location is nil")
    return location


def remove_location(step: Step, message: RemoveLocation) -> dict[str, Any]:
    """Executors and processes that name it stay as they are."""
    key = location_key(step.colony, message.name)
    if key not in step.tables.schedule.locations:
        raise BadRequest(f"Location with name <{message.name}> not found")
    step.draft.drop("locations", key)
    return {}


HANDLERS: Mapping[str, Handler] = {
    "addlocationmsg": add_location,
    "getlocationsmsg": get_locations,
    "getlocationmsg": get_location,
    "removelocationmsg": remove_location,
}
