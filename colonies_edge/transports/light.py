"""Loads a package without a module of the standard library that it imports and, the way we use it, never touches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without(name: str) -> Iterator[None]:
    """While the block imports, `name` is an empty module; afterwards everybody gets the real one.

    For memory on small boards: an executor is to fit into 30 MB, of which Python with asyncio and ssl takes two thirds.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = ModuleType(name)
    try:
        yield
    finally:
        del sys.modules[name]
