"""What can be installed: a row per service, from which its unit, its user and its checks are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

OPTIONS = "COLONIES_EDGE_OPTIONS"  # of a settings file: what is added to the command line

# No role needs any of this, whatever commands it runs.
_NEVER = (
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RestrictSUIDSGID=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "RemoveIPC=yes",
)
# A program that only talks to the network and writes to its folder.
_CONFINED = (
    *_NEVER,
    "PrivateDevices=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "RestrictNamespaces=yes",
    "MemoryDenyWriteExecute=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One service. Each has a user of its own: the commands of an executor must not read the coordinator's key."""

    name: str
    description: str
    user: str
    command: str  # words after the program's name; what differs between machines is in the settings file
    start_s: int  # to get ready: a coordinator reads its whole journal first
    stop_s: int
    files_max: int
    notifies: bool  # whether it tells systemd that it is ready, and that it lives
    sandbox: tuple[str, ...]


ROLES: Mapping[str, Role] = MappingProxyType(
    {
        role.name: role
        for role in (
            Role(
                name="coordinator",
                description="Colonies coordinator",
                user="colonies-edge",
                command="coordinator start --data /var/lib/colonies-edge/coordinator",
                start_s=900,
                stop_s=120,  # the last checkpoint of a large colony on a slow card
                files_max=20_000,  # CONNECTIONS_MAX of the embedded broker, and files
                notifies=True,
                sandbox=_CONFINED,
            ),
            Role(
                name="executor",
                description="Colonies executor, runs commands of this machine",
                user="colonies-edge-executor",
                command="executor os start",
                start_s=90,
                stop_s=60,  # 20 s to finish what is held, 8 s to end what does not
                files_max=4_096,
                notifies=True,
                # Commands are anybody's programs: they may need devices, a compiler in memory, any system call.
                sandbox=_NEVER,
            ),
            Role(
                name="bridge",
                description="Colonies bridge to another server",
                user="colonies-edge-bridge",
                command="bridge start",
                start_s=90,
                stop_s=60,
                files_max=4_096,
                notifies=True,
                sandbox=_CONFINED,
            ),
        )
    }
)
