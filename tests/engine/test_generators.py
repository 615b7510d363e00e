"""Generators: every argument goes into exactly one workflow, with as many others as it should, oldest first."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.protocol.limits import GENERATOR_ARGS_BYTES_MAX
from tests.engine.calls import Calls
from tests.support.engine_bench import LAB, SECOND, Bench, add_executor, colony, found_colony, identity, spec
from tests.support.schedules import add_generator, generator, node, pack, waiting, workflow


def shown(bench: Bench, generatorid: str, key: str = "worker") -> dict[str, Any]:
    found: dict[str, Any] = bench.do(key, "getgeneratormsg", generatorid=generatorid)
    return found


def arguments(bench: Bench) -> list[list[str]]:
    """Of the processes that wait, the first started first."""
    return [process["spec"]["args"] for process in waiting(bench)]


def test_every_so_many_arguments_start_a_workflow_at_once() -> None:
    bench = colony()
    generatorid = add_generator(bench, trigger=3)
    pack(bench, generatorid, *"abcdefgh")
    assert arguments(bench) == [["a", "b", "c"], ["d", "e", "f"]]
    found = shown(bench, generatorid)
    assert found["queuesize"] == 2 and found["checkerperiod"] == 1000
    assert found["lastrun"] > found["firstpack"] > "2026"


def test_the_trigger_of_one_starts_with_each() -> None:
    bench = colony()
    generatorid = add_generator(bench, trigger=1)
    pack(bench, generatorid, "a", "", "ü")
    assert arguments(bench) == [["a"], [""], ["ü"]]
    assert bench.engine.tables.schedule.args == {}


def test_roots_get_the_arguments_and_lose_their_own_while_the_others_keep_theirs() -> None:
    bench = colony()
    nodes = (
        node("one", args=["mine"], kwargs={"k": 1}),
        node("two", args=[7]),
        node("end", "one", "two", args=["kept"], kwargs={"q": 2}),
    )
    generatorid = add_generator(bench, trigger=2, workflowspec=workflow(*nodes))
    pack(bench, generatorid, "a", "b")
    specs = {row.spec.nodename: row.spec for row in bench.engine.tables.processes.values()}
    assert specs["one"].args == specs["two"].args == ("a", "b")
    assert specs["one"].kwargs == {} and specs["end"].args == ("kept",) and specs["end"].kwargs == {"q": 2}
    assert [process["in"] for process in waiting(bench)][:2] == [[], []]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"trigger": 0}, "the trigger must be 1 or more"),
        ({"trigger": -1}, "the trigger must be 1 or more"),
        ({"trigger": 2**31}, "at most 2147483647"),
        ({"timeout": 2**31}, "the timeout must not be larger"),
        ({"workflowspec": ""}, "unexpected end of JSON input"),
        ({"workflowspec": workflow(colony="next")}, "the workflow is for Colony <next>, not for <lab>"),
        ({"workflowspec": workflow(node("a", "a"))}, "cannot depend on itself"),
        ({"name": "x" * 257}, "longer than 256"),
    ],
)
def test_a_generator_that_could_not_run_is_refused_at_once(fields: dict[str, Any], text: str) -> None:
    bench = colony()
    status, message = bench.refused("ann", "addgeneratormsg", generator=generator(**fields))
    assert status == 400 and text in message, message
    assert bench.do("ann", "getgeneratorsmsg", colonyname=LAB, count=10) == []


def test_names_are_unique_in_a_colony_and_found_by() -> None:
    bench = colony()
    generatorid = add_generator(bench, name="batch")
    text = "Generator with name <batch> in Colony <lab> already exists"
    assert bench.refused("ann", "addgeneratormsg", generator=generator("batch")) == (400, text)
    found = bench.do("worker", "resolvegeneratormsg", colonyname=LAB, generatorname="batch")
    assert found["generatorid"] == generatorid and found["checkerperiod"] == 0
    missing = (404, "Failed to resolve generator, generator is nil")
    assert bench.refused("worker", "resolvegeneratormsg", colonyname=LAB, generatorname="other") == missing
    assert len(bench.do("ann", "getgeneratorsmsg", colonyname=LAB, count=10)) == 1
    assert bench.do("ann", "getgeneratorsmsg", colonyname=LAB) == []
    assert bench.refused("ann", "getgeneratorsmsg", colonyname=LAB, count=-1)[0] == 400


def test_a_removed_generator_loses_its_queue() -> None:
    bench = colony()
    generatorid = add_generator(bench, timeout=5)
    pack(bench, generatorid, "a", "b")
    bench.do("worker", "removegeneratormsg", generatorid=generatorid)
    bench.sleep(10)
    assert arguments(bench) == [] and bench.engine.tables.schedule.args == {}
    gone = (404, "Failed to increment generator, generator is nil")
    assert bench.refused("worker", "packgeneratormsg", generatorid=generatorid, arg="c") == gone


def test_a_removed_colony_takes_its_generators_along() -> None:
    bench = colony()
    generatorid = add_generator(bench, timeout=5)
    pack(bench, generatorid, "a", "b")
    bench.do("server", "removecolonymsg", colonyname=LAB)
    bench.sleep(10)
    schedule = bench.engine.tables.schedule
    assert schedule.args == schedule.generators == schedule.queues == schedule.generator_names == {}
    assert schedule.bytes_queued(generatorid) == 0


# Time-outs


def test_arguments_wait_no_longer_than_the_timeout_counted_from_the_oldest_of_them() -> None:
    bench = colony()
    generatorid = add_generator(bench, trigger=10, timeout=5)
    pack(bench, generatorid, "a")
    bench.sleep(3)
    pack(bench, generatorid, "b")
    bench.sleep(1.5)
    assert arguments(bench) == []
    bench.sleep(1)
    assert arguments(bench) == [["a", "b"]]
    bench.sleep(3600)
    pack(bench, generatorid, "c")
    bench.sleep(4)
    assert arguments(bench) == [["a", "b"]], "upstream counts from the last run, and would not let c wait for others"
    bench.sleep(2)
    assert arguments(bench) == [["a", "b"], ["c"]]


def test_what_the_trigger_took_does_not_hurry_what_comes_after_it() -> None:
    bench = colony()
    generatorid = add_generator(bench, trigger=2, timeout=5)
    pack(bench, generatorid, "a")
    bench.sleep(4)
    pack(bench, generatorid, "b", "c")
    bench.sleep(4)
    assert arguments(bench) == [["a", "b"]]
    bench.sleep(2)
    assert arguments(bench) == [["a", "b"], ["c"]]


@pytest.mark.parametrize("timeout", [0, -1])
def test_without_a_timeout_arguments_wait_for_ever(timeout: int) -> None:
    bench = colony()
    generatorid = add_generator(bench, timeout=timeout)
    pack(bench, generatorid, "a", "b")
    bench.sleep(10**6)
    assert shown(bench, generatorid)["queuesize"] == 2


def test_a_step_of_the_wall_clock_does_not_shorten_the_wait() -> None:
    bench = Calls()
    found_colony(bench)
    add_executor(bench, "worker")
    status, added = bench.answer("worker", "addgeneratormsg", generator=generator(trigger=10, timeout=60))
    assert status == 200
    bench.answer("worker", "packgeneratormsg", generatorid=added["generatorid"], arg="a")
    bench.pass_time(30 * SECOND)
    bench.jump(86_400)
    bench.pass_time(29 * SECOND)
    bench.restart(checkpoint=False)
    assert bench.engine.tables.graphs == {}
    bench.pass_time(2 * SECOND)
    assert len(bench.engine.tables.graphs) == 1


# Bad days


@pytest.mark.parametrize("checkpoint", [True, False])
def test_nothing_is_lost_or_started_twice_wherever_a_crash_falls(checkpoint: bool) -> None:
    bench = colony()
    generatorid = add_generator(bench, trigger=4, timeout=100)
    for number in range(14):
        pack(bench, generatorid, str(number))
        bench.restart(checkpoint=checkpoint)
    bench.sleep(101)
    bench.restart(checkpoint=checkpoint)
    bench.sleep(101)
    numbers = [str(number) for number in range(14)]
    assert arguments(bench) == [numbers[0:4], numbers[4:8], numbers[8:12], numbers[12:14]]


def test_a_timeout_that_passed_while_the_coordinator_was_away_counts_when_it_is_back() -> None:
    bench = colony()
    generatorid = add_generator(bench, timeout=10)
    pack(bench, generatorid, "a")
    bench.now += 3600 * SECOND
    bench.restart()
    bench.sleep(0)
    assert arguments(bench) == [["a"]]


def test_a_repeated_pack_packs_once() -> None:
    bench = Calls()
    found_colony(bench)
    add_executor(bench, "worker")
    _, added = bench.answer("worker", "addgeneratormsg", generator=generator(trigger=3))
    for _ in range(3):
        again = bench.answer("worker", "packgeneratormsg", generatorid=added["generatorid"], arg="a", msgid="m" * 16)
        assert again == (200, {})
    assert len(bench.engine.tables.schedule.args) == 1


def test_packing_writes_no_more_into_a_long_queue_than_into_a_short_one() -> None:
    bench = colony()
    generatorid = add_generator(bench, trigger=1000)
    pack(bench, generatorid, "first")
    for _ in range(500):
        pack(bench, generatorid, "x")
        assert [write.table for record in bench.outcome.records for write in record.writes] == ["generatorargs"]


# Initiators and bounds


def test_nothing_is_packed_for_a_removed_user_and_what_waits_goes_when_the_user_is_back() -> None:
    bench = colony()
    generatorid = add_generator(bench, timeout=10)
    pack(bench, generatorid, "a")
    bench.do("owner", "removeusermsg", colonyname=LAB, name="ann")
    status, message = bench.refused("worker", "packgeneratormsg", generatorid=generatorid, arg="b")
    assert status == 409 and "initiator" in message
    bench.sleep(35)
    assert shown(bench, generatorid)["error"] == message and shown(bench, generatorid)["queuesize"] == 1
    bench.do("owner", "addusermsg", user={"colonyname": LAB, "userid": identity("ann"), "name": "ann"})
    bench.sleep(11)
    assert arguments(bench) == [["a"]] and "error" not in shown(bench, generatorid)


def test_a_generator_follows_its_initiator_to_another_key() -> None:
    bench = colony()
    generatorid = add_generator(bench)
    bench.do("ann", "changeuseridmsg", colonyname=LAB, userid=identity("renewed"))
    pack(bench, generatorid, *"abc")
    assert shown(bench, generatorid)["initiatorid"] == identity("renewed")
    assert len(bench.engine.tables.graphs) == 1


def test_an_argument_that_no_message_could_carry_is_refused() -> None:
    bench = colony()
    generatorid = add_generator(bench)
    status, _ = bench.refused("ann", "packgeneratormsg", generatorid=generatorid, arg="x" * GENERATOR_ARGS_BYTES_MAX)
    assert status == 413
    assert shown(bench, generatorid)["firstpack"].startswith("0001-")


def test_arguments_that_would_not_fit_one_message_go_before_the_trigger_is_reached() -> None:
    bench = colony()
    generatorid = add_generator(bench, trigger=100)
    large = "x" * (GENERATOR_ARGS_BYTES_MAX // 3)
    pack(bench, generatorid, large, large, "small", large, "last")
    assert [len(args) for args in arguments(bench)] == [3]
    assert shown(bench, generatorid)["queuesize"] == 2


def test_a_workflow_without_a_colony_is_of_the_generators_colony() -> None:
    bench = colony()
    nodes = [{**spec(nodename="a"), "conditions": {"executortype": "cli"}}]
    generatorid = add_generator(bench, trigger=1, workflowspec=workflow(*nodes, colony=""))
    pack(bench, generatorid, "x")
    assert arguments(bench) == [["x"]]
