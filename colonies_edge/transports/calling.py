"""The contract of a caller: one identity's conversation with its coordinator, over whatever transport."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.status import CoordinatorStatus
from colonies_edge.transports.rpc_call import CALL_S
from colonies_edge.transports.system import PartyClock


class Caller(Protocol):
    """Callbacks run in the loop and must not wait."""

    serverid: str  # whom we believe; "" before anybody was
    status: CoordinatorStatus | None  # over HTTP there is none
    epoch: str
    clock: PartyClock
    shown_as: tuple[str, str]  # name and type in an executor's presence
    dropped: Counter[str]  # what came and was not believed, by reason
    honours_msgids: bool  # is the same call, sent again, one call there? A Go server does not know them
    on_push: list[Callable[[str, str, Any], None]]  # payload type, msgid, value: assign and withdraw; never over HTTP
    on_event: list[Callable[[str, str, int, Any], None]]  # payload type, msgid of the subscribe call, number, value
    on_status: list[Callable[[CoordinatorStatus], None]]
    on_epoch: list[Callable[[str], None]]  # the coordinator restarted: subscribe and wait anew

    @property
    def on_connect(self) -> list[Callable[[], None]]:
        """Another connection: what it was told to watch is forgotten."""
        ...

    @property
    def on_disconnect(self) -> list[Callable[[str], None]]:
        """The connection was lost, with the reason; what is under way goes on being tried."""
        ...

    async def open(self) -> None:
        """Raises NoConnection."""
        ...

    def become(self, signer: Signer) -> None:
        """Go on as the holder of another key."""
        ...

    async def greet(self) -> None:
        """Find out again what kind of server it is, where that is not known for certain."""
        ...

    async def call(
        self,
        message: Mapping[str, Any],
        *,
        colony: str | None = None,
        timeout_s: float | None = CALL_S,
        msgid: str | None = None,
    ) -> Any:
        """The value of the coordinator's answer. Raises ColoniesError for a refusal and NoConnection for silence."""
        ...

    async def close(self) -> None: ...
