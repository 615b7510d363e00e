"""What the server says of itself, and changing its owner (`protocol-core.md` 3.1)."""

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine import statistics
from colonies_edge.engine.names import require_identity
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.views import echo
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.messages import ChangeServerId, GetCluster, GetServerInfo, GetStatistics, Version
from colonies_edge.protocol.model import Backend, Cluster, ClusterNode, ServerInfo, Statistics

CLUSTER_NODE = "colonies-edge"  # the only node of a cluster of one


def version(step: Step, message: Version) -> dict[str, Any]:
    """The build, in the shape of the request; what the caller said of its own is not looked at."""
    settings = step.settings
    return {"buildversion": settings.build_version, "buildtime": settings.build_time, "msgtype": Version.msgtype}


def get_server_info(step: Step, message: GetServerInfo) -> ServerInfo:
    """The build and how to reach this server."""
    settings = step.settings
    return ServerInfo(
        buildversion=settings.build_version or "dev", buildtime=settings.build_time, backends=settings.backends
    )


def get_statistics(step: Step, message: GetStatistics) -> Statistics:
    """The counters over all colonies."""
    return statistics.of_server(step.tables)


def get_cluster(step: Step, message: GetCluster) -> Cluster:
    """This server alone, in the terms of upstream."""
    backend = step.settings.backends[0] if step.settings.backends else Backend()
    node = ClusterNode(name=CLUSTER_NODE, host=backend.host, apiport=backend.port)
    return Cluster(nodes=(node,), leader=node)


def change_server_id(step: Step, message: ChangeServerId) -> Any:
    """Another key owns the server; the coordinator's replies stay signed by its own."""
    if not message.newserverid:
        raise BadRequest("Failed to change colony Id, colony Id is empty")  # upstream's words
    require_identity("Failed to change server Id", message.newserverid, "new server Id is not 64 characters")
    step.draft.patch("server", "server", serverid=message.newserverid)
    return echo(step)


HANDLERS: Mapping[str, Handler] = {
    "versionmsg": version,
    "getserverinfomsg": get_server_info,
    "getstatisticsmsg": get_statistics,
    "getclustermsg": get_cluster,
    "changeserveridmsg": change_server_id,
}
