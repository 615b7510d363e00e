"""Where the embedded broker of a coordinator listens, with which certificate, and the task that renews it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colonies_edge.apps.tls_folder import FOLDER, TlsFolder, renew
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import ENROLS_PER_S
from colonies_edge.transports.allowance import Allowance
from colonies_edge.transports.certificate_files import CertificateFiles
from colonies_edge.transports.own_addresses import own_hosts
from colonies_edge.transports.system import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonies_edge.apps.coordinator.coordinator import Coordinator
    from colonies_edge.transports.broker import EmbeddedBroker, Listen

LOOPBACK = "127.0.0.1"
# A certificate is due for months before it ends, so the time between two looks matters little; twice a day finds even a
# machine that runs for a few hours at a time.
RENEW_EVERY_S = 12 * 3600.0
GOODBYE_S = 2.0  # for the last answer to somebody who changed his key: it is on its way already
_ANY_ADDRESS = ("", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """TLS for clients. Without `certfile`, the authority in the data folder signs the certificate and renews it."""

    certfile: str = ""
    keyfile: str = ""
    client_ca: str = ""  # of client certificates, which stand in for the password
    clients_demanded: bool = False
    plain_port: int | None = None  # beside it, without TLS and for this machine only

    @property
    def own(self) -> bool:
        return not self.certfile


def listens(host: str, port: int, tls: ServerTls | None, data: Path) -> tuple[Listen, ...]:
    """The addresses to listen on, the one for clients first. Makes or renews the certificate that is our own. Raises
    UsageError, and what certificates raise."""
    from colonies_edge.transports.broker import Listen

    if tls is None:
        return (Listen(host=host, port=port),)
    certfile, keyfile = certificate_of(tls, host, data)
    secure = Listen(
        host=host,
        port=port,
        certfile=certfile,
        keyfile=keyfile,
        cafile=tls.client_ca,
        clients_demanded=tls.clients_demanded,
    )
    plain = () if tls.plain_port is None else (Listen(host=LOOPBACK, port=tls.plain_port),)
    return (secure, *plain)


def certificate_of(tls: ServerTls, host: str, data: Path) -> tuple[str, str]:
    """The files of the certificate and its key; our own are made or renewed. Raises what certificates raise."""
    if not tls.own:
        return tls.certfile, tls.keyfile
    folder = TlsFolder(data / FOLDER)
    make_sure(folder, host)
    return str(folder.server_crt), str(folder.server_key)


def make_sure(folder: TlsFolder, host: str) -> None:
    """The own certificate is there, fits its key, and is not about to end."""
    now_ns = SystemClock().wall_ns()
    if not folder.server_crt.exists():
        folder.init((*([host] if host not in _ANY_ADDRESS else ()), *own_hosts()), now_ns)
        return
    try:
        CertificateFiles(str(folder.server_crt), str(folder.server_key))
    except UsageError:  # the power went between the two files
        folder.new_server(folder.facts(folder.server_crt).hosts, now_ns)
    renew(folder, now_ns)


async def keep_renewed(folder: TlsFolder, now_ns: Callable[[], int]) -> None:
    """Until cancelled. The broker notices by itself that the files have changed."""
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        renew(folder, now_ns())


def enrolling(coordinator: Coordinator) -> Callable[[str], bool]:
    """Whether a token lets a stranger in to enrol: its words first, then, not too often, who signed it."""
    allowance = Allowance(ENROLS_PER_S)

    def enrols(token: str) -> bool:
        now_ns = coordinator.now_ms() * 1_000_000
        refusal_of = coordinator.engine.refusal_of
        if refusal_of(token, now_ns) or not allowance.take(now_ns):
            return False
        return not refusal_of(token, now_ns, signed=True)

    return enrols


def cut_off(broker: EmbeddedBroker, coordinator: Coordinator) -> Callable[[str], None]:
    """What is done when somebody may have lost his role: out with him. Who said it himself hears the answer first."""

    def strangers(caller: str) -> None:
        has_place = coordinator.engine.tables.has_place
        broker.disconnect_strangers(lambda identity: identity == caller or has_place(identity))
        if not has_place(caller):
            asyncio.get_running_loop().call_later(GOODBYE_S, broker.disconnect_strangers, has_place)

    return strangers
