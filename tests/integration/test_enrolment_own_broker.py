"""Enrolment at a mosquitto on the production files: the account first, then the token; other keys; and out again."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.broker_config import Account, Plan, url_of, write_mosquitto
from colonies_edge.apps.config import VARIABLES, read_devenv
from colonies_edge.apps.coordinator.run import Options, Running, coordinating
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer, identity_of, new_private_key
from colonies_edge.transports.mqtt_socket import Tls
from colonies_edge.transports.system import SystemClock, entropy
from tests.integration.test_enrolment import command, ran, saying
from tests.support.brokers import MOSQUITTO, free_port
from tests.support.certificates import needs_cryptography

pytestmark = [
    needs_cryptography,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is missing; install it with: apt-get install mosquitto"),
]


class Site:
    """The broker, the coordinator in a thread, and the accounts of those who administer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = {name: Signer(new_private_key(entropy(32))) for name in ("server", "owner", "user")}
        self.port = free_port()
        self.files = folder / "broker"
        self.urls: dict[str, str] = {}
        self.admit(*(key.identity for key in self.keys.values()))
        self._broker: subprocess.Popen[bytes] | None = None
        self._end: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def ca(self) -> str:
        return str(self.files / "ca.crt")

    def admit(self, *identities: str) -> None:
        """As `broker-config mosquitto --identity`, once more."""
        plan = Plan(
            hosts=("localhost",),
            identities=tuple(Account(user=identity) for identity in identities),
            port=self.port,
            data=f"{self.folder}/",
        )
        for account in write_mosquitto(self.files, plan, luck=entropy, now_ns=SystemClock().wall_ns()):
            self.urls[account.user] = url_of(plan, account)

    def start_broker(self) -> None:
        config = self.folder / "running.conf"
        config.write_text(
            (self.files / "mosquitto.conf").read_text() + f"\nlog_type information\nuser {getpass.getuser()}\n"
        )
        assert MOSQUITTO is not None
        self._broker = subprocess.Popen([MOSQUITTO, "-c", str(config)], stderr=subprocess.PIPE)
        assert self._broker.stderr is not None
        for line in self._broker.stderr:
            if line.rstrip().endswith(b" running"):
                break
        self._log = threading.Thread(target=self._broker.stderr.read)  # an unread pipe would stop it one day
        self._log.start()

    def reload(self) -> None:
        assert self._broker is not None
        self._broker.send_signal(signal.SIGHUP)

    def run(self, ready: threading.Event) -> None:
        async def work() -> None:
            options = Options(
                data=self.folder / "data",
                mqtt=self.urls["coordinator"],
                tls=Tls(cafile=self.ca),
                server_prvkey=self.keys["server"].private_key,
            )
            self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
            async with coordinating(options) as running:
                working = asyncio.ensure_future(running.coordinator.run())
                await self._found(running)
                ready.set()
                await self._end.wait()
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

        try:
            asyncio.run(work())
        finally:
            ready.set()

    async def _found(self, running: Running) -> None:
        async with self.client("server") as client:
            await client.add_colony("lab", self.keys["owner"].identity)
        async with self.client("owner") as client:
            await client.add_user("me", self.keys["user"].identity)

    def client(self, who: str) -> AsyncClient:
        signer = self.keys[who]
        endpoint = Endpoint(
            mqtt=self.urls[signer.identity], serverid=self.keys["server"].identity, tls=Tls(cafile=self.ca)
        )
        return AsyncClient(endpoint, signer, "" if who == "server" else "lab")

    def stop(self) -> None:
        if self._loop is not None and self._end is not None:
            self._loop.call_soon_threadsafe(self._end.set)

    def stop_broker(self) -> None:
        if self._broker is not None:
            self._broker.terminate()
            self._broker.wait()
            self._log.join()
            assert self._broker.stderr is not None
            self._broker.stderr.close()

    def environment(self, who: str) -> dict[str, str]:
        values = {
            "mqtt": self.urls[self.keys[who].identity],
            "mqtt_ca": self.ca,
            "serverid": self.keys["server"].identity,
            "colonyname": "lab",
            "colony_prvkey": self.keys["owner"].private_key,
        }
        return {VARIABLES[name]: value for name, value in values.items()}

    def owner(self, *words: str) -> str:
        return ran(command(self.folder / "owner", *words, **self.environment("owner")))[0]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.start_broker()
    ready = threading.Event()
    thread = threading.Thread(target=made.run, args=(ready,))
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
        made.stop_broker()


def submit_and_wait(site: Site) -> str:
    async def ask() -> str:
        async with site.client("user") as client:
            process = await client.submit("sh", "-c", "echo $COLONIES_EXECUTOR_ID", executortype="cli")
            return str((await client.wait(process.processid, 60)).out)

    return asyncio.run(ask())


def stopped(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    ran(process)


def test_account_then_token_then_another_key_then_out(site: Site) -> None:
    made = json.loads(site.owner("enrol", "token", "--executortype", "cli", "--approve", "--json"))
    folder = site.folder / "device"
    first, key = (folder / ".colonies-edge" / name for name in ("enrolling.key", "executors/lab.pi/key"))
    _, said = ran(command(folder, "enrol", made["token"], "--name", "pi"), 1)
    wanted = re.search(r"makes an account for ([0-9a-f]{64})", said)
    assert wanted is not None and wanted[1] == identity_of(first.read_text().strip())
    site.admit(wanted[1])
    site.reload()
    ran(command(folder, "enrol", made["token"], "--name", "pi", "--mqtt", site.urls[wanted[1]]))
    device = command(folder, "executor", "os", "start", "-v")
    assert wanted[1] in submit_and_wait(site)
    _, said = ran(command(folder, "executor", "rotate-key"))
    following = re.search(r"The next identity is ([0-9a-f]{64})", said)
    assert following is not None
    site.admit(following[1])
    site.reload()
    _, said = ran(command(folder, "executor", "rotate-key", "--next-mqtt", site.urls[following[1]]), 2)
    assert "stop the executor first" in said
    stopped(device)
    ran(command(folder, "executor", "rotate-key", "--next-mqtt", site.urls[following[1]]))
    assert read_devenv(folder / ".colonies-edge" / "devenv")["COLONIES_MQTT"] == site.urls[following[1]]
    assert identity_of(key.read_text().strip()) == following[1]
    device = command(folder, "executor", "os", "start", "-v")
    assert following[1] in submit_and_wait(site)
    words = (
        "executor",
        "revoke",
        "--yes",
        "--name",
        "pi",
        "--executorid",
        following[1],
        "--broker-config",
        str(site.files),
    )
    assert json.loads(site.owner(*words, "--json"))["account"] == "removed"
    assert following[1] not in (site.files / "passwords").read_text() + (site.files / "credentials").read_text()
    site.reload()
    saying(device, "the connection to")
    saying(device, "refused the connection")
    device.send_signal(signal.SIGKILL)
    device.communicate()
    assert os.path.exists(key)
