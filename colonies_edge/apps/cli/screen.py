"""A terminal that shows one thing and keeps it fresh: drawn over in place, and left as it was found."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import TracebackType

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.table import Style

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"  # the other screen, so that the shell's comes back; no cursor
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Screen:
    """Use it with `with`: whatever happens inside, the terminal is given back."""

    def __init__(self, console: Console) -> None:
        self._out = console.out
        self._style = console.style

    def __enter__(self) -> Screen:
        self._write(_ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(_LEAVE)

    @property
    def style(self) -> Style:
        """With the width that the terminal has now."""
        return replace(self._style, width=shutil.get_terminal_size().columns)

    @property
    def height(self) -> int:
        return shutil.get_terminal_size().lines

    def draw(self, lines: list[str]) -> None:
        """In one write, each line over the one that stood there: nothing is blank in between, so nothing flickers."""
        shown = f"{_REST_OF_LINE}\r\n".join(lines)
        self._write(f"{_HOME}{shown}{_REST_OF_LINE}{_REST_OF_SCREEN}")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
