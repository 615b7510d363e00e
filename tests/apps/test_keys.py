"""Private keys in files: made once, 0600, under a passphrase from every place it may come from, and never lost."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from colonies_edge.apps import config, passphrase
from colonies_edge.apps.cli import main
from colonies_edge.apps.executor.os_command import environment as environment_of_commands
from colonies_edge.apps.key_encryption import HEADER, open_key, seal_key
from colonies_edge.apps.keys import is_sealed, keep_key, read_key, write_key
from colonies_edge.crypto.identity import identity_of
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.model import FunctionSpec
from tests.support.certificates import needs_cryptography
from tests.support.colony import environment, unset_settings
from tests.support.live_colony import ROOT

KEY = "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514"

pytestmark = needs_cryptography


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    unset_settings(monkeypatch)
    monkeypatch.delenv(passphrase.CREDENTIALS_VARIABLE, raising=False)
    monkeypatch.setattr(passphrase, "_asked", [])


def test_a_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    key = keep_key(path)
    assert keep_key(path) == key == read_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_there_is_a_passphrase_new_keys_are_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(passphrase.VARIABLE, "open sesame")
    path = tmp_path / "key"
    key = keep_key(path)
    assert is_sealed(path) and key not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keep_key(path) == key


def test_a_sealed_key_is_opened_by_variable_file_and_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    write_key(path, KEY, "open sesame")
    with pytest.raises(UsageError, match=r"is encrypted: set COLONIES_KEY_PASSPHRASE, or COLONIES_KEY_PASSPHRASE_FILE"):
        read_key(path)
    (tmp_path / "file").write_text("open sesame\n")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / passphrase.CREDENTIAL).write_text("open sesame")
    for name, value in (
        (passphrase.VARIABLE, "open sesame"),
        (passphrase.FILE_VARIABLE, str(tmp_path / "file")),
        (passphrase.CREDENTIALS_VARIABLE, str(credentials)),
    ):
        with monkeypatch.context() as only:
            only.setenv(name, value)
            assert read_key(path) == KEY


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text, "is not opened by this passphrase"),
        (lambda text: text[:-8] + "AAAAAAA=", "is not opened by this passphrase"),
        (lambda text: text.replace(" 15 ", " 14 "), "is not opened by this passphrase"),
        (lambda text: text.replace(" 15 ", " 30 "), "asks for more than"),
        (lambda text: text[: len(HEADER) + 10], "is damaged"),
        (lambda text: text.replace(" 15 ", " x "), "is damaged"),
    ],
)
def test_a_wrong_passphrase_and_a_changed_file_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object, said: str
) -> None:
    assert callable(change)
    path = tmp_path / "key"
    path.write_text(change(seal_key(KEY, "right")) + "\n")
    monkeypatch.setenv(passphrase.VARIABLE, "wrong" if said.startswith("is not") else "right")
    with pytest.raises(UsageError) as found:
        read_key(path)
    assert str(found.value).startswith(f"{path} {said}")


def test_the_same_key_is_never_sealed_alike() -> None:
    one, other = seal_key(KEY, "x"), seal_key(KEY, "x")
    assert one != other and open_key(one, "x") == open_key(other, "x") == KEY


def test_the_commands_put_keys_under_a_passphrase_and_take_them_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [Path(".colonies-edge") / name for name in ("user.key", "coordinator/server.key", "executors/lab.pi/key")]
    keys = [keep_key(path) for path in paths]
    assert main(["security", "encrypt"]) == 2
    assert "nobody is there to ask for a passphrase" in capsys.readouterr().err
    monkeypatch.setenv(passphrase.VARIABLE, "open sesame")
    assert main(["security", "encrypt", "--json"]) == 0
    assert sorted(json.loads(capsys.readouterr().out)["files"]) == sorted(map(str, paths))
    assert all(map(is_sealed, paths)) and [read_key(path) for path in paths] == keys
    assert main(["security", "encrypt"]) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert main(["security", "decrypt", str(paths[0])]) == 0
    assert [is_sealed(path) for path in paths] == [False, True, True]
    assert main(["security", "decrypt", "nothing"]) == 2


def test_on_a_terminal_the_passphrase_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_key(path, KEY, "open sesame")
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "colonies_edge", "security", "decrypt", str(path)]
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    said = b""
    while b"Passphrase of" not in said:
        said += os.read(master, 1000)
    os.write(master, b"open sesame\n")
    assert process.wait() == 0
    os.close(master)
    assert path.read_text().strip() == KEY


def test_keys_themselves_may_be_credentials_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "COLONIES_EXECUTOR_PRVKEY").write_text(KEY + "\n")
    (tmp_path / "COLONIES_MQTT").write_text("mqtt://not-a-secret")
    found = config.load(environ={passphrase.CREDENTIALS_VARIABLE: str(tmp_path)}, devenv=tmp_path / "none")
    assert identity_of(found.executor_prvkey) == identity_of(KEY)
    assert found.source("executor_prvkey") == "systemd credential"
    assert found.mqtt == config.DEFAULTS["mqtt"]


def test_commands_of_others_are_not_told_the_passphrase() -> None:
    base = {passphrase.VARIABLE: "x", passphrase.FILE_VARIABLE: "y", passphrase.CREDENTIALS_VARIABLE: "z", "PATH": "p"}
    shown = environment_of_commands(base, FunctionSpec(), {})
    assert shown.get("PATH") == "p" and not {"x", "y", "z"} & set(shown.values())
