"""`blueprint` against a coordinator that `dev` started, as a person would type it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.cli.blueprint import put
from colonies_edge.apps.cli.show_blueprint import replicas
from colonies_edge.protocol.errors import UsageError
from tests.support.colony import Dev, Shell, typed

DEFINITION = {
    "kind": "BlueprintDefinition",
    "metadata": {"name": "lamp-def"},
    "spec": {
        "group": "home.example",
        "version": "v1",
        "names": {"kind": "Lamp", "plural": "lamps"},
        "scope": "Namespaced",
        "schema": {
            "type": "object",
            "properties": {"level": {"type": "number", "description": "how bright"}},
            "required": ["level"],
        },
        "handler": {"executorType": "lamps", "functionName": "reconcile", "reconcileInterval": 3600},
    },
}
LAMP: dict[str, Any] = {
    "kind": "Lamp",
    "metadata": {"name": "hall", "locationname": "home", "labels": {"room": "hall"}},
    "spec": {"level": 4, "colours": {"top": "red"}, "ports": [{"name": "a", "port": 1}, {"name": "b"}]},
}


def written(folder: Path, value: Any, name: str = "blueprint.json") -> str:
    path = folder / name
    path.write_text(json.dumps(value))
    return str(path)


@pytest.fixture
def lamp(shell: Shell, tmp_path: Path) -> Iterator[dict[str, Any]]:
    shell.run("blueprint", "definition", "add", "--spec", written(tmp_path, DEFINITION))
    yield shell.json("blueprint", "add", "--spec", written(tmp_path, LAMP))
    for blueprint in shell.json("blueprint", "ls"):
        shell.run("blueprint", "remove", "--name", blueprint["metadata"]["name"])
    shell.run("blueprint", "definition", "remove", "--name", "lamp-def")
    shell.run("process", "removeall", "--yes")


def executor(shell: Shell, folder: Path, name: str, **fields: Any) -> list[str]:
    """An approved executor that brings lamps about; the flags with which it speaks."""
    key = folder / f"{name}.key"
    spec = written(folder, {"executorname": name, "executortype": "lamps", **fields}, f"{name}.json")
    shell.run("executor", "create", "--spec", spec, "--approve", "--keypath", str(key))
    return ["--prvkey", key.read_text()]


def test_a_kind_of_blueprints_is_added_shown_and_removed(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("blueprint", "definition", "ls") == "" and shell.err == "No blueprint definitions found\n"
    added = shell.json("blueprint", "definition", "add", "--spec", written(tmp_path, DEFINITION))
    assert added["metadata"]["colonyname"] == "dev"
    assert "duplicate key" in shell.refused(
        "blueprint", "definition", "add", "--spec", written(tmp_path, DEFINITION), code=1
    )
    assert shell.json("blueprint", "definition", "ls") == [added]
    assert "reconcile" in shell.run("blueprint", "definition", "ls")
    text = shell.run("blueprint", "definition", "get", "--name", "lamp-def")
    assert text.index("Kind") < text.index("Executor Type") < text.index("Required Fields") < text.index("how bright")
    assert shell.json("blueprint", "definition", "remove", "--name", "lamp-def") == {}
    assert "not found" in shell.refused("blueprint", "definition", "get", "--name", "lamp-def", code=1)


def test_a_blueprint_lives_from_adding_to_removal(shell: Shell, tmp_path: Path, lamp: dict[str, Any]) -> None:
    assert (lamp["metadata"]["colonyname"], lamp["metadata"]["generation"]) == ("dev", 1)
    assert shell.json("blueprint", "ls", "--kind", "Lamp") == [lamp]
    assert shell.json("blueprint", "ls", "--kind", "Other") == []
    line = next(row for row in shell.run("blueprint", "ls").splitlines() if "hall" in row)
    assert [cell.strip() for cell in line.split("|")[1:-1]] == ["hall", "Lamp", "home", "lamps", "", "", "1"]
    text = shell.run("blueprint", "get", "--name", "hall")
    for title in ("Blueprint", "Labels", "Spec", "Spec: colours", "Spec: ports"):
        assert f"- {title} " in text
    changed = {**LAMP, "spec": {"level": 5}}
    updated = shell.json("blueprint", "update", "--spec", written(tmp_path, changed))
    assert (updated["metadata"]["generation"], updated["spec"]) == (2, {"level": 5})
    shell.run("blueprint", "remove", "--name", "hall")
    assert shell.err == "Blueprint removed: hall\n"
    assert "not found" in shell.refused("blueprint", "get", "--name", "hall", code=1)
    assert "not found" in shell.refused("blueprint", "update", "--spec", written(tmp_path, LAMP), code=1)


def test_one_value_is_set_where_there_is_one(shell: Shell, lamp: dict[str, Any]) -> None:
    assert shell.json("blueprint", "set", "--name", "hall", "--key", "spec.level", "--value", "7")["spec"]["level"] == 7
    shell.run("blueprint", "set", "--name", "hall", "--key", "colours.top", "--value", "dark blue")
    assert shell.err == "Blueprint hall: colours.top set, generation 3\n"
    assert shell.json("blueprint", "get", "--name", "hall")["spec"]["colours"] == {"top": "dark blue"}
    before = len(shell.json("process", "psw"))
    shell.run("blueprint", "set", "--name", "hall", "--key", "spec.level", "--value", "7")
    assert len(shell.json("process", "psw")) == before + 1  # the handler is asked even when nothing is different
    said = shell.refused("blueprint", "set", "--name", "hall", "--key", "spec.lvl", "--value", "1", code=2)
    assert "there is no spec.lvl; there is level, colours, ports" in said
    said = shell.refused("blueprint", "set", "--name", "hall", "--key", "level", "--value", '"x"', code=1)
    assert "must be a number" in said


def test_the_handler_is_asked_and_its_log_is_shown(
    dev: Dev, shell: Shell, tmp_path: Path, lamp: dict[str, Any]
) -> None:
    me = executor(shell, tmp_path, "keeper", locationname="home")
    process = shell.json("blueprint", "reconcile", "--name", "hall", "--force")
    assert process["spec"]["kwargs"] == {"kind": "Lamp", "blueprintName": "hall", "force": True}
    processid = shell.run("blueprint", "reconcile", "--name", "hall").strip()
    assert shell.err == f"`colonies-edge log get -p {processid} --follow` shows its log\n"
    taken = shell.json("process", "assign", "--timeout", "20", *me)["processid"]
    following = typed(dev.folder, "blueprint", "log", "--name", "hall", "--follow")
    assert following.stdout is not None
    assert following.stdout.readline() == "=== keeper ===\n"
    shell.run("log", "add", "-p", taken, "-m", "dimmed\n", *me)
    assert following.stdout.readline() == "dimmed\n"
    following.terminate()
    following.communicate()
    assert shell.run("blueprint", "log") == "=== keeper ===\ndimmed\n"
    assert [entry["message"] for entry in shell.json("blueprint", "log", "-c", "1")] == ["dimmed\n"]
    assert "--json" in shell.refused("blueprint", "log", "--follow", "--json", code=2)
    shell.run("process", "close", "-p", taken, *me)
    shell.run("executor", "remove", "--name", "keeper")


def test_history_says_who_made_which_generation(shell: Shell, lamp: dict[str, Any]) -> None:
    shell.run("blueprint", "set", "--name", "hall", "--key", "level", "--value", "9")
    lines = shell.json("blueprint", "history", "--name", "hall")
    assert [(line["generation"], line["changetype"]) for line in lines] == [(2, "update"), (1, "create")]
    rows = [row for row in shell.run("blueprint", "history", "--name", "hall").splitlines() if "update" in row]
    assert len(rows) == 1 and rows[0].rstrip("| ").endswith(" dev")
    assert len(shell.json("blueprint", "history", "--name", "hall", "--limit", "1")) == 1
    assert shell.json("blueprint", "history", "--name", "hall", "-g", "1")["spec"]["level"] == 4
    assert "Spec: ports" in shell.run("blueprint", "history", "--name", "hall", "-g", "1")
    assert "it has 1, 2" in shell.refused("blueprint", "history", "--name", "hall", "-g", "7", code=1)


def verdicts(shell: Shell, *words: str, code: int) -> dict[str, str]:
    found = json.loads(shell.run("blueprint", "doctor", *words, "--json", code=code))["findings"]
    return {finding["about"].partition(": ")[2]: finding["verdict"] for finding in found}


def test_doctor_finds_what_is_missing_and_puts_in_order_what_can_be(
    shell: Shell, tmp_path: Path, lamp: dict[str, Any]
) -> None:
    assert verdicts(shell, code=1) == {"handler": "ok", "executor": "problem", "cron": "ok"}
    executor(shell, tmp_path, "elsewhere")
    text = shell.run("blueprint", "doctor", "--name", "hall", code=1)
    assert "no approved executor of type lamps at home" in text
    me = executor(shell, tmp_path, "keeper", locationname="home")
    assert verdicts(shell, code=0)["executor"] == "warning"  # it never asked for work
    taken = shell.json("process", "assign", "--timeout", "20", *me)["processid"]
    assert verdicts(shell, code=0) == {"handler": "ok", "executor": "ok", "cron": "ok"}
    cron = next(cron for cron in shell.json("cron", "ls") if cron["name"] == "reconcile-Lamp-home")
    shell.run("cron", "remove", "--cronid", cron["cronid"])
    assert verdicts(shell, code=1)["cron"] == "problem"
    assert "is added again" in shell.run("blueprint", "doctor", "--fix")
    again = next(cron for cron in shell.json("cron", "ls") if cron["name"] == "reconcile-Lamp-home")
    assert (again["interval"], again["waitforprevprocessgraph"]) == (3600, True)
    kept, made = (json.loads(each["workflowspec"])["functionspecs"][0] for each in (cron, again))
    assert made["conditions"]["locationname"] == "home"
    assert {key: kept[key] for key in ("nodename", "funcname", "kwargs")} == {
        key: made[key] for key in ("nodename", "funcname", "kwargs")
    }
    assert verdicts(shell, code=0)["cron"] == "ok"
    shell.run("process", "fail", "-p", taken, "--errors", "exit code 127: reconcile: not found", *me)
    assert verdicts(shell, code=1)["outcome"] == "problem", "all is there, and nothing comes of it"
    said = json.loads(shell.run("blueprint", "doctor", "--json", code=1))["findings"][-1]
    assert said["sentence"].endswith(": exit code 127: reconcile: not found") and taken in said["remedy"]
    shell.run("blueprint", "reconcile", "--name", "hall")
    taken = shell.json("process", "assign", "--timeout", "20", *me)["processid"]
    shell.run("process", "close", "-p", taken, *me)
    assert verdicts(shell, code=0)["outcome"] == "ok"
    for name in ("keeper", "elsewhere"):
        shell.run("executor", "remove", "--name", name)


def test_a_file_of_the_wrong_kind_is_named(shell: Shell, tmp_path: Path) -> None:
    said = shell.refused("blueprint", "add", "--spec", written(tmp_path, DEFINITION), code=2)
    assert "try to use `colonies-edge blueprint definition add` instead" in said
    assert "a blueprint is a JSON object" in shell.refused("blueprint", "add", "--spec", written(tmp_path, []), code=2)
    assert "kind" in shell.refused("blueprint", "update", "--spec", written(tmp_path, {"kind": 3}), code=2)


def test_replicas_are_the_executors_that_were_made_for_it() -> None:
    blueprint = {"blueprintid": "b", "metadata": {"generation": 2}, "spec": {"replicas": 3}}
    executors = [
        {"state": 1, "blueprintid": "b", "blueprintgen": 2},
        {"state": 1, "blueprintid": "b", "blueprintgen": 1},
        {"state": 0, "blueprintid": "b", "blueprintgen": 2},
        {"state": 1, "blueprintid": "c", "blueprintgen": 2},
    ]
    assert replicas(blueprint, executors) == (1, 3, 1)
    assert replicas({"spec": {"instances": [{}, {}]}, "status": {"runningInstances": 1}}, ()) == (1, 2, 0)
    assert replicas({"spec": {"level": 1}}, executors) == (0, None, 0)


def test_a_path_leads_through_objects_and_lists() -> None:
    blueprint: dict[str, Any] = {"spec": {"a": [{"b": 1}], "spec": {"c": 2}}, "metadata": {"labels": {"l": "m"}}}
    put(blueprint, "spec.a.0.b", 5)
    put(blueprint, "a.0.b", 6)
    put(blueprint, "metadata.labels.l", "n")
    assert (blueprint["spec"]["a"], blueprint["metadata"]["labels"]) == ([{"b": 6}], {"l": "n"})
    for key in ("a.1.b", "a.b", "a.0.b.c", "", "metadata.name"):
        with pytest.raises(UsageError, match="there is no"):
            put(blueprint, key, 1)
