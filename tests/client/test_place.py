"""A folder that no foreign name leads out of, and files that arrive in it whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.client.labels import label_of, normal_label, parts_of
from colonies_edge.client.place import Place, UnsafeName, require_safe_name
from colonies_edge.protocol.errors import UsageError

DATA = b"some bytes"
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "a\0b", "a\nb", "a\x7f", ".cfs", ".cfs-kept", "x" * 256, "ä" * 128, "\ud800"]
)
def test_such_names_are_refused(name: str) -> None:
    with pytest.raises(UnsafeName):
        require_safe_name(name)


@pytest.mark.parametrize("name", ["a", "...", "..a", "~", "-rf", "a b", "ä", "x" * 255, "C:", "a\\b", "$(reboot)", "*"])
def test_such_names_are_names(name: str, tmp_path: Path) -> None:
    with Place(tmp_path).arriving((), name, SHA) as arriving:
        arriving.write(DATA)
        arriving.arrive()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_label_is_below_or_it_is_refused(label: str, below: str) -> None:
    try:
        root = normal_label(label)
        parts = parts_of(root, below)
    except (UnsafeName, UsageError):
        return
    assert label_of(root, parts) == below
    assert not {"", ".", ".."} & set(parts) and not any("/" in part for part in parts)


@pytest.mark.parametrize(
    ("text", "wanted"), [("a", "/a"), ("/a/", "/a"), ("a//b", "/a/b"), ("/", "/"), ("", "/"), ("/a b/c", "/a b/c")]
)
def test_labels_as_people_type_them(text: str, wanted: str) -> None:
    assert normal_label(text) == wanted


def test_labels_do_not_climb() -> None:
    for text in ("../x", "/a/../b", "."):
        with pytest.raises(UsageError):
            normal_label(text)


def test_below_the_top_is_everything() -> None:
    assert parts_of("/", "/a/b") == ("a", "b") and parts_of("/", "/") == () and parts_of("", "/a") == ("a",)
    assert label_of("/", ("a",)) == "/a" and label_of("/", ()) == "/"
    with pytest.raises(UnsafeName):
        parts_of("/a", "/ab")


def test_a_link_is_not_followed_wherever_it_is(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "f").write_text("theirs")
    (root / "real").mkdir(parents=True)
    (root / "link").symlink_to(outside)
    (root / "real" / "link").symlink_to(outside)
    (root / "f").symlink_to(outside / "f")
    place = Place(root)
    for parts in (("link",), ("real", "link"), ("link", "deeper")):
        with pytest.raises(UnsafeName), place.arriving(parts, "new", SHA):
            pass
        with pytest.raises(UnsafeName):
            place.remove(parts, "f")
    with pytest.raises(OSError):
        place.sha256((), "f")
    assert place.list(()).files == {} and place.list(()).folders == ["real"]
    assert sorted(place.list(()).others) == ["f", "link"]
    with place.arriving((), "f", SHA) as arriving:
        arriving.write(DATA)
        arriving.arrive()
    assert (outside / "f").read_text() == "theirs" and (root / "f").read_bytes() == DATA
    assert [path.name for path in outside.iterdir()] == ["f"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with Place(tmp_path / "link").arriving((), "f", SHA) as arriving:
        arriving.write(DATA)
        arriving.arrive()
    assert (tmp_path / "real" / "f").read_bytes() == DATA


def test_a_pipe_stops_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnsafeName):
        Place(tmp_path).sha256((), "pipe")
    assert Place(tmp_path).list(()).others == ["pipe"]


def test_what_arrives_is_whole_or_not_there_and_goes_on_later(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "f").write_text("before")
    with place.arriving((), "f", SHA) as arriving:
        arriving.write(DATA[:4])
    assert (tmp_path / "f").read_text() == "before"
    assert set(place.list(()).files) == {"f"}, "the part is nobody's file"
    with place.arriving((), "f", SHA) as arriving:
        assert arriving.have == 4
        arriving.write(DATA[4:])
        assert arriving.sha256 == SHA
        arriving.arrive()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [DATA]


def test_a_local_file_is_kept_aside_under_a_name_of_its_own(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "f").write_bytes(DATA)
    kept = place.keep_aside((), "f", SHA)
    assert kept == tmp_path / ".cfs-kept" / f"f.{SHA[:8]}" and kept.read_bytes() == DATA
    assert place.list(()).files == {} and place.list(()).folders == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"label": 3}', '{"label": "/x"', "\xff"])
def test_a_spoilt_cfs_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / ".cfs").write_bytes(text.encode("latin-1"))
    assert Place(tmp_path).label() == ""
    Place(tmp_path).write_label((), '{"label":"/x"}\n')
    assert Place(tmp_path).label() == "/x"


KEY = "5a" * 32


@pytest.mark.parametrize(
    ("name", "mode", "text", "secret"),
    [
        ("k", 0o600, f"{KEY}\n", True),
        ("server.key", 0o644, KEY, True),
        ("key.next", 0o644, KEY, True),
        ("k", 0o644, "colonies-edge-key-1 15 c2FsdA== c2VhbGVk", True),
        ("env", 0o644, f"export COLONIES_PRVKEY={KEY}", True),
        ("bridge.toml", 0o644, f'[edge]\ncolony_prvkey = "{KEY}"', True),
        ("ca.key", 0o600, "-----BEGIN PRIVATE KEY-----", True),
        ("model.sha256", 0o644, KEY, False),
        ("keynote", 0o644, KEY, False),
        ("notes", 0o600, f"the hash is {KEY}", False),
        ("env", 0o644, "export COLONIES_PRVKEY=", False),
        ("empty", 0o600, "", False),
    ],
)
def test_private_keys_are_known_by_what_they_are(tmp_path: Path, name: str, mode: int, text: str, secret: bool) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / name).chmod(mode)
    listing = Place(tmp_path).list(())
    assert (listing.ours, list(listing.files)) == (([name], []) if secret else ([], [name]))
