"""The public Python SDK of Colonies, as it is published, against the gateway: every method that it has."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.transports.system import entropy
from tests.support.http_colony import HttpColony
from tests.support.object_store import object_store

# It leaves sockets to be closed by the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

pycolonies: Any = pytest.importorskip("pycolonies", reason="install the extra test")
from model import FuncSpec, Workflow  # type: ignore[import-not-found]  # noqa: E402  # its modules have such names

# Needs a native library that nobody publishes for Python (libcfslib.so).
NOT_CALLED = {"sync"}


@pytest.fixture(scope="module")
def colony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpColony]:
    with HttpColony(tmp_path_factory.mktemp("colony")) as running:
        yield running


@pytest.fixture
def sdk(colony: HttpColony) -> Any:
    return pycolonies.Colonies("127.0.0.1", colony.port)


@pytest.fixture
def worker(colony: HttpColony, sdk: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """The private key of an approved executor, whose type is the test's name."""
    key, name = new_private_key(entropy(32)), type_of(request)
    executor = {
        "executorname": name,
        "executorid": Signer(key).identity,
        "colonyname": "lab",
        "executortype": name,
    }
    assert sdk.add_executor(executor, colony.colony_prvkey)["state"] == 0
    sdk.approve_executor("lab", name, colony.colony_prvkey)
    yield key
    sdk.remove_executor("lab", name, colony.colony_prvkey)


def type_of(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def spec(request: pytest.FixtureRequest) -> FuncSpec:
    return pycolonies.func_spec("work", ["a", 1], "lab", type_of(request), maxexectime=60, maxretries=3)


def test_every_method_is_called_here() -> None:
    methods = {name for name, _ in inspect.getmembers(pycolonies.Colonies, inspect.isfunction) if name[0] != "_"}
    source = inspect.getsource(sys.modules[__name__])
    called = set(re.findall(r"\bsdk\.(\w+)\(", source))
    assert methods - called == NOT_CALLED


def test_its_settings_are_those_of_the_devenv(colony: HttpColony, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(colony.port), "SERVER_TLS": "false", "COLONY_NAME": "lab"}
    for name, value in values.items():
        monkeypatch.setenv(f"COLONIES_{name}", value)
    monkeypatch.setenv("COLONIES_PRVKEY", colony.prvkey)
    client, colonyname, _, _, prvkey = pycolonies.colonies_client()
    assert client.stats(colonyname, prvkey)["waitingprocesses"] >= 0


def test_colonies_and_users(colony: HttpColony, sdk: Any) -> None:
    owner, user = (Signer(new_private_key(entropy(32))) for _ in range(2))
    sdk.add_colony({"colonyid": owner.identity, "name": "other"}, colony.server_prvkey)
    assert {found["name"] for found in sdk.list_colonies(colony.server_prvkey)} == {"lab", "other"}
    sdk.add_user(
        {"colonyname": "other", "userid": user.identity, "name": "ann", "email": "", "phone": ""}, owner.private_key
    )
    assert sdk.get_colony("other", user.private_key)["colonyid"] == owner.identity
    assert [found["name"] for found in sdk.get_users("other", user.private_key)] == ["ann"]
    sdk.remove_user("other", "ann", owner.private_key)
    with pytest.raises(pycolonies.ColoniesConnectionError, match="Access denied"):
        sdk.get_users("other", user.private_key)
    sdk.del_colony("other", colony.server_prvkey)
    assert [found["name"] for found in sdk.list_colonies(colony.server_prvkey)] == ["lab"]


def test_executors(colony: HttpColony, sdk: Any) -> None:
    key = new_private_key(entropy(32))
    executor = {"executorname": "e", "executorid": Signer(key).identity, "colonyname": "lab", "executortype": "t"}
    sdk.add_executor(executor, colony.colony_prvkey)
    states = []
    for change in (sdk.approve_executor, sdk.reject_executor, sdk.remove_executor):
        change("lab", "e", colony.colony_prvkey)
        states.append(sdk.get_executor("lab", "e", colony.prvkey)["state"])
    assert states == [1, 2, 3]
    assert "e" in {found["executorname"] for found in sdk.list_executors("lab", colony.prvkey)}
    assert sdk.approve_executor("lab", "e", colony.colony_prvkey) == {}
    assert sdk.reject_executor("lab", "e", colony.colony_prvkey) == {}
    assert sdk.remove_executor("lab", "e", colony.colony_prvkey) == {}


def test_an_executors_loop(colony: HttpColony, sdk: Any, worker: str, spec: FuncSpec) -> None:
    with pytest.raises(pycolonies.ColoniesConnectionError, match="No process available"):
        sdk.assign("lab", 1, worker)
    submitted = sdk.submit_func_spec(spec, colony.prvkey)
    assert (submitted.state, submitted.spec.args, submitted.initiatorname) == (0, ["a", 1], "me")
    process = sdk.assign("lab", 10, worker)
    assert (process.processid, process.state) == (submitted.processid, 1)
    sdk.add_log(process.processid, "half way\n", worker)
    attribute = sdk.add_attribute(process.processid, "key", "value", worker)
    assert sdk.get_attribute(attribute["attributeid"], colony.prvkey)["value"] == "value"
    sdk.set_output(process.processid, ["early"], worker)
    sdk.close(process.processid, ["done", 2, 3.5], worker)
    ended = sdk.wait(submitted, 10, colony.prvkey)
    assert (ended.state, ended.output) == (sdk.SUCCESSFUL, ["done", 2, 3.5])
    lines = sdk.get_process_log("lab", process.processid, 10, 0, colony.prvkey)
    assert [line["message"] for line in lines] == ["half way\n"]
    name = lines[0]["executorname"]
    assert sdk.get_executor_log("lab", name, 10, 0, colony.prvkey)[0]["message"] == "half way\n"


def test_a_failure_and_a_removal(colony: HttpColony, sdk: Any, worker: str, spec: FuncSpec) -> None:
    sdk.submit_func_spec(spec, colony.prvkey)
    process = sdk.assign("lab", 10, worker)
    sdk.fail(process.processid, ["broken"], worker)
    failed = sdk.get_process(process.processid, colony.prvkey)
    assert (failed.state, failed.errors) == (sdk.FAILED, ["broken"])
    assert process.processid in {found["processid"] for found in sdk.list_processes("lab", 100, 3, colony.prvkey)}
    sdk.remove_process(process.processid, colony.prvkey)
    with pytest.raises(pycolonies.ColoniesConnectionError, match="process not found"):
        sdk.get_process(process.processid, colony.prvkey)


def test_the_defaults_of_its_model_do_not_kill_a_process(colony: HttpColony, sdk: Any, worker: str) -> None:
    conditions = {"colonyname": "lab", "executortype": "test_the_defaults_of_its_model_do_not_kill_a_process"}
    submitted = sdk.submit_func_spec(FuncSpec(funcname="f", conditions=conditions), colony.prvkey)
    assert (submitted.spec.maxexectime, submitted.spec.maxwaittime) == (-1, -1)
    process = sdk.assign("lab", 10, worker)
    sdk.close(process.processid, [], worker)
    assert sdk.get_process(process.processid, colony.prvkey).state == sdk.SUCCESSFUL


def test_a_python_function_travels_with_its_source(colony: HttpColony, sdk: Any, worker: str) -> None:
    spec = pycolonies.func_spec(type_of, [1], "lab", "test_a_python_function_travels_with_its_source")
    submitted = sdk.submit_func_spec(spec, colony.prvkey)
    assert submitted.spec.env["args_spec"] == "request" and submitted.spec.env["code"]
    assert sdk.remove_process(submitted.processid, colony.prvkey) == {}


def test_workflows(colony: HttpColony, sdk: Any, worker: str, request: pytest.FixtureRequest) -> None:
    def node(name: str, *dependencies: str) -> FuncSpec:
        found = pycolonies.func_spec(name, [], "lab", type_of(request))
        found.conditions.dependencies = list(dependencies)
        return found

    graph = sdk.submit_workflow(Workflow(colonyname="lab", functionspecs=[node("a"), node("b", "a")]), colony.prvkey)
    assert (graph.state, len(graph.processids), len(graph.rootprocessids)) == (0, 2, 1)
    first = sdk.assign("lab", 10, worker)
    extra = pycolonies.func_spec("c", [], "lab", type_of(request))
    child = sdk.add_child(graph.processgraphid, first.processid, "", extra, "c", False, worker)
    assert child["spec"]["nodename"] == "c"
    sdk.close(first.processid, ["out"], worker)
    second = sdk.find_process("b", graph.processids, colony.prvkey)
    assert second is not None
    for _ in range(2):
        process = sdk.assign("lab", 10, worker)
        assert process.input == ["out"]
        sdk.close(process.processid, [], worker)
    shown = sdk.get_processgraph(graph.processgraphid, colony.prvkey)
    assert (shown.state, len(shown.nodes), len(shown.edges)) == (2, 3, 2)
    of_graph = sdk.get_processes_for_workflow(graph.processgraphid, "lab", colony.prvkey)
    assert {found["processid"] for found in of_graph} == set(shown.processids)
    assert len(sdk.get_processgraphs("lab", 10, colony.prvkey, state=2)) == 1
    assert not sdk.get_processgraphs("lab", 10, colony.prvkey)
    sdk.remove_processgraph(graph.processgraphid, colony.prvkey)
    assert not sdk.get_processgraphs("lab", 10, colony.prvkey, state=2)


def test_removing_everything(colony: HttpColony, sdk: Any, spec: FuncSpec) -> None:
    before = sdk.stats("lab", colony.prvkey)["waitingprocesses"]
    sdk.submit_func_spec(spec, colony.prvkey)
    sdk.submit_workflow(Workflow(colonyname="lab", functionspecs=[spec]), colony.prvkey)
    assert sdk.stats("lab", colony.prvkey)["waitingprocesses"] == before + 2
    sdk.remove_all_processgraphs("lab", colony.colony_prvkey)
    sdk.remove_all_processes("lab", colony.colony_prvkey)
    assert sdk.stats("lab", colony.prvkey)["waitingprocesses"] == 0


def test_functions(colony: HttpColony, sdk: Any, worker: str) -> None:
    sdk.add_function("lab", "test_functions", "render", worker)
    assert [found["funcname"] for found in sdk.get_functions_by_executor("lab", "test_functions", colony.prvkey)] == [
        "render"
    ]
    assert "render" in {found["funcname"] for found in sdk.get_functions_by_colony("lab", colony.prvkey)}


def test_crons_and_generators(colony: HttpColony, sdk: Any, spec: FuncSpec) -> None:
    workflow = Workflow(colonyname="lab", functionspecs=[spec])
    cron = sdk.add_cron("nightly", "0 30 2 * * *", True, workflow, "lab", colony.prvkey)
    assert sdk.get_cron(cron["cronid"], colony.prvkey)["waitforprevprocessgraph"] is True
    assert sdk.run_cron(cron["cronid"], colony.prvkey)["name"] == "nightly"
    assert len(sdk.get_crons("lab", 10, colony.prvkey)) == 1
    sdk.del_cron(cron["cronid"], colony.prvkey)
    generator = {
        "colonyname": "lab",
        "name": "batch",
        "workflowspec": workflow.model_dump_json(),
        "trigger": 3,
        "timeout": 0,
    }
    added = sdk.add_generator(generator, colony.prvkey)
    assert sdk.get_generator(added["generatorid"], colony.prvkey)["queuesize"] == 0
    assert len(sdk.get_generators("lab", colony.prvkey)) == 1
    sdk.remove_generator(added["generatorid"], colony.prvkey)
    sdk.remove_all_processgraphs("lab", colony.colony_prvkey, state=-1)


def test_files_in_an_object_store(
    colony: HttpColony, sdk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with object_store() as store:
        values = {
            "ENDPOINT": store.endpoint,
            "ACCESSKEY": store.accesskey,
            "SECRETKEY": store.secretkey,
            "REGION": "us-east-1",
            "TLS": "false",
            "BUCKET": "pycolonies",
            "SKIPVERIFY": "false",
        }
        for name, value in values.items():
            monkeypatch.setenv(f"AWS_S3_{name}", value)
        (tmp_path / "model.bin").write_bytes(b"weights")
        sdk.upload_file("lab", colony.prvkey, filepath=str(tmp_path / "model.bin"), label="/models")
        sdk.upload_data("lab", colony.prvkey, filename="notes.txt", data=b"text", label="/models")
        assert {found["name"] for found in sdk.get_files("/models", "lab", colony.prvkey)} == {"model.bin", "notes.txt"}
        assert sdk.get_file_labels("lab", colony.prvkey) == [{"name": "/models", "files": 2}]
        (file,) = sdk.get_file("lab", colony.prvkey, label="/models", filename="model.bin")
        assert file["size"] == 7
        out = tmp_path / "out"
        out.mkdir()
        sdk.download_file("lab", colony.prvkey, dst=str(out), label="/models", filename="model.bin")
        assert (out / "model.bin").read_bytes() == b"weights"
        assert sdk.download_data("lab", colony.prvkey, label="/models", filename="notes.txt") == b"text"
        snapshot = sdk.create_snapshot("lab", "/models", "v1", colony.prvkey)
        assert len(snapshot["fileids"]) == 2
        assert sdk.get_snapshot_by_name("lab", "v1", colony.prvkey)["snapshotid"] == snapshot["snapshotid"]
        assert sdk.get_snapshot_by_id("lab", snapshot["snapshotid"], colony.prvkey)["name"] == "v1"
        assert len(sdk.get_snapshots("lab", colony.prvkey)) == 1
        sdk.delete_file("lab", colony.prvkey, label="/models", filename="model.bin")
        assert [found["name"] for found in sdk.get_files("/models", "lab", colony.prvkey)] == ["notes.txt"]


def test_channels(colony: HttpColony, sdk: Any, worker: str, spec: FuncSpec) -> None:
    spec.channels = ["chat"]
    submitted = sdk.submit_func_spec(spec, colony.prvkey)
    process = sdk.assign("lab", 10, worker)
    sdk.channel_append(process.processid, "chat", 1, "hello", colony.prvkey)
    sdk.channel_append(process.processid, "chat", 1, b"\x00\xff", worker, in_reply_to=1, payload_type="end")
    entries = sdk.channel_read(submitted.processid, "chat", 0, 0, colony.prvkey)
    assert [entry["payload"] for entry in entries] == [b"hello", b"\x00\xff"]
    heard: list[Any] = []
    sdk.subscribe_channel(process.processid, "chat", colony.prvkey, callback=lambda news: heard.extend(news) or False)
    assert [entry["payload"] for entry in heard] == [b"hello", b"\x00\xff"]
    assert len(sdk.subscribe_channel(process.processid, "chat", colony.prvkey, timeout=1)) == 2
    with pytest.raises(pycolonies.ColoniesError):
        sdk.subscribe_channel("0" * 64, "chat", colony.prvkey, timeout=1)
    sdk.close(process.processid, [], worker)


def test_blueprints(colony: HttpColony, sdk: Any) -> None:
    definition = {
        "kind": "Lamp",
        "metadata": {"name": "lamps", "colonyname": "lab"},
        "spec": {
            "group": "home",
            "version": "v1",
            "names": {"kind": "Lamp", "singular": "lamp", "plural": "lamps"},
            "scope": "Namespaced",
            "handler": {"executorType": "lamp-reconciler", "functionName": "reconcile"},
        },
    }
    sdk.add_blueprint_definition(definition, colony.colony_prvkey)
    assert sdk.get_blueprint_definition("lab", "lamps", colony.prvkey)["metadata"]["name"] == "lamps"
    assert len(sdk.get_blueprint_definitions("lab", colony.prvkey)) == 1
    blueprint = {"kind": "Lamp", "metadata": {"name": "desk", "colonyname": "lab"}, "spec": {"on": True}}
    added = sdk.add_blueprint(blueprint, colony.prvkey)
    assert sdk.get_blueprint("lab", "desk", colony.prvkey)["spec"] == {"on": True}
    assert len(sdk.get_blueprints("lab", colony.prvkey, kind="Lamp")) == 1
    sdk.update_blueprint({**added, "spec": {"on": False}}, colony.prvkey, force_generation=True)
    sdk.update_blueprint_status("lab", "desk", {"seen": 1}, colony.prvkey)
    assert sdk.reconcile_blueprint("lab", "desk", colony.prvkey, force=True)["spec"]["funcname"] == "reconcile"
    assert len(sdk.get_blueprint_history(added["blueprintid"], colony.prvkey, limit=10)) >= 2
    sdk.remove_blueprint("lab", "desk", colony.prvkey)
    sdk.remove_blueprint_definition("lab", "lamps", colony.colony_prvkey)
    assert not sdk.get_blueprint_definitions("lab", colony.prvkey)
