"""Commands that outlived a killed executor: found and ended at the next start, before their process runs again."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger(__name__)

FOLDER = "commands"
VARIABLE = "COLONIES_PROCESS_ID"


class Leftovers:
    """A note per running command: its group's number, and the process in it that the number has to belong to.

    Numbers are used again. What has the number now is ended only if its environment names the noted process, which is
    what we gave the command; where that cannot be read (not Linux, another user), it is left alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def end_all(self) -> None:
        """To be called while nothing of ours runs."""
        for note in list(self._folder.iterdir()):
            with contextlib.suppress(OSError, ValueError):
                self._end(int(note.name), note.read_text(encoding="utf-8"))
            with contextlib.suppress(OSError):
                note.unlink()

    @contextlib.contextmanager
    def noted(self, pid: int, processid: str) -> Iterator[None]:
        """While a command runs. Not synced: after a power cut there is nothing to end."""
        note = self._folder / str(pid)
        with contextlib.suppress(OSError):  # a full disk must not stop work; it only costs this safety
            note.write_text(processid, encoding="utf-8")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                note.unlink()

    @staticmethod
    def _end(pid: int, processid: str) -> None:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if pid > 1 and f"{VARIABLE}={processid}".encode() in environment:
            _log.warning("ending what was left of process %s from before the executor was killed", processid)
            os.killpg(pid, signal.SIGKILL)
