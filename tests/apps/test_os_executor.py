"""The os executor: commands as processes, through a shell or from a list of allowed programs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.executor.os_command import Refused, Rules, environment, split_allow
from colonies_edge.apps.executor.os_leftovers import Leftovers
from colonies_edge.apps.executor.os_worker import OUTPUT_BYTES_MAX, Output
from colonies_edge.client.ended import ProcessCancelled, ProcessFailed
from colonies_edge.engine.ports import Settings
from colonies_edge.protocol.codec import dump_json, parse_json
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.protocol.model import FunctionSpec
from tests.support.live_colony import LiveColony, ended, working


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[LiveColony]:
    with LiveColony(tmp_path, settings=Settings(lease_s=3, grace_s=1)) as running:
        yield running


def run(colony: LiveColony, spec: dict[str, Any], **options: Any) -> Any:
    with working(colony.os_executor(**options)), colony.client() as client:
        return client.submit(spec={**spec, "conditions": {"executortype": "cli"}}).wait(60)


def errors(colony: LiveColony, spec: dict[str, Any], **options: Any) -> tuple[str, ...]:
    with pytest.raises(ProcessFailed) as failed:
        run(colony, spec, **options)
    return failed.value.errors


def known_to_have_arrived(colony: LiveColony, processid: str) -> bool:
    assert colony.running is not None
    lease = colony.running.coordinator.engine._live.leases.get(processid)
    return lease is not None and lease.confirmed


# Commands


def test_the_output_of_a_command_is_the_output_of_its_process(colony: LiveColony) -> None:
    with working(colony.os_executor()), colony.client() as client:
        process = client.submit(spec={"funcname": "echo sayhello", "conditions": {"executortype": "cli"}}).wait(60)
        assert process.model.out == ("sayhello",)
        assert "".join(line.message for line in process.logs()) == "sayhello\n"


def test_arguments_are_appended_and_reach_the_program_as_they_are(colony: LiveColony) -> None:
    spec = {"funcname": "printf '%s|' -", "args": ["a b", "$HOME", "it's; ls", 7, True, {"k": 1}], "kwargs": {"n": 2}}
    assert run(colony, spec).output == '-|a b|$HOME|it\'s; ls|7|true|{"k":1}|--n=2|'


def test_a_failed_command_fails_its_process_with_code_and_last_words(colony: LiveColony) -> None:
    assert errors(colony, {"funcname": "echo good; echo bad >&2; exit 3"}) == ("exit code 3", "bad")


def test_an_unknown_command_fails_as_the_shell_says(colony: LiveColony) -> None:
    code, words = errors(colony, {"funcname": "no-such-program-here"})
    assert code == "exit code 127"
    assert "not found" in words


def test_the_environment_tells_where_and_what(colony: LiveColony) -> None:
    process = run(
        colony, {"funcname": "env", "env": {"LEVEL": "2", "COLONIES_PROCESS_ID": "forged", "COLONIES_INPUT": "forged"}}
    )
    env = dict(line.split("=", 1) for line in process.output.splitlines() if "=" in line)
    assert env["LEVEL"] == "2"
    assert env["COLONIES_PROCESS_ID"] == process.id
    assert env["COLONIES_INPUT"] == "[]"
    assert env["COLONIES_EXECUTOR_ID"] == process.model.assignedexecutorid
    assert env["COLONIES_COLONY_NAME"] == env["COLONIES_COLONY_ID"] == "lab"


def test_a_command_reads_the_outputs_of_its_parents_and_its_own_process(colony: LiveColony) -> None:
    with working(colony.os_executor()), colony.client() as client:
        flow = client.workflow(executortype="cli", maxexectime=30)
        parents = [flow.node("a", 'echo "it\'s 3"'), flow.node("b", "printf '4\\n5'")]
        flow.node("both", 'printf %s "$COLONIES_INPUT"; cat "$COLONIES_INPUT_FILE"', after=parents)
        flow.node("itself", 'cat "$COLONIES_PROCESS_FILE"', after="both")
        run = flow.submit().wait(60)
        alone = client.submit('printf %s "$COLONIES_INPUT"', executortype="cli").wait(60)
        both, last = run["both"], run["itself"]
    given = '["it\'s 3","4\\n5"]'
    assert both.output == given + given
    itself = parse_json(last.output)
    assert itself["processid"] == last.id
    assert itself["spec"]["nodename"] == "itself" and itself["in"] == [given + given]
    assert alone.output == "[]"


def test_what_is_too_long_for_a_variable_is_in_the_file_alone(colony: LiveColony) -> None:
    """Linux gives one variable 128 KiB; the inputs of a process may be twice as long."""
    with working(colony.os_executor()), colony.client() as client:
        flow = client.workflow(executortype="cli", maxexectime=30)
        long = [flow.node(name, "head -c 100000 /dev/zero | tr '\\0' x") for name in ("a", "b")]
        flow.node("sum", 'printf "%s " "<$COLONIES_INPUT>"; wc -c < "$COLONIES_INPUT_FILE"', after=long)
        assert flow.submit().wait(60)["sum"].output.split() == ["<>", "200008"]


def test_private_keys_stay_with_the_executor(colony: LiveColony) -> None:
    program = colony.program(
        "from colonies_edge.apps import config\n"
        "from colonies_edge.apps.executor import run_os_executor\n"
        "run_os_executor(config.load())",
        executortype="cli",
    )
    with colony.client() as client:
        process = client.submit("env", executortype="cli").wait(60)
    assert ended(program, signal.SIGTERM) == 0
    assert "PATH=" in process.output
    assert "PRVKEY" not in process.output
    for key in (colony.prvkey, colony.colony_prvkey):
        assert key not in process.output


def test_the_executors_key_is_passed_on_when_asked(colony: LiveColony) -> None:
    executor = colony.os_executor(pass_key=True)
    with working(executor), colony.client() as client:
        out = client.submit("printf $COLONIES_EXECUTOR_PRVKEY", executortype="cli").wait(60).output
    assert len(out) == 64


def test_each_process_has_a_folder_of_its_own_that_goes_with_it(colony: LiveColony) -> None:
    folder = Path(run(colony, {"funcname": "touch here; pwd"}).output)
    assert not folder.exists() and not folder.parent.exists()


def test_a_given_folder_is_kept(colony: LiveColony, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    run(colony, {"funcname": 'touch here; cat "$COLONIES_INPUT_FILE"'}, workdir=tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["here"]
    with pytest.raises(UsageError, match="is no folder"):
        colony.os_executor(workdir=tmp_path / "nowhere")


def test_large_output_is_cut_and_says_so(colony: LiveColony) -> None:
    output = run(colony, {"funcname": "head -c 400000 /dev/zero | tr '\\0' x"}).output
    assert output.startswith("x" * 1000)
    assert output.endswith(f"[truncated: {OUTPUT_BYTES_MAX} of 400000 bytes; the whole output was written to the log]")


def test_output_appears_in_the_log_while_the_command_runs(colony: LiveColony, tmp_path: Path) -> None:
    with working(colony.os_executor()), colony.client() as client:
        process = client.submit(f"echo early; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done", executortype="cli")
        while not process.logs():
            assert process.refresh().state <= 1
        (tmp_path / "go").touch()
        process.wait(60)


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_the_whole_group_ends_with_its_process(colony: LiveColony, tmp_path: Path, how: str) -> None:
    pids = tmp_path / "pids"
    command = f"sleep 1000 & echo $! > {pids}.new; sh -c 'sleep 1000' & mv {pids}.new {pids}; wait"
    with working(colony.os_executor()), colony.client() as client:
        process = client.submit(command, executortype="cli", maxexectime=2 if how == "timeout" else 60)
        while not pids.exists():
            assert process.refresh().state <= 1
        if how == "cancel":
            process.cancel()
        with pytest.raises((ProcessCancelled, ProcessFailed)):
            process.wait(60)
        pid = int(pids.read_text())
        while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            pass


def test_what_a_killed_executor_left_running_is_ended_at_its_next_start(tmp_path: Path) -> None:
    """The lease is so long that no heartbeat of it comes. That the work arrived is shown all the same, or it would be
    taken for lost on the way and begin once more without a retry."""
    with LiveColony(tmp_path, settings=Settings(lease_s=3600)) as colony:
        _killed_and_started_again(colony, tmp_path)


def _killed_and_started_again(colony: LiveColony, tmp_path: Path) -> None:
    program = colony.program(
        "from colonies_edge.apps import config\n"
        "from colonies_edge.apps.executor import run_os_executor\n"
        "run_os_executor(config.load())",
        executortype="cli",
        executorname="edge",
    )
    with colony.client() as client:
        command = f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; sleep 1000 & wait"
        process = client.submit(command, executortype="cli", maxretries=0)
        while not (tmp_path / "pid").exists():
            assert process.refresh().state <= 1
        while not known_to_have_arrived(colony, process.id):
            pass
        ended(program, signal.SIGKILL)
        pid = int((tmp_path / "pid").read_text())
        assert Path(f"/proc/{pid}").exists()
        with working(colony.os_executor(executorname="edge")):
            with pytest.raises(ProcessFailed, match="Lease lost"):
                process.wait(60)
            while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
                pass


def test_a_number_that_belongs_to_somebody_else_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "commands").mkdir()
    for name in (str(os.getpid()), "1", "999999999", "no number"):
        (tmp_path / "commands" / name).write_text("some process")
    Leftovers(tmp_path).end_all()
    assert list((tmp_path / "commands").iterdir()) == []


# Allowed programs only


def test_an_allowed_program_runs_without_a_shell(colony: LiveColony) -> None:
    spec = {"funcname": "echo", "args": ["$HOME; ls | cat"], "kwargs": {"size": 3, "fast": True, "old": False}}
    assert run(colony, spec, allow="ls,echo").output == "$HOME; ls | cat --size=3 --fast"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"funcname": "rm"}, "'rm' is not allowed here; allowed are: echo"),
        ({"funcname": "echo hello"}, "allowed are: echo; the arguments of echo go into args"),
        ({"funcname": "/bin/echo"}, "'/bin/echo' is not allowed here"),
        ({"funcname": "echo", "env": {"LD_PRELOAD": "x.so"}}, "LD_PRELOAD is not allowed here"),
        ({"funcname": "echo", "env": {"PATH": "/tmp"}}, "PATH is not allowed here"),
    ],
)
def test_anything_else_fails_with_a_sentence(colony: LiveColony, spec: dict[str, Any], words: str) -> None:
    assert words in errors(colony, spec, allow=["echo"])[0]


# Without a colony


def spec(**fields: Any) -> FunctionSpec:
    return FunctionSpec(**fields)


@pytest.mark.parametrize(
    "broken",
    [
        spec(funcname=" "),
        spec(funcname="echo", args=("a\0b",)),
        spec(funcname="echo", kwargs={"a b": 1}),
        spec(funcname="echo", kwargs={"-rf": 1}),
    ],
)
def test_what_is_no_command_is_refused(broken: FunctionSpec) -> None:
    with pytest.raises(Refused):
        Rules().argv(broken)


@pytest.mark.parametrize("name", ["", "A=B", "A\0"])
def test_what_is_no_variable_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        Rules().check_env({name: "x"})


def test_an_allowed_program_that_is_not_installed_is_said() -> None:
    with pytest.raises(Refused, match="is not installed"):
        Rules(allow=("no-such-program",)).argv(spec(funcname="no-such-program"))


def test_the_list_of_allowed_programs_is_read_leniently() -> None:
    assert split_allow(" ls, du ,,ls,/bin/cat ") == ("ls", "du", "/bin/cat")
    assert split_allow(["./run.sh"]) == (str(Path.cwd() / "run.sh"),)
    assert split_allow("") == ()


def test_a_password_in_the_brokers_address_is_not_passed_on() -> None:
    env = environment({"COLONIES_MQTT": "mqtts://me:secret@broker:8883", "COLONIES_PRVKEY": "k"}, spec(), {})
    assert env == {"COLONIES_MQTT": "mqtts://broker:8883"}


@pytest.mark.parametrize("piece", [b"\0", b"\xff", "é".encode(), b'"', b"x"])
def test_output_of_any_kind_fits_into_a_message(piece: bytes) -> None:
    output = Output(lambda text: None, head_max=OUTPUT_BYTES_MAX, tail_max=0)
    output.write(piece * (2 * OUTPUT_BYTES_MAX // len(piece)))
    text = output.text()
    assert "[truncated: " in text
    assert len(dump_json(text).encode()) * 4 // 3 < MESSAGE_BYTES_MAX - 1024


def test_a_character_that_arrives_in_two_pieces_is_one_character() -> None:
    logged: list[str] = []
    output = Output(logged.append, head_max=100, tail_max=0)
    for byte in "é\r\n".encode():
        output.write(bytes((byte,)))
    assert "".join(logged) == "é\r\n"
    assert output.text() == "é\r"
