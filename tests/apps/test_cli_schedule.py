"""`cron`, `generator`, `location`, `log search` and `cluster` against a coordinator that `dev` started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.colony import Dev, Shell, typed


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "batch.json"
    nodes = [
        {"nodename": "a", "funcname": "f", "conditions": {"executortype": "t"}},
        {"nodename": "b", "funcname": "g", "conditions": {"executortype": "t", "dependencies": ["a"]}},
    ]
    path.write_text(json.dumps(nodes))
    return str(path)


def executor(shell: Shell, folder: Path, name: str) -> list[str]:
    key = folder / f"{name}.key"
    shell.run("executor", "create", "--name", name, "--type", name, "--approve", "--keypath", str(key))
    return ["--prvkey", key.read_text()]


def test_a_cron_is_added_shown_run_and_removed(shell: Shell, spec: str) -> None:
    cron = shell.json("cron", "add", "--name", "nightly", "--cron", "0 30 2 * * *", "--spec", spec, "--waitprevious")
    cronid = cron["cronid"]
    assert (cron["interval"], cron["waitforprevprocessgraph"]) == (-1, True)
    assert json.loads(cron["workflowspec"])["functionspecs"][1]["conditions"]["colonyname"] == "dev"
    assert cronid in shell.run("cron", "ls") and shell.json("cron", "ls", "--count", "5")[0]["name"] == "nightly"
    text = shell.run("cron", "get", "--cronid", cronid)
    assert "0 30 2 * * *" in text and "Function specification of b" in text and "|   b " in text
    assert text.index("CronId") < text.index("NextRun") < text.index("CheckerPeriod")
    assert shell.json("cron", "run", "--cronid", cronid)["prevprocessgraphid"] == ""
    graphid = shell.json("cron", "get", "--cronid", cronid)["prevprocessgraphid"]
    assert shell.json("workflow", "get", "--workflowid", graphid)["state"] == 0
    shell.run("cron", "run", "--cronid", cronid)
    assert shell.err == f"Cron not run: it waits for its previous workflow {graphid}\n"
    shell.run("workflow", "cancel", "--workflowid", graphid)
    shell.run("cron", "run", "--cronid", cronid)
    assert shell.err.startswith("Cron run: workflow ") and graphid not in shell.err
    assert shell.json("cron", "remove", "--cronid", cronid) == {}
    assert shell.run("cron", "ls") == "" and shell.err == "No crons found\n"
    assert "no cron of that id" in shell.refused("cron", "get", "--cronid", cronid, code=1)
    shell.run("workflow", "removeall", "--yes")


def test_a_cron_says_when_and_only_once(shell: Shell, spec: str) -> None:
    named = ["cron", "add", "--name", "x", "--spec", spec]
    assert "--interval" in shell.refused(*named, code=2)
    assert "--random is about --interval" in shell.refused(*named, "--cron", "@daily", "--random", code=2)
    assert "not allowed with" in shell.refused(*named, "--cron", "@daily", "--interval", "5", code=2)
    assert "expected exactly 6 fields" in shell.refused(*named, "--cron", "* *", code=1)
    added = shell.json(*named, "--interval", "3600", "--random")
    assert (added["interval"], added["random"]) == (3600, True)
    assert "already exists" in shell.refused(*named, "--interval", "3600", code=1)
    assert "3600 s" in shell.run("cron", "get", "--cronid", added["cronid"])
    assert shell.json("cron", "get", "--name", "x") == shell.json("cron", "get", "--cronid", added["cronid"])
    assert "no cron named 'y'; `colonies-edge cron ls`" in shell.refused("cron", "run", "--name", "y", code=1)
    shell.run("cron", "remove", "--name", "x")


def test_a_generator_collects_arguments_until_there_are_enough(shell: Shell, spec: str) -> None:
    generator = shell.json("generator", "add", "--name", "batch", "--spec", spec, "--trigger", "2", "--timeout", "600")
    generatorid = generator["generatorid"]
    assert (generator["trigger"], generator["timeout"]) == (2, 600)
    assert shell.json("generator", "pack", "--generatorid", generatorid, "--arg", "one") == {}
    assert shell.json("generator", "get", "--generatorid", generatorid)["queuesize"] == 1
    text = shell.run("generator", "get", "--generatorid", generatorid)
    assert "QueueSize" in text and "600 s" in text and "Function specification of a" in text
    shell.run("generator", "pack", "--name", "batch", "--arg", "two")
    started = shell.json("workflow", "psw")
    assert len(started) == 1
    root = shell.json("process", "get", "-p", started[0]["rootprocessids"][0])
    assert root["spec"]["args"] == ["one", "two"]
    assert generatorid in shell.run("generator", "ls") and len(shell.json("generator", "ls")) == 1
    shell.run("generator", "remove", "--generatorid", generatorid)
    assert shell.json("generator", "ls") == []
    assert "no generator of that id" in shell.refused(
        "generator", "pack", "--generatorid", generatorid, "--arg", "x", code=1
    )
    shell.run("workflow", "removeall", "--yes")


def test_places_are_added_by_the_owner_and_seen_by_members(shell: Shell) -> None:
    place = shell.json("location", "add", "--name", "lab", "--desc", "the lab", "--long", "22.15", "--lat", "-65.6")
    assert (place["long"], place["lat"]) == (22.15, -65.6)
    assert shell.json("location", "ls") == [place] and "the lab" in shell.run("location", "ls")
    text = shell.run("location", "get", "--name", "lab")
    assert text.index("LocationID") < text.index("Longitude") < text.index("Latitude")
    assert "already exists" in shell.refused("location", "add", "--name", "lab", code=1)
    assert "not a number of degrees" in shell.refused("location", "add", "--name", "x", "--lat", "nan", code=2)
    assert "add --yes" in shell.refused("location", "remove", "--name", "lab", code=2)
    shell.run("location", "remove", "--name", "lab", "--yes")
    assert shell.run("location", "ls") == "" and shell.err == "No locations found\n"
    assert "no location of that name" in shell.refused("location", "get", "--name", "lab", code=1)


def test_logs_are_found_followed_and_shown_around_what_was_found(dev: Dev, shell: Shell, tmp_path: Path) -> None:
    me = executor(shell, tmp_path, "writer")
    shell.run("function", "exec", "--func", "f", "--targettype", "writer")
    processid = shell.json("process", "assign", "--timeout", "20", *me)["processid"]
    following = typed(dev.folder, "log", "get", "-p", processid, "--follow")
    for line in ("first\n", "a needle, 100%\n", "last\n"):
        shell.run("log", "add", "-p", processid, "-m", line, *me)
    assert following.stdout is not None
    assert [following.stdout.readline() for _ in range(3)] == ["first\n", "a needle, 100%\n", "last\n"]
    following.terminate()
    following.communicate()
    found = shell.json("log", "search", "-t", "needle, 100%")
    assert [entry["message"] for entry in found] == ["a needle, 100%\n"]
    assert shell.json("log", "search", "--text", "_eedle", "--days", "30", "--count", "100") == []
    text = shell.run("log", "search", "-t", "needle", "--print", "--seconds", "60")
    assert processid in text and text.endswith("first\na needle, 100%\nlast\n")
    assert shell.run("log", "search", "-t", "nobody wrote this") == ""
    assert "within 1 days" in shell.err
    assert "--print" in shell.refused("log", "search", "-t", "x", "--print", "--json", code=2)
    since = found[0]["timestamp"]
    assert shell.run("log", "get", "-e", "writer", "--since", str(since)) == "last\n"
    assert shell.run("log", "get", "-e", "writer", "--first", "--count", "1") == "first\n"
    assert shell.run("log", "get", "-p", processid, "--latest", "--count", "1") == "last\n"
    shell.run("process", "close", "-p", processid, *me)
    shell.run("executor", "remove", "--name", "writer")


def test_the_cluster_is_one_server(shell: Shell) -> None:
    assert len(shell.json("cluster", "info")["nodes"]) == 1
    header, line = [row for row in shell.run("cluster", "info").splitlines() if row.startswith("|")]
    assert "APIPORT" in header and line.rstrip("| ").endswith("yes")
