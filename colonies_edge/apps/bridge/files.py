"""Labels of files kept in step between the two sides, through a folder of the bridge."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from pathlib import Path
from urllib.parse import quote

from colonies_edge.apps.bridge.loops import background
from colonies_edge.apps.bridge.settings import Files
from colonies_edge.apps.bridge.side import BridgeClient, Line, Member
from colonies_edge.client.depot import Depot, TransferFailed
from colonies_edge.client.files import Filer
from colonies_edge.client.place import Place
from colonies_edge.client.plan import Planner
from colonies_edge.client.sync import Report, apply_clean, apply_sync
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.errors import ColoniesError, Forbidden, NoConnection, NotFound, UsageError

_log = logging.getLogger(__name__)


class FilesDesk:
    """One rule. What the source has wins: it is fetched into the folder first, then sent from there to the target."""

    def __init__(self, rule: Files, folder: Path, source: Member, target: Member, line: Line) -> None:
        self._rule = rule
        self._folder = folder / quote(rule.label, safe="")
        self._source = source
        self._target = target
        self._line = line
        self._task: asyncio.Task[None] | None = None
        self._left_alone: list[str] = []

    def start(self) -> None:
        self._task = background(f"files of {self._rule.label}", self._sync_on)

    async def close_desk(self) -> None:
        if self._task is not None:
            await end_tasks([self._task])

    async def _sync_on(self) -> None:
        while True:
            try:
                await self._sync()
            except (ColoniesError, NoConnection, TransferFailed, UsageError, OSError) as error:
                self._line.trouble(error)
                _log.warning("files of %s are not in step: %s", self._rule.label, error)
                if isinstance(error, Forbidden):
                    self._source.doubt()
                    self._target.doubt()
            await asyncio.sleep(self._rule.every_s)

    async def _sync(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        source, target = await self._source.ready(), await self._target.ready()
        fetched = await self._step(source, keeplocal=False, downloads=True)
        sent = await self._step(target, keeplocal=True, downloads=False)
        if fetched or sent:
            _log.info("files of %s: %d fetched, %d sent", self._rule.label, fetched, sent)

    async def _step(self, client: BridgeClient, *, keeplocal: bool, downloads: bool) -> int:
        place = Place(self._folder)
        planner = Planner(client, place, self._rule.label)
        plan = await planner.sync(keeplocal=keeplocal)
        if downloads and any(folder.upload for folder in plan.folders):
            await self._let_go(planner, place)
        for folder in plan.folders:  # one way only
            if downloads:
                folder.upload.clear()
            else:
                folder.download.clear()
        report = await apply_sync(Filer(client, _store(client)), place, plan)
        if report.ours and report.ours != self._left_alone:
            _log.warning("files of %s: left alone, keys of colonies-edge: %s", self._rule.label, ", ".join(report.ours))
            self._left_alone = report.ours
        self._complain(report, plan.refused)
        return report.downloaded + report.uploaded

    async def _let_go(self, planner: Planner, place: Place) -> None:
        """What the source has no more is not kept here, or it would come back to a target where it was removed, too."""
        try:
            gone = await planner.clean()
        except NotFound:
            await asyncio.to_thread(shutil.rmtree, self._folder)
            self._folder.mkdir(mode=0o700)
            return
        self._complain(apply_clean(place, gone), [])

    def _complain(self, report: Report, refused: list[str]) -> None:
        for kept in report.kept:  # ours alone: the folder belongs to the bridge, and the source has replaced it
            kept.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # the last of them: a folder that is removed some day has to be empty
                kept.parent.rmdir()
        failures = [*report.failures, *refused]
        if failures:
            raise TransferFailed(
                "; ".join(failures[:3]) + (f"; and {len(failures) - 3} more" if len(failures) > 3 else "")
            )


def _store(client: BridgeClient) -> Depot | None:
    """A Go server keeps no bytes: they go to the object store of the environment. Raises UsageError without one."""
    from colonies_edge.client.s3 import S3Depot, S3Settings  # needs an extra that most do without

    if client.honours_msgids:
        return None
    settings = S3Settings.from_environment(os.environ)
    if settings is None:
        raise UsageError("the bytes of files need an object store: set AWS_S3_ENDPOINT, AWS_S3_BUCKET and its keys")
    return S3Depot(settings)
