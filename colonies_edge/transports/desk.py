"""The contract between the HTTP gateway and whoever answers: requests and subscriptions that come by no broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one request: an HTTP status and a reply envelope (`protocol-core.md` 1.4)."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a GET shows. `gzipped` is the same body for those who accept that, if there is one."""

    content_type: str
    body: bytes
    gzipped: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A path of the gateway. `local` ones are only for who is at home, as `Desk.ask` has it: others get 403."""

    make: Callable[[], Page]
    local: bool = False


class Listener(Protocol):
    """One websocket, as the desk sees it."""

    def hear(self, frame: bytes) -> bool:
        """A frame came. False: it was nothing that can be answered, drop the connection."""
        ...

    def gone(self) -> None:
        """The connection is over."""
        ...


class Desk(Protocol):
    """Who answers. All methods are called from one loop and do not wait."""

    def ask(self, body: bytes, at_home: bool = False) -> asyncio.Future[Answer]:
        """One request. The future is cancelled by the gateway when the caller goes away. `at_home`: a program of this
        machine asked, or a page of this gateway in a browser of this machine, and nobody through a proxy."""
        ...

    def listen(self, say: Callable[[bytes], None], close: Callable[[], None], at_home: bool = False) -> Listener:
        """A websocket was opened: `say` sends a frame, `close` ends it properly after what was said."""
        ...

    def health(self) -> Page:
        """200 while requests are carried out."""
        ...
