"""Backup and restore as the how-to has it: a copy of the stopped folder, started elsewhere, is the same coordinator."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from colonies_edge.protocol.errors import ColoniesError
from colonies_edge.protocol.model import State
from tests.support.brokers import free_port
from tests.support.site import REPOSITORY, Site


def verify(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "colonies_edge", "ledger", "verify", "--data", str(folder), *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )


def head_of(folder: Path) -> str:
    head: str = json.loads(verify(folder, "--json").stdout)["head"]
    return head


def test_a_copy_of_the_stopped_folder_is_the_same_coordinator_on_another_machine(tmp_path: Path) -> None:
    site = Site(tmp_path)
    backup, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"

    async def before() -> tuple[str, str]:
        await site.found()
        async with site.client("user") as user, site.client("worker") as worker:
            done = await user.submit("f", executortype="cli")
            await worker.assign_process(5)
            await worker.close_successful(done.processid, ["kept"])
            waits = await user.submit("g", executortype="cli")
            return done.processid, waits.processid

    async def later() -> str:
        async with site.client("user") as user:
            return (await user.submit("h", executortype="cli")).processid

    async def restored(done: str, waits: str, lost: str) -> None:
        async with site.client("user") as user, site.client("worker") as worker:
            assert (await user.get_process(done)).out == ("kept",)
            assert (await user.get_process(waits)).state is State.WAITING
            with pytest.raises(ColoniesError, match="not found"):
                await user.get_process(lost)
            assert (await worker.assign_process(5)).processid == waits

    try:
        site.start()
        done, waits = asyncio.run(before())
        assert site.stop() == 0
        shutil.copytree(site.data, backup)
        site.start()
        lost = asyncio.run(later())
        assert site.stop() == 0
        newest = head_of(site.data)
        shutil.rmtree(site.data)  # the card died
        shutil.copytree(backup, elsewhere)
        site.data, site.port = elsewhere, free_port()
        site.url = f"mqtt://127.0.0.1:{site.port}"
        site.start()
        asyncio.run(restored(done, waits, lost))
        assert site.stop() == 0
    finally:
        site.close()
    rolled_back = verify(backup, "--head", newest)
    assert rolled_back.returncode == 1 and "rolled back" in rolled_back.stdout + rolled_back.stderr
    assert verify(elsewhere).returncode == 0
