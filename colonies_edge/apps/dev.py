"""A colony that lives in one folder: its keys and names, its founding, and the devenv that tells others about it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from colonies_edge.apps import config as settings
from colonies_edge.apps.config import VARIABLES, Config
from colonies_edge.apps.keys import keep_key
from colonies_edge.crypto.identity import InvalidKey, identity_of
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.transports.ports import NotAdmitted

COLONY = "dev"
USER = "dev"
PORT = 1883
HTTP_PORT = 50080  # upstream's
HTTP_PORT_VARIABLE = "COLONIES_SERVER_HTTP_PORT"
# The server's is with the coordinator's data, which can be copied and started elsewhere then.
_SERVER_KEY = f"{settings.COORDINATOR_FOLDER}/server.key"
_KEY_FILES = {"server_prvkey": _SERVER_KEY, "colony_prvkey": "colony.key", "prvkey": "user.key"}

# Ask the coordinator as the holder of a private key: (private key, colony of the topic, message) -> reply.
Ask: TypeAlias = Callable[[str, str, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Three private keys and the colony they are for. "" is a key that is not known here."""

    server_prvkey: str
    colony_prvkey: str
    prvkey: str
    colonyname: str

    def __repr__(self) -> str:
        return f"Identities(colonyname={self.colonyname!r})"


def used_or_made(config: Config, folder: Path) -> Identities:
    """The environment's keys, else the devenv's, else those kept in the folder, which are made when not there."""
    with contextlib.suppress(FileNotFoundError):  # where it was before
        if not (folder / _SERVER_KEY).exists():
            os.rename(folder / "server.key", folder / _SERVER_KEY)
    keys = {name: checked_key(config, name) or keep_key(folder / file) for name, file in _KEY_FILES.items()}
    return Identities(**keys, colonyname=config.colonyname or COLONY)


def given(config: Config, server_prvkey: str) -> Identities:
    """What the settings say and nothing else, for a coordinator that makes no keys for others."""
    return Identities(
        server_prvkey=server_prvkey,
        colony_prvkey=checked_key(config, "colony_prvkey"),
        prvkey=checked_key(config, "prvkey"),
        colonyname=config.colonyname,
    )


def checked_key(config: Config, name: str) -> str:
    """The key, or "". A text that is no key is told together with where it came from. Raises UsageError."""
    private_key: str = getattr(config, name)
    try:
        if private_key:
            identity_of(private_key)
    except InvalidKey as error:
        raise config.no_key(name) from error
    return private_key


def port_of(config: Config, given_port: int | None) -> int:
    """The given port, else the one this folder used before, else the usual one."""
    if given_port is not None:
        return given_port
    if config.source("mqtt") in (settings.FLAG, settings.ENVIRONMENT, settings.DEFAULT):
        return PORT
    try:
        return urlsplit(config.mqtt).port or PORT
    except ValueError:
        return PORT


def http_port_of(folder: Path, given_port: int | None) -> int:
    """The given port of the HTTP gateway, else the one this folder used before, else upstream's; 0 for none."""
    if given_port is not None:
        return given_port
    before = settings.read_devenv(folder / settings.DEVENV).get(HTTP_PORT_VARIABLE, "")
    return int(before) if before.isdigit() else HTTP_PORT


def devenv_of(identities: Identities, mqtt: str, topic_root: str, *, http: str = "") -> dict[str, str]:
    """What a shell of this folder needs to use the colony, and what the next start needs to be the same one."""
    values = {
        "mqtt": mqtt,
        "serverid": identity_of(identities.server_prvkey),
        "colonyname": identities.colonyname,
        "prvkey": identities.prvkey,
        "colony_prvkey": identities.colony_prvkey,
        "server_prvkey": identities.server_prvkey,
        "topic_root": "" if topic_root == settings.DEFAULTS["topic_root"] else topic_root,
    }
    return {VARIABLES[name]: value for name, value in values.items() if value} | _for_upstream(http)


def _for_upstream(http: str) -> dict[str, str]:
    """Where the CLI and the SDKs of Colonies look for a server; two of them call the same thing by another name."""
    parts = urlsplit(http)
    if not http or parts.port is None:
        return {}
    tls = "true" if parts.scheme == "https" else "false"
    return {
        "COLONIES_SERVER_HOST": parts.hostname or "",
        HTTP_PORT_VARIABLE: str(parts.port),
        "COLONIES_SERVER_PORT": str(parts.port),
        "COLONIES_TLS": tls,
        "COLONIES_SERVER_TLS": tls,
    }


async def found(identities: Identities, ask: Ask) -> None:
    """Make sure that the colony and its user exist. By ordinary messages, so that the ledger knows who did it."""
    colony = identities.colonyname
    if identities.prvkey and await _is_member(identities, ask):
        return
    owner = identity_of(identities.colony_prvkey)
    colonies = await ask(identities.server_prvkey, "_", {"msgtype": "getcoloniesmsg"}) or []
    present = next((item["colonyid"] for item in colonies if item["name"] == colony), "")
    if not present:
        message = {"msgtype": "addcolonymsg", "colony": {"colonyid": owner, "name": colony}}
        await ask(identities.server_prvkey, "_", message)
    elif present != owner:
        raise Forbidden(f"Colony {colony} belongs to {present}, and {VARIABLES['colony_prvkey']} is the key of {owner}")
    if identities.prvkey:
        await _add_user(identities, ask)


async def _is_member(identities: Identities, ask: Ask) -> bool:
    try:
        await ask(
            identities.prvkey,
            identities.colonyname,
            {"msgtype": "getcolonymsg", "colonyname": identities.colonyname},
        )
    except (Forbidden, NotAdmitted):  # our broker lets nobody in whom the coordinator does not know
        return False
    return True


async def _add_user(identities: Identities, ask: Ask) -> None:
    userid = identity_of(identities.prvkey)
    for name in (USER, f"{USER}-{userid[:8]}"):  # the plain name may belong to the key of an earlier environment
        user = {"colonyname": identities.colonyname, "userid": userid, "name": name, "email": "", "phone": ""}
        try:
            await ask(identities.colony_prvkey, identities.colonyname, {"msgtype": "addusermsg", "user": user})
        except BadRequest:
            if name == USER:
                continue
            raise
        return
