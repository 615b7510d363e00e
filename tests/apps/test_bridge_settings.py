"""bridge.toml: what it says, and one line for everything that is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from colonies_edge.apps.bridge.settings import BridgeSettings, Down, Files, History, Up, read_settings
from colonies_edge.crypto.identity import identity_of
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import BRIDGE_RULES_MAX, BRIDGE_WAITING, COUNT_MAX

KEY = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05"
SIDES = """
[edge]
url = "mqtt://127.0.0.1:1883"
colony = "site"
[cloud]
url = "https://colonies.example"
colony = "all"
"""


def read(folder: Path, text: str, **environ: str) -> BridgeSettings:
    path = folder / "bridge.toml"
    path.write_text(text if "name = " in text else f'name = "site"\n{text}')
    return read_settings(path, environ=environ)


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "survey.json").write_text(json.dumps([{"nodename": "a", "funcname": "f"}]))
    text = f"""
name = "site-7"
folder = "kept"
rate = 20
[edge]
url = "mqtts://broker:8883"
colony = "site"
serverid = "s"
ca = "ca.pem"
topic_root = "plant"
location = "hall 3"
colony_prvkey = "{KEY}"
[cloud]
url = "https://colonies.example/api"
colony = "all"
[[down]]
cloud = "inference"
edge = "tpu"
waiting = 8
[[down]]
cloud = "survey"
workflow = "survey.json"
[[up]]
edge = "gpu"
[[up]]
edge = "train"
cloud = "gpu-large"
returning = true
[[history]]
[[history]]
executortype = "tpu"
label = "keep"
[[files]]
label = "models/"
direction = "down"
every = 60
"""
    settings = read(tmp_path, text, COLONIES_BRIDGE_CLOUD_COLONY_PRVKEY=KEY)
    assert (settings.name, settings.folder, settings.rate) == ("site-7", tmp_path / "kept", 20)
    assert settings.edge.ca == str(tmp_path / "ca.pem")
    assert (settings.edge.topic_root, settings.edge.location) == ("plant", "hall 3")
    for side in (settings.edge, settings.cloud):
        assert side.owner is not None and side.owner.identity == identity_of(KEY)
        assert KEY not in repr(side)
    assert settings.down[0] == Down(cloud="inference", edge="tpu", waiting=8)
    assert [node.nodename for node in settings.down[1].workflow] == ["a"]
    assert settings.up == (Up(edge="gpu", cloud="gpu"), Up(edge="train", cloud="gpu-large", returning=True))
    assert settings.history == (History(), History(executortype="tpu", label="keep"))
    assert settings.files == (Files(label="/models", down=True, every_s=60),)


def test_little_has_to_be_said(tmp_path: Path) -> None:
    settings = read(tmp_path, SIDES + '[[up]]\nedge = "gpu"')
    assert settings.up[0].waiting == BRIDGE_WAITING
    assert settings.folder.is_relative_to(tmp_path)
    assert settings.cloud.owner is None


def test_what_the_edge_leaves_out_is_that_of_the_coordinator_it_runs_in(tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text('name = "site"\n[cloud]\nurl = "http://h:1"\ncolony = "all"\n[[up]]\nedge = "gpu"')
    edge = {"url": "mqtt://own:1", "colony": "site", "serverid": "s", "colony_prvkey": KEY}
    settings = read_settings(path, environ={}, edge=edge)
    assert (settings.edge.url, settings.edge.colony, settings.edge.serverid) == ("mqtt://own:1", "site", "s")
    assert settings.edge.owner is not None


BOTH_WAYS = "[[files]]\nlabel = '{}'\ndirection = 'down'\n[[files]]\nlabel = '{}'\ndirection = 'up'"


def test_labels_beside_each_other_may_go_opposite_ways(tmp_path: Path) -> None:
    assert len(read(tmp_path, SIDES + BOTH_WAYS.format("/a", "/ab")).files) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x =", "is not TOML"),
        ("name = ''", "name is missing"),
        (SIDES, "has no rules"),
        ('[[up]]\nedge = "gpu"', "url is missing"),
        (SIDES.replace("mqtt://", "http://") + '[[up]]\nedge = "gpu"', "HTTP does not"),
        (SIDES.replace('colony = "all"', "") + '[[up]]\nedge = "gpu"', "colony is missing"),
        (SIDES + "[[up]]\ncloud = 'gpu'", "[[up]] number 1: edge is missing"),
        (SIDES + "[[up]]\nedge = 'a'\n[[up]]\nedge = 'a'", "two [[up]] rules for a"),
        (SIDES + "[[up]]\nedge = 'a'\nwaitin = 3", "there is no setting waitin"),
        (SIDES + "[[up]]\nedge = 'a'\nwaiting = 0", "whole number from 1"),
        (SIDES + "[[up]]\nedge = 'a'\nwaiting = true", "whole number from 1"),
        (SIDES + "[[up]]\nedge = 'a'\nreturning = 1", "true or false"),
        (SIDES + "[[up]]\nedge = 1", "edge is a text"),
        (SIDES + "[up]\nedge = 'a'", "two brackets"),
        (SIDES + "[[down]]\ncloud = 'a'", "edge or workflow has to be there"),
        (SIDES + "[[down]]\ncloud = 'a'\nedge = 'b'\nworkflow = 'c'", "edge or workflow has to be there"),
        (SIDES + "[[down]]\ncloud = 'a'\nworkflow = 'missing.json'", "cannot be read"),
        (SIDES + "[[files]]\nlabel = '/a'\ndirection = 'sideways'", "direction is"),
        (SIDES + "[[files]]\nlabel = '/../a'\ndirection = 'up'", "is no label"),
        (SIDES + BOTH_WAYS.format("/a", "/a"), "both ways: /a down and /a up"),
        (SIDES + BOTH_WAYS.format("/a/b", "/a"), "both ways: /a/b down and /a up"),
        (SIDES + BOTH_WAYS.format("/", "/a"), "both ways"),
        (SIDES + "[cloud2]\n[[up]]\nedge = 'a'", "there is no setting cloud2"),
        ("name = 'a b'\n" + SIDES + "[[up]]\nedge = 'a'", "name is 1 to 64"),
        (SIDES.replace('"all"', '"all"\ncolony_prvkey = "abc"') + "[[up]]\nedge = 'a'", "64 hex digits"),
        (SIDES + "".join(f"[[up]]\nedge = 'e{n}'\n" for n in range(BRIDGE_RULES_MAX + 1)), "make two bridges of it"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, text)
    assert said in str(refused.value)
    assert "bridge.toml" in str(refused.value)


def test_a_template_has_to_be_a_workflow_of_a_size_that_can_be_watched(tmp_path: Path) -> None:
    for content, said in (("[]", "has 0 nodes"), ("{", "survey.json"), (json.dumps([{}] * (COUNT_MAX + 1)), "nodes")):
        (tmp_path / "survey.json").write_text(content)
        with pytest.raises(UsageError) as refused:
            read(tmp_path, SIDES + "[[down]]\ncloud = 'a'\nworkflow = 'survey.json'")
        assert said in str(refused.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_settings(tmp_path / "nothing.toml", environ={})
