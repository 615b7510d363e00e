"""`workflow` against a coordinator that `dev` started, as a person would type it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.cli.show_workflow import NodeView, in_order, nodes_of
from tests.support.colony import Dev, Shell, typed


def node(name: str, *after: str, kind: str = "wf", **fields: Any) -> dict[str, Any]:
    return {
        "nodename": name,
        "funcname": f"do-{name}",
        "conditions": {"executortype": kind, "dependencies": after},
        **fields,
    }


def pipeline(folder: Path, *nodes: dict[str, Any]) -> str:
    path = folder / "pipeline.json"
    path.write_text(json.dumps(nodes))
    return str(path)


def diamond(folder: Path, kind: str = "wf") -> str:
    return pipeline(
        folder,
        node("fetch", kind=kind, args=["url"]),
        node("left", "fetch", kind=kind),
        node("right", "fetch", kind=kind),
        node("merge", "left", "right", kind=kind),
    )


@pytest.fixture
def worker(shell: Shell, tmp_path: Path) -> Iterator[list[str]]:
    """The flags with which an approved executor of type `wf` speaks."""
    key = tmp_path / "worker.key"
    shell.run("executor", "create", "--name", "wf", "--type", "wf", "--approve", "--keypath", str(key))
    yield ["--prvkey", key.read_text()]
    shell.run("workflow", "removeall", "--yes")
    shell.run("executor", "remove", "--name", "wf")


def done(shell: Shell, worker: list[str], verdict: str = "close") -> str:
    """Take a process and end it; the name of its node."""
    process = shell.json("process", "assign", "--timeout", "20", *worker)
    words = ["--out", "x"] if verdict == "close" else ["--errors", "it broke"]
    shell.run("process", verdict, "-p", process["processid"], *words, *worker)
    return str(process["spec"]["nodename"])


def test_a_workflow_lives_from_submission_to_removal(shell: Shell, tmp_path: Path, worker: list[str]) -> None:
    graph = shell.json("workflow", "submit", "--spec", diamond(tmp_path))
    graphid = graph["processgraphid"]
    assert (graph["state"], len(graph["processids"])) == (0, 4)
    assert graphid in shell.run("workflow", "psw")
    assert [found["processgraphid"] for found in shell.json("workflow", "psw", "--count", "1")] == [graphid]
    assert done(shell, worker) == "fetch"
    assert graphid in shell.run("workflow", "ps")
    text = shell.run("workflow", "get", "--workflowid", graphid)
    assert shell.json("workflow", "get", "--workflowid", graphid)["nodes"]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    names = [line.split("|")[1].rstrip() for line in lines if "do-" in line]
    assert names == [" fetch", "   left", "   right", "     merge"]
    merge = next(line for line in lines if "do-merge" in line)
    assert "waiting for parents" in merge and "left right" in merge
    assert all(processid in text for processid in graph["processids"])
    assert "cannot remove a running" in shell.refused("workflow", "remove", "--workflowid", graphid, code=1)
    assert shell.json("workflow", "cancel", "--workflowid", graphid) == {}
    assert graphid in shell.run("workflow", "psc")
    assert graphid in shell.run("process", "get", "-p", graph["processids"][0])
    shell.run("workflow", "remove", "--workflowid", graphid)
    assert shell.err == f"Workflow removed: {graphid}\n"
    assert shell.run("workflow", "psc") == "" and shell.err == "No cancelled workflows found\n"
    assert "no workflow of that id" in shell.refused("workflow", "get", "--workflowid", graphid, code=1)


def test_waiting_ends_when_the_last_node_did_and_shows_all(
    dev: Dev, shell: Shell, tmp_path: Path, worker: list[str]
) -> None:
    waiting = typed(dev.folder, "workflow", "submit", "--spec", diamond(tmp_path), "--wait")
    assert [done(shell, worker) for _ in range(4)][0::3] == ["fetch", "merge"]
    out, err = waiting.communicate()
    assert waiting.returncode == 0, err
    assert out.count("successful") == 4 and "Workflow successful" in err
    assert shell.json("workflow", "pss")[0]["state"] == 2


def test_waiting_ends_with_1_when_a_node_failed_and_says_which(
    dev: Dev, shell: Shell, tmp_path: Path, worker: list[str]
) -> None:
    waiting = typed(dev.folder, "workflow", "submit", "--spec", diamond(tmp_path), "--wait")
    done(shell, worker, "fail")
    out, err = waiting.communicate()
    assert waiting.returncode == 1
    assert out.count("failed") == 4
    last = err.strip().splitlines()[-1]
    assert last.startswith("colonies-edge: workflow ") and "failed: fetch: it broke; `colonies-edge workflow" in last
    assert shell.json("workflow", "psf")[0]["state"] == 3


def test_waiting_ends_with_1_when_the_workflow_was_cancelled(
    dev: Dev, shell: Shell, tmp_path: Path, worker: list[str]
) -> None:
    waiting = typed(dev.folder, "workflow", "submit", "--spec", diamond(tmp_path), "--wait", "--json")
    done(shell, worker)
    graphid = shell.json("workflow", "ps")[0]["processgraphid"]
    shell.run("workflow", "cancel", "--workflowid", graphid)
    out, err = waiting.communicate()
    assert (waiting.returncode, json.loads(out)["state"]) == (1, 4)
    assert f"workflow {graphid} cancelled; " in err


def test_following_says_each_change(dev: Dev, shell: Shell, tmp_path: Path, worker: list[str]) -> None:
    path = pipeline(tmp_path, node("one"), node("two", "one"))
    following = typed(dev.folder, "workflow", "submit", "--spec", path, "--follow", "--quiet")
    assert done(shell, worker) == "one"
    assert following.stdout is not None
    said = following.stdout.readline()
    while said.startswith("one running"):
        said = following.stdout.readline()
    assert said == "one successful\n"
    done(shell, worker)
    out, _ = following.communicate()
    assert following.returncode == 0 and "two successful\n" in out


def test_all_workflows_of_a_state_go_after_a_yes(shell: Shell, tmp_path: Path, worker: list[str]) -> None:
    for _ in range(2):
        shell.run("workflow", "submit", "--spec", diamond(tmp_path))
    assert "add --yes" in shell.refused("workflow", "removeall", "--waiting", code=2)
    assert shell.json("workflow", "removeall", "--successful", "--yes") == {}
    assert len(shell.json("workflow", "psw")) == 2
    shell.run("workflow", "removeall", "--waiting", "--yes")
    assert shell.json("workflow", "psw") == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"funcname": "f", "conditions": {}}, "try to use `colonies-edge function submit --spec` instead"),
        ({"name": "x"}, "a workflow is a JSON array of function specs"),
        ([], "there is no function spec in it"),
        (["a"], "a workflow is a JSON array of function specs"),
        ([{"nodename": "a", "maxexectime": "x"}], "node a: "),
        ("[{]", "line 1, column 3"),
    ],
)
def test_a_file_that_is_no_workflow_is_named_with_what_it_is(
    shell: Shell, tmp_path: Path, value: Any, said: str
) -> None:
    path = tmp_path / "spec.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    assert said in shell.refused("workflow", "submit", "--spec", str(path), code=2)


def test_a_workflow_of_more_nodes_than_one_answer_has_processes_is_drawn_whole(
    dev: Dev, shell: Shell, tmp_path: Path, worker: list[str]
) -> None:
    others = [node(f"n{number}", kind="nobody") for number in range(120)]
    path = pipeline(tmp_path, *others, node("last"))
    waiting = typed(dev.folder, "workflow", "submit", "--spec", path, "--wait")
    process = shell.json("process", "assign", "--timeout", "20", *worker)
    text = shell.run("workflow", "get", "--workflowid", process["processgraphid"])
    line = next(row for row in text.splitlines() if row.startswith("| last "))
    assert "running" in line and "first 100 processes" in shell.err
    shell.run("process", "fail", "-p", process["processid"], "--errors", "it broke", *worker)
    out, err = waiting.communicate()
    assert waiting.returncode == 1 and "last: it broke" in err
    assert out.count("nobody") == 100 and "n119" in out


def test_lists_are_as_long_as_they_are_wanted_and_say_when_there_is_more(shell: Shell, tmp_path: Path) -> None:
    path = pipeline(tmp_path, *(node(f"n{number}", kind="nowhere") for number in range(120)))
    graphid = shell.json("workflow", "submit", "--spec", path)["processgraphid"]
    where = ("process", "psw", "--executortype", "nowhere")
    found = shell.json(*where, "--count", "119")
    assert len({process["processid"] for process in found}) == 119 and "The first 119 of more" in shell.err
    assert len(shell.json(*where, "--count", "120")) == 120 and shell.err == ""
    assert len(shell.json(*where)) == 20 and "--count" in shell.err
    shell.run("workflow", "cancel", "--workflowid", graphid)


def test_a_function_is_not_submitted_from_a_workflow(shell: Shell, tmp_path: Path) -> None:
    said = shell.refused("function", "submit", "--spec", diamond(tmp_path), code=2)
    assert "try to use `colonies-edge workflow submit --spec` instead" in said


def test_what_the_coordinator_refuses_names_the_nodes(shell: Shell, tmp_path: Path) -> None:
    typo = pipeline(tmp_path, node("first"), node("b", "frist"))
    said = shell.refused("workflow", "submit", "--spec", typo, code=2)
    assert "node 'b' depends on 'frist', which is no nodename in it; did you mean 'first'?" in said
    circle = pipeline(tmp_path, node("a", "b"), node("b", "a"))
    assert "a -> b -> a" in shell.refused("workflow", "submit", "--spec", circle, code=1)


def test_an_unknown_field_is_mentioned_and_the_object_of_the_wire_is_understood(
    shell: Shell, tmp_path: Path, worker: list[str]
) -> None:
    path = tmp_path / "whole.json"
    path.write_text(json.dumps({"colonyname": "dev", "functionspecs": [node("a", _comment=3)]}))
    graph = shell.json("workflow", "submit", "--spec", str(path))
    assert "'_comment' is no field of a function spec" in shell.err
    process = shell.json("process", "get", "-p", graph["processids"][0])
    assert (process["spec"]["maxexectime"], process["spec"]["conditions"]["colonyname"]) == (-1, "dev")


# The picture


def view(name: str, *parents: str) -> NodeView:
    return NodeView(key=name, name=name, parents=parents, spec={})


def test_every_node_stands_below_all_its_parents_and_branches_stay_together() -> None:
    nodes = [view("end", "b2", "a2"), view("a"), view("a2", "a"), view("b"), view("b2", "b"), view("lost", "nobody")]
    assert [(node.name, depth) for node, depth in in_order(nodes)] == [
        ("a", 0),
        ("a2", 1),
        ("b", 0),
        ("b2", 1),
        ("end", 2),
        ("lost", 0),
    ]


def test_a_circle_is_shown_last_and_not_for_ever() -> None:
    nodes = [view("a", "b"), view("b", "a"), view("c")]
    assert [node.name for node, _ in in_order(nodes)] == ["c", "a", "b"]


def test_a_large_workflow_is_drawn_from_its_drawing_alone() -> None:
    graph = {
        "nodes": [
            {"id": "1", "data": {"label": "a"}, "style": {"background": "#4689cd"}},
            {"id": "2", "data": {"label": ""}, "style": {"background": "#eee8d8"}},
        ],
        "edges": [{"source": "1", "target": "2"}],
    }
    first, second = nodes_of(graph, ())
    assert (first.name, first.state, first.waits) == ("a", 1, False)
    assert (second.name, second.state, second.waits, second.parents) == ("2", 0, True, ("1",))
