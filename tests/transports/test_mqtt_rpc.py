"""Calls over a link, against a small coordinator that answers, stays silent or lies as the test wants."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from colonies_edge.protocol.errors import ClockSkew, Forbidden, NoConnection, TooLarge, TooManyRequests, UsageError
from colonies_edge.protocol.status import OFFLINE, ONLINE, Presence, open_status
from colonies_edge.protocol.topics import ASSIGN, EVENT, REPLY, STATUS, Topic
from colonies_edge.transports.loopback import LoopbackBus
from colonies_edge.transports.system import PartyClock
from tests.support.answering import (
    CALLER,
    NOW_MS,
    SERVER,
    STRANGER,
    TOPICS,
    Coordinator,
    FixedClock,
    opened,
    play,
)


def test_a_call_is_signed_and_stamped_and_its_answer_comes_back() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        caller = await opened(bus)
        assert await caller.call({"msgtype": "getcolonymsg"}) == {"you": "said getcolonymsg"}
        topic, message, _ = coordinator.requests[0]
        assert (topic.colony, topic.party, topic.channel) == ("dev", CALLER.identity, "request")
        assert (message["ts"], message["serverid"]) == (NOW_MS, SERVER.identity)
        assert len(message["msgid"]) >= 16
        await caller.close()

    play(scene)


def test_a_refusal_is_raised_with_its_status() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: Forbidden("not you")
        caller = await opened(bus)
        with pytest.raises(Forbidden, match="not you"):
            await caller.call({"msgtype": "getcolonymsg"})
        await caller.close()

    play(scene)


def test_silence_is_answered_with_the_same_bytes_again() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: None if len(coordinator.requests) < 2 else {}
        caller = await opened(bus)
        assert await caller.call({"msgtype": "getcolonymsg"}) == {}
        first, second = coordinator.requests
        assert first[2] == second[2]
        await caller.close()

    play(scene)


def test_no_answer_in_time_is_no_connection_and_names_the_coordinator() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: None
        caller = await opened(bus)
        with pytest.raises(NoConnection, match=SERVER.identity):
            await caller.call({"msgtype": "getcolonymsg"}, timeout_s=0.05)
        await caller.close()

    play(scene)


def test_a_wrong_clock_costs_one_round_trip_and_is_remembered() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        def answer(message: dict[str, Any]) -> Any:
            return {} if message["ts"] == NOW_MS else ClockSkew("stale", ts=NOW_MS)

        coordinator.answer = answer
        clock = PartyClock(FixedClock(ms=0))
        caller = await opened(bus, clock=clock)
        assert await caller.call({"msgtype": "getcolonymsg"}) == {}
        assert await caller.call({"msgtype": "getcolonymsg"}) == {}
        stamps = [(message["msgid"], message["ts"]) for _, message, _ in coordinator.requests]
        assert [ts for _, ts in stamps] == [0, NOW_MS, NOW_MS]
        assert stamps[0][0] == stamps[1][0] != stamps[2][0]
        assert clock.offset_ms == NOW_MS
        await caller.close()

    play(scene)


def test_a_coordinator_whose_time_makes_no_sense_is_not_asked_for_ever() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: ClockSkew("stale", ts=message["ts"] + 10_000_000)
        caller = await opened(bus)
        with pytest.raises(ClockSkew):
            await caller.call({"msgtype": "getcolonymsg"})
        assert len(coordinator.requests) == 4
        await caller.close()

    play(scene)


def test_too_many_requests_means_wait_and_ask_again() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: TooManyRequests() if len(coordinator.requests) < 2 else {}
        caller = await opened(bus)
        assert await caller.call({"msgtype": "getcolonymsg"}) == {}
        assert coordinator.requests[0][1]["msgid"] == coordinator.requests[1][1]["msgid"]
        await caller.close()

    play(scene)


def test_who_was_told_not_now_until_the_time_was_over_hears_that_and_not_of_silence() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: TooManyRequests("the log is full")
        caller = await opened(bus)
        with pytest.raises(TooManyRequests, match="the log is full"):
            await caller.call({"msgtype": "channelappendmsg"}, timeout_s=0.3)
        coordinator.answer = lambda message: TooManyRequests() if len(coordinator.requests) < 3 else None
        with pytest.raises(NoConnection):  # the second time it may have been done
            await caller.call({"msgtype": "channelappendmsg"}, timeout_s=3)
        assert len(coordinator.requests) >= 3
        await caller.close()

    play(scene)


def test_a_request_that_waited_too_long_is_signed_anew_with_the_same_msgid() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        machine = FixedClock()
        coordinator.answer = lambda message: None
        caller = await opened(bus, clock=PartyClock(machine))
        pending = asyncio.ensure_future(caller.call({"msgtype": "getcolonymsg"}))
        await coordinator.asked.wait()
        machine.ns += 200 * 1_000_000_000
        coordinator.answer = lambda message: {}
        caller.link.reconnect()
        assert await pending == {}
        (_, old, _), (_, new, _) = coordinator.requests
        assert (new["msgid"], new["ts"] - old["ts"]) == (old["msgid"], 200_000)
        await caller.close()

    play(scene)


def test_after_a_reconnect_a_pending_call_goes_out_at_once_on_the_new_connection() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: None
        caller = await opened(bus)
        pending = asyncio.ensure_future(caller.call({"msgtype": "getcolonymsg"}))
        await coordinator.asked.wait()
        coordinator.answer = lambda message: {"late": True}
        bus.stop()
        bus.start()
        assert await pending == {"late": True}
        (first, _, _), (second, _, _) = coordinator.requests[0], coordinator.requests[-1]
        assert first.conn != second.conn == caller.link.conn
        await caller.close()

    play(scene)


@pytest.mark.parametrize("lie", ["another signer", "another topic", "another msgid", "not a reply"])
def test_what_the_pinned_coordinator_did_not_sign_for_this_call_is_dropped_and_counted(lie: str) -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: None
        caller = await opened(bus)
        pending = asyncio.ensure_future(caller.call({"msgtype": "getcolonymsg"}))
        await coordinator.asked.wait()
        topic, message, _ = coordinator.requests[0]
        to = Topic(colony="dev", party=CALLER.identity, channel=REPLY, conn=topic.conn)
        elsewhere = Topic(colony="dev", party=CALLER.identity, channel=EVENT, conn=topic.conn)
        msgid = message["msgid"]
        if lie == "another signer":
            coordinator.signer = STRANGER
            coordinator.say(to, "getcolonymsg", {"forged": True}, msgid)
            coordinator.signer = SERVER
        elif lie == "another topic":
            coordinator.say(to, "getcolonymsg", {"forged": True}, msgid, signed_for=elsewhere)
        elif lie == "another msgid":
            coordinator.say(to, "getcolonymsg", {"forged": True}, "some-other-message-id")
        else:
            coordinator.link.publish(TOPICS.format(to), b"\xff{")
        coordinator.reply(topic, "getcolonymsg", {"true": True}, msgid)
        assert await pending == {"true": True}
        assert caller.dropped.total() == 1
        await caller.close()

    play(scene)


def test_the_coordinator_is_learnt_from_its_signed_status_when_none_is_configured() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        learnt: list[str] = []
        caller = await opened(bus, serverid="", learn=learnt.append)
        pending = asyncio.ensure_future(caller.call({"msgtype": "getcolonymsg"}))
        await asyncio.sleep(0)
        assert not coordinator.requests  # nobody is believed yet
        coordinator.show_status()
        assert await pending == {"you": "said getcolonymsg"}
        assert learnt == [SERVER.identity] == [caller.serverid]
        await caller.close()

    play(scene)


def test_a_coordinator_that_is_refused_on_first_use_is_named_in_the_error() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        def learn(serverid: str) -> None:
            raise NoConnection(f"{serverid} is not the one we knew")

        coordinator.show_status()
        caller = await opened(bus, serverid="", learn=learn)
        with pytest.raises(NoConnection, match="not the one we knew"):
            await caller.call({"msgtype": "getcolonymsg"}, timeout_s=0.05)
        await caller.close()

    play(scene)


def test_another_coordinator_at_the_broker_is_not_believed() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.signer = STRANGER
        coordinator.show_status()
        caller = await opened(bus)
        with pytest.raises(NoConnection, match=STRANGER.identity):
            await caller.call({"msgtype": "getcolonymsg"}, timeout_s=0.05)
        assert caller.status is None and caller.dropped["status of another coordinator"] == 1
        await caller.close()

    play(scene)


def test_a_changed_epoch_is_noticed_and_an_old_status_is_not_believed() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.show_status(epoch="one")
        caller = await opened(bus)
        epochs: list[str] = []
        changed = asyncio.Event()
        caller.on_epoch.append(epochs.append)
        caller.on_epoch.append(lambda epoch: changed.set())
        await caller.call({"msgtype": "getcolonymsg"})
        assert caller.epoch == "one" and not epochs
        coordinator.show_status(epoch="replayed", ts=NOW_MS - 1)
        coordinator.show_status(epoch="two", ts=NOW_MS + 1)
        await changed.wait()
        assert epochs == ["two"] and caller.dropped["old status"] == 1
        await caller.close()

    play(scene)


def test_assignments_and_events_reach_their_callbacks_once_verified() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        caller = await opened(bus, executor=True)
        pushes: list[Any] = []
        events: list[Any] = []
        got_event = asyncio.Event()
        caller.on_push.append(lambda kind, msgid, value: pushes.append((kind, value)))
        caller.on_event.append(lambda *event: events.append(event))
        caller.on_event.append(lambda *_: got_event.set())
        assign = Topic(colony="dev", party=CALLER.identity, channel=ASSIGN)
        event = Topic(colony="dev", party=CALLER.identity, channel=EVENT, conn=caller.link.conn)
        coordinator.signer = STRANGER
        coordinator.say(assign, "assignprocessmsg", {"forged": True}, "m" * 16)
        coordinator.signer = SERVER
        coordinator.say(assign, "assignprocessmsg", {"processid": "p"}, "m" * 16)
        coordinator.say(assign, "withdrawmsg", {"processid": "p"}, "n" * 16)
        coordinator.say(event, "subscribeprocessmsg", {"state": 2}, "s" * 16 + ".3")
        await got_event.wait()
        assert pushes == [("assignprocessmsg", {"processid": "p"}), ("withdrawmsg", {"processid": "p"})]
        assert events == [("subscribeprocessmsg", "s" * 16, 3, {"state": 2})]
        assert caller.dropped["not signed by the coordinator"] == 1
        await caller.close()

    play(scene)


def test_an_executor_publishes_results_on_their_own_channel_and_a_client_does_not() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        executor, client = await opened(bus, executor=True), await opened(bus)
        await executor.call({"msgtype": "closesuccessfulmsg", "processid": "p"})
        await executor.call({"msgtype": "readymsg"})
        await client.call({"msgtype": "closefailedmsg", "processid": "p"})
        assert [topic.channel for topic, _, _ in coordinator.requests] == ["result", "request", "request"]
        await executor.close()
        await client.close()

    play(scene)


def test_an_executors_presence_is_signed_retained_and_carries_the_connection() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        watcher = bus.link()
        await watcher.open()
        await watcher.subscribe(TOPICS.presence_filter("dev"))
        executor = await opened(bus, executor=True)
        topic = TOPICS.unrooted(TOPICS.format(Topic(colony="dev", party=CALLER.identity, channel=STATUS)))

        async def seen() -> Presence:
            return open_status(Presence, (await watcher.deliveries.get()).payload, topic)

        online = await seen()
        first_conn = executor.link.conn
        assert (online.state, online.conn, online.executorid) == (ONLINE, first_conn, CALLER.identity)
        bus.drop(executor.link)  # type: ignore[arg-type]
        lost, back = await seen(), await seen()
        assert (lost.state, lost.conn) == (OFFLINE, first_conn)
        assert (back.state, back.conn) == (ONLINE, executor.link.conn) and back.conn != first_conn
        await executor.close()
        assert (await seen()).state == OFFLINE

    play(scene)


def test_other_colonies_and_no_colony_have_their_own_topics() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        caller = await opened(bus)
        for colony in ("other", "", "a name no topic can hold"):
            await caller.call({"msgtype": "getcolonymsg"}, colony=colony)
        assert [topic.colony for topic, _, _ in coordinator.requests] == ["other", "_", "_"]
        await caller.close()

    play(scene)


def test_a_message_over_the_limit_never_leaves_and_the_limit_is_said() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        caller = await opened(bus)
        with pytest.raises(TooLarge, match="262144"):
            await caller.call({"msgtype": "submitfuncspecmsg", "spec": "x" * 262_144})
        assert not coordinator.requests
        await caller.close()

    play(scene)


def test_the_two_unsigned_messages_stay_unsigned() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        caller = await opened(bus)
        await caller.call({"msgtype": "versionmsg"})
        envelope = json.loads(coordinator.requests[0][2])
        assert envelope["signature"] == ""
        assert json.loads(base64.b64decode(envelope["payload"]))["msgid"]
        await caller.close()

    play(scene)


def test_two_calls_may_not_share_a_msgid_at_the_same_time() -> None:
    async def scene(bus: LoopbackBus, coordinator: Coordinator) -> None:
        coordinator.answer = lambda message: None
        caller = await opened(bus)
        first = asyncio.ensure_future(caller.call({"msgtype": "getcolonymsg"}, msgid="m" * 16))
        await coordinator.asked.wait()
        with pytest.raises(UsageError):
            await caller.call({"msgtype": "getcolonymsg"}, msgid="m" * 16)
        await caller.close()
        with pytest.raises(NoConnection):
            await first

    play(scene)
