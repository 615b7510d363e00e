"""Files in a Python program: one line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.filing import contents, some_bytes, tree
from tests.support.live_colony import LiveColony


@pytest.fixture(autouse=True)
def no_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_S3_ENDPOINT", raising=False)


def test_a_program_uploads_downloads_and_syncs(tmp_path: Path) -> None:
    data = some_bytes(300_000)
    here = tree(tmp_path / "here", {"f": data, "s/g": "g"})
    with LiveColony(tmp_path) as colony, colony.client() as client:
        assert client.upload_file(here / "f", "models").label == "/models"
        path = client.download_file("/models", "f", tmp_path / "got")
        assert path.read_bytes() == data
        assert client.sync_folder(here, "/all").uploaded == 2
        report = client.sync_folder(tmp_path / "there", "/all")
        assert (report.downloaded, report.failures) == (2, [])
        assert [one.name for one in client.get_files("/all/s")] == ["g"]
    assert contents(tmp_path / "there") == contents(here)
