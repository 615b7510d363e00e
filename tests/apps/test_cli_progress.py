"""How far it is: on a terminal only, only of what lasts, never more than whole, gone when it is over."""

from __future__ import annotations

import io
import os
import pty
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.progress import Bar, Waiting, size
from tests.storage.test_ledger import write
from tests.support.colony import environment


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def console(err: io.StringIO, *, as_json: bool = False, quiet: bool = False) -> Console:
    return Console(out=io.StringIO(), err=err, as_json=as_json, quiet=quiet)


def test_it_is_drawn_when_the_percentage_changes_and_no_more_often() -> None:
    err = Terminal()
    with Bar(console(err), 1_000_000, after_s=0) as bar:
        for _ in range(2_000):
            bar(1_000)  # twice as much as there is: something was sent again
    drawn = err.getvalue().split("\r")
    assert len(drawn) <= 104 and "100 %  976.6 KiB of 976.6 KiB" in drawn[-3]
    assert drawn[-2].strip() == drawn[-1] == "", "the line is empty again"
    assert len(drawn[-2]) == len(drawn[-3]) and "101 %" not in err.getvalue()


def test_what_is_over_within_a_second_shows_none() -> None:
    err, now_ns = Terminal(), 0
    bar = Bar(console(err), 10, monotonic_ns=lambda: now_ns)
    now_ns = 999_000_000
    bar(5)
    assert err.getvalue() == ""
    now_ns = 1_000_000_000
    bar(1)
    assert " 60 %" in err.getvalue()


def test_what_is_said_takes_the_place_of_the_bar() -> None:
    err = Terminal()
    said = console(err)
    with Bar(said, 10, after_s=0) as bar:
        bar(5)
        said.info("a word")
        bar(5)
    assert "\ra word\n\r[" in err.getvalue() and "] a word" not in err.getvalue()


@pytest.mark.parametrize("options", [{"quiet": True}, {"as_json": True}])
def test_it_is_not_drawn_for_who_does_not_want_it(options: dict[str, bool]) -> None:
    err = Terminal()
    with Waiting(console(err, **options), after_s=0), Bar(console(err, **options), 10, after_s=0) as bar:
        bar(5)
    assert err.getvalue() == ""


def test_it_is_not_drawn_where_nobody_looks() -> None:
    err = io.StringIO()
    with Waiting(console(err), after_s=0), Bar(console(err), 10, after_s=0) as bar:
        bar(10)
    assert err.getvalue() == ""


@pytest.mark.parametrize(("within_s", "text"), [(0, "0 s so far"), (60, "  0 %  0 s of 60 s at most")])
def test_what_cannot_say_how_far_it_is_counts_its_seconds(within_s: float, text: str) -> None:
    err = Terminal()
    with Waiting(console(err), within_s, after_s=0.01):
        while text not in err.getvalue():
            time.sleep(0.01)
    assert err.getvalue().endswith("\r")
    with Waiting(console(err := Terminal()), within_s):
        pass
    assert err.getvalue() == "", "it was over at once"


def on_terminal(*words: str, **more: str) -> tuple[bytes, str, int]:
    """(what a program writes to stderr, which is a terminal, its stdout, its exit code)."""
    ours, theirs = pty.openpty()
    program = (
        "import sys; from colonies_edge.apps.cli import main, progress\n"
        "progress.Bar.__init__.__kwdefaults__['after_s'] = 0\n"
        "progress.Waiting.__init__.__kwdefaults__['after_s'] = 0.05\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], env=environment(**more), stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    try:
        said = os.read(ours, 1 << 16)
    except OSError:  # nothing was said
        said = b""
    finally:
        os.close(ours)
    return said, done.stdout.decode(), done.returncode


@pytest.mark.parametrize("command", ["ledger verify", "coordinator check"])
def test_a_whole_ledger_is_read_to_its_end(command: str, tmp_path: Path) -> None:
    write(tmp_path / "data")
    said, _, code = on_terminal(*command.split(), "--data", str(tmp_path / "data"))
    assert code == 0 and b"] 100 %  " in said


def test_a_doctor_who_waits_for_an_answer_shows_that_he_does(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        words = ("doctor", "--data", str(tmp_path))
        said, findings, code = on_terminal(*words, COLONIES_MQTT=url, HOME=str(tmp_path))
    assert b"s so far" in said and b"Traceback" not in said
    assert (code, "s so far" in findings) == (3, False)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 2**20, "5.0 MiB"), (3 * 2**40, "3.0 TiB")]
)
def test_sizes_read_well(count: int, text: str) -> None:
    assert size(count) == text
