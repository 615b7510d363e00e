"""The client of Python programs: the blocking one, with its settings from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from colonies_edge.apps import config as settings
from colonies_edge.apps.config import FOLDER, Config, tls_of
from colonies_edge.client.blocking import BlockingClient
from colonies_edge.client.client import Endpoint
from colonies_edge.client.pinning import user_folder
from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.mqtt_socket import Tls

if TYPE_CHECKING:
    from colonies_edge.client.files import Filer
    from colonies_edge.client.sync import Report
    from colonies_edge.protocol.model_files import File


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

    # Files. Their bytes are with the coordinator, or in the object store that AWS_S3_ENDPOINT names. Most programs move
    # none, and load nothing of it.

    def upload_file(self, path: str | Path, label: str) -> File:
        """A new version of the file on the label. Raises TransferFailed."""
        from colonies_edge.client.labels import normal_label
        from colonies_edge.client.place import place_of_a_person

        path = Path(path)
        return self.run(self._filer().upload(place_of_a_person(path.parent), (), path.name, normal_label(label)))

    def download_file(self, label: str, name: str, folder: str | Path) -> Path:
        """The latest version, into a folder; returns where it is. Raises TransferFailed."""
        from colonies_edge.client.labels import normal_label
        from colonies_edge.client.place import place_of_a_person

        async def download() -> Path:
            filer = self._filer()
            file = await filer.latest(normal_label(label), name)
            return (await filer.download(file, place_of_a_person(Path(folder)), ())).path

        return self.run(download())

    def sync_folder(self, folder: str | Path, label: str, *, keeplocal: bool = True) -> Report:
        """As `fs sync --yes`: both sides get what they lack. What did not work is in the report."""
        from colonies_edge.client.labels import normal_label
        from colonies_edge.client.place import place_of_a_person
        from colonies_edge.client.plan import Planner
        from colonies_edge.client.sync import apply_sync

        async def sync() -> Report:
            place = place_of_a_person(Path(folder))
            plan = await Planner(self.asynchronous, place, normal_label(label)).sync(keeplocal=keeplocal)
            report = await apply_sync(self._filer(), place, plan)
            report.failures += plan.refused
            return report

        return self.run(sync())

    def _filer(self) -> Filer:
        from colonies_edge.client.files import Filer
        from colonies_edge.client.s3 import S3Depot, S3Settings

        found = S3Settings.from_environment(os.environ)
        return Filer(self.asynchronous, S3Depot(found) if found is not None else None)


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
