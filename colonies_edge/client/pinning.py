"""Which coordinator is believed at a broker: configured, or learnt on first use and remembered in a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from colonies_edge.protocol.errors import NoConnection
from colonies_edge.transports.system import new_msgid

FOLDER = "known_coordinators"
NAME_CHARS_MAX = 255  # of a file; brokers whose names agree in so many characters would share a pin, which only refuses
_IDENTITY = re.compile(r"[0-9a-f]{64}")


class CoordinatorChanged(NoConnection):
    """Another coordinator answers than the one that is known."""


class Pins:
    """One small file per broker and topic root, readable by its owner only. Written once, never silently changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def known(self, broker: str, root: str) -> str:
        """The identity that was learnt there, "" when there is none. Raises CoordinatorChanged for a spoilt file."""
        path = self.path(broker, root)
        try:
            text = path.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            return ""
        if not _IDENTITY.fullmatch(text):
            raise CoordinatorChanged(f"{path} does not hold a coordinator's identity; remove it to learn it anew")
        return text

    def learn(self, broker: str, root: str, serverid: str) -> None:
        """Remember, if nothing is known yet. Raises CoordinatorChanged when another one is known."""
        path = self.path(broker, root)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f".{new_msgid()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{serverid}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)  # unlike a rename it does not replace what another process learnt meanwhile
        except FileExistsError:
            if self.known(broker, root) != serverid:
                raise self.changed(broker, root, serverid) from None
        finally:
            beside.unlink()

    def changed(self, broker: str, root: str, found: str) -> CoordinatorChanged:
        """The error for an answer from somebody else."""
        return CoordinatorChanged(
            f"the coordinator at {broker} is now {found}, and was {self.known(broker, root)} when it was first used:"
            f" if that is meant to be, remove {self.path(broker, root)}; otherwise somebody pretends to be it"
        )

    def path(self, broker: str, root: str) -> Path:
        return self._folder / quote(f"{broker} {root}", safe=" ")[:NAME_CHARS_MAX]


def user_folder(environ: Mapping[str, str]) -> Path:
    """Where a person's programs keep such files when no data folder was given."""
    base = environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "colonies-edge"
