"""`status`: the colony on one screen, once or kept fresh."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from colonies_edge.apps.cli import show_status
from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.console import style_of
from colonies_edge.apps.cli.exits import SUCCESS
from colonies_edge.apps.cli.presence import Json
from colonies_edge.apps.cli.screen import Screen
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.status_view import CoordinatorLine, Replies, View, view_of
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.errors import ColoniesError, NoConnection
from colonies_edge.protocol.limits import COUNT_MAX
from colonies_edge.protocol.model import State
from colonies_edge.transports.mqtt_socket import BrokerUrl

_FAILURES = 5
_WATCH_S = 2.0
_WATCH_S_MIN, _WATCH_S_MAX = 0.5, 3_600.0
# Counters change with whatever is submitted, started, ended, approved. What they do not show (who was heard from, a
# new cron) is looked at so often.
_WHOLE_S = 15.0
_ANSWER_S = 5.0  # who watches wants to know soon that nobody answers


async def status(session: Session) -> int:
    eyes = Eyes(session)
    if session.args.watch is not None:
        return await Watch(session, eyes, session.args.watch).run()
    view = await eyes.look()
    if not session.shown_as_json(view.as_json()):
        session.console.text("\n".join(show_status.lines(view, session.console.style)))
    return SUCCESS


class Eyes:
    """Asks the coordinator for all that a view needs, in one round of questions."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._offset_ms: int | None = None
        self._offset_of = ""  # the epoch in which the clocks were compared

    async def statistics(self) -> Json:
        """One small question that shows whether anything happened."""
        found: Json = await self._ask("getcolonystatsmsg", timeout_s=_ANSWER_S)
        return found

    async def look(self) -> View:
        session = self._session
        statistics: Json = await self._ask("getcolonystatsmsg")
        trouble: dict[str, str] = {}

        async def listed(about: str, msgtype: str, **fields: Any) -> list[Json]:
            try:
                return await self._ask(msgtype, **fields) or []
            except ColoniesError as error:  # a list too long for one message must not hide the others
                trouble[about] = " ".join(str(error).split())
                return []

        def processes(about: str, state: State, count: int = COUNT_MAX) -> Any:
            return listed(about, "getprocessesmsg", state=int(state), count=count)

        coordinator = await self._coordinator()  # first: while clocks are compared, nothing else is stamped
        executors, running, waiting, failed, crons = await asyncio.gather(
            listed("Executors", "getexecutorsmsg"),
            processes("Running work", State.RUNNING),
            processes("Waiting work", State.WAITING),
            processes("Failures", State.FAILED, _FAILURES),
            listed("Crons", "getcronsmsg", count=COUNT_MAX),
        )
        replies = Replies(
            statistics=statistics,
            executors=executors,
            running=running,
            waiting=waiting,
            failed=failed,
            crons=crons,
            trouble=trouble,
        )
        return view_of(session.colony, await self.now(), coordinator, replies)

    async def now(self) -> int:
        """The coordinator's time, as far as it is known here."""
        return (await self._session.wire()).client.clock.now_ms() * 1_000_000

    async def _ask(self, msgtype: str, *, timeout_s: float | None = None, **fields: Any) -> Any:
        client = (await self._session.wire()).client
        message = {"msgtype": msgtype, "colonyname": self._session.colony, **fields}
        return await client.call(message, colony=self._session.colony, timeout_s=timeout_s)

    async def _coordinator(self) -> CoordinatorLine:
        wire = await self._session.wire()
        said = wire.client.status
        epoch = said.epoch if said is not None else ""
        if self._offset_ms is None or epoch != self._offset_of:
            self._offset_ms, self._offset_of = await wire.clock_offset_ms(self._session.colony), epoch
        pause = await self._ask("getpausestatusmsg")
        return CoordinatorLine(
            serverid=wire.serverid,
            version=said.version if said is not None else "",
            online_since=said.since * 1_000_000 if said is not None else 0,
            broker=str(BrokerUrl.parse(self._session.config.mqtt)),  # without who we are there
            clock_offset_ms=self._offset_ms,
            paused=bool(pause.get("ispaused")),
        )


class Watch:
    """Looks again and again; draws on a terminal, and writes what changed where nobody sits at one."""

    def __init__(self, session: Session, eyes: Eyes, interval_s: float) -> None:
        self._session = session
        self._console = session.console
        self._eyes = eyes
        self._interval_s = interval_s
        self._trouble = ""
        self._again = asyncio.Event()  # there is something to draw
        self._written: Any = None

    async def run(self) -> int:
        view = await self._eyes.look()  # what is wrong from the start ends the command, as without --watch
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        loop.add_signal_handler(signal.SIGWINCH, self._again.set)
        self._view = view
        working = [asyncio.ensure_future(self._keep_looking()), asyncio.ensure_future(self._keep_showing())]
        ending = asyncio.ensure_future(stopping.wait())
        try:
            done, _ = await asyncio.wait({*working, ending}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ending}:
                await task  # a reader that left, a defect: it is told by the door
        finally:
            await end_tasks((*working, ending))
        if self._drawn():
            style = style_of(self._console.out, os.environ)  # the terminal may have another width by now
            self._console.text("\n".join(show_status.lines(self._view, style, trouble=self._trouble)))
        return SUCCESS

    # -- looking

    async def _keep_looking(self) -> None:
        clock = asyncio.get_running_loop().time
        whole_at = clock()
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                changed = await self._eyes.statistics() != self._view.statistics
                if changed or self._trouble or clock() - whole_at >= _WHOLE_S:
                    self._view, whole_at = await self._eyes.look(), clock()
                else:
                    self._view = replace(self._view, now=await self._eyes.now())
                self._trouble = ""
            except (NoConnection, ColoniesError) as error:
                self._trouble = " ".join(str(error).split())
            self._again.set()

    # -- showing

    def _drawn(self) -> bool:
        """On a terminal that can be drawn on, and not as JSON."""
        console = self._console
        return console.out.isatty() and not console.as_json and os.environ.get("TERM", "") not in ("", "dumb")

    async def _keep_showing(self) -> None:
        if not self._drawn():
            await self._whenever(self._write)
            return
        with Screen(self._console) as screen:
            await self._whenever(lambda: self._draw(screen))

    async def _whenever(self, show: Callable[[], None]) -> None:
        while True:
            show()
            await self._again.wait()
            self._again.clear()

    def _draw(self, screen: Screen) -> None:
        screen.draw(show_status.lines(self._view, screen.style, height=screen.height, trouble=self._trouble))

    def _write(self) -> None:
        """The whole once more, whenever more than the time has changed: a log that can be read, or JSON by the line."""
        value = (self._view.without_ages(), self._trouble)
        if value == self._written:
            return
        first, self._written = self._written is None, value
        if self._console.as_json:
            line = {**self._view.as_json(), "unreachable": self._trouble}
            self._console.text(json.dumps(line, ensure_ascii=False))
        else:
            lines = show_status.lines(self._view, self._console.style, trouble=self._trouble)
            self._console.text("\n".join(lines if first else ["", *lines]))
        self._console.flush()


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not _WATCH_S_MIN <= value <= _WATCH_S_MAX:
        raise argparse.ArgumentTypeError(f"{text} s is not between {_WATCH_S_MIN} and {_WATCH_S_MAX:g}")
    return value


GROUP = Group(
    name="status",
    help="the colony on one screen",
    itself=Command(
        name="status",
        help="the colony on one screen",
        run=status,
        key="member",
        colony=True,
        flags=(
            flag(
                "--watch",
                nargs="?",
                const=_WATCH_S,
                type=_seconds,
                metavar="SECONDS",
                help=f"keep it fresh until Ctrl-C, looking every so many seconds ({_WATCH_S:g})",
            ),
        ),
    ),
)
