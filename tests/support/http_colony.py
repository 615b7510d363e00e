"""A live colony with an HTTP gateway, its people, and an approved executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colonies_edge.apps.coordinator.serve_http import Http
from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.transports.system import entropy
from tests.support.brokers import free_port
from tests.support.http import ask, do
from tests.support.live_colony import LiveColony


class HttpColony(LiveColony):
    """Colony `lab` with user `me` and executor `worker` of type `cli`, reached over HTTP."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.port = free_port()
        super().__init__(folder, http=Http(port=self.port, **options))
        self.server, self.owner, self.me = map(Signer, (self.server_prvkey, self.colony_prvkey, self.prvkey))
        self.http = f"{'https' if options.get('tls') else 'http'}://127.0.0.1:{self.port}"

    def ask(self, who: Signer | None, msgtype: str, **fields: Any) -> tuple[int, Any]:
        return ask(self.http, who, msgtype, **fields)

    def do(self, who: Signer | None, msgtype: str, **fields: Any) -> Any:
        return do(self.http, who, msgtype, **fields)

    def worker(self, name: str = "worker", executortype: str = "cli") -> Signer:
        """A new approved executor."""
        signer = Signer(new_private_key(entropy(32)))
        executor = {
            "colonyname": "lab",
            "executorid": signer.identity,
            "executorname": name,
            "executortype": executortype,
        }
        self.do(self.owner, "addexecutormsg", executor=executor)
        self.do(self.owner, "approveexecutormsg", colonyname="lab", executorname=name)
        return signer

    def submit(self, **fields: Any) -> Any:
        """A process of `me`, as reply."""
        return self.do(self.me, "submitfuncspecmsg", spec=spec(**fields))


def spec(executortype: str = "cli", **fields: Any) -> dict[str, Any]:
    return {"funcname": "work", "conditions": {"colonyname": "lab", "executortype": executortype}, **fields}
