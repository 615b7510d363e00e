"""What an executor needs to know before it starts, put together from the settings; its key is made here, once."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from colonies_edge import __version__
from colonies_edge.apps.config import Config, tls_of
from colonies_edge.apps.executor.membership import Registration
from colonies_edge.apps.keys import keep_key, read_key
from colonies_edge.client.client import Endpoint
from colonies_edge.crypto.identity import InvalidKey, Signer
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import CAPACITY_MAX
from colonies_edge.transports.mqtt_socket import Tls

GRACE_S = 20.0  # to finish what is held when told to stop: well within the 90 s that systemd gives a service
KEY_FILE = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSettings:
    """One executor: who it is, what it is registered as, where it keeps its key and its outbox."""

    registration: Registration
    signer: Signer
    owner: Signer | None
    folder: Path
    capacity: int
    grace_s: float

    def rekeyed(self, signer: Signer) -> ExecutorSettings:
        """The same executor with another key."""
        registration = replace(self.registration, executorid=signer.identity)
        return replace(self, signer=signer, registration=registration)

    @property
    def endpoint(self) -> Endpoint:
        return self.registration.endpoint


def gather(
    config: Config, *, capacity: int = 1, location: str = "", grace_s: float = GRACE_S, tls: Tls | None = None
) -> ExecutorSettings:
    """Raises UsageError for what is missing or makes no sense."""
    if not 1 <= capacity <= CAPACITY_MAX:
        raise UsageError(f"the capacity must be between 1 and {CAPACITY_MAX}, not {capacity}")
    colonyname, executortype = config.need("colonyname"), config.need("executortype")
    name = config.executorname or _default_name(executortype)
    data = Path(config.data_dir)
    folder = executor_folder(data, colonyname, name)
    signer = _signer(config, folder / KEY_FILE)
    endpoint = Endpoint(
        mqtt=config.mqtt, topic_root=config.topic_root, serverid=config.serverid, pins=data, tls=tls or tls_of(config)
    )
    registration = Registration(
        endpoint=endpoint,
        colonyname=colonyname,
        executorname=name,
        executortype=executortype,
        executorid=signer.identity,
        version=__version__,
        location=location,
    )
    owner = _checked(config, "colony_prvkey") if config.colony_prvkey else None
    return ExecutorSettings(
        registration=registration, signer=signer, owner=owner, folder=folder, capacity=capacity, grace_s=grace_s
    )


def executor_folder(data: Path, colonyname: str, name: str) -> Path:
    """Where an executor keeps its key and its outbox."""
    return data / "executors" / quote(f"{colonyname}.{name}", safe=" ")


def kept_key(config: Config) -> str:
    """The private key of the executor that the settings name, made by an earlier start or by `enrol`; "" without one.
    Raises UsageError for a file that cannot be used."""
    path = executor_folder(Path(config.data_dir), config.colonyname, config.executorname) / KEY_FILE
    return read_key(path) if config.executorname and path.is_file() else ""


def _default_name(executortype: str) -> str:
    """The same after each start on this machine, another one on the next."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", f"{executortype}-{platform.node() or 'localhost'}")


def _signer(config: Config, kept: Path) -> Signer:
    """The executor's own key: a given one, else the one kept from the last start.

    COLONIES_PRVKEY is the user's key on a developer's machine, and the executor's where upstream's executors run. The
    two are told apart by the owner's key: who has it registers with a key of its own; who has not must have been
    registered already, with the only key that is there.
    """
    if config.executor_prvkey:
        return _checked(config, "executor_prvkey")
    if config.prvkey and not config.colony_prvkey and not kept.exists():
        return _checked(config, "prvkey")
    return Signer(keep_key(kept))


def _checked(config: Config, name: str) -> Signer:
    try:
        return Signer(getattr(config, name))
    except InvalidKey:
        raise config.no_key(name) from None
