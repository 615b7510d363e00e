"""The first colony of a coordinator that was just installed: founded, with its keys in the folder of who installs."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colonies_edge.apps import dev
from colonies_edge.apps.config import DEVENV, FOLDER, VARIABLES, read_devenv, write_devenv
from colonies_edge.apps.install.health import endpoint, server_key, url_of
from colonies_edge.apps.install.layout import Layout
from colonies_edge.apps.install.settings_file import read_settings
from colonies_edge.apps.install.steps import StepFailed
from colonies_edge.apps.keys import keep_key
from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import Signer, identity_of
from colonies_edge.protocol.errors import ColoniesError, NoConnection

_KEY_FILES = ("colony.key", "user.key")  # as `dev` names them


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundColony:
    """The keys stay with the person, not with the service; they are written before the coordinator hears of them."""

    layout: Layout
    name: str
    folder: Path

    def describe(self) -> str:
        return f"found colony {self.name}, with the keys of its owner and of a user in {self.folder / FOLDER}"

    def needed(self) -> bool:
        return read_devenv(self.folder / FOLDER / DEVENV).get(VARIABLES["colonyname"]) != self.name

    def do(self) -> None:
        kept = self.folder / FOLDER
        if (kept / DEVENV).exists():
            raise StepFailed(f"{kept} belongs to another colony already: do this in another folder")
        colony_prvkey, prvkey = (keep_key(kept / file) for file in _KEY_FILES)
        settings = read_settings(self.layout.settings("coordinator"))
        url, root = url_of(settings), settings.get(VARIABLES["topic_root"], "")
        identities = dev.Identities(
            server_prvkey=server_key(self.layout).private_key,
            colony_prvkey=colony_prvkey,
            prvkey=prvkey,
            colonyname=self.name,
        )
        try:
            asyncio.run(dev.found(identities, _asker(url, root, identity_of(identities.server_prvkey))))
        except (ColoniesError, NoConnection) as error:
            raise StepFailed(f"{error}; `colony add` and `user add` do it, as an account of that broker") from error
        write_devenv(kept / DEVENV, dev.devenv_of(identities, url, root))
        _give_back(kept)


def _asker(url: str, topic_root: str, serverid: str) -> dev.Ask:
    async def ask(private_key: str, colony: str, message: dict[str, Any]) -> Any:
        async with AsyncClient(endpoint(url, topic_root, serverid), Signer(private_key), colony) as client:
            return await client.call(message, colony=colony)

    return ask


def _give_back(folder: Path) -> None:
    """What sudo made belongs to who called sudo."""
    uid, gid = (os.environ.get(name, "") for name in ("SUDO_UID", "SUDO_GID"))
    if uid.isdigit() and gid.isdigit():
        for path in (folder, *folder.iterdir()):
            os.chown(path, int(uid), int(gid))
