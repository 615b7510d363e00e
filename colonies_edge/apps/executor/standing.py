"""How a running executor stands with its coordinator, said once per event: lost, back, not wanted any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from colonies_edge.client.client import AsyncClient
from colonies_edge.protocol.status import OFFLINE, CoordinatorStatus
from colonies_edge.transports.ports import NotAdmitted

_log = logging.getLogger(__name__)

LOST_SAID_S = 2.0  # a coordinator that starts again is back by then, and a cut line has said why it was cut


class Standing:
    """However often something is tried meanwhile, the log has one line when it begins and one when it is over. They
    are warnings, both: a terminal shows them, too. `runs` hears of the first time that all is well."""

    def __init__(self, client: AsyncClient, tell: Callable[[str], None], runs: Callable[[], None]) -> None:
        self._where = str(client.endpoint)
        self._name = client.caller.shown_as[0]
        self._tell = tell
        self._runs = runs
        self._trouble = ""
        self._ran = False
        self._lost_due: asyncio.TimerHandle | None = None
        client.caller.on_disconnect.append(self._lost)
        client.caller.on_status.append(self._status)
        client.link.on_not_admitted.append(self._not_admitted)

    def close(self) -> None:
        if self._lost_due is not None:
            self._lost_due.cancel()
            self._lost_due = None

    def is_well(self) -> None:
        """The coordinator has answered that it counts on us."""
        self.close()
        if not self._ran:
            self._ran = True
            self._runs()
        if self._trouble:
            self._trouble = ""
            _log.warning("the coordinator at %s is back, and executor %s works for it", self._where, self._name)

    def unwanted(self, why: str) -> None:
        """It was removed or rejected, and waits until that is changed."""
        self._say("unwanted", why)

    def _not_admitted(self, _error: NotAdmitted) -> None:
        self._say(
            "unwanted",
            f"executor {self._name} was removed or rejected: {self._where} does not admit it any more; waiting for the"
            f" colony's owner to run: colonies-edge executor approve --name {self._name}",
        )

    def _status(self, status: CoordinatorStatus) -> None:
        if status.state == OFFLINE:
            self._lost("")

    def _lost(self, _why: str) -> None:
        if not self._trouble and self._lost_due is None:
            self._lost_due = asyncio.get_running_loop().call_later(LOST_SAID_S, self._say_lost)

    def _say_lost(self) -> None:
        text = f"the coordinator at {self._where} is away: what runs goes on, results are kept; trying again"
        self._say("lost", text)

    def _say(self, trouble: str, text: str) -> None:
        self.close()
        if self._trouble != trouble:
            self._trouble = trouble
            _log.warning("%s", text)
            self._tell(text)
