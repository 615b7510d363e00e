"""Messages with which devices enrol themselves, and with which owners look after tokens (`PROTOCOL.md` 14)."""

from dataclasses import dataclass, field
from typing import ClassVar

from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model import OMIT, Capabilities

NO_CAPABILITIES = Capabilities()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrol(Stamp):
    """An executor registers itself, with a key of its own and the token of the colony's owner."""

    msgtype: ClassVar[str] = "enrolmsg"
    failure: ClassVar[str] = "Failed to enrol"
    colonyname: str = ""
    token: str = ""
    executorname: str = ""
    locationname: str = field(default="", metadata=OMIT)
    capabilities: Capabilities = NO_CAPABILITIES


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEnrolments(Stamp):
    """The tokens that were used or revoked, and are not over yet."""

    msgtype: ClassVar[str] = "getenrolmentsmsg"
    failure: ClassVar[str] = "Failed to get enrolments"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeEnrolment(Stamp):
    """A token counts no more, used or not. Whoever enrolled with it stays."""

    msgtype: ClassVar[str] = "revokeenrolmentmsg"
    failure: ClassVar[str] = "Failed to revoke enrolment"
    colonyname: str = ""
    tokenid: str = ""
