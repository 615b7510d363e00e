"""The client of Python programs: the blocking one, with its settings from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from colonies_edge.apps import config as settings
from colonies_edge.apps.config import FOLDER, Config, tls_of
from colonies_edge.client.blocking import BlockingClient
from colonies_edge.client.client import Endpoint
from colonies_edge.client.pinning import user_folder
from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.mqtt_socket import Tls


class Client(BlockingClient):
    """`with Client.from_env() as colony: colony.submit("add", 1, 2, executortype="math").wait().output`."""

    @classmethod
    def from_env(cls, *, folder: str | Path | None = None, **overrides: str | None) -> Client:
        """Settings as everywhere: those given here by their names in `apps.config` (`mqtt=`, `colonyname=`, `prvkey=`),
        else COLONIES_* variables, else the folder's `.colonies-edge/devenv`. Raises UsageError for what is missing."""
        unknown = set(overrides) - set(settings.VARIABLES)
        if unknown:
            known = ", ".join(settings.VARIABLES)
            raise UsageError(f"no such setting: {', '.join(sorted(unknown))}; there are {known}")
        return cls.from_config(settings.load(overrides, folder=folder))

    @classmethod
    def from_config(cls, config: Config, *, key: str = "prvkey") -> Client:
        """`key` names the private key that signs: prvkey, colony_prvkey, server_prvkey or executor_prvkey."""
        return cls(endpoint_of(config), config.need(key), config.need("colonyname"))


def endpoint_of(config: Config, *, tls: Tls | None = None) -> Endpoint:
    return Endpoint(
        mqtt=config.mqtt,
        topic_root=config.topic_root,
        serverid=config.serverid,
        pins=pins_folder(config, os.environ),
        tls=tls or tls_of(config),
    )


def pins_folder(config: Config, environ: Mapping[str, str]) -> Path:
    """The data folder; but a program that runs anywhere must not leave a folder in each place."""
    if config.data_dir == FOLDER and not Path(FOLDER).is_dir():
        return user_folder(environ)
    return Path(config.data_dir)
