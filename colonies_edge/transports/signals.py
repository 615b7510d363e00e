"""Calling back without being hurt: an exception in somebody's callback is theirs, and must not end a connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")


def fire(callbacks: list[Callable[_P, None]], *args: _P.args, **kwargs: _P.kwargs) -> None:
    for callback in list(callbacks):
        try:
            callback(*args, **kwargs)
        except Exception:
            _log.exception("a callback failed; the connection goes on")
