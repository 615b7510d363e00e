"""Every test that asks for `each_backend` runs once per back end."""

import os
from collections.abc import Iterator

import pytest

from colonies_edge.crypto import backends


@pytest.fixture(params=backends.NAMES)
def each_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    name: str = request.param
    if backends.load(name) is None:
        pytest.skip(f"{name} is not installed here")
    before = os.environ.get(backends.SETTING)
    os.environ[backends.SETTING] = name
    backends.chosen.cache_clear()
    yield name
    if before is None:
        del os.environ[backends.SETTING]
    else:
        os.environ[backends.SETTING] = before
    backends.chosen.cache_clear()
