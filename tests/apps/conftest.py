"""What tests of the command line begin with; a module with other wishes has fixtures of these names itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.colony import Dev, Shell


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    running = Dev(tmp_path_factory.mktemp("colony"), "--port", "0")
    yield running
    running.stop()


@pytest.fixture
def shell(dev: Dev, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell.in_folder(dev.folder, capsys, monkeypatch)
