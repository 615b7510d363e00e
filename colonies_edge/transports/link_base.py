"""What every link has, whatever carries it: callbacks, filters, the will, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.transports.ports import Delivery, Filter, NotAdmitted, Will, filter_text
from colonies_edge.transports.router import valid_filter

_SOME_CONN = "before-first"  # to look at a filter while there was no connection yet


class LinkBase:
    """State shared by the links; see `ports.Link` for the contract."""

    def __init__(self, client_id: str, *, payload_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
        self.on_connect: list[Callable[[], None]] = []
        self.on_disconnect: list[Callable[[str], None]] = []
        self.on_refused: list[Callable[[tuple[str, ...]], None]] = []
        self.on_not_admitted: list[Callable[[NotAdmitted], None]] = []
        self.on_failure: list[Callable[[Exception], None]] = []
        self.client_id = client_id
        self.conn = ""
        self._payload_bytes_max = payload_bytes_max
        self._make_will: Callable[[], Will | None] = lambda: None
        self._filters: list[Filter] = []
        self._up = asyncio.Event()
        self._ended: Exception | None = None

    @property
    def connected(self) -> bool:
        return self._up.is_set() and self._ended is None

    def set_will(self, make: Callable[[], Will | None]) -> None:
        self._make_will = make

    def _remember(self, filters: tuple[Filter, ...]) -> None:
        for filter_ in filters:
            text = filter_text(filter_, self.conn or _SOME_CONN)
            if not valid_filter(text):
                raise ValueError(f"not a topic filter: {text!r}")
        self._filters.extend(filter_ for filter_ in filters if filter_ not in self._filters)

    def _forget_filters(self, filters: tuple[Filter, ...]) -> None:
        self._filters = [filter_ for filter_ in self._filters if filter_ not in filters]

    def _raise_if_ended(self) -> None:
        if self._ended is not None:
            raise self._ended
