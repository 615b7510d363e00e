"""Refusals for people: what a coordinator says in upstream's words, and what the command line makes of it."""

from __future__ import annotations

import pytest

from colonies_edge.apps.cli.main import explain
from colonies_edge.protocol.errors import error_of
from tests.support.colony import Dev, Shell

CONFIG = "`colonies-edge config` shows which key and colony are used, and where they come from"


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (
            500,
            "Failed to approve executor, executor is nil",
            "Failed to approve executor: there is no executor of that name; `colonies-edge executor ls` lists them",
        ),
        (
            404,
            "Failed to get executor by ID, executor is nil",
            "Failed to get executor by ID: there is no executor of that id; `colonies-edge executor ls` lists them",
        ),
        (
            500,
            "Failed to cancel processgraph, graph is nil",
            "Failed to cancel workflow: there is no workflow of that id; `colonies-edge workflow ps` lists them",
        ),
        (403, "Colony with name <x> does not exists", f"there is no colony x here; {CONFIG}"),
        (400, "Colony with name <x> not found", f"there is no colony x here; {CONFIG}"),
        (400, "Attribute does not exists", "Attribute does not exist (status 400); correct the request and try again"),
    ],
)
def test_a_refusal_is_put_into_words_and_json_keeps_those_of_the_wire(status: int, text: str, said: str) -> None:
    assert explain(error_of(status, text)) == (said, 1)
    assert explain(error_of(status, text), as_json=True)[0].startswith(f"{text} (status {status})")


def test_the_same_mistake_has_the_same_remedy_everywhere(shell: Shell) -> None:
    for words in (("process", "pss"), ("status",), ("executor", "ls"), ("fs", "label", "ls")):
        assert shell.refused(*words, "--colonyname", "nope", code=1) == (
            f"colonies-edge: there is no colony nope here; {CONFIG}\n"
        )


def test_a_stranger_at_the_embedded_broker_is_told_to_give_a_key(
    dev: Dev, shell: Shell, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert "give --prvkey KEY of a member" in shell.refused("server", "alive", "--mqtt", dev.ready["mqtt"], code=3)


@pytest.mark.parametrize("key", ["abc", "a" * 63, "0" * 64, "zz" * 32])
def test_what_is_no_private_key_is_said_without_words_of_programmers(shell: Shell, key: str) -> None:
    said = shell.refused("process", "ps", "--prvkey", key, code=2)
    assert "COLONIES_PRVKEY (flag) is no private key; a private key is 64 hex digits" in said


def test_a_missing_setting_names_its_flag(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    said = shell.refused("executor", "os", "start", "--name", "second", code=2)
    assert "COLONIES_EXECUTOR_TYPE is not set: give --executortype TYPE" in said and "dev" not in said
