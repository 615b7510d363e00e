"""The recorded conversations once more, over the transport on which they were recorded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.transports.system import entropy
from tests.support.brokers import free_port
from tests.support.http import Said, envelope, post, said
from tests.support.scenarios import Scenario, play, scenarios
from tests.support.site import Site

SCENARIOS = list(scenarios())
pytestmark = pytest.mark.long  # half of it is waiting; against the engine alone they run with every pytest


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Signer]]:
    site, port = Site(tmp_path_factory.mktemp("site")), free_port()
    site.start("--http", f"127.0.0.1:{port}")
    found = f"http://127.0.0.1:{port}"
    while True:
        try:
            said(found, "GET", "/health")
            break
        except ConnectionRefusedError:
            assert site.process is not None and site.process.poll() is None, site.log
    yield found, site.keys["server"]
    assert site.stop() == 0
    assert "Traceback" not in site.log


class Wire:
    """A scenario's people."""

    def __init__(self, url: str, server: Signer, sleep: Any) -> None:
        self._url = url
        self._signers = {"server": server}
        self.sleep = sleep

    def identity(self, key: str) -> str:
        if key not in self._signers:
            self._signers[key] = Signer(new_private_key(entropy(32)))
        return self._signers[key].identity

    def ask(self, key: str | None, message: dict[str, Any]) -> tuple[int, Any]:
        found: Said = post(self._url, envelope(message, self._signers[key] if key is not None else None))
        assert found.headers["content-type"] == "text/plain; charset=utf-8"
        if not found.envelope["error"]:
            return 200, found.value
        assert found.value["status"] == found.status
        return found.status, found.value


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_replies_over_http_are_as_recorded_or_better(url: tuple[str, Signer], scenario: Scenario) -> None:
    wire = Wire(*url, lambda seconds: asyncio.run(asyncio.sleep(seconds)))
    play(scenario, wire, suffix=f"-{os.urandom(4).hex()}")
