"""Keys of executors change while work goes on, over crashes in between, and end at once when they are revoked."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.executor.rotation import NEXT_FILE
from colonies_edge.apps.keys import keep_key
from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import Signer, identity_of
from tests.integration.test_enrolment import a_token, command, executors, owner, ran, saying
from tests.support.brokers import Mosquitto
from tests.support.live_colony import LiveColony

TIMEOUT_S = 90


@pytest.fixture(params=["embedded", "mosquitto"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveColony]:
    if request.param == "mosquitto":
        with Mosquitto() as broker, LiveColony(tmp_path, mqtt=broker.url) as colony:
            yield colony
        return
    with LiveColony(tmp_path) as colony:
        yield colony


@pytest.fixture
def device(lab: LiveColony) -> Device:
    return Device(lab)


class Device:
    """An enrolled one in a folder of its own."""

    def __init__(self, lab: LiveColony, name: str = "pi") -> None:
        self.lab, self.name = lab, name
        self.folder = lab.folder / name
        self.files = self.folder / ".colonies-edge" / "executors" / f"lab.{name}"
        ran(self.command("enrol", a_token(lab, "--approve"), "--name", name))

    def command(self, *words: str) -> subprocess.Popen[str]:
        return command(self.folder, *words)

    def start(self) -> subprocess.Popen[str]:
        return self.command("executor", "os", "start", "-v")

    @property
    def identity(self) -> str:
        return identity_of((self.files / "key").read_text().strip())

    @property
    def known(self) -> str:
        """As whom the colony knows it."""
        return str(executors(self.lab)[self.name].executorid)


def submit(lab: LiveColony, script: str) -> Any:
    with lab.client() as client:
        return client.submit("sh", "-c", script, executortype="cli").model


def stopped(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    return ran(process)[1]


def test_a_key_changes_while_a_process_runs_and_its_result_counts(lab: LiveColony, device: Device) -> None:
    running = device.start()
    saying(running, "ready for 1 processes")
    before = device.identity
    gate = device.folder / "gate"
    process = submit(lab, f"touch {gate}.begun; until test -e {gate}; do sleep 0.1; done; echo went on")
    while not Path(f"{gate}.begun").exists():
        assert running.poll() is None
    out, _ = ran(device.command("executor", "rotate-key", "--json"))
    said = json.loads(out)
    assert (said["before"], said["executorid"]) == (before, device.identity) and before != device.identity
    assert device.known == device.identity
    saying(running, "ready for 1 processes")
    gate.touch()
    with lab.client() as client:
        client.run(client.asynchronous.wait(process.processid, TIMEOUT_S))
        done = client.get_process(process.processid)
        assert "went on" in str(done.out) and done.retries == 0
        assert done.assignedexecutorid == device.identity
        again = client.submit("sh", "-c", "echo $COLONIES_EXECUTOR_ID", executortype="cli").wait(TIMEOUT_S)
        assert device.identity in str(again.output)
    ran(device.command("executor", "rotate-key"))
    assert device.known == device.identity != said["executorid"]
    stopped(running)


def test_a_key_changes_while_nothing_runs(device: Device) -> None:
    before = device.identity
    ran(device.command("executor", "rotate-key"))
    assert before != device.identity == device.known
    assert not (device.files / NEXT_FILE).exists()
    works(device)


def works(device: Device) -> None:
    running = device.start()
    with device.lab.client() as client:
        done = client.submit("sh", "-c", "echo $COLONIES_EXECUTOR_ID", executortype="cli").wait(TIMEOUT_S)
        assert device.identity in str(done.output)
    stopped(running)


@pytest.mark.parametrize("by", ["start", "rotate-key"])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.long
def test_a_change_that_a_crash_cut_short_is_finished(device: Device, told: bool, by: str) -> None:
    present = Signer((device.files / "key").read_text().strip())
    following = identity_of(keep_key(device.files / NEXT_FILE))
    if told:

        async def tell() -> None:
            async with AsyncClient(device.lab.endpoint, present, "lab") as client:
                await client.change_executor_id(following)

        asyncio.run(tell())
    if by == "rotate-key":
        ran(device.command("executor", "rotate-key"))
    works(device)
    assert device.identity == device.known == following
    assert not (device.files / NEXT_FILE).exists()


@pytest.mark.long
def test_rotate_key_killed_at_any_moment_leaves_a_device_that_works(device: Device) -> None:
    for moment in ("written", "told"):
        before = device.identity
        changing = device.command("executor", "rotate-key")
        while changing.poll() is None:
            if (device.files / NEXT_FILE).exists() if moment == "written" else device.known != before:
                break
        changing.kill()
        changing.communicate()
        works(device)
        assert device.identity == device.known


def test_a_given_key_is_not_changed(lab: LiveColony, device: Device) -> None:
    key = (device.files / "key").read_text().strip()
    (device.files / "key").unlink()
    process = command(device.folder, "executor", "rotate-key", COLONIES_EXECUTOR_PRVKEY=key)
    _, said = ran(process, 2)
    assert "is given by COLONIES_EXECUTOR_PRVKEY (environment)" in said


def test_a_rejected_executor_is_cut_off_until_it_is_approved(tmp_path: Path) -> None:
    with LiveColony(tmp_path) as lab:
        device = Device(lab)
        running = device.start()
        saying(running, "ready for 1 processes")
        owner(lab, "executor", "reject", "--name", "pi")
        saying(running, "the connection to")
        saying(running, "refused the connection")
        owner(lab, "executor", "approve", "--name", "pi")
        with lab.client() as client:
            assert client.submit("echo", "hello", executortype="cli").wait(60)
        stopped(running)


def test_a_revoked_executor_is_cut_off_and_its_work_goes_to_another(tmp_path: Path) -> None:
    with LiveColony(tmp_path) as lab:
        device = Device(lab)
        running = device.start()
        saying(running, "ready for 1 processes")
        process = submit(
            lab, f"if test -e {tmp_path}/once; then echo second; else touch {tmp_path}/once; sleep 600; fi"
        )
        while not (tmp_path / "once").exists():
            assert running.poll() is None
        owner(lab, "executor", "revoke", "--yes", "--name", "pi")
        saying(running, "the connection to")
        saying(running, "refused the connection")
        other = Device(lab, "other")
        works_on = other.start()
        with lab.client() as client:
            client.run(client.asynchronous.wait(process.processid, TIMEOUT_S))
            assert "second" in str(client.get_process(process.processid).out)
        stopped(works_on)
        running.kill()
        running.communicate()
        _, said = ran(device.command("enrol", a_token(lab, "--approve"), "--name", "pi"), 1)
        assert "this executor was removed: only the colony's owner can approve it again" in said
        owner(lab, "executor", "approve", "--name", "pi")
        works(device)
