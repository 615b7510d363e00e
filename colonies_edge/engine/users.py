"""Users of a colony (`protocol-core.md` 3.4)."""

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine.names import require_identity, require_name, require_text
from colonies_edge.engine.schedule_owners import hand_over_schedule
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.tables import user_key
from colonies_edge.engine.views import echo
from colonies_edge.protocol.errors import BadRequest, Internal, NotFound
from colonies_edge.protocol.messages import AddUser, ChangeUserId, GetUser, GetUserById, GetUsers, RemoveUser
from colonies_edge.protocol.model import User


def add_user(step: Step, message: AddUser) -> User:
    """A person who may submit at once; there is no approval."""
    user = message.user
    assert user is not None  # access control refused it
    failure = "Failed to add user"
    require_name(failure, "user name", user.name)
    require_identity(failure, user.userid, "invalid user Id length")
    require_text(failure, "email", user.email)
    require_text(failure, "phone", user.phone)
    key = user_key(step.colony, user.name)
    if key in step.tables.users:
        raise BadRequest(f"A user with name <{user.name}> already exists in Colony with name <{step.colony}>")
    _require_free(step, user.userid)
    step.draft.put("users", key, user)
    return user


def _require_free(step: Step, userid: str) -> None:
    if step.tables.user_with_id(step.colony, userid) is not None:
        raise BadRequest(f"A user with Id <{userid}> already exists in Colony with name <{step.colony}>")


def get_users(step: Step, message: GetUsers) -> list[User]:
    """All of the colony."""
    return [step.tables.users[key] for key in step.tables.users_in.get(step.colony, ())]


def get_user(step: Step, message: GetUser) -> User:
    """One by name."""
    user = step.tables.users.get(user_key(step.colony, message.name))
    if user is None:
        raise Internal("Failed to get user, user is nil")
    return user


def get_user_by_id(step: Step, message: GetUserById) -> User:
    """One by identity."""
    user = step.tables.user_with_id(step.colony, message.userid)
    if user is None:
        raise NotFound("Failed to get user by ID, user is nil")
    return user


def remove_user(step: Step, message: RemoveUser) -> dict[str, Any]:
    """The person's processes stay, and the name is free again."""
    key = user_key(step.colony, message.name)
    if key not in step.tables.users:
        raise BadRequest(f"User with name <{message.name}> not found")
    step.draft.drop("users", key)
    return {}


def change_user_id(step: Step, message: ChangeUserId) -> Any:
    """The calling user gets another key."""
    if not message.userid:
        raise BadRequest("Failed to change user Id, user Id is empty")
    user = step.tables.user_with_id(step.colony, step.caller)
    if user is None:
        raise BadRequest("Failed to change user Id, user not found")
    require_identity("Failed to change user Id", message.userid, "new user Id is not 64 characters")
    if message.userid != step.caller:
        _require_free(step, message.userid)
        step.draft.patch("users", user_key(step.colony, user.name), userid=message.userid)
        hand_over_schedule(step, step.caller, message.userid)
    return echo(step)


HANDLERS: Mapping[str, Handler] = {
    "addusermsg": add_user,
    "getusersmsg": get_users,
    "getusermsg": get_user,
    "getuserbyidmsg": get_user_by_id,
    "removeusermsg": remove_user,
    "changeuseridmsg": change_user_id,
}
