"""The Node-RED example in a real Node-RED and over a real mosquitto: it signs work and believes nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.transports.system import entropy
from tests.support.brokers import Mosquitto
from tests.support.live_colony import LiveColony, working
from tests.support.node_red import NODE_RED, NodeRed, installed
from tests.test_tidy import ROOT

EXAMPLE = ROOT / "examples" / "node-red"
FLOW: list[dict[str, Any]] = json.loads((EXAMPLE / "flow.json").read_text("utf-8"))
MODULES = re.findall(r"@noble/\w+@[\d.]+", (EXAMPLE / "README.md").read_text("utf-8"))
FUNCTIONS = {"who": "start.js", "what": "submit.js", "sign": "sign.js", "read": "read.js"}


def test_the_flow_has_the_code_of_the_files_beside_it() -> None:
    code = {node["id"]: node["func"] for node in FLOW if node["type"] == "function"}
    assert code == {node: (EXAMPLE / file).read_text("utf-8") for node, file in FUNCTIONS.items()}


def test_the_readme_names_the_versions_of_the_flows_modules() -> None:
    modules = {lib["module"].rpartition("/")[0] for node in FLOW for lib in node.get("libs", ())}
    assert modules == {package.rpartition("@")[0] for package in MODULES} and len(modules) == 2
    assert "PRVKEY" in (EXAMPLE / "start.js").read_text("utf-8")
    known = {node["id"] for node in FLOW}
    assert all(target in known for node in FLOW for wires in node.get("wires", ()) for target in wires)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    installed(folder, NODE_RED)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where Node-RED keeps its things, with the modules that the example's README installs there."""
    installed(tmp_path / "red", *MODULES)
    return tmp_path / "red"


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[LiveColony]:
    broker = Mosquitto().start()
    try:
        with LiveColony(tmp_path, mqtt=broker.url) as live, working(live.os_executor(allow=("echo",))):
            yield live
    finally:
        broker.close()


def flow_for(colony: LiveColony) -> list[dict[str, Any]]:
    """The flow as it is, with this broker and with results on stdout."""
    changes = {"mqtt-broker": {"port": colony.url.rpartition(":")[2]}, "debug": {"console": True}}
    return [{**node, **changes.get(node["type"], {})} for node in FLOW]


@pytest.mark.long
def test_a_real_node_red_submits_and_is_told_what_came_of_it(colony: LiveColony, program: Path, folder: Path) -> None:
    with NodeRed(program, folder, flow_for(colony), colony.environment()) as red:
        red.until("Connected to broker", "submits to lab as")
        red.press("go")
        ended = red.until(r"\[debug:ended\].*?payload: \[ ('[^']*') \]")
        assert ended[1] == "'hello from Node-RED'" and "topic: 'successful'" in ended[0]
    with colony.client() as client:
        (process,) = client.get_processes(2)
        assert process.initiatorname == "me" and process.spec.args == ("hello from Node-RED",)


@pytest.mark.long
def test_it_believes_the_coordinator_that_it_was_told_and_no_stranger(
    colony: LiveColony, program: Path, folder: Path
) -> None:
    other = Signer(new_private_key(entropy(32))).identity
    with NodeRed(program, folder, flow_for(colony), colony.environment(serverid=other)) as red:
        red.until("Connected to broker", "submits to lab as")
        red.press("go")
        red.until("a message that the coordinator did not sign was dropped")
    stranger = colony.environment(prvkey=new_private_key(entropy(32)))
    with NodeRed(program, folder, flow_for(colony), stranger) as red:
        red.until("Connected to broker", "submits to lab as")
        red.press("go")
        assert "403" in red.until(r"\[debug:refused\].*?status: \d+")[0]


@pytest.mark.long
def test_an_hour_of_a_wrong_clock_costs_one_round_trip(colony: LiveColony, program: Path, folder: Path) -> None:
    shift = folder / "an-hour-ago.js"
    shift.write_text("const now = Date.now; Date.now = () => now() - 3600e3;\n")
    env = {**colony.environment(), "NODE_OPTIONS": f"--require {shift}"}
    with NodeRed(program, folder, flow_for(colony), env) as red:
        red.until("Connected to broker", "submits to lab as")
        red.press("go")
        assert "successful" in red.until(r"\[debug:ended\].*?payload: [^\n]*")[0]
    with colony.client() as client:
        assert len(client.get_processes(2)) == 1
