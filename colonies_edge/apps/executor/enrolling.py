"""A device enrols itself: what it will believe, its key, its registration. Killed after any step, it goes on there."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colonies_edge import __version__
from colonies_edge.apps.config import DEFAULTS, VARIABLES, Config, read_devenv, tls_of, write_devenv
from colonies_edge.apps.executor.membership import LOOK_FIRST_S, LOOK_MAX_S, capabilities
from colonies_edge.apps.executor.settings import KEY_FILE, executor_folder
from colonies_edge.apps.keys import keep_key, read_key
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.client.whole_file import make_private, sync_folder, write_whole
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.enrolment import ANY, Token, authority_in, read_token
from colonies_edge.protocol.errors import BadRequest, Forbidden, NoConnection, UsageError
from colonies_edge.protocol.model import Executor, ExecutorState
from colonies_edge.transports.ports import NotAdmitted

# What images of small boards call every machine: no name for one of several.
_EVERYBODYS_NAME = re.compile(r"(localhost|raspberrypi|raspberry|pi|debian|ubuntu|armbian|beaglebone|dietpi)?(\..*)?")
FIRST_KEY = "enrolling.key"  # until a coordinator has taken it; however often, and under whatever names, it is tried
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device and the token that it was given."""

    text: str
    token: Token
    name: str
    location: str
    data: Path
    devenv: Path
    config: Config  # with what the token says in place of what was set before
    values: Mapping[str, str]  # what the devenv will say
    signer: Signer

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(
            mqtt=self.config.mqtt,
            topic_root=self.config.topic_root,
            serverid=self.token.serverid,
            pins=self.data,
            tls=tls_of(self.config),
        )


def prepare(
    text: str, config: Config, *, name: str = "", location: str = "", mqtt: str = "", data: Path, devenv: Path
) -> Device:
    """All that needs no connection: the authority and the key are written. Done before, it changes nothing. Raises
    UsageError; `mqtt` is another address of the broker, with a login of its own."""
    try:
        token, authority = read_token(text), authority_in(text)
    except BadRequest as error:
        raise UsageError(error.message) from None
    known = read_devenv(devenv)
    _require_no_other_colony(token, known, devenv)
    name = name or _kept_name(token, known) or _default_name(token)
    if not token.fits(name):
        raise UsageError(
            f"the token is for names like {token.names}, which {name} is not; give another one with --name"
        )
    ca = data / f"coordinator-ca-{hashlib.sha256(authority).hexdigest()[:8]}.crt"
    if authority:
        _write_authority(ca, authority)
    values = {
        "mqtt": mqtt or token.mqtt,
        "mqtt_ca": str(ca.resolve()) if authority else config.mqtt_ca,
        "mqtt_cert": config.mqtt_cert,
        "mqtt_key": config.mqtt_key,
        "serverid": token.serverid,
        "colonyname": token.colonyname,
        "executorname": name,
        "executortype": token.executortype,
        "topic_root": token.topic_root or DEFAULTS["topic_root"],
        "data_dir": config.data_dir if config.data_dir == DEFAULTS["data_dir"] else str(data.resolve()),
    }
    kept = executor_folder(data, token.colonyname, name) / KEY_FILE
    signer = Signer(read_key(kept) if kept.exists() else keep_key(data / FIRST_KEY))
    return Device(
        text=text,
        token=token,
        name=name,
        location=location,
        data=data,
        devenv=devenv,
        config=_with(config, values),
        values=known | {VARIABLES[key]: value for key, value in values.items() if value},
        signer=signer,
    )


async def register(device: Device) -> Executor:
    """With the coordinator that the token names, and no other. Raises Forbidden, NoConnection."""
    endpoint = replace(device.endpoint, token=device.text)
    try:
        async with AsyncClient(endpoint, device.signer, device.token.colonyname) as client:
            executor = await client.enrol(
                device.text, device.name, location=device.location, capabilities=capabilities(__version__)
            )
    except NotAdmitted as error:
        raise Forbidden(_not_admitted(device)) from error
    _keep(device)  # not before: a token that is refused changes nothing here, and the next attempt has the same key
    write_devenv(device.devenv, device.values)
    return executor


def _keep(device: Device) -> None:
    """The key belongs to the executor of that name from now on."""
    kept = executor_folder(device.data, device.token.colonyname, device.name) / KEY_FILE
    if not kept.exists():
        make_private(kept.parent)
        os.replace(device.data / FIRST_KEY, kept)
        sync_folder(kept.parent)


def _not_admitted(device: Device) -> str:
    return (
        "the broker does not take this token: it is over, used up or revoked, or not all of it was copied; the colony's"
        " owner can make another one. At a broker of one's own, its administrator first makes an account for"
        f" {device.signer.identity}; then give its address with --mqtt"
    )


async def approved(device: Device, say: Callable[[str], None]) -> None:
    """Return when the owner has approved. Raises Forbidden when he rejected."""
    pause_s = LOOK_FIRST_S
    while True:
        try:
            # A new connection for each look: only at the door does it hear that it is not wanted any more.
            async with AsyncClient(device.endpoint, device.signer, device.token.colonyname) as client:
                if await _is_approved(client, device):
                    return
            say(f"Waiting for the owner to run: colonies-edge executor approve --name {device.name}")
        except (NotAdmitted, Forbidden) as error:  # it was let in before
            raise Forbidden(_not_wanted(device)) from error
        except NoConnection:
            pass  # it comes back
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LOOK_MAX_S)


async def _is_approved(client: AsyncClient, device: Device) -> bool:
    rows = await client.get_executors()
    row = next((row for row in rows if row.executorid == device.signer.identity), None)
    if row is None or row.state in (ExecutorState.REJECTED, ExecutorState.UNREGISTERED):
        raise Forbidden(_not_wanted(device))
    return row.state == ExecutorState.APPROVED


def _not_wanted(device: Device) -> str:
    return f"the colony's owner does not want executor {device.name}"


def _with(config: Config, values: dict[str, str]) -> Config:
    settings: dict[str, Any] = dict(values)  # for a type checker that knows `replace`
    return replace(config, **settings)


def _require_no_other_colony(token: Token, known: dict[str, str], devenv: Path) -> None:
    for name, value in (("serverid", token.serverid), ("colonyname", token.colonyname)):
        present = known.get(VARIABLES[name], "")
        if present and present != value:
            raise UsageError(
                f"{devenv} is for {VARIABLES[name]}={present}, and the token for {value}:"
                " use another folder (--data DIR), or remove that file"
            )


def _kept_name(token: Token, known: dict[str, str]) -> str:
    """The one of an attempt before, for its key is kept under it."""
    name = known.get(VARIABLES["executorname"], "")
    return name if token.fits(name) else ""


def _default_name(token: Token) -> str:
    """What the token says, with this machine's name for the star."""
    if ANY not in token.names:
        return token.names
    node = platform.node()
    own = "" if _EVERYBODYS_NAME.fullmatch(node.lower()) else node
    return token.names.replace(ANY, re.sub(r"[^A-Za-z0-9._-]", "-", own) or _machine())


def _machine() -> str:
    """Six digits that this machine has to itself and keeps; its id is hashed, for it is not to be shown around."""
    try:
        machine = _MACHINE_ID.read_bytes().strip()
    except OSError:
        machine = b""
    if not machine:
        raise UsageError("what shall this device be called? Give --name NAME")
    return hashlib.sha3_256(b"colonies-edge " + machine).hexdigest()[:6]


def _write_authority(path: Path, der: bytes) -> None:
    make_private(path.parent)
    write_whole(path, ssl.DER_cert_to_PEM_cert(der).encode("ascii"), mode=0o666)
