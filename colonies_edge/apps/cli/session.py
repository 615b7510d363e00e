"""One run of one command: its arguments, its settings, and the coordinator it talks to."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonies_edge.apps import config as settings
from colonies_edge.apps.cli import show
from colonies_edge.apps.cli.command import Command, given
from colonies_edge.apps.cli.console import PROGRAM, Console, harmless
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.apps.cli.wire import Wire


class Declined(Exception):
    """The person was asked and did not say YES."""


class Session:
    """What a command gets. The connection is made by the first question to the coordinator."""

    def __init__(
        self,
        args: argparse.Namespace,
        console: Console,
        *,
        folder: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.args = args
        self.console = console
        self.command: Command = args.command
        self.folder = Path(folder or ".")
        self.devenv = settings.devenv_path(folder)
        self._environ = environ
        self._wire: Wire | None = None
        self.acting_as = ""  # whose key signs, once there is a wire

    async def run(self) -> int:
        try:
            result = self.command.run(self)
            return await result if inspect.isawaitable(result) else result
        finally:
            await self.hang_up()

    @cached_property
    def config(self) -> settings.Config:
        flags = given(self.args)
        found = settings.load(flags, devenv=self.devenv, environ=self._environ)
        host, port = getattr(self.args, "set_host", None), getattr(self.args, "set_port", None)
        if host is None and port is None:
            return found
        flags["mqtt"] = settings.with_address(found.mqtt, host, port)
        return settings.load(flags, devenv=self.devenv, environ=self._environ)

    @property
    def colony(self) -> str:
        return self.config.need("colonyname")

    @property
    def serverid(self) -> str:
        """Of the coordinator that answered."""
        return self._wire.serverid if self._wire is not None else self.config.serverid

    # Questions

    async def hang_up(self) -> None:
        """The next question makes a new connection."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    async def wire(self) -> Wire:
        if self._wire is None:
            from colonies_edge.apps.cli.wire import Wire, signing_key

            key, self.acting_as = signing_key(self.config, self.command.key)
            self._wire = Wire(self.config, key, trust_any_broker=self.args.skip_tls_verify)
            await self._wire.open()
        return self._wire

    async def ask(self, msgtype: str, *, topic_colony: str | None = None, patience_s: float = 0, **fields: Any) -> Any:
        """The value that the coordinator replied. `topic_colony` "_" is for messages that belong to no colony."""
        wire = await self.wire()
        colony = self.config.colonyname if topic_colony is None else topic_colony
        return await wire.ask({"msgtype": msgtype, **fields}, colony=colony or "_", patience_s=patience_s)

    async def finished(self, processid: str) -> dict[str, Any]:
        """Wait until a process has ended, one way or another."""
        wire = await self.wire()
        return await wire.finished(processid, colony=self.colony)

    async def workflow_ended(self, graphid: str) -> None:
        """Wait until a workflow has ended, one way or another."""
        wire = await self.wire()
        await wire.client.wait_graph_ended(graphid)

    @contextmanager
    def waiting_for(self, what: str, look: str, cancel: str) -> Iterator[None]:
        """Who stops waiting is told that the work does not stop."""
        from asyncio import CancelledError  # loaded by now; most commands can do without

        try:
            yield
        except CancelledError:
            self.console.info(f"The {what} goes on; `{PROGRAM} {look}` shows it, `{PROGRAM} {cancel}` ends it")
            raise

    # Answers

    def shown_as_json(self, value: Any) -> bool:
        if self.console.as_json:
            self.console.value(value)
        return self.console.as_json

    def done(self, reply: Any, text: str) -> int:
        if not self.shown_as_json(reply):
            self.console.info(text)
        return 0

    def listed(self, values: Any, nothing: str) -> bool:
        """Whether there is a table to show: not for JSON, and not for an empty list."""
        if self.shown_as_json(values):
            return False
        if not values:
            self.console.info(nothing)
        return bool(values)

    def output(self, process: Mapping[str, Any]) -> None:
        """The output alone, elements separated by blanks."""
        out = process.get("out") or []
        if self.shown_as_json(out):
            return
        text = show.words(out)
        if self.console.out.isatty():
            text = harmless(text)
        self.console.text(text, end="" if text.endswith("\n") else "\n")

    def confirm(self, question: str) -> None:
        """Go on only after a YES typed in full; what cannot be undone must not hang on a reflex."""
        if self.args.yes:
            return
        if not sys.stdin.isatty():
            raise UsageError(f"{question} Nobody is there to ask (stdin is no terminal); add --yes if you mean it")
        self.console.ask(f"{question} (YES,no): ")
        if sys.stdin.readline().strip() != "YES":
            raise Declined("Nothing was changed")
