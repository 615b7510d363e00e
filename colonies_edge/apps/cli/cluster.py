"""`cluster`: the servers behind the coordinator's address, which is one."""

from __future__ import annotations

from colonies_edge.apps.cli.command import Command, Group
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import word, yes_no
from colonies_edge.apps.cli.table import Column


async def info(session: Session) -> int:
    reply = await session.ask("getclustermsg", topic_colony="_")
    if session.shown_as_json(reply):
        return 0
    leader = (reply.get("leader") or {}).get("name")
    keys = ("name", "host", "apiport", "port", "peerport", "relayport")
    titles = ("Name", "Host", "APIPort", "EtcdClientPort", "EtcdPeerPort", "RelayPort", "Leader")
    rows = [[*(word(node.get(key)) for key in keys), yes_no(node.get("name") == leader)] for node in reply["nodes"]]
    session.console.grid([Column(title) for title in titles], rows)
    return 0


GROUP = Group(
    name="cluster",
    help="the servers behind the coordinator's address",
    commands=(Command(name="info", help="list them; there is one", run=info, key="server_prvkey"),),
)
