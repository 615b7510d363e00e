"""The engine answers as the Go server does, or better where that has a defect: recorded conversations, replayed.

Each is played three times: as it is, with every finished process going to the archive at once, and with the
coordinator restarted after each message. None of that may show.
"""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.engine.engine import HANDLERS
from tests.support.engine_bench import Bench
from tests.support.scenarios import Scenario, play, scenarios

SCENARIOS = [scenario for scenario in scenarios() if scenario.playable(HANDLERS)]
NAMES = [scenario.name for scenario in SCENARIOS]


class Archiving(Bench):
    """Finished processes go to the archive before anybody can look at them."""

    def __init__(self) -> None:
        super().__init__(finished_keep_s=0)

    def ask(self, key: str | None, message: dict[str, Any], **route: str) -> tuple[int, Any]:
        answer = super().ask(key, message, **route)
        self.retire()
        return answer


class Restarting(Bench):
    """The coordinator stops cleanly and starts again after every message."""

    def ask(self, key: str | None, message: dict[str, Any], **route: str) -> tuple[int, Any]:
        answer = super().ask(key, message, **route)
        self.restart()
        return answer


def test_the_scenarios_of_what_exists_are_found() -> None:
    assert {"colony-lifecycle", "executor-lifecycle", "process-lifecycle", "log-process", "server-about"} <= set(NAMES)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_replies_are_as_recorded_or_better(scenario: Scenario) -> None:
    play(scenario, Bench())


@pytest.mark.parametrize("name", ["access-outsiders", "process-removal"])
def test_what_exists_of_a_longer_conversation_is_as_recorded_or_better(name: str) -> None:
    whole = next(scenario for scenario in scenarios() if scenario.name == name)
    play(whole.reduced(HANDLERS), Bench())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_the_archive_answers_as_memory_does(scenario: Scenario) -> None:
    play(scenario, Archiving())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_a_restart_after_every_message_is_not_noticed(scenario: Scenario) -> None:
    play(scenario, Restarting())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_the_journal_alone_yields_the_same_tables(scenario: Scenario) -> None:
    bench = Bench()
    play(scenario, bench)
    tables = bench.engine.tables
    bench.restart(checkpoint=False)
    assert bench.engine.tables.by_name == tables.by_name
