"""The object of the wire for a token that is known to the coordinator; `model.py` is the door."""

from dataclasses import dataclass

from colonies_edge.protocol.model_base import Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What became of a token: who came in with it, and whether it still counts. The token itself is not in here."""

    tokenid: str = ""
    colonyname: str = ""
    executortype: str = ""
    names: str = ""
    uses: int = 0
    expires: Time = 0
    approve: bool = False
    revoked: bool = False
    executornames: tuple[str, ...] = ()
