"""`status`: what it says of a real colony, on a real terminal, in a pipe, and while the coordinator is away."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.cli import show_status
from colonies_edge.apps.cli.status_view import CoordinatorLine, Replies, View, view_of
from colonies_edge.apps.cli.table import Style, cells_of
from colonies_edge.protocol.times import format_time
from tests.support.colony import Dev, Shell, environment, typed
from tests.support.terminal import Terminal

NIGHTLY = [{"nodename": "a", "funcname": "backup", "conditions": {"executortype": "nas"}}]
MINUTE = 60 * 10**9
NOW = 1_800_000_000 * 10**9


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """With an os executor that works, something that nobody does, something that failed, and a cron."""
    folder = tmp_path_factory.mktemp("colony")
    running = Dev(folder, "--port", "0")
    executor = typed(folder, "executor", "os", "start", "--name", "worker-1", "--executortype", "cli")
    specs = {
        "busy": {
            "funcname": f"while [ ! -e {folder}/enough ]; do sleep 0.1; done",
            "conditions": {"executortype": "cli"},
        },
        "lost": {"funcname": "shoot", "conditions": {"executortype": "camera"}},
        "bad": {"funcname": "echo no bread >&2; exit 3", "conditions": {"executortype": "cli"}},
    }
    for name, spec in specs.items():
        (folder / f"{name}.json").write_text(json.dumps(spec))
    (folder / "nightly.json").write_text(json.dumps(NIGHTLY))
    for words in (
        ("function", "submit", "--spec", "bad.json", "--wait"),
        ("function", "submit", "--spec", "lost.json"),
        ("function", "submit", "--spec", "busy.json"),
        ("cron", "add", "--name", "nightly", "--cron", "0 30 2 * * *", "--spec", "nightly.json"),
    ):
        typed(folder, *words).communicate()
    yield running
    (folder / "enough").touch()
    executor.send_signal(signal.SIGINT)
    executor.communicate()
    running.stop()


def has(*texts: str) -> Any:
    return lambda screen: all(text in screen for text in texts)


# -- once


def test_everything_is_on_one_page_as_plain_text(shell: Shell) -> None:
    said = shell.run("status")
    assert said.isascii() and "\x1b" not in said
    lines = said.splitlines()
    assert lines[0].startswith("dev  coordinator ") and ", up " in lines[0] and "clocks agree" in lines[0]
    assert lines[1].split() == ["waiting", "running", "successful", "failed", "cancelled"]
    assert lines[2].split() == ["Processes", "1", "1", "0", "1", "0"] and lines[3].split()[:2] == ["Workflows", "0"]
    worker = next(line for line in lines if line.startswith("  worker-1"))
    assert worker.split()[:4] == ["worker-1", "cli", "-", "online"] and "while [ ! -e " in worker
    assert "camera  1  NOBODY serves this type  oldest" in said
    assert "worker-1  echo no bread >&2; exit 3  " in said and "exit code 3" in said
    assert "  nightly  20" in said and ":30:00  in " in said


def test_as_json_it_has_the_names_and_times_of_the_wire(shell: Shell) -> None:
    found = shell.json("status")
    (executor,) = found["executors"]
    assert (executor["executorname"], executor["presence"], len(executor["holding"])) == ("worker-1", "online", 1)
    running = shell.json("process", "ps")[0]
    assert executor["holding"][0]["processid"] == running["processid"]
    assert executor["holding"][0]["starttime"] == running["starttime"]
    assert [(line["executortype"], line["executors"]) for line in found["waiting"]] == [("camera", 0)]
    assert found["statistics"] == shell.json("colony", "stats")
    assert found["failed"][0]["processid"] == shell.json("process", "psf")[0]["processid"]
    assert found["crons"][0]["nextrun"] == shell.json("cron", "ls")[0]["nextrun"]
    assert abs(found["coordinator"]["clock_offset_ms"]) < 1_000 and found["trouble"] == {}


def test_whoever_is_no_member_is_told_so_in_one_line(shell: Shell) -> None:
    key = "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514"
    for words in (("status",), ("status", "--watch")):
        assert shell.run(*words, "--prvkey", key, code=3) == ""
        assert shell.err.count("\n") == 1


@pytest.mark.long
def test_without_a_coordinator_it_says_so_and_ends(tmp_path: Path) -> None:
    settings = {"COLONIES_MQTT": "mqtt://127.0.0.1:1", "COLONIES_COLONY_NAME": "lab", "COLONIES_PRVKEY": "ab" * 32}
    for words in (["status"], ["status", "--watch"]):
        said = subprocess.run(
            [sys.executable, "-m", "colonies_edge", *words],
            cwd=tmp_path,
            env=environment(**settings),
            capture_output=True,
            text=True,
        )
        assert (said.returncode, said.stdout) == (3, "") and said.stderr.count("\n") == 1


# -- on a terminal


@pytest.mark.parametrize(
    ("variables", "colour", "unicode"),
    [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"COLONIES_CLI_ASCII": "true"}, True, False)],
)
def test_on_a_terminal_it_fits_and_obeys_what_the_person_set(
    dev: Dev, variables: dict[str, str], colour: bool, unicode: bool
) -> None:
    with Terminal(dev.folder, environment(**variables), "status", columns=60) as terminal:
        assert terminal.rest() == 0
        assert "EXECUTORS  1 online" in terminal.screen
        assert ("\x1b[32m" in terminal.written) is colour
        assert ("…" in terminal.screen) is unicode and ("..." in terminal.screen) is not unicode


def test_watching_draws_what_changes_in_place_and_gives_the_terminal_back(dev: Dev, shell: Shell) -> None:
    with Terminal(dev.folder, environment(), "status", "--watch", "0.5") as terminal:
        terminal.until(has("worker-1", "camera", "LAST FAILURES", "nightly"))
        assert terminal.other_screen and not terminal.cursor_shown
        added = shell.json("function", "exec", "--func", "paint", "--targettype", "artist")
        terminal.until(has("artist  1  NOBODY"))
        shell.run("process", "cancel", "-p", added["processid"])
        terminal.until(lambda screen: "artist" not in screen)
        assert terminal.written.count("\x1b[2J") == 1, "it was cleared once, and drawn over afterwards"
        assert terminal.complaints == []
        terminal.resize(40, 12)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.until(has("EXECUTORS", "WAITING", "LAST FAILURES", "CRONS", "worker-1", "nightly"))
        terminal.complaints.clear()
        shell.json("function", "exec", "--func", "paint", "--targettype", "artist")
        terminal.until(has("WAITING  (1 more)"))
        assert terminal.ends(signal.SIGINT) == 0
        assert not terminal.other_screen and terminal.cursor_shown
        assert "Traceback" not in terminal.written
        assert "nightly" in terminal.screen, "what was seen last stays"
        assert terminal.complaints == []
        shell.run("process", "removeall", "--waiting", "--yes")
        shell.json("function", "submit", "--spec", "lost.json")


def test_a_terminal_that_cannot_be_drawn_on_gets_plain_lines(dev: Dev) -> None:
    with Terminal(dev.folder, environment(TERM="dumb"), "status", "--watch") as terminal:
        terminal.until(has("nightly"))
        assert terminal.ends(signal.SIGTERM) == 0
        assert "\x1b" not in terminal.written


# -- in a pipe


def test_in_a_pipe_a_watch_writes_once_per_change(dev: Dev, shell: Shell) -> None:
    watch = typed(dev.folder, "status", "--watch", "0.5", "--json")
    assert watch.stdout is not None
    first = json.loads(watch.stdout.readline())
    added = shell.json("function", "exec", "--func", "paint", "--targettype", "artist")
    second = json.loads(watch.stdout.readline())
    shell.run("process", "cancel", "-p", added["processid"])
    third = json.loads(watch.stdout.readline())
    waiting = [found["statistics"]["waitingprocesses"] for found in (first, second, third)]
    assert waiting == [1, 2, 1]
    watch.send_signal(signal.SIGINT)
    out, err = watch.communicate()
    assert (watch.returncode, out, err) == (0, "", "")


def test_a_reader_that_leaves_ends_the_watch_quietly(dev: Dev, shell: Shell) -> None:
    watch = typed(dev.folder, "status", "--watch", "0.5")
    assert watch.stdout is not None and watch.stderr is not None
    watch.stdout.readline()
    watch.stdout.close()
    added = shell.json("function", "exec", "--func", "paint", "--targettype", "artist")
    assert watch.wait() == 141
    assert watch.stderr.read() == ""
    watch.stderr.close()
    shell.run("process", "cancel", "-p", added["processid"])


@pytest.mark.long
def test_while_the_coordinator_is_away_the_last_view_stays_and_says_so(tmp_path: Path) -> None:
    first = Dev(tmp_path, "--port", "0")
    with Terminal(tmp_path, environment(), "status", "--watch", "0.5") as terminal:
        terminal.until(has("nobody has registered"))
        first.stop()
        terminal.until(has("As it was 20", "nobody has registered"))
        second = Dev(tmp_path)
        terminal.until(lambda screen: "As it was" not in screen)
        assert terminal.ends() == 0
        assert "Traceback" not in terminal.written
    assert second.stop()[0] == 0


# -- how it is laid out


def executor(number: int, *, heard_ago: int, state: int = 1) -> dict[str, Any]:
    return {
        "executorid": f"{number:064x}",
        "executorname": f"camera-{number}",
        "executortype": "camera" if number % 2 else "a type whose name is longer than anybody would like it to be",
        "locationname": "garage",
        "state": state,
        "lastheardfromtime": format_time(NOW - heard_ago),
    }


def process(number: int, executortype: str, *, ago: int, on: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "processid": f"{number:064x}",
        "assignedexecutorid": "" if on is None else f"{on:064x}",
        "spec": {"funcname": "f" * 50, "conditions": {"executortype": executortype}},
        "submissiontime": format_time(NOW - ago),
        "starttime": format_time(NOW - ago),
        "endtime": format_time(NOW - ago),
        **more,
    }


def view(*, up: int = 90 * MINUTE, **replies: Any) -> View:
    coordinator = CoordinatorLine(
        serverid="ab" * 32,
        version="1.2.3",
        online_since=NOW - up,
        broker="mqtts://broker.example",
        clock_offset_ms=-3_600_000,
        paused=True,
    )
    nothing: dict[str, Any] = {name: [] for name in ("executors", "running", "waiting", "failed", "crons")}
    whole = {**nothing, "statistics": {"waitingprocesses": 250}, "trouble": {}, **replies}
    return view_of("lab", NOW, coordinator, Replies(**whole))


CROWD = view(
    executors=[executor(number, heard_ago=MINUTE) for number in range(50)],
    running=[process(n, "camera", ago=n * MINUTE, on=n % 5) for n in range(20)],
    waiting=[process(n, f"type-{n % 30}", ago=n * MINUTE) for n in range(100)],
    failed=[process(n, "camera", ago=n * MINUTE, on=n, errors=["line one\nline \x1b[2J two " * 9]) for n in range(5)],
    crons=[{"name": f"cron-{n}", "nextrun": format_time(NOW + n * MINUTE)} for n in range(40)],
)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (200, 60), (20, 8), (80, 5), (80, 1)])
def test_a_crowd_fits_into_any_screen_and_every_subject_gets_its_share(width: int, height: int) -> None:
    lines = show_status.lines(CROWD, Style(unicode=True, width=width), height=height)
    assert len(lines) <= height and max(map(cells_of, lines)) <= width
    if height >= 12:
        assert [line.split("  ")[0] for line in lines if line[:1].isupper()][2:] == [
            *("EXECUTORS", "WAITING", "LAST FAILURES", "CRONS")
        ]
        assert any("more)" in line for line in lines)
    assert not any("\x1b" in line for line in lines), "the colony's texts cannot steer the terminal"


def test_in_a_file_nothing_is_cut_and_nothing_is_left_out() -> None:
    lines = show_status.lines(CROWD, Style())
    assert sum(line.startswith("  camera-") for line in lines) >= 50
    assert sum(line.startswith("  cron-") for line in lines) == 40
    assert not any("more)" in line for line in lines)


def test_the_head_says_what_a_person_must_know_first() -> None:
    head = show_status.lines(CROWD, Style())[0]
    assert head.startswith("lab  ASSIGNMENTS ARE PAUSED  coordinator 1.2.3, up 1 h  this clock is 1 h ahead  ")
    text = "\n".join(show_status.lines(CROWD, Style(), trouble="no answer"))
    assert "As it was 20" in text and ": no answer" in text
    assert "WAITING  the first 100 of 250" in text


def test_who_was_heard_by_the_coordinator_before_it_started_anew_may_be_gone() -> None:
    heard = [executor(1, heard_ago=8 * 10**9), executor(2, heard_ago=2 * 10**9)]
    assert [line.presence for line in view(executors=heard, up=5 * 10**9).executors] == ["offline", "online"]


def test_presence_is_what_the_coordinator_says_and_the_removed_are_forgotten_after_a_day() -> None:
    found = view(
        executors=[
            {**executor(1, heard_ago=MINUTE), "online": True},
            executor(3, heard_ago=3 * MINUTE),
            executor(5, heard_ago=60 * MINUTE, state=3),
            executor(7, heard_ago=25 * 60 * MINUTE, state=3),
            executor(9, heard_ago=0, state=0),
            executor(11, heard_ago=2 * 10**9),
            {**executor(12, heard_ago=2 * 10**9), "left": True},
            executor(13, heard_ago=5 * MINUTE),
        ],
        running=[process(3, "camera", ago=MINUTE, on=13)],
        waiting=[process(1, "camera", ago=MINUTE), process(2, "camera", ago=9 * MINUTE, waitforparents=True)],
    )
    assert {line.executorname: line.presence for line in found.executors} == {
        "camera-1": "online",
        "camera-3": "offline",
        "camera-5": "unregistered",
        "camera-9": "pending",
        "camera-11": "online",
        "camera-12": "offline",
        "camera-13": "at work",
    }
    (line,) = found.waiting
    assert (line.waiting, line.executors, line.executors_online) == (1, 4, 3), "children wait for their parents"
    text = "\n".join(show_status.lines(found, Style()))
    assert (
        "offline 3 min" in text
        and "unregistered 1 h" in text
        and "to approve" in text
        and "EXECUTORS  3 online, 4 not" in text
    )


@pytest.mark.long
def test_an_executor_that_stops_is_offline_at_once(dev: Dev, shell: Shell) -> None:
    helper = typed(dev.folder, "executor", "os", "start", "--name", "helper", "--executortype", "helper")
    with Terminal(dev.folder, environment(), "status", "--watch", "0.5") as terminal:
        terminal.until(lambda screen: "online" in next((x for x in screen.splitlines() if "  helper" in x), ""))
        helper.send_signal(signal.SIGTERM)
        helper.communicate()
        shell.json("function", "exec", "--func", "x", "--targettype", "helper")
        terminal.until(has("none of 1 is online", "offline"))
        assert terminal.ends() == 0
    shell.run("process", "removeall", "--waiting", "--yes")
    shell.json("function", "submit", "--spec", "lost.json")
    shell.run("executor", "remove", "--name", "helper")


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7_300, "2 h"), (200_000, "2 d")]
)
def test_ages_have_one_unit(seconds: int, text: str) -> None:
    assert show_status.age(seconds * 10**9) == text
