"""Whether the installed coordinator answers, asked as its own server: the one key that is sure to be here."""

from __future__ import annotations

import asyncio
from pathlib import Path

from colonies_edge.apps.config import VARIABLES
from colonies_edge.apps.install.layout import Layout
from colonies_edge.apps.install.roles import OPTIONS
from colonies_edge.apps.install.settings_file import read_settings
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import InvalidKey, Signer
from colonies_edge.protocol.errors import ColoniesError, NoConnection
from colonies_edge.transports.mqtt_socket import Tls
from colonies_edge.transports.ports import NotAdmitted, TlsFailed

ANSWER_S = 5.0
SERVER_KEY = "server.key"  # in the coordinator's data folder
_LISTEN, _LISTEN_TLS = "127.0.0.1:1883", "127.0.0.1:8883"
_ONLY_CERTIFIED = "--tls-demand-clients"


def answer(layout: Layout, version: str) -> str:
    """What is wrong with the coordinator's answer; "" when it is the right one."""
    settings = read_settings(layout.settings("coordinator"))
    try:
        signer = server_key(layout)
    except (OSError, InvalidKey):
        return ""  # under a passphrase, or a credential of systemd: what systemd heard has to do
    try:
        found = asyncio.run(_version(url_of(settings), settings.get(VARIABLES["topic_root"], ""), signer))
    except TlsFailed as error:
        # Whoever demands certificates of clients has none for us: what systemd heard has to do.
        return "" if _ONLY_CERTIFIED in settings.get(OPTIONS, "") else f"it does not answer: {error}"
    except NotAdmitted as error:
        # A broker of one's own has its own accounts, and ours may not speak for the server there. What systemd heard
        # from the coordinator itself has to do.
        return "" if VARIABLES["mqtt"] in settings else f"the broker does not admit its own server: {error}"
    except (NoConnection, ColoniesError, OSError) as error:
        return f"it does not answer: {error}"
    return "" if version in ("", found) else f"version {found} answers, not {version}"


def server_key(layout: Layout) -> Signer:
    """Raises OSError, InvalidKey."""
    settings = read_settings(layout.settings("coordinator"))
    given = settings.get(VARIABLES["server_prvkey"], "")
    return Signer(given or (layout.data("coordinator") / SERVER_KEY).read_text(encoding="ascii").strip())


def url_of(settings: dict[str, str]) -> str:
    """Where the coordinator's broker is for programs of this machine."""
    own = settings.get(VARIABLES["mqtt"], "")
    if own:
        return own
    words = settings.get(OPTIONS, "").split()
    plain = _after("--plain-port", words)
    if plain:
        return f"mqtt://127.0.0.1:{plain}"  # for this machine only, by its nature
    tls = "--tls" in words or bool(_after("--tls-cert", words))
    host, _, port = (_after("--listen", words) or (_LISTEN_TLS if tls else _LISTEN)).rpartition(":")
    anywhere = host.strip("[]") in ("", "0.0.0.0", "::", "*")
    return f"mqtt{'s' if tls else ''}://{'127.0.0.1' if anywhere else host}:{port}"


def _after(flag: str, words: list[str]) -> str:
    """The value of a flag on a command line, "" without it."""
    return words[words.index(flag) + 1] if flag in words[:-1] else ""


def endpoint(url: str, topic_root: str, serverid: str, pins: Path | None = None) -> Endpoint:
    """Messages are signed and the server is known, so the broker's certificate may be anybody's."""
    tls = Tls(insecure=True) if url.startswith("mqtts") else None
    return Endpoint(mqtt=url, topic_root=topic_root or "colonies", serverid=serverid, pins=pins, tls=tls)


async def _version(url: str, topic_root: str, signer: Signer) -> str:
    async with AsyncClient(endpoint(url, topic_root, signer.identity), signer, "", timeout_s=ANSWER_S) as client:
        reply = await client.call({"msgtype": "versionmsg"}, colony="_")
    return str(reply.get("buildversion", ""))
