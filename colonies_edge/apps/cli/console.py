"""What a command says and where: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from threading import RLock
from typing import Any, TextIO

from colonies_edge.apps.cli import table
from colonies_edge.apps.cli.table import Cell, Column, Style

PROGRAM = "colonies-edge"

# Logs of strangers may be coloured; whatever else steers a terminal is shown, not obeyed.
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


class Console:
    """The two streams and what they can show."""

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        as_json: bool = False,
        quiet: bool = False,
    ) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.as_json = as_json
        self.quiet = quiet
        self.watched = self.err.isatty() and not (as_json or quiet)  # somebody may like to see how far it is
        self._passing = 0  # characters of the passing line
        self._turn = RLock()  # seconds are counted in a thread
        self.style = style_of(self.out, os.environ if environ is None else environ)

    def value(self, value: Any) -> None:
        """A JSON value alone on stdout: indented for eyes, one line for programs."""
        text = json.dumps(value, ensure_ascii=False, indent=2 if self.out.isatty() else None)
        print(text, file=self.out)

    def text(self, text: str = "", *, end: str = "\n") -> None:
        print(text, file=self.out, end=end)

    def stream(self, text: str) -> None:
        """Output of somebody else's program, at once and without a line end of ours; beside JSON it goes to stderr."""
        file = self.err if self.as_json else self.out
        print(harmless(text) if file.isatty() else text, file=file, end="", flush=True)

    def require_reader(self) -> None:
        """Raises BrokenPipeError when stdout is a pipe that nobody reads any more: without it only who writes notices,
        and a log may be silent for hours."""
        try:
            number = self.out.fileno()
        except OSError:
            return
        waiting = select.poll()
        waiting.register(number, 0)
        if any(event & select.POLLERR for _, event in waiting.poll(0)):
            raise BrokenPipeError

    def grid(self, columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], title: str = "") -> None:
        print(table.grid(columns, rows, self.style, title=title), file=self.out)

    def pairs(self, items: Iterable[tuple[str, str | Cell]], title: str = "", tone: str = "") -> None:
        print(table.pairs(items, self.style, title=title, tone=tone), file=self.out)

    def passing(self, text: str) -> None:
        """A line of the terminal that whatever is said next takes the place of; "" takes it away."""
        with self._turn:
            if self.watched and (text or self._passing):
                back = "" if text else "\r"
                print(f"\r{text:<{self._passing}}{back}", file=self.err, end="", flush=True)
                self._passing = len(text)

    def flush(self) -> None:
        """For a program that goes on running: what it said is said now."""
        self.out.flush()

    def info(self, text: str) -> None:
        """Good to know, and not the result: silent with --quiet."""
        if not self.quiet:
            self._say(text)

    def ask(self, question: str) -> None:
        """On stderr: stdout is for results, and may be a file."""
        self._say(question, end="")

    def warn(self, text: str) -> None:
        self._say(f"{PROGRAM}: {text}")

    def _say(self, text: str, *, end: str = "\n") -> None:
        with self._turn:
            self.passing("")
            print(text, file=self.err, end=end, flush=True)


def harmless(text: str) -> str:
    """Keep line ends and colours, make every other control character visible."""
    parts = _COLOUR.split(text.replace("\r\n", "\n"))
    return "".join(
        part if index % 2 else "\n".join(table.clean(line, lines=True) for line in part.split("\n"))
        for index, part in enumerate(parts)
    )


def style_of(out: TextIO, environ: Mapping[str, str]) -> Style:
    """Boxes, colour and cutting are for people; what is read by grep or kept in a file is plain ASCII and whole."""
    if not out.isatty():
        return Style()
    utf8 = (getattr(out, "encoding", "") or "").lower().replace("-", "") == "utf8"
    return Style(
        unicode=utf8 and environ.get("COLONIES_CLI_ASCII", "").lower() != "true",
        colour=not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        width=shutil.get_terminal_size().columns,
    )
