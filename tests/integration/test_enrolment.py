"""A device enrols itself, on either broker: first to last, with bad tokens, without a clock, and killed in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.config import VARIABLES, read_devenv
from colonies_edge.apps.coordinator.serving import ServerTls
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer, identity_of, new_private_key
from colonies_edge.protocol.enrolment import Token, seal_token
from colonies_edge.protocol.errors import Forbidden, NoConnection
from colonies_edge.transports.ports import NotAdmitted
from colonies_edge.transports.system import SystemClock, entropy, new_msgid
from tests.support.brokers import Mosquitto
from tests.support.certificates import needs_cryptography
from tests.support.colony import environment
from tests.support.live_colony import ROOT, LiveColony

LINES = Callable[[subprocess.Popen[str]], str]


@pytest.fixture(params=["embedded", "embedded-tls", "mosquitto"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveColony]:
    if request.param == "mosquitto":
        with Mosquitto() as broker, LiveColony(tmp_path, mqtt=broker.url) as colony:
            yield colony
        return
    if request.param == "embedded-tls":
        pytest.importorskip("cryptography.x509", reason="install it with: apt-get install python3-cryptography")
    with LiveColony(tmp_path, server_tls=ServerTls() if request.param == "embedded-tls" else None) as colony:
        yield colony


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[LiveColony]:
    with LiveColony(tmp_path) as colony:
        yield colony


def command(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "colonies_edge", *words],
        cwd=folder,
        env={**environment(), **variables, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    out, err = process.communicate()
    assert process.returncode == code, f"{process.returncode}\n{out}\n{err}"
    return out, err


def owner(lab: LiveColony, *words: str, code: int = 0) -> str:
    """A command of the colony's owner."""
    variables = {VARIABLES[name]: value for name, value in lab.settings().items() if value}
    return ran(command(lab.folder / "owner", *words, **variables), code)[0]


def a_token(lab: LiveColony, *words: str) -> str:
    return str(json.loads(owner(lab, "enrol", "token", "--executortype", "cli", *words, "--json"))["token"])


def executors(lab: LiveColony) -> dict[str, Any]:
    """By name; as a user, for the owner is no member."""

    async def ask() -> dict[str, Any]:
        async with AsyncClient(lab.endpoint, Signer(lab.prvkey), "lab") as client:
            return {row.executorname: row for row in await client.get_executors()}

    return asyncio.run(ask())


def saying(process: subprocess.Popen[str], words: str) -> None:
    """Wait until it says so on stderr."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended without saying {words!r}")


def test_a_device_enrols_is_approved_and_works(lab: LiveColony) -> None:
    token = a_token(lab, "--name", "camera-*")
    folder = lab.folder / "device"
    device = command(folder, "enrol", token, "--name", "camera-7", "--location", "attic")
    saying(device, "Waiting for the owner to run: colonies-edge executor approve --name camera-7")
    assert executors(lab)["camera-7"].locationname == "attic"
    owner(lab, "executor", "approve", "--name", "camera-7")
    ran(device)
    devenv = read_devenv(folder / ".colonies-edge" / "devenv")
    assert (devenv["COLONIES_SERVER_ID"], devenv["COLONIES_MQTT"]) == (lab.serverid, lab.url)
    key = folder / ".colonies-edge" / "executors" / "lab.camera-7" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert identity_of(key.read_text().strip()) == executors(lab)["camera-7"].executorid
    works(lab, command(folder, "executor", "os", "start", "--location", "attic"))


def test_a_device_that_is_rejected_hears_so(lab: LiveColony) -> None:
    device = command(lab.folder / "device", "enrol", a_token(lab), "--name", "pi")
    saying(device, "Waiting for the owner to run: colonies-edge executor approve --name pi")
    owner(lab, "executor", "reject", "--name", "pi")
    assert "the colony's owner does not want executor pi" in ran(device, 1)[1]


def works(lab: LiveColony, device: subprocess.Popen[str]) -> None:
    with lab.client() as client:
        done = client.submit("sh", "-c", "echo hello", executortype="cli").wait(60)
        assert "hello" in str(done.output)
    device.send_signal(signal.SIGTERM)
    ran(device)


def test_a_token_that_approves_lets_it_start_at_once(lab: LiveColony) -> None:
    token = a_token(lab, "--approve")
    works(lab, command(lab.folder / "device", "enrol", token, "--name", "pi", "--start"))


def test_the_line_that_the_owner_is_given_does_all_of_it_on_the_device(embedded: LiveColony) -> None:
    told = json.loads(owner(embedded, "enrol", "token", "--executortype", "cli", "--approve", "--json"))
    words = told["line"].split()
    assert words[:4] == ["python3", "colonies-edge.pyz", "enrol", told["token"]]
    works(embedded, command(embedded.folder / "device", *words[2:], "--name", "pi"))


@pytest.mark.parametrize("moment", ["key", "registered", "waiting", "settings"])
@pytest.mark.long
def test_killed_in_between_it_goes_on_where_it_was(embedded: LiveColony, moment: str) -> None:
    token = a_token(embedded, "--name", "pi")
    folder = embedded.folder / "device"
    data = folder / ".colonies-edge"
    there: dict[str, Callable[[], bool]] = {
        "key": lambda: (data / "enrolling.key").exists(),
        "registered": lambda: "pi" in executors(embedded),
        "settings": lambda: (data / "devenv").exists(),
    }
    device = command(folder, "enrol", token)
    if moment == "waiting":
        saying(device, "Waiting for the owner")
    else:
        while not there[moment]():
            assert device.poll() is None, device.communicate()
    device.kill()
    device.communicate()
    (key,) = (path for path in (data / "enrolling.key", data / "executors" / "lab.pi" / "key") if path.exists())
    identity = identity_of(key.read_text().strip())
    again = command(folder, "enrol", token)
    saying(again, "Waiting for the owner")
    assert executors(embedded)["pi"].executorid == identity, "the same key"
    owner(embedded, "executor", "approve", "--name", "pi")
    ran(again)
    rows = json.loads(owner(embedded, "enrol", "ls", "--json"))
    assert [row["executornames"] for row in rows] == [["pi"]], "used once"


def test_a_coordinator_that_is_killed_in_between_remembers_uses(embedded: LiveColony) -> None:
    token = a_token(embedded, "--name", "pi-*")
    ran(command(embedded.folder / "one", "enrol", token, "--name", "pi-1", "--no-wait"))
    embedded.stop()
    embedded.start()
    _, said = ran(command(embedded.folder / "two", "enrol", token, "--name", "pi-2", "--no-wait"), 1)
    assert "does not take this token" in said
    ran(command(embedded.folder / "one", "enrol", token, "--name", "pi-1", "--no-wait"))


# --- tokens that do not count


def sealed(lab: LiveColony, signer: Signer | None = None, **fields: Any) -> str:
    said = {
        "tokenid": new_msgid(),
        "colonyname": "lab",
        "executortype": "cli",
        "names": "*",
        "uses": 1,
        "expires_ms": SystemClock().wall_ns() // 1_000_000 + 600_000,
        "serverid": lab.serverid,
        "mqtt": lab.url,
    }
    return seal_token(Token(**{**said, **fields}), signer or Signer(lab.colony_prvkey))


def tried(lab: LiveColony, token: str, *, name: str = "pi", colony: str = "lab") -> str:
    """What is said to a stranger with that token."""
    signer = Signer(new_private_key(entropy(32)))

    async def ask() -> str:
        endpoint = Endpoint(mqtt=lab.url, serverid=lab.serverid, tls=lab.tls, token=token, patience_s=5)
        try:
            async with AsyncClient(endpoint, signer, colony) as client:
                await client.enrol(token, name)
        except NotAdmitted:
            return "not admitted"
        except (Forbidden, NoConnection) as error:
            return str(error)
        return "enrolled"

    return asyncio.run(ask())


def test_tokens_that_do_not_count_are_refused_at_the_first_door_or_with_the_reason(lab: LiveColony) -> None:
    door = "not admitted" if lab.embedded else ""
    stranger = Signer(new_private_key(entropy(32)))
    used = sealed(lab)
    assert tried(lab, used) == "enrolled"
    revoked = sealed(lab, tokenid="r" * 20)
    lab.as_owner(lambda client: client.revoke_enrolment("r" * 20))
    good = sealed(lab)
    body, signature = good.rsplit(".", 1)
    cases = {
        "the token has expired": sealed(lab, expires_ms=1),
        "is for Colony with name <other>": sealed(lab, colonyname="other"),
        "is for the coordinator": sealed(lab, serverid="ab" * 32),
        "was used 1 times": used,
        "was revoked": revoked,
        "is not signed by the owner": sealed(lab, signer=stranger),
        "altered": f"{body}.{signature[:40]}{'A' if signature[40] != 'A' else 'B'}{signature[41:]}",
        "this is no token": "ce1.x",
    }
    for said, token in cases.items():
        found = tried(lab, token)
        if door:
            assert found == door, said
        elif said == "altered":
            assert "not signed by the owner" in found or "nobody signed this token" in found
        else:
            assert said in found
    assert "is for names like <camera-*>, which <pi> is not" in tried(lab, sealed(lab, names="camera-*"))
    assert "pi" in executors(lab) and len(executors(lab)) == 1


def test_a_stranger_with_a_token_may_enrol_and_nothing_else(embedded: LiveColony) -> None:
    token = sealed(embedded)
    signer = Signer(new_private_key(entropy(32)))

    async def scene() -> None:
        endpoint = Endpoint(mqtt=embedded.url, serverid=embedded.serverid, token=token)
        async with AsyncClient(endpoint, signer, "lab") as client:
            with pytest.raises(Forbidden, match="no role here"):
                await client.get_executors()
            with pytest.raises(Forbidden, match="no role here"):
                await client.add_user("me too", signer.identity)
            assert (await client.enrol(token, "pi")).executorid == signer.identity
            assert (await client.enrol(token, "pi")).executorid == signer.identity, "said again"

    asyncio.run(scene())


def test_a_device_without_a_clock_enrols(lab: LiveColony) -> None:
    token = sealed(lab)
    signer = Signer(new_private_key(entropy(32)))

    async def scene() -> None:
        endpoint = Endpoint(mqtt=lab.url, serverid=lab.serverid, tls=lab.tls, token=token)
        client = AsyncClient(endpoint, signer, "lab")
        client.clock.learn(86_400_000)  # it believes that it is January 1970
        async with client:
            assert (await client.enrol(token, "pi")).executorname == "pi"

    asyncio.run(scene())


@needs_cryptography
@pytest.mark.long
def test_the_token_pins_the_coordinator_from_the_first_byte(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        LiveColony(tmp_path / "a", server_tls=ServerTls()) as right,
        LiveColony(tmp_path / "b", server_tls=ServerTls()) as wrong,
    ):
        token = a_token(right, "--address", wrong.url)
        _, said = ran(command(tmp_path / "device", "enrol", token, "--name", "pi"), 3)
        assert "an authority that is not known here" in said
        assert not (tmp_path / "device" / ".colonies-edge" / "devenv").exists()


def test_what_is_refused_leaves_one_key_for_the_next_attempt_and_everything_is_its_owners_alone(
    embedded: LiveColony,
) -> None:
    folder = embedded.folder / "device"
    data = folder / ".colonies-edge"
    stale = a_token(embedded, "--uses", "5")
    owner(embedded, "enrol", "revoke", stale)
    for name in ("one", "two"):
        _, said = ran(command(folder, "enrol", stale, "--name", name, "--no-wait"), 1)
        assert "over, used up or revoked" in said
    assert [path.relative_to(data).as_posix() for path in data.rglob("*")] == ["enrolling.key"]
    identity = identity_of((data / "enrolling.key").read_text().strip())
    ran(command(folder, "enrol", a_token(embedded), "--name", "three", "--no-wait"))
    assert executors(embedded)["three"].executorid == identity and not (data / "enrolling.key").exists()
    folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def test_what_a_person_gets_wrong_is_one_line(embedded: LiveColony, tmp_path: Path) -> None:
    token = a_token(embedded, "--name", "camera-*")
    for words, said in {
        ("nonsense",): "this is no token, or not all of it: copy the whole line",
        (token[:100],): "this is no token, or not all of it: copy the whole line",
        (token, "--name", "pi"): "the token is for names like camera-*, which pi is not",
    }.items():
        _, shown = ran(command(tmp_path / "device", "enrol", *words), 2)
        assert said in shown and shown.count("\n") == 1, shown
    ran(command(tmp_path / "device", "enrol", token, "--name", "camera-1", "--no-wait"))
    other = seal_token(
        Token(tokenid="o" * 20, colonyname="other", executortype="x", names="*", uses=1, expires_ms=1, mqtt="mqtt://x"),
        Signer(embedded.colony_prvkey),
    )
    _, shown = ran(command(tmp_path / "device", "enrol", other), 2)
    assert "use another folder (--data DIR), or remove that file" in shown
    variables = {VARIABLES[name]: value for name, value in embedded.settings().items() if value}
    stranger = {**variables, "COLONIES_COLONY_PRVKEY": new_private_key(os.urandom(32))}
    ran(command(tmp_path / "x", "enrol", "token", "--executortype", "t", **stranger), 3)
    _, shown = ran(command(tmp_path / "x", "enrol", "token", "--executortype", "t", "--expires", "90d", **variables), 2)
    assert "not between 1s and 30d" in shown


def test_on_a_device_doctor_and_status_look_as_its_executor_and_nothing_else_is_suggested(embedded: LiveColony) -> None:
    device = embedded.folder / "device"
    ran(command(device, "enrol", a_token(embedded, "--name", "cam"), "--no-wait"))
    pending = json.loads(ran(command(device, "doctor", "--json"), code=1)[0])["findings"]
    assert "executor approve --name cam" in next(one["remedy"] for one in pending if one["about"] == "membership")
    owner(embedded, "executor", "approve", "--name", "cam")
    identity = executors(embedded)["cam"].executorid
    findings = json.loads(ran(command(device, "doctor", "--json"))[0])["findings"]
    found = {one["about"]: one["sentence"] for one in findings}
    assert f"accepts the connection of executor cam ({identity})" in found["broker"]
    assert found["membership"] == "executor cam is a member of colony lab"
    status = json.loads(ran(command(device, "status", "--json"))[0])
    assert status["executors"][0]["executorname"] == "cam"
    for words, whose in ((("process", "pss"), "a user of"), (("executor", "approve", "--name", "cam"), "the owner of")):
        said = ran(command(device, *words), code=2)[1]
        assert f"run it where {whose} colony lab has a key" in said and "colonies-edge dev" not in said


def test_an_executor_is_said_to_run_when_it_does_and_not_where_another_has_its_folder(embedded: LiveColony) -> None:
    device = embedded.folder / "device"
    ran(command(device, "enrol", a_token(embedded, "--name", "cam", "--approve")))
    running = command(device, "executor", "os", "start")
    assert running.stderr is not None
    assert running.stderr.readline() == "Executor cam (cli) runs; Ctrl-C stops it\n"
    _, said = ran(command(device, "executor", "os", "start"), code=2)
    assert said.count("\n") == 1 and "is in use by process" in said and "runs" not in said
    running.terminate()
    running.communicate()
    assert running.returncode == 0
