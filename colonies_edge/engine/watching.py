"""Subscribing to processes (`protocol-core.md` 6, over MQTT `PROTOCOL.md` 3)."""

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine.outcome import Event
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.subscriptions import Subscription
from colonies_edge.engine.views import process_value
from colonies_edge.protocol.errors import BadRequest, TooManyRequests
from colonies_edge.protocol.limits import SUBSCRIBE_S_MAX, SUBSCRIPTIONS_MAX, SUBSCRIPTIONS_PER_CONN_MAX
from colonies_edge.protocol.messages import SubscribeProcess, SubscribeProcesses
from colonies_edge.protocol.model import State


def subscribe_process(step: Step, message: SubscribeProcess) -> dict[str, Any]:
    """Hear of one process; at once, if it is in such a state already (6.2)."""
    row = step.process(message.processid)
    assert row is not None  # access control found it
    subscription = _subscription(step, message, ("process", row.processid))

    def begin() -> None:
        step.live.subscriptions.add(subscription)
        if int(row.state) in subscription.states:
            value = process_value(step.tables, row)
            step.events.append(Event(route=subscription.route, msgid=subscription.next_msgid(), value=value))

    step.then.append(begin)
    return {}


def subscribe_processes(step: Step, message: SubscribeProcesses) -> dict[str, Any]:
    """Hear of every process of an executor type in the colony that enters a state; of every type when it is empty, or
    of the processes of one workflow."""
    topic: tuple[str, ...] = ("processes", step.colony, message.executortype)
    if message.processgraphid:
        graph = step.graph(message.processgraphid)
        if graph is None or graph.colonyname != step.colony:
            raise BadRequest(
                f"Failed to subscribe to processes, colony <{step.colony}> has no workflow {message.processgraphid}"
            )
        topic = ("nodes", graph.processgraphid)
    subscription = _subscription(step, message, topic)
    step.then.append(lambda: step.live.subscriptions.add(subscription))
    return {}


def _subscription(step: Step, message: SubscribeProcess | SubscribeProcesses, topic: tuple[str, ...]) -> Subscription:
    assert step.request is not None
    states = frozenset(message.states or (message.state,))
    if not states <= set(State):
        raise BadRequest("Failed to subscribe, invalid msg.State")
    require_time_and_room(step, message.timeout)
    until = step.live.after(message.timeout)
    return Subscription(route=step.request.route, msgid=step.msgid, states=states, topic=topic, until=until)


def require_time_and_room(step: Step, timeout_s: int) -> None:
    """Raises ColoniesError when a subscription would last too long, or when there are too many."""
    assert step.request is not None
    if not 0 < timeout_s <= SUBSCRIBE_S_MAX:
        raise BadRequest(f"Failed to subscribe, the timeout must be between 1 and {SUBSCRIBE_S_MAX} seconds")
    if step.live.subscriptions.count(step.request.route) >= SUBSCRIPTIONS_PER_CONN_MAX:
        raise TooManyRequests(
            f"Too many subscriptions on one connection: the limit is {SUBSCRIPTIONS_PER_CONN_MAX};"
            " subscribe to all processes of an executor type instead"
        )
    if step.live.subscriptions.total >= SUBSCRIPTIONS_MAX:  # names of connections cost a caller nothing
        raise TooManyRequests(f"Too many subscriptions: the limit is {SUBSCRIPTIONS_MAX}; try again later")


HANDLERS: Mapping[str, Handler] = {
    "subscribeprocessmsg": subscribe_process,
    "subscribeprocessesmsg": subscribe_processes,
}
