"""Messages: every type is known, refused in the words of the Go server, and stamped without touching its own fields."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.protocol.codec import dump_json, encode, parse_json
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.protocol.messages import (
    MESSAGES,
    AddFunction,
    AssignProcess,
    ChangeServerId,
    CloseSuccessful,
    GetFunctions,
    GetServerInfo,
    Heartbeat,
    Ready,
    RemoveExecutor,
    RemoveProcess,
    SubmitFuncSpec,
    SubscribeProcesses,
    Withdraw,
    decode_message,
    encode_message,
    is_msgid,
    message_type,
    stamped,
)
from colonies_edge.protocol.messages import __all__ as exported
from colonies_edge.protocol.model import Function, FunctionSpec, Process
from colonies_edge.protocol.replies import decode_assignment
from tests.protocol.objects import MESSAGE_CLASSES, few, free, objects

UPSTREAM = """addattributemsg addcolonymsg addexecutorlogmsg addexecutormsg addfunctionmsg addlogmsg addusermsg
approveexecutormsg assignprocessmsg cancelprocessmsg changecolonyidmsg changeexecutoridmsg changeserveridmsg
changeuseridmsg closefailedmsg closesuccessfulmsg getattributemsg getclustermsg getcoloniesmsg getcolonymsg
getcolonystatsmsg getexecutorbyidmsg getexecutormsg getexecutorsmsg getfunctionsmsg getlogsmsg getpausestatusmsg
getprocesshistmsg getprocessesmsg getprocessmsg getserverinfomsg getstatisticsmsg getuserbyidmsg getusermsg getusersmsg
pauseassignmentsmsg rejectexecutormsg removeallprocessesmsg removecolonymsg removeexecutormsg removefunctionmsg
removeprocessmsg removeusermsg reportallocationmsg resumeassignmentsmsg searchlogsmsg setoutputmsg submitfuncspecmsg
subscribeprocessesmsg subscribeprocessmsg updateexecutormsg versionmsg
submitworkflowspecmsg getprocessgraphmsg getprocessgraphsmsg removeprocessgraphmsg removeallprocessgraphsmsg
cancelprocessgraphmsg addchildmsg
addcronmsg getcronmsg getcronsmsg runcronmsg removecronmsg
addgeneratormsg getgeneratormsg resolvegeneratormsg getgeneratorsmsg packgeneratormsg removegeneratormsg
addlocationmsg getlocationsmsg getlocationmsg removelocationmsg
channelappendmsg channelreadmsg subscribechannelmsg
addblueprintdefinitionmsg getblueprintdefinitionmsg getblueprintdefinitionsmsg removeblueprintdefinitionmsg
addblueprintmsg getblueprintmsg getblueprintsmsg updateblueprintmsg updateblueprintstatusmsg reconcileblueprintmsg
removeblueprintmsg getblueprinthistorymsg
addfilemsg getfilemsg getfilesmsg getfilelabelsmsg removefilemsg
createsnapshotmsg getsnapshotmsg getsnapshotsmsg removesnapshotmsg removeallsnapshotmsg"""
OURS = """subscribeprocessgraphmsg readymsg heartbeatmsg releaseprocessmsg
beginblobmsg putblobmsg getblobmsg enrolmsg getenrolmentsmsg revokeenrolmentmsg"""
OLD_NAMES = "deleteexecutormsg deleteprocessmsg getfunctionsbyexecutormsg"


def test_the_table_has_every_message_of_this_protocol_and_no_other() -> None:
    assert set(MESSAGES) == set(f"{UPSTREAM} {OURS} {OLD_NAMES}".split())
    assert {row.msgtype for row in MESSAGES.values() if row.unsigned} == {"versionmsg", "getserverinfomsg"}
    assert {cls.__name__ for cls in MESSAGE_CLASSES} <= set(exported)


@pytest.mark.parametrize("cls", MESSAGE_CLASSES, ids=lambda cls: cls.msgtype)
@few
@given(data=st.data())
def test_every_message_survives(cls: Any, data: st.DataObject) -> None:
    message = data.draw(objects(cls))
    value = parse_json(dump_json(encode_message(message)))
    assert next(iter(value)) == "msgtype"
    assert decode_message(cls.msgtype, value) == message


@pytest.mark.parametrize("msgtype", MESSAGES)
@few
@given(value=free | st.dictionaries(st.sampled_from(["msgtype", "spec", "count", "state", "fun", "ts"]), free))
def test_any_payload_is_a_message_or_a_refusal(msgtype: str, value: Any) -> None:
    try:
        decode_message(msgtype, value)
    except BadRequest as error:
        assert error.message.startswith("Failed to ")


@pytest.mark.parametrize("msgtype", sorted(set(MESSAGES) - {"getserverinfomsg"}))
@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_a_payload_that_is_no_object_is_a_bad_request(msgtype: str, value: Any) -> None:
    with pytest.raises(BadRequest, match=", invalid JSON: it must be an object"):
        decode_message(msgtype, value)


def test_the_server_description_is_given_whatever_the_payload_says() -> None:
    values: list[Any] = [None, [], {"msgtype": "other"}, {"msgtype": 7}, {}]
    for value in values:
        assert decode_message("getserverinfomsg", value) == GetServerInfo()
    assert decode_message("getserverinfomsg", {"msgid": "x" * 16}) == GetServerInfo(msgid="x" * 16)


@pytest.mark.parametrize(
    ("msgtype", "text"),
    [
        ("addcolonymsg", "Failed to add colony, invalid JSON"),
        ("changeuseridmsg", "Failed to add log, invalid JSON"),
        ("submitfuncspecmsg", "Failed to submit process, invalid JSON"),
        ("getprocesshistmsg", "Failed to get process hist, invalid JSON"),
        ("addlogmsg", "Failed to add log, invalid JSON"),
        ("searchlogsmsg", "Failed to search logs, invalid JSON"),
        ("subscribeprocessesmsg", "Failed to subscribe to processes, invalid JSON"),
    ],
)
def test_an_undecodable_payload_is_refused_in_the_words_of_the_go_server(msgtype: str, text: str) -> None:
    assert MESSAGES[msgtype].json_failure == text
    with pytest.raises(BadRequest) as caught:
        decode_message(msgtype, [])
    assert caught.value.message.startswith(text)


@pytest.mark.parametrize(
    ("msgtype", "text"),
    [
        ("addcolonymsg", "Failed to add colony, msg.MsgType does not match payloadType"),
        ("getstatisticsmsg", "Failed to get server version, msg.MsgType does not match payloadType"),
        ("submitfuncspecmsg", "Failed to submit process spec, msg.MsgType does not match payloadType"),
        ("assignprocessmsg", "Failed to assign process, msg.msgType does not match payloadType"),
        ("closefailedmsg", "Failed to close process as failed, msg.MsgType does not match payloadType"),
        ("searchlogsmsg", "Failed to get logs, msg.MsgType does not match payloadType"),
    ],
)
@pytest.mark.parametrize("value", [{}, {"msgtype": "versionmsg2"}, {"msgtype": None}, {"msgtype": ["addcolonymsg"]}])
def test_another_type_inside_than_outside_is_a_bad_request(msgtype: str, text: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_message(msgtype, value)
    assert caught.value.message == text


def test_the_type_inside_is_found_under_a_key_of_any_case() -> None:
    assert decode_message("assignprocessmsg", {"MsgType": "assignprocessmsg", "TIMEOUT": 1}) == AssignProcess(timeout=1)


def test_a_wrong_field_is_named_behind_the_text_of_the_message() -> None:
    with pytest.raises(BadRequest) as caught:
        decode_message("submitfuncspecmsg", {"msgtype": "submitfuncspecmsg", "spec": {"args": "x"}})
    assert caught.value.message == "Failed to submit process, invalid JSON: spec.args must be a list, not a string"


@pytest.mark.parametrize("payloadtype", ["getweathermsg", "deletecolonymsg", "withdrawmsg", "error", "x" * 100_000])
def test_an_unknown_type_is_forbidden(payloadtype: str) -> None:
    with pytest.raises(Forbidden) as caught:
        message_type(payloadtype)
    assert caught.value.message == f"invalid rpcMsg.PayloadType: {payloadtype[:100]}"


def test_an_empty_type_is_forbidden_with_a_hint() -> None:
    with pytest.raises(Forbidden, match=r"empty \(this usually means the client is misconfigured"):
        decode_message("", {})


def test_names_and_keys_of_old_clients_are_understood() -> None:
    def read(msgtype: str, **fields: Any) -> Any:
        return decode_message(msgtype, {"msgtype": msgtype, **fields})

    assert read("deleteexecutormsg", executorname="a") == RemoveExecutor(executorname="a")
    assert read("deleteprocessmsg", processid="p") == RemoveProcess(processid="p")
    assert read("getfunctionsbyexecutormsg", executorname="a") == GetFunctions(executorname="a")
    for key in ("fun", "function", "Function"):
        assert read("addfunctionmsg", **{key: {"funcname": "f"}}) == AddFunction(fun=Function(funcname="f"))


def test_absent_objects_are_told_from_empty_ones() -> None:
    def read(msgtype: str, **fields: Any) -> Any:
        return decode_message(msgtype, {"msgtype": msgtype, **fields})

    assert read("submitfuncspecmsg", spec=None) == SubmitFuncSpec(spec=None)
    assert read("submitfuncspecmsg", spec={}) == SubmitFuncSpec(spec=FunctionSpec())
    assert read("heartbeatmsg", processids=None) == Heartbeat(processids=None)
    assert read("heartbeatmsg", processids=[]) == Heartbeat(processids=())
    assert "processids" not in encode(Heartbeat())
    assert encode(Heartbeat(processids=()))["processids"] == []


def test_a_message_without_our_extensions_looks_like_upstreams() -> None:
    assert encode_message(CloseSuccessful(processid="p", out=(1,))) == {
        "msgtype": "closesuccessfulmsg",
        "processid": "p",
        "out": [1],
    }
    assert "states" not in encode_message(SubscribeProcesses())
    assert encode_message(Ready(colonyname="lab", capacity=2))["holding"] == []
    assert encode_message(Withdraw(processid="p", attempt=1, reason="timeout"))["msgtype"] == "withdrawmsg"


def test_a_stamp_names_the_call_its_time_and_its_coordinator() -> None:
    value = stamped({"msgtype": "getcoloniesmsg"}, msgid="m" * 16, ts=5, serverid="s")
    message = decode_message("getcoloniesmsg", value)
    assert (message.msgid, message.ts, message.serverid) == ("m" * 16, 5, "s")
    assert "serverid" not in stamped({"msgtype": "getcoloniesmsg"}, msgid="m" * 16, ts=5)


def test_changing_the_server_id_keeps_upstreams_field_and_is_still_meant_for_one_coordinator() -> None:
    value = stamped(encode_message(ChangeServerId(newserverid="new")), msgid="m" * 16, ts=5, serverid="old")
    assert value["serverid"] == "new"
    message = decode_message("changeserveridmsg", value)
    assert isinstance(message, ChangeServerId)
    assert (message.newserverid, message.serverid) == ("new", "old")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a" * 16, True),
        ("!~" * 32, True),
        ("a" * 15, False),
        ("a" * 65, False),
        ("a" * 16 + "\n", False),
        ("ä" * 16, False),
    ],
)
def test_a_message_id_is_16_to_64_visible_characters(text: str, good: bool) -> None:
    assert is_msgid(text) is good


def test_an_assignment_is_a_process_with_an_attempt_and_a_lease() -> None:
    process = Process(processid="p", spec=FunctionSpec(funcname="f"))
    got = decode_assignment({**encode(process), "attempt": 2, "leasems": 60_000})
    assert (got.process, got.attempt, got.leasems) == (process, 2, 60_000)
    for broken in (
        None,
        encode(process),
        {**encode(process), "attempt": 0, "leasems": 1},
        {"attempt": 1, "leasems": 1},
    ):
        with pytest.raises(BadRequest):
            decode_assignment(broken)
