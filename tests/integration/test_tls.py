"""Jobs over TLS from end to end: the embedded broker and a mosquitto on our files, with certificates of our own."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.broker_config import Account, Plan, url_of, write_mosquitto
from colonies_edge.apps.cli import main
from colonies_edge.apps.config import VARIABLES
from colonies_edge.apps.coordinator import serving
from colonies_edge.apps.coordinator.run import Options, coordinating
from colonies_edge.apps.coordinator.serving import ServerTls
from colonies_edge.apps.executor import Executor
from colonies_edge.apps.tls_folder import RENEW_DAYS_LEFT, TlsFolder
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.transports.mqtt_socket import Tls
from colonies_edge.transports.system import SystemClock, entropy
from tests.support.brokers import MOSQUITTO, Mosquitto, free_port
from tests.support.certificates import Issuer, needs_cryptography, shown
from tests.support.live_colony import LiveColony, working

pytestmark = needs_cryptography


def add(a: int, b: int) -> int:
    return a + b


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LiveColony]:
    with LiveColony(tmp_path, server_tls=ServerTls()) as colony:
        yield colony


def test_a_job_runs_over_tls_and_a_renewal_in_between_is_not_noticed(lab: LiveColony) -> None:
    folder = TlsFolder(lab.folder / "coordinator" / "tls")
    executor = lab.executor("math", executorname="m1")
    executor.function(add)
    with working(executor), lab.client() as client:
        assert client.submit("add", 1, 2, executortype="math").wait(30).output == 3
        before = folder.server_crt.read_bytes()
        folder.new_server(("localhost", "renewed.example"), SystemClock().wall_ns())
        assert folder.server_crt.read_bytes() != before
        port = int(lab.url.rpartition(":")[2])
        assert "renewed.example" in asyncio.run(shown(port, folder.ca_crt)), "new connections get the new one"
        assert client.submit("add", 3, 4, executortype="math").wait(30).output == 7, "old ones stay"
        with lab.client() as another:
            assert another.submit("add", 5, 6, executortype="math").wait(30).output == 11


def run(lab: LiveColony, monkeypatch: pytest.MonkeyPatch, *words: str, **settings: str) -> int:
    for name, value in lab.settings(**settings).items():
        if value:
            monkeypatch.setenv(VARIABLES[name], value)
        else:
            monkeypatch.delenv(VARIABLES[name], raising=False)
    return main(words)


def test_the_doctor_looks_at_the_certificate(
    lab: LiveColony, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lab, monkeypatch, "doctor", "--json") == 0
    findings = {finding["about"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert re.fullmatch(r"the broker's certificate is believed, and valid for 36[45] days", findings["TLS"]["sentence"])


@pytest.mark.long
def test_what_tls_refuses_is_one_line_with_a_remedy(
    lab: LiveColony, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = lab.url.rpartition(":")[2]
    (tmp_path / "text").write_text("x")
    stranger = Issuer(tmp_path, "stranger")
    folder = TlsFolder(lab.folder / "coordinator" / "tls")
    own = Issuer(tmp_path, "own")
    own.authority = folder.authority()
    expired = own.server("expired", days=1, now_ns=own.now_ns - 10 * 86_400 * 10**9)

    def refused(code: int, **settings: str) -> str:
        assert run(lab, monkeypatch, "colony", "stats", **settings) == code
        said = capsys.readouterr().err
        assert said.startswith("colonies-edge: ") and said.count("\n") == 1, said
        return said

    assert "not known here: name its certificate with --cafile" in refused(3, mqtt_ca=str(stranger.ca))
    assert "not known here: name its certificate with --cafile" in refused(3, mqtt_ca="")
    assert "begins with mqtts://" in refused(3, mqtt=f"mqtt://localhost:{port}")
    assert "no certificate of an authority" in refused(2, mqtt_ca=str(tmp_path / "text"))
    assert "names no file" in refused(2, mqtt_ca=str(tmp_path / "none"))
    folder.new_server(("elsewhere.example",), SystemClock().wall_ns())
    assert "not for localhost: use a name that it is for, or have localhost added" in refused(3)
    for path, source in zip((folder.server_crt, folder.server_key), expired, strict=True):
        path.write_bytes(source.read_bytes())
    assert "has expired: have it renewed" in refused(3)


def test_a_client_certificate_stands_in_for_the_password_of_its_identity_and_nobody_elses(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    me, other = Signer(new_private_key(entropy(32))), Signer(new_private_key(entropy(32)))
    server = Signer(new_private_key(entropy(32)))
    port = free_port()
    crt, key = issuer.server("server")
    options = Options(
        data=tmp_path / "data",
        port=port,
        server_prvkey=server.private_key,
        server_tls=ServerTls(
            certfile=str(crt), keyfile=str(key), client_ca=str(issuer.ca), clients_demanded=True, plain_port=0
        ),
    )
    certificates = {who.identity: issuer.client(name, who.identity) for name, who in (("me", me), ("other", other))}

    def endpoint(certified: str, login: str = "") -> Endpoint:
        files = map(str, certificates[certified]) if certified else ("", "")
        certfile, keyfile = files
        tls = Tls(cafile=str(issuer.ca), certfile=certfile, keyfile=keyfile)
        return Endpoint(mqtt=f"mqtts://{login}localhost:{port}", serverid=server.identity, tls=tls, patience_s=3)

    async def stats(who: Signer, where: Endpoint) -> str:
        try:
            async with AsyncClient(where, who, "lab") as client:
                await client.get_colony_stats()
        except Exception as error:
            return type(error).__name__
        return "served"

    async def scene() -> None:
        async with coordinating(options) as running:
            work = asyncio.ensure_future(running.coordinator.run())
            plain = Endpoint(mqtt=running.plain_url, serverid=server.identity)
            owner = Signer(new_private_key(entropy(32)))
            async with AsyncClient(plain, server) as client:
                await client.add_colony("lab", owner.identity)
            async with AsyncClient(plain, owner, "lab") as client:
                await client.add_user("me", me.identity)
            assert await stats(me, endpoint(me.identity)) == "served"
            assert await stats(me, endpoint(me.identity, f"{me.identity}:nonsense@")) == "served", "no password needed"
            assert await stats(me, endpoint("")) != "served", "a certificate is demanded"
            assert await stats(other, endpoint(other.identity)) == "NotAdmitted", "certified, and not in the colony"
            assert await stats(me, endpoint(other.identity)) == "NotAdmitted", "another identity's certificate"
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    asyncio.run(scene())


class OwnBroker:
    """A mosquitto on the production files, its certificate and those of clients signed by our own authority."""

    def __init__(self, folder: Path, *, certified: bool) -> None:
        self.folder = folder
        self.authority = TlsFolder(folder / "data" / "tls")
        now_ns = SystemClock().wall_ns()
        self.authority.init(("localhost",), now_ns)
        self.keys = {name: Signer(new_private_key(entropy(32))) for name in ("server", "owner", "user", "worker")}
        self.port = free_port()
        plan = Plan(
            hosts=("localhost",),
            identities=tuple(Account(user=key.identity) for key in self.keys.values()),
            port=self.port,
            data=f"{folder}/",
            authority=self.authority.path,
        )
        fresh = write_mosquitto(folder / "broker", plan, luck=entropy, now_ns=now_ns)
        self.urls = {account.user: url_of(plan, account) for account in fresh}
        self.tls = {user: Tls(cafile=str(self.authority.ca_crt)) for user in self.urls}
        if certified:
            self._certify(now_ns)
        with self.config.open("a") as file:
            file.write(f"\nuser {getpass.getuser()}\n")

    @property
    def config(self) -> Path:
        return self.folder / "broker" / "mosquitto.conf"

    def _certify(self, now_ns: int) -> None:
        """As docs/TLS.md says."""
        ca = self.authority.ca_crt
        lines = f"cafile {ca}\nrequire_certificate true\nuse_identity_as_username true\ntls_version"
        text = self.config.read_text().replace("password_file", "# password_file").replace("tls_version", lines)
        self.config.write_text(text)
        for user in self.urls:
            self.urls[user] = f"mqtts://localhost:{self.port}"
            certificate, key = self.authority.new_client(user[:12], user, now_ns)
            self.tls[user] = Tls(cafile=str(ca), certfile=str(certificate), keyfile=str(key))

    def client(self, who: str) -> AsyncClient:
        signer = self.keys[who]
        user = signer.identity
        endpoint = Endpoint(mqtt=self.urls[user], serverid=self.keys["server"].identity, tls=self.tls[user])
        return AsyncClient(endpoint, signer, "" if who == "server" else "lab")

    def options(self) -> Options:
        return Options(
            data=self.folder / "data",
            mqtt=self.urls["coordinator"],
            tls=self.tls["coordinator"],
            server_prvkey=self.keys["server"].private_key,
        )

    def executor(self) -> Executor:
        worker = self.keys["worker"]
        tls = self.tls[worker.identity]
        return Executor.from_env(
            executortype="math",
            executorname="w",
            colonyname="lab",
            mqtt=self.urls[worker.identity],
            mqtt_ca=tls.cafile,
            mqtt_cert=tls.certfile,
            mqtt_key=tls.keyfile,
            executor_prvkey=worker.private_key,
            data_dir=str(self.folder / "executor"),
        )

    async def found(self) -> None:
        async with self.client("server") as client:
            await client.add_colony("lab", self.keys["owner"].identity)
        async with self.client("owner") as client:
            await client.add_user("me", self.keys["user"].identity)
            await client.add_executor("w", self.keys["worker"].identity, "math")
            await client.approve_executor("w")


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is missing; install it with: apt-get install mosquitto")
@pytest.mark.parametrize("certified", [False, True], ids=["passwords", "client-certificates"])
def test_a_job_runs_over_a_mosquitto_on_the_production_files_signed_by_our_authority(
    tmp_path: Path, certified: bool
) -> None:
    site = OwnBroker(tmp_path, certified=certified)
    assert not (tmp_path / "broker" / "ca.key").exists(), "the authority stays where it was made"

    async def scene() -> None:
        async with coordinating(site.options()) as running:
            work = asyncio.ensure_future(running.coordinator.run())
            await site.found()
            executor = site.executor()
            executor.function(add)
            serving = asyncio.ensure_future(executor.serve())
            async with site.client("user") as client:
                process = await client.submit("add", 1, 2, executortype="math")
                assert list((await client.wait(process.processid, 30)).out) == [3]
            executor.stop()
            await serving
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    with Mosquitto(port=site.port, config=site.config):
        asyncio.run(scene())


def test_a_running_coordinator_renews_its_certificate_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "RENEW_EVERY_S", 0.05)
    with LiveColony(tmp_path, server_tls=ServerTls()) as lab:
        folder = TlsFolder(lab.folder / "coordinator" / "tls")
        soon = Issuer(tmp_path, "soon")
        soon.authority = folder.authority()
        ending = soon.server("ending", "localhost", "soon-over.example", days=RENEW_DAYS_LEFT)
        for path, source in zip((folder.server_key, folder.server_crt), reversed(ending), strict=True):
            beside = path.with_suffix(".beside")
            beside.write_bytes(source.read_bytes())
            os.replace(beside, path)
        port = int(lab.url.rpartition(":")[2])
        while folder.facts(folder.server_crt).days_left(SystemClock().wall_ns()) <= RENEW_DAYS_LEFT:
            asyncio.run(asyncio.sleep(0.05))
        assert "soon-over.example" in asyncio.run(shown(port, folder.ca_crt)), "for the same hosts, and shown at once"
        with lab.client() as client:
            assert client.get_colony().name == "lab"
