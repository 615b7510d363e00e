"""`fs` against a coordinator that `dev` started, as a person would type it."""

from __future__ import annotations

import json
from pathlib import Path

from colonies_edge.apps.sdk import Client
from colonies_edge.client.files import Filer
from colonies_edge.client.place import Place
from tests.support.colony import Dev, Shell


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Every file that is not our own, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".cfs" not in path.as_posix()
    }


FILES = {"a.txt": "one", "sub/b.txt": "two", "sub/deep/c.txt": "three", "empty": ""}


def test_a_folder_goes_up_and_comes_down_again(shell: Shell, tmp_path: Path) -> None:
    here, there = tree(tmp_path / "here", FILES), tmp_path / "there"
    shell.run("fs", "sync", "-d", str(here), "-l", "model", "--yes")
    assert "4 files uploaded, 0 downloaded" in shell.err
    assert json.loads((here / ".cfs").read_text()) == {"label": "/model"}
    shell.run("fs", "sync", "-d", str(there), "-l", "/model/", "--yes", "--quiet")
    assert contents(there) == FILES and shell.err == ""
    shell.run("fs", "sync", "-d", str(there), "--yes")  # the label is in .cfs by now
    assert "0 to upload, 0 to download, 0 in conflict" in shell.err


def test_only_shown_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    here = tree(tmp_path / "here", {"a": "1", "s/b": "22"})
    out = shell.run("fs", "sync", "-d", str(here), "-l", "/dry", "--dry", "--syncplans")
    assert "uploaded to /dry" in out and "/dry/s" in out and "2 B" in out
    plan = shell.json("fs", "sync", "-d", str(here), "-l", "/dry", "--dry")
    assert [(item["label"], item["name"]) for item in plan["upload"]] == [("/dry", "a"), ("/dry/s", "b")]
    assert plan["applied"] is False
    assert shell.json("fs", "ls", "-l", "/dry") == [] and not (here / ".cfs").exists()


def test_without_a_person_to_ask_nothing_is_moved(shell: Shell, tmp_path: Path) -> None:
    here = tree(tmp_path / "here", {"a": "1"})
    assert "--yes" in shell.refused("fs", "sync", "-d", str(here), "-l", "/asked", "--quiet", code=2)
    assert shell.json("fs", "ls", "-l", "/asked") == []


def test_a_folder_that_cannot_be_used_or_is_nowhere_is_said(shell: Shell, tmp_path: Path) -> None:
    assert "neither a folder" in shell.refused("fs", "sync", "-d", str(tmp_path / "no"), "-l", "/nowhere", code=1)
    (tmp_path / "f").write_text("")
    assert "cannot use the folder" in shell.refused("fs", "sync", "-d", str(tmp_path / "f"), "-l", "/nowhere", code=1)


def test_conflicts_are_said_and_neither_side_is_lost(shell: Shell, tmp_path: Path) -> None:
    here, there = tree(tmp_path / "here", {"f": "first"}), tmp_path / "there"
    shell.run("fs", "sync", "-d", str(here), "-l", "/c", "--yes")
    shell.run("fs", "sync", "-d", str(there), "-l", "/c", "--yes")
    (there / "f").write_text("second, there")
    shell.run("fs", "sync", "-d", str(there), "-l", "/c", "--yes", "--quiet")
    assert "in conflict, /c/f will be replaced at the server: the local one is newer" in shell.err
    shell.run("fs", "sync", "-d", str(here), "--yes", "--quiet", "--dry")
    assert "/c/f will be replaced at the server: the local one is an earlier version of it" in shell.err
    (here / "f").write_text("third, here")
    shell.run("fs", "sync", "-d", str(here), "--yes", "--keeplocal=false")
    assert (here / "f").read_text() == "second, there"
    kept = list((here / ".cfs-kept").iterdir())
    assert [path.read_text() for path in kept] == ["third, here"] and str(kept[0]) in shell.err
    assert [version["size"] for version in shell.json("fs", "info", "-l", "/c", "-n", "f")] == [13, 5]


def test_files_are_listed_described_fetched_and_removed(shell: Shell, tmp_path: Path) -> None:
    here = tree(tmp_path / "here", {"f": "1", "g": "gg"})
    shell.run("fs", "sync", "-d", str(here), "-l", "/l", "--yes")
    (here / "f").write_text("12")
    shell.run("fs", "sync", "-d", str(here), "--yes")
    first, second = shell.json("fs", "ls", "-l", "l")
    assert (first["name"], first["revisions"], second["revisions"]) == ("f", 2, 1)
    assert "REVISIONS" in shell.run("fs", "ls", "-d", str(here))
    assert "blob" in shell.run("fs", "info", "-i", first["fileid"])
    shell.run("fs", "get", "-l", "/l", "-n", "f", "-d", str(tmp_path / "got"))
    assert (tmp_path / "got" / "f").read_text() == "12"
    old = shell.json("fs", "info", "-l", "/l", "-n", "f")[1]["fileid"]
    shell.run("fs", "get", "-i", old, "-d", str(tmp_path / "old"))
    assert (tmp_path / "old" / "f").read_text() == "1"
    shell.run("fs", "remove", "-i", old)
    assert "add --yes" in shell.refused("fs", "remove", "-l", "/l", "-n", "g", code=2)
    shell.run("fs", "remove", "-l", "/l", "-n", "g", "--yes")
    assert [row["name"] for row in shell.json("fs", "ls", "-l", "/l")] == ["f"]
    assert (here / "g").exists()
    assert "404" in shell.refused("fs", "remove", "-l", "/l", "-n", "g", "--yes", code=1)
    assert "-n NAME" in shell.refused("fs", "get", "-l", "/l", "-d", str(tmp_path), code=2)
    assert ".cfs" in shell.refused("fs", "ls", code=2)


def test_clean_removes_what_the_label_does_not_have_and_keeps_what_is_below_it(shell: Shell, tmp_path: Path) -> None:
    here = tree(tmp_path / "here", {"a/b/deep": "x"})
    shell.run("fs", "sync", "-d", str(here), "-l", "/clean", "--yes")
    tree(here, {"stray": "s", "a/other": "o", "gone/x/y": "z"})
    plan = shell.json("fs", "clean", "-d", str(here), "--dry")
    assert len(plan["files"]) == 3 and (here / "stray").exists()
    assert "stray" in shell.run("fs", "clean", "-d", str(here), "--yes", "--cleanplans")
    assert contents(here) == {"a/b/deep": "x"} and not (here / "gone").exists()
    assert "no files at" in shell.refused("fs", "clean", "-d", str(here), "-l", "/nowhere", "--yes", code=1)
    assert contents(here) == {"a/b/deep": "x"}


def test_removing_a_label_leaves_its_neighbours(shell: Shell, tmp_path: Path) -> None:
    for label in ("/foo", "/foo/bar", "/foobar"):
        shell.run(
            "fs", "sync", "-d", str(tree(tmp_path / label[1:].replace("/", "_"), {"f": label})), "-l", label, "--yes"
        )
    assert shell.json("fs", "label", "remove", "-l", "/foo", "--yes") == {"removed": 2}
    left = {label["name"] for label in shell.json("fs", "label", "ls")}
    assert "/foobar" in left and not {"/foo", "/foo/bar"} & left
    assert "no files" in shell.refused("fs", "label", "remove", "-l", "/foo", "--yes", code=1)
    assert "/foobar" in shell.run("fs", "label", "ls")


def test_a_snapshot_brings_back_what_was_removed(shell: Shell, tmp_path: Path) -> None:
    here, there = tree(tmp_path / "here", {"f": "1", "s/g": "2"}), tmp_path / "there"
    shell.run("fs", "sync", "-d", str(here), "-l", "/snap", "--yes")
    created = shell.json("fs", "snapshot", "create", "-l", "/snap", "-n", "v1")
    assert len(created["fileids"]) == 2
    shell.run("fs", "label", "remove", "-l", "/snap", "--yes")
    assert "v1" in shell.run("fs", "snapshot", "ls")
    assert "/snap/s/g" in shell.run("fs", "snapshot", "info", "-n", "v1")
    assert shell.json("fs", "snapshot", "download", "-n", "v1", "-d", str(there))["downloaded"] == 2
    assert contents(there) == {"f": "1", "s/g": "2"}
    assert shell.json("fs", "snapshot", "download", "-n", "v1", "-d", str(there)) == {
        "downloaded": 0, "there": 2, "failures": [],
    }  # fmt: skip
    shell.run("fs", "snapshot", "remove", "-i", created["snapshotid"])
    assert "404" in shell.refused("fs", "snapshot", "info", "-n", "v1", code=1)
    assert "no files at /snap" in shell.refused("fs", "snapshot", "create", "-l", "/snap", "-n", "v2", code=1)
    shell.run("fs", "sync", "-d", str(here), "-l", "/snap", "--yes")
    shell.run("fs", "snapshot", "create", "-l", "/snap", "-n", "v2")
    shell.run("fs", "snapshot", "removeall", "--yes")
    assert shell.json("fs", "snapshot", "ls") == []


def test_keys_and_data_of_this_program_are_neither_sent_nor_replaced_nor_removed(dev: Dev, shell: Shell) -> None:
    """In the very folder of the colony, whose keys are below it, and beside a coordinator's data of another name."""
    folder = tree(dev.folder / "work", {"model": "bytes", "its/lock": "", "its/ledger/x": "", "its/journal/1": "{}"})
    keys = dev.folder / ".colonies-edge"
    (folder / "mine").write_bytes((keys / "user.key").read_bytes())
    (folder / "mine").chmod(0o600)
    (folder / "settings.sh").write_bytes((keys / "devenv").read_bytes())
    (folder / "model.sha256").write_text(f"{'ab' * 32}\n")  # as many digits as a key has, and for everybody
    shell.run("fs", "sync", "-d", str(dev.folder), "-l", "/ours", "--yes")
    assert shell.err.count("left alone") == 1 and str(keys) in shell.err and str(folder / "mine") in shell.err
    labels = {one["name"]: one["files"] for one in shell.json("fs", "label", "ls")}
    assert {label for label in labels if label.startswith("/ours")} == {"/ours/work"}
    assert {one["name"] for one in shell.json("fs", "ls", "-l", "/ours/work")} == {"model", "model.sha256"}

    there = tree(dev.folder / "elsewhere", {"mine": "x", "settings.sh": "y", "its/file": "z", "model": "bytes"})
    shell.run("fs", "sync", "-d", str(there), "-l", "/ours/work", "--yes")  # names that are ours in the other folder
    shell.run("fs", "sync", "-d", str(folder), "-l", "/ours/work", "--keeplocal=false", "--yes")
    found = shell.json("fs", "sync", "-d", str(folder), "-l", "/ours/work", "--dry")
    assert sorted(found["ours"]) == sorted(str(folder / name) for name in ("mine", "settings.sh", "its"))
    assert (folder / "mine").read_bytes() == (keys / "user.key").read_bytes() and not (folder / "its/file").exists()
    shell.run("fs", "label", "remove", "-l", "/ours/work", "--yes")
    shell.run("fs", "sync", "-d", str(tree(dev.folder / "one", {"one": "1"})), "-l", "/ours/work", "--yes")
    shell.run("fs", "clean", "-d", str(folder), "-l", "/ours/work", "--yes")
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == {"mine", "settings.sh", "its/lock", "its/ledger/x", "its/journal/1", ".cfs"}
    for name in (".colonies-edge", ".colonies-edge/coordinator", "work/its"):
        said = shell.refused("fs", "sync", "-d", str(dev.folder / name), "-l", "/ours", code=2)
        assert "colonies-edge" in said and "name a folder of your own" in said


def test_nobody_plants_settings_from_a_label(dev: Dev, tmp_path: Path, shell: Shell) -> None:
    """Somebody who is a member writes what the program that syncs would take for its own."""
    evil = tree(tmp_path / "evil", {"devenv": "export COLONIES_MQTT=mqtt://evil"})
    with Client.from_env(folder=dev.folder) as colony:
        for label in ("/planted/.colonies-edge", "/planted"):
            colony.run(Filer(colony.asynchronous).upload(Place(evil), (), "devenv", label))
    shell.run("fs", "sync", "-d", str(tmp_path / "here"), "-l", "/planted", "--yes")
    assert contents(tmp_path / "here") == {"devenv": "export COLONIES_MQTT=mqtt://evil"}
    assert "label /planted/.colonies-edge" in shell.err
