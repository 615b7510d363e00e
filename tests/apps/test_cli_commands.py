"""Every command against a coordinator that `dev` started, as a person would type it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from colonies_edge.apps import config
from colonies_edge.apps.cli.exits import PIPE_CLOSED
from colonies_edge.crypto.identity import identity_of
from tests.support.colony import Dev, Shell, typed

KEY = "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514"


def spec(folder: Path, **fields: Any) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps({"conditions": {"executortype": "cli"}, "funcname": "echo sayhello", **fields}))
    return str(path)


def executor(shell: Shell, folder: Path, name: str, kind: str = "cli") -> list[str]:
    """An approved executor; the flags with which it speaks."""
    key = folder / f"{name}.key"
    shell.run("executor", "create", "--name", name, "--type", kind, "--approve", "--keypath", str(key))
    return ["--prvkey", key.read_text()]


def test_dev_makes_a_colony_with_a_user_and_writes_a_private_devenv(dev: Dev, shell: Shell) -> None:
    found = config.load(folder=dev.folder, environ={})
    assert (found.mqtt, found.serverid, found.colonyname) == tuple(
        dev.ready[k] for k in ("mqtt", "serverid", "colonyname")
    )
    assert identity_of(found.server_prvkey) == found.serverid
    assert shell.json("colony", "ls") == [{"colonyid": identity_of(found.colony_prvkey), "name": "dev"}]
    assert [user["userid"] for user in shell.json("user", "ls")] == [identity_of(found.prvkey)]
    private = [config.devenv_path(dev.folder), *(dev.folder / config.FOLDER).glob("*.key")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert "dev" in shell.run("colony", "ls")


def test_colonies_can_be_added_checked_counted_and_removed(shell: Shell) -> None:
    owner = identity_of(KEY)
    assert shell.json("colony", "add", "--name", "other", "--colonyid", owner) == {"colonyid": owner, "name": "other"}
    assert len(shell.json("colony", "ls")) == 2
    assert "already exists" in shell.refused("colony", "add", "--name", "other", "--colonyid", owner, code=1)
    assert "not a member" in shell.refused("colony", "check", "--name", "other", code=1)
    shell.run("user", "add", "--colonyname", "other", "--colonyprvkey", KEY, "--name", "me", "--userid", owner)
    assert shell.json("colony", "check", "--name", "other", "--prvkey", KEY)["name"] == "other"
    assert shell.json("colony", "stats", "--colonyname", "other", "--prvkey", KEY)["colonies"] == 1
    shell.run("colony", "remove", "--name", "other")
    assert shell.err == "Colony removed: other\n"
    assert len(shell.json("colony", "ls")) == 1


def test_statistics_keep_their_order_and_show_cancelled_processes(shell: Shell) -> None:
    names = [line.split("|")[1].strip() for line in shell.run("colony", "stats").split("\n") if line.startswith("|")]
    assert names[:4] == ["Colony", "Executors", "Active executors", "Unregistered executors"]
    assert "Cancelled processes" in names


def test_users_can_be_added_shown_and_removed(shell: Shell) -> None:
    userid = identity_of(KEY)
    shell.run("user", "add", "--name", "bob", "--userid", userid, "--email", "b@x", "--phone", "1")
    assert shell.json("user", "get", "--name", "bob")["email"] == "b@x"
    assert "bob" in shell.run("user", "ls") and "UserId" in shell.run("user", "get", "--name", "bob")
    assert "add --yes" in shell.refused("user", "remove", "--name", "bob", code=2)
    assert shell.json("user", "remove", "--name", "bob", "--yes") == {}
    assert "no user of that name" in shell.refused("user", "get", "--name", "bob", code=1)


def test_a_user_can_take_another_identity(shell: Shell) -> None:
    new = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05"
    shell.run("user", "add", "--name", "eve", "--userid", identity_of(KEY))
    shell.run("user", "chid", "--userid", identity_of(new), "--prvkey", KEY)
    assert shell.json("user", "get", "--name", "eve", "--prvkey", new)["userid"] == identity_of(new)
    shell.run("user", "remove", "--name", "eve", "--yes")


def test_executors_live_from_registration_to_removal(shell: Shell, tmp_path: Path) -> None:
    description = {"executorname": "img-1", "executortype": "img", "capabilities": {"hardware": {"model": "Pi"}}}
    path = tmp_path / "executor.json"
    path.write_text(json.dumps(description))
    added = shell.json("executor", "add", "--spec", str(path), "--executorid", identity_of(KEY), "--name", "img-2")
    assert (added["executorname"], added["state"]) == ("img-2", 0)
    assert "pending" in shell.run("executor", "ls")
    assert shell.json("executor", "approve", "--name", "img-2") == {}
    assert shell.json("executor", "get", "--name", "img-2")["state"] == 1
    assert "Hardware" in shell.run("executor", "get", "--name", "img-2")
    assert "offline" in shell.run("executor", "ls", "--filter", "mg")
    assert "img-2" not in shell.run("executor", "ls", "--type", "cli")
    assert shell.json("executor", "ls", "--type", "nothing") == []
    assert "Executor" in shell.run("executor", "ls", "--full")
    shell.run("executor", "reject", "--name", "img-2")
    shell.run("executor", "remove", "--name", "img-2")
    assert "img-2" not in shell.run("executor", "ls")
    assert "unregistered" in shell.run("executor", "ls", "--all")


def test_revoking_asks_first_and_says_so_when_the_executor_was_out_already(shell: Shell, tmp_path: Path) -> None:
    executor(shell, tmp_path, "lost")
    assert "add --yes" in shell.refused("executor", "revoke", "--name", "lost", code=2)
    shell.run("executor", "revoke", "--name", "lost", "--yes")
    assert shell.err == "Executor lost is cut off; what it ran goes back to the queue\n"
    shell.run("executor", "revoke", "--name", "lost", "--yes")
    assert "was not in the colony any more" in shell.err


def test_what_is_no_token_is_not_revoked(shell: Shell) -> None:
    assert "neither a token nor the id of one" in shell.refused("enrol", "revoke", "xx", code=2)


def test_a_created_executor_has_its_key_in_a_private_file_that_is_never_overwritten(
    shell: Shell, tmp_path: Path
) -> None:
    key, ident = tmp_path / "key", tmp_path / "id"
    words = ["executor", "create", "--name", "made", "--type", "t", "--keypath", str(key), "--idpath", str(ident)]
    shell.run(*words)
    assert identity_of(key.read_text()) == ident.read_text()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "is not overwritten" in shell.refused(*words, code=2)
    shell.run("executor", "remove", "--name", "made")


def test_a_process_can_be_submitted_assigned_noted_logged_and_closed_by_hand(shell: Shell, tmp_path: Path) -> None:
    me = executor(shell, tmp_path, "hand", "hand")
    where = {"conditions": {"executortype": "hand"}, "label": "by-hand"}
    submitted = shell.json("function", "submit", "--spec", spec(tmp_path, **where))
    processid = submitted["processid"]
    assert (submitted["state"], submitted["spec"]["maxexectime"]) == (0, -1)
    assert processid in shell.run("process", "psw", "-i", "--label", "by-hand")
    assert shell.json("process", "assign", "--timeout", "5", *me)["processid"] == processid
    assert "hand" in shell.run("process", "ps", "--executortype", "hand")
    attribute = shell.json("attribute", "add", "-p", processid, "--key", "k", "--value", "v", *me)
    assert "Out" in shell.run("attribute", "get", "--attributeid", attribute["attributeid"])
    shell.run("log", "add", "-p", processid, "-m", "half ", *me)
    shell.run("log", "add", "-p", processid, "-m", "done\n", *me)
    assert shell.run("log", "get", "-p", processid) == "half done\n"
    assert [entry["message"] for entry in shell.json("log", "get", "-e", "hand", "--count", "1")] == ["done\n"]
    assert [entry["message"] for entry in shell.json("log", "get", "-e", "hand", "--count", "1", "--first")] == [
        "half "
    ]
    assert shell.json("process", "close", "-p", processid, "--out", "a,b", *me) == {}
    assert shell.run("process", "get", "-p", processid, "--out") == "a b\n"
    assert shell.json("process", "get", "-p", processid, "--out") == ["a", "b"]
    assert "successful" in shell.run("process", "get", "-p", processid)
    assert "hand" in shell.run("process", "pss", "--initiator", "dev", "--count", "5")
    shell.run("process", "remove", "-p", processid)
    assert "process not found" in shell.refused("process", "get", "-p", processid, code=1)
    shell.run("executor", "remove", "--name", "hand")


def test_functions_are_registered_and_listed_over_executors(shell: Shell, tmp_path: Path) -> None:
    for name in ("fn-1", "fn-2"):
        me = executor(shell, tmp_path, name, "fn")
        added = shell.json("function", "register", "--name", name, "--func", "render", *me)
    assert "fn-1 fn-2" in shell.run("function", "ls")
    assert "render" in shell.run("executor", "get", "--name", "fn-2")
    shell.run("function", "remove", "--functionid", added["functionid"], *me)
    assert [function["executorname"] for function in shell.json("function", "ls")] == ["fn-1"]
    for name in ("fn-1", "fn-2"):
        shell.run("executor", "remove", "--name", name)


def test_waiting_ends_with_the_process_however_it_ends(dev: Dev, shell: Shell, tmp_path: Path) -> None:
    me = executor(shell, tmp_path, "ends", "ends")
    path = spec(tmp_path, conditions={"executortype": "ends"})
    for verdict, code in (("close", 0), ("fail", 1), ("cancel", 1)):
        waiting = typed(dev.folder, "function", "submit", "--spec", path, "--wait", "--json")
        processid = shell.json("process", "assign", "--timeout", "20", *me)["processid"]
        words = {"close": ["--out", "x", *me], "fail": ["--errors", "it broke", *me], "cancel": []}[verdict]
        shell.run("process", verdict, "-p", processid, *words)
        out, err = waiting.communicate()
        assert waiting.returncode == code
        ended = json.loads(out)
        assert (ended["processid"], ended["state"]) == (processid, {"close": 2, "fail": 3, "cancel": 4}[verdict])
        last = err.strip().split("\n")[-1]
        if verdict == "fail":
            assert last.startswith(f"colonies-edge: process {processid} failed: it broke; ")
        if verdict == "cancel":
            assert last.startswith(f"colonies-edge: process {processid} cancelled; ")
    shell.run("executor", "remove", "--name", "ends")


def test_following_prints_the_log_and_then_the_output(dev: Dev, shell: Shell, tmp_path: Path) -> None:
    me = executor(shell, tmp_path, "logs", "logs")
    waiting = typed(
        dev.folder, "function", "exec", "--func", "f", "--targettype", "logs", "--follow", "--wait", "--out", "--quiet"
    )
    processid = shell.json("process", "assign", "--timeout", "20", *me)["processid"]
    assert waiting.stdout is not None
    for line in ("one\n", "two\n"):
        shell.run("log", "add", "-p", processid, "-m", line, *me)
        assert waiting.stdout.readline() == line
    shell.run("log", "add", "-p", processid, "-m", "last\n", *me)
    shell.run("process", "close", "-p", processid, "--out", "result", *me)
    out, err = waiting.communicate()
    assert (out, err, waiting.returncode) == ("last\nresult\n", "", 0)
    shell.run("executor", "remove", "--name", "logs")


def test_following_a_log_ends_with_its_process_and_when_nobody_reads_it(dev: Dev, shell: Shell, tmp_path: Path) -> None:
    me = executor(shell, tmp_path, "ended", "ended")
    shell.run("function", "exec", "--func", "f", "--targettype", "ended")
    processid = shell.json("process", "assign", "--timeout", "20", *me)["processid"]
    shell.run("log", "add", "-p", processid, "-m", "one\n", *me)
    command = ("log", "get", "-p", processid, "--follow")
    left, waiting = typed(dev.folder, *command), typed(dev.folder, *command)
    assert left.stdout is not None and waiting.stdout is not None
    assert left.stdout.readline() == waiting.stdout.readline() == "one\n"
    left.stdout.close()
    assert left.wait(20) == PIPE_CLOSED
    assert left.stderr is not None and left.stderr.read() == ""
    left.stderr.close()
    shell.run("log", "add", "-p", processid, "-m", "last\n", *me)
    shell.run("process", "close", "-p", processid, *me)
    assert waiting.communicate(timeout=20) == ("last\n", "") and waiting.returncode == 0
    assert shell.run(*command) == "one\nlast\n"
    shell.run("executor", "remove", "--name", "ended")


def test_exec_says_what_it_was_told(shell: Shell, tmp_path: Path) -> None:
    me = executor(shell, tmp_path, "told", "told")
    words = [
        "--func",
        "f",
        "--args",
        "a,1",
        "--kwargs",
        "n:3,args:x y",
        "--env",
        "A=1",
        "--maxexectime",
        "9",
        "--label",
        "l",
    ]
    process = shell.json("function", "exec", "--targettype", "told", *words)
    assert process["spec"]["args"] == ["a", "1"]
    assert process["spec"]["kwargs"] == {"n": "3", "args": ["x", "y"]}
    assert (process["spec"]["env"], process["spec"]["maxexectime"]) == ({"A": "1"}, 9)
    assert (process["spec"]["maxretries"], process["spec"]["maxwaittime"]) == (-1, -1)
    only = shell.json("function", "exec", "--func", "f", "--targetid", identity_of(me[1]))
    assert only["spec"]["conditions"]["executornames"] == ["told"]
    assert only["spec"]["conditions"]["executortype"] == "told"
    assert "--targettype" in shell.refused("function", "exec", "--func", "f", code=2)
    assert "--func" in shell.refused("function", "exec", "--targettype", "told", code=2)
    shell.run("process", "removeall", "--waiting", "--yes")
    shell.run("executor", "remove", "--name", "told")


def test_an_unknown_field_of_a_spec_is_mentioned(shell: Shell, tmp_path: Path) -> None:
    process = shell.json("function", "submit", "--spec", spec(tmp_path, _comment=3))
    assert "'_comment' is no field of a function spec" in shell.err
    shell.run("process", "cancel", "-p", process["processid"])
    assert process["processid"] in shell.run("process", "psc")
    shell.run("process", "removeall", "--cancelled", "--yes")
    assert shell.run("process", "psc") == ""
    assert shell.err == "No cancelled processes found\n"


def test_snapshots_are_made_of_what_a_process_mounts(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.txt").write_text("one")
    shell.run("fs", "sync", "-d", str(tmp_path / "here"), "-l", "/src", "--yes")
    mounts = {"mount": "/cfs", "snapshots": [{"label": "/src", "dir": "/src"}]}
    process = shell.json("function", "submit", "--spec", spec(tmp_path, fs=mounts), "--snapshot")
    (mounted,) = process["spec"]["fs"]["snapshots"]
    (snapshot,) = shell.json("fs", "snapshot", "ls")
    assert (mounted["snapshotid"], snapshot["label"]) == (snapshot["snapshotid"], "/src")
    shell.run("function", "exec", "--func", "f", "--targettype", "cli", "--snapshot")
    assert "mounts no snapshots" in shell.err
    shell.run("process", "removeall", "--waiting", "--yes")
    shell.run("fs", "snapshot", "removeall", "--yes")


def test_assignments_can_be_paused_and_resumed(shell: Shell) -> None:
    owner = config.load().colony_prvkey
    assert shell.json("process", "pause") == {}
    assert shell.run("process", "status") == "Assignments of colony dev are PAUSED\n"
    assert shell.json("process", "resume", "--prvkey", owner) == {}
    assert shell.json("process", "status")["ispaused"] is False


def test_the_server_tells_about_itself(dev: Dev, shell: Shell) -> None:
    assert dev.ready["serverid"] in shell.run("server", "status")
    assert shell.json("server", "stats")["colonies"] == 1
    assert shell.json("server", "alive")["msgtype"] == "versionmsg"
    assert dev.ready["serverid"] in shell.run("server", "alive") + shell.err


def test_quiet_leaves_only_results_and_errors(shell: Shell) -> None:
    assert shell.run("process", "psf", "--label", "none", "--quiet") == "" and shell.err == ""
    assert shell.run("server", "alive", "--quiet") == "" and shell.err == ""


def test_the_wrong_key_colony_or_broker_is_named_with_its_remedy(shell: Shell) -> None:
    assert "has to know" in shell.refused("process", "ps", "--prvkey", "12" * 32, code=3)
    assert "COLONIES_PRVKEY (flag)" in shell.refused("process", "ps", "--prvkey", "12", code=2)
    assert "no colony nowhere here" in shell.refused("process", "ps", "--colonyname", "nowhere", code=1)
    assert "no broker URL" in shell.refused("process", "ps", "--mqtt", "mqtt://h:x", "--host", "y", code=2)
    assert "--mqtt" in shell.refused("process", "ps", "--mqtt", "ftp://x", code=2)
    assert "--topic-root" in shell.refused("process", "ps", "--topic-root", "a/#", code=2)


def test_another_server_than_the_pinned_one_is_not_believed(shell: Shell) -> None:
    assert f"to be {'ab' * 32}" in shell.refused("server", "alive", "--serverid", "ab" * 32, code=3)


def test_doctor_finds_nothing_wrong_here_and_says_so_in_sentences(shell: Shell) -> None:
    text = shell.run("doctor")
    assert "answers, signed" in text and "is a member of colony dev" in text and "clock" in text
    found = shell.json("doctor")
    assert {finding["verdict"] for finding in found["findings"]} <= {"ok", "warning"}
    assert found["settings"]["COLONIES_MQTT"]["source"] == "./.colonies-edge/devenv"
    assert "PRVKEY" not in json.dumps([f["sentence"] for f in found["findings"] if "member" not in f["sentence"]])


def test_doctor_never_prints_a_private_key(dev: Dev, shell: Shell) -> None:
    shown = shell.run("doctor") + shell.run("config") + shell.run("doctor", "--json") + shell.run("config", "--json")
    found = config.load(folder=dev.folder, environ={})
    for name in config.SECRETS:
        private_key = getattr(found, name)
        assert not private_key or private_key not in shown


def test_doctor_finds_a_devenv_that_others_can_read(dev: Dev, shell: Shell) -> None:
    path = config.devenv_path(dev.folder)
    path.chmod(0o644)
    try:
        text = shell.run("doctor", code=1)
    finally:
        path.chmod(0o600)
    assert "chmod 600 ./.colonies-edge/devenv" in text
