"""A terminal of a given size with a program in it: what the program writes is carried out on a grid of cells."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

READS_MAX = 100  # a program that draws twice a second has been given most of a minute by then

_ESCAPE = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")
_HALF = re.compile(r"\x1b(\[\??[0-9;]*)?$")  # the end of it comes with the next read


class Terminal:
    """Use `with`. `cells` is what a person sees; `written` is everything that came."""

    def __init__(self, folder: Path, env: dict[str, str], *words: str, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self.written = ""
        self.complaints: list[str] = []  # what did not fit; just after a resize that is nobody's fault
        self.other_screen = False
        self.cursor_shown = True
        self._text = codecs.getincrementaldecoder("utf-8")()
        self._left = ""
        self._clear()
        self._ours, theirs = os.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "colonies_edge", *words],
            cwd=folder,
            env={"TERM": "xterm-256color", **env, "PYTHONIOENCODING": "utf-8"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    @property
    def screen(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self._cells)

    def resize(self, columns: int, rows: int) -> None:
        """The program is told by SIGWINCH when the terminal is its own."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.columns, self.rows = columns, rows
        self._clear()

    def until(self, seen: Callable[[str], bool]) -> str:
        """Read until the screen is as it should be; fails when the program ends before, or has drawn all too often."""
        for _ in range(READS_MAX):
            if seen(self.screen):
                return self.screen
            assert self._read(), f"the program ended; the screen was:\n{self.screen}"
        raise AssertionError(f"it never came; the screen is:\n{self.screen}")

    def rest(self) -> int:
        """Read to the end of what the program says; its exit code."""
        while self._read():
            pass
        return self.process.wait()

    def ends(self, number: int = signal.SIGINT) -> int:
        """Signal the program; the rest of what it says is read."""
        self.process.send_signal(number)
        return self.rest()

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self._feed(self._text.decode(data))
        return bool(data)

    # -- carrying it out

    def _clear(self) -> None:
        self._cells = [[" "] * self.columns for _ in range(self.rows)]
        self._row = self._column = 0

    def _feed(self, text: str) -> None:
        self.written += text
        text = self._left + text
        half = _HALF.search(text)
        self._left = half[0] if half else ""
        text = text[: len(text) - len(self._left)]
        at = 0
        for match in _ESCAPE.finditer(text):
            self._type(text[at : match.start()])
            self._obey(match[1], match[2])
            at = match.end()
        self._type(text[at:])

    def _type(self, text: str) -> None:
        for char in text:
            assert char != "\x1b", "an escape sequence that this terminal does not know"
            if char == "\r":
                self._column = 0
            elif char == "\n":
                self._down()
            else:
                if self._column < self.columns:
                    self._cells[self._row][self._column] = char
                else:
                    self.complaints.append(f"wider than {self.columns} cells: {''.join(self._cells[self._row])}")
                self._column += 1

    def _down(self) -> None:
        if self._row < self.rows - 1:
            self._row += 1
            return
        if self.other_screen:
            self.complaints.append(f"more than {self.rows} lines: the first ones scrolled away")
        self._cells = [*self._cells[1:], [" "] * self.columns]

    def _obey(self, argument: str, letter: str) -> None:
        if letter == "H":
            self._row = self._column = 0
        elif letter == "K":
            self._blank(self._row, self._column)
        elif letter == "J":
            if argument == "2":
                self._clear()
                return
            self._blank(self._row, self._column)
            for row in range(self._row + 1, self.rows):
                self._blank(row, 0)
        elif argument == "?1049":
            self.other_screen = letter == "h"
            self._clear()
        elif argument == "?25":
            self.cursor_shown = letter == "h"
        else:
            assert letter == "m", f"an escape sequence that this terminal does not know: {argument}{letter}"

    def _blank(self, row: int, column: int) -> None:
        self._cells[row][column:] = [" "] * (self.columns - column)
