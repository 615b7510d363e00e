"""Subscribing to workflows: an extension of ours, in the manner of subscriptions to processes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from colonies_edge.engine.access import is_member
from colonies_edge.engine.live import Live
from colonies_edge.engine.outcome import Event, Kind, Record
from colonies_edge.engine.rows import GraphRow
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.subscriptions import Subscription
from colonies_edge.engine.watching import require_time_and_room
from colonies_edge.engine.workflows_views import shown
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.messages import SubscribeProcessGraph
from colonies_edge.protocol.model import State


def subscribe_graph(step: Step, message: SubscribeProcessGraph) -> dict[str, Any]:
    """Hear of one workflow, at once if it is in such a state already; or of all of the colony."""
    assert step.request is not None
    states = frozenset(message.states or (message.state,))
    if not states <= set(State):
        raise BadRequest("Failed to subscribe, invalid msg.State")
    require_time_and_room(step, message.timeout)
    graph = step.graph(message.processgraphid) if message.processgraphid else None
    topic = ("graph", graph.processgraphid) if graph is not None else ("graphs", step.colony)
    until = step.live.after(message.timeout)
    subscription = Subscription(route=step.request.route, msgid=step.msgid, states=states, topic=topic, until=until)

    def begin() -> None:
        step.live.subscriptions.add(subscription)
        if graph is not None and int(graph.state) in states:
            step.events.append(_event(subscription, encode(shown(step.tables, graph))))

    step.then.append(begin)
    return {}


def news_of_graphs(live: Live, records: Iterable[Record]) -> Iterator[Event]:
    """To everybody who wants to hear of a state that a workflow entered by these records."""
    for record in records:
        for write in record.writes:
            if write.table == "graphs" and (write.kind is Kind.PUT or "state" in write.changes):
                yield from _news(live, write.row)


def _news(live: Live, graph: GraphRow) -> Iterator[Event]:
    value: Any = None
    for topic in (("graph", graph.processgraphid), ("graphs", graph.colonyname)):
        for subscription in live.subscriptions.on(topic):
            if not is_member(live.tables, graph.colonyname, subscription.route.party):
                live.subscriptions.end(live.subscriptions.key(subscription.route, subscription.msgid))
            elif int(graph.state) in subscription.states:
                value = value if value is not None else encode(shown(live.tables, graph))
                yield _event(subscription, value)


def _event(subscription: Subscription, value: Any) -> Event:
    return Event(
        route=subscription.route,
        msgid=subscription.next_msgid(),
        value=value,
        payloadtype=SubscribeProcessGraph.msgtype,
    )


HANDLERS: Mapping[str, Handler] = {"subscribeprocessgraphmsg": subscribe_graph}
