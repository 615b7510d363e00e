"""The rows of the access table for files, snapshots and bytes; `access.py` has the others."""

from colonies_edge.engine.access_rule import Memory, Role, Rule, Target

_COLONY = Target(path="colonyname")
_FILE = Target(path="file.colonyname", absent="Failed to add file, msg.File is nil")


def _change(target: Target = _COLONY) -> Rule:
    return Rule(role=Role.MEMBER, target=target, memory=Memory.DURABLE)


_READ = Rule(role=Role.MEMBER, target=_COLONY)

RULES: dict[str, Rule] = {
    "addfilemsg": _change(_FILE),
    "getfilemsg": _READ,
    "getfilesmsg": _READ,
    "getfilelabelsmsg": _READ,
    "removefilemsg": _change(),
    "createsnapshotmsg": _change(),
    "getsnapshotmsg": _READ,
    "getsnapshotsmsg": _READ,
    "removesnapshotmsg": _change(),
    "removeallsnapshotmsg": _change(),
    # Saying these again has no effect: bytes are known by what they are and where they belong, so no answer is kept.
    "beginblobmsg": _READ,
    "putblobmsg": _READ,
    "getblobmsg": _READ,
}
