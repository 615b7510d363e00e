"""What the TypeScript and Rust SDKs and the dashboards send, as they send it (clients.md E to H)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from colonies_edge.crypto.identity import Signer
from tests.support.http import do, envelope, post, said
from tests.support.http_colony import HttpColony, spec

ORIGIN = {"Origin": "http://dashboard.example", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def colony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpColony]:
    with HttpColony(tmp_path_factory.mktemp("colony")) as running:
        yield running


@pytest.fixture
def worker(colony: HttpColony, request: pytest.FixtureRequest) -> Signer:
    """An executor whose type and name are the test's name."""
    return colony.worker(request.node.name, request.node.name)


@pytest.fixture
def running(colony: HttpColony, worker: Signer, request: pytest.FixtureRequest) -> Any:
    """A process that `worker` runs."""
    colony.submit(executortype=request.node.name)
    return colony.do(worker, "assignprocessmsg", colonyname="lab", timeout=10, latest=False)


def of(process: Any) -> dict[str, str]:
    return {"processid": process["processid"]}


# TypeScript, in a browser


def test_a_browser_asks_first_and_reads_the_answer(colony: HttpColony) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert said(colony.http, "OPTIONS", "/api", headers=asked).status == 204
    body = envelope({"msgtype": "getcolonystatsmsg", "colonyname": "lab"}, colony.me)
    found = post(colony.http, body, headers=ORIGIN)
    assert (found.status, found.headers["access-control-allow-origin"]) == (200, "*")


def test_a_refused_history_is_an_error_and_not_an_empty_success(colony: HttpColony) -> None:
    for message in ({"msgtype": "getcolonystatsmsg"}, {"msgtype": "getprocesshistmsg", "seconds": 10, "state": 2}):
        found = post(colony.http, envelope({**message, "colonyname": "lab"}, colony.owner))
        assert found.status == 403 and found.value["message"]


def test_the_processes_of_a_workflow_are_listed_by_its_id(colony: HttpColony) -> None:
    nodes = [spec("nobody", nodename="a"), spec("nobody", nodename="b")]
    graph = colony.do(colony.me, "submitworkflowspecmsg", spec={"colonyname": "lab", "functionspecs": nodes})
    listing = {"colonyname": "lab", "processgraphid": graph["processgraphid"], "count": 100, "state": -1}
    found = colony.do(colony.me, "getprocessesmsg", **listing)
    assert {process["processid"] for process in found} == set(graph["processids"])


def test_removeprocess_says_all_false(colony: HttpColony) -> None:
    process = colony.submit(executortype="nobody")
    assert colony.do(colony.me, "removeprocessmsg", all=False, **of(process)) == {}


def test_channels_take_bytes_as_numbers_and_give_base64(colony: HttpColony) -> None:
    process = colony.submit(executortype="nobody", channels=["chat"])
    colony.do(colony.me, "channelappendmsg", name="chat", sequence=1, inreplyto=0, payload=[0, 255], **of(process))
    entries = colony.do(colony.me, "channelreadmsg", name="chat", afterseq=0, limit=10, **of(process))
    assert [entry["payload"] for entry in entries] == ["AP8="]


# Rust


def test_rust_closes_without_output_after_setting_it(colony: HttpColony, worker: Signer, running: Any) -> None:
    colony.do(worker, "setoutputmsg", out=["text"], **of(running))
    colony.do(worker, "closesuccessfulmsg", **of(running))
    found = colony.do(colony.me, "getprocessmsg", **of(running))
    assert (found["state"], found["out"]) == (2, ["text"])


def test_rust_fails_without_errors_and_reads_an_empty_list(colony: HttpColony, worker: Signer, running: Any) -> None:
    colony.do(worker, "closefailedmsg", **of(running))
    assert colony.do(colony.me, "getprocessmsg", **of(running))["errors"] == []


def test_rust_adds_attributes_of_type_four(colony: HttpColony, worker: Signer, running: Any) -> None:
    attribute = {
        "targetid": running["processid"],
        "targetcolonyname": "lab",
        "attributetype": 4,
        "key": "k",
        "value": "v",
    }
    added = colony.do(worker, "addattributemsg", attribute=attribute)
    assert colony.do(colony.me, "getattributemsg", attributeid=added["attributeid"])["targetcolonyname"] == "lab"


def test_rust_names_a_function_by_another_key_and_lists_by_another_message(
    colony: HttpColony, worker: Signer, request: pytest.FixtureRequest
) -> None:
    function = {"executorname": request.node.name, "colonyname": "lab", "funcname": "render"}
    assert colony.do(worker, "addfunctionmsg", function=function)["funcname"] == "render"
    listing = {"colonyname": "lab", "executorname": request.node.name}
    assert [found["funcname"] for found in colony.do(colony.me, "getfunctionsbyexecutormsg", **listing)] == ["render"]


def test_rust_has_its_own_name_for_a_condition_which_is_ignored(colony: HttpColony) -> None:
    conditions = {"colonyname": "lab", "executortype": "nobody", "processes-per-node": 4}
    submitted = colony.do(colony.me, "submitfuncspecmsg", spec={"funcname": "f", "conditions": conditions})
    assert submitted["spec"]["conditions"]["processespernode"] == 0


def test_a_colony_without_anything_is_listed_as_empty(colony: HttpColony) -> None:
    for message in ("getcronsmsg", "getgeneratorsmsg", "getsnapshotsmsg", "getfilelabelsmsg", "getlocationsmsg"):
        assert colony.do(colony.me, message, colonyname="lab", count=10) == []


# The dashboards


@pytest.mark.parametrize(
    ("message", "who"),
    [
        ({"msgtype": "getcolonystatsmsg", "colonyname": "lab"}, "me"),
        ({"msgtype": "getcolonymsg", "colonyname": "lab"}, "me"),
        ({"msgtype": "getexecutorsmsg", "colonyname": "lab"}, "me"),
        ({"msgtype": "getfunctionsmsg", "colonyname": "lab"}, "me"),
        ({"msgtype": "getprocessgraphsmsg", "colonyname": "lab", "count": 100, "state": 1}, "me"),
        ({"msgtype": "versionmsg"}, "me"),
        ({"msgtype": "getclustermsg"}, "server"),
        ({"msgtype": "getcoloniesmsg"}, "server"),
    ],
    ids=lambda value: value["msgtype"] if isinstance(value, dict) else "",
)
def test_a_page_of_the_dashboard_is_served(colony: HttpColony, message: dict[str, Any], who: str) -> None:
    found = post(colony.http, envelope(message, getattr(colony, who)), headers=ORIGIN)
    assert found.status == 200 and not found.envelope["error"]


def test_the_old_dashboard_deletes_by_other_names(
    colony: HttpColony, worker: Signer, request: pytest.FixtureRequest
) -> None:
    process = colony.submit(executortype="nobody")
    assert do(colony.http, colony.me, "deleteprocessmsg", **of(process)) == {}
    name = request.node.name
    assert do(colony.http, colony.owner, "deleteexecutormsg", colonyname="lab", executorname=name) == {}


def test_an_approval_by_name_may_carry_an_id_too(
    colony: HttpColony, worker: Signer, request: pytest.FixtureRequest
) -> None:
    fields = {"colonyname": "lab", "executorname": request.node.name, "executorid": worker.identity}
    assert colony.do(colony.owner, "rejectexecutormsg", **fields) == {}
    assert colony.do(colony.owner, "approveexecutormsg", **fields) == {}
