"""Who belongs to what: colonies, executors and users; the door to their modules."""

from collections.abc import Mapping

from colonies_edge.engine import colonies, executors, users
from colonies_edge.engine.executors import unregister
from colonies_edge.engine.step import Handler
from colonies_edge.engine.tables import Tables

__all__ = ["HANDLERS", "initiator_name", "unregister"]


def initiator_name(tables: Tables, colony: str, caller: str) -> str:
    """What processes that the caller submits show as their initiator: the executor's name, or the user's."""
    executor = tables.executors.get(caller)
    if executor is not None and executor.colonyname == colony:
        return executor.executorname
    user = tables.user_with_id(colony, caller)
    return user.name if user is not None else ""


HANDLERS: Mapping[str, Handler] = {**colonies.HANDLERS, **executors.HANDLERS, **users.HANDLERS}
