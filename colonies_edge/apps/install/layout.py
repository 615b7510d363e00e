"""Where everything of an installed service is, below the root of this machine or of an image that is being made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROGRAMS = "/opt/colonies-edge"
SETTINGS = "/etc/colonies-edge"
DATA = "/var/lib/colonies-edge"
CURRENT = f"{PROGRAMS}/current"
COMMAND = "/usr/local/bin/colonies-edge"
MANUAL = "/usr/local/share/man/man1/colonies-edge.1"
UNITS = "/etc/systemd/system"
USERS = "/etc/sysusers.d/colonies-edge.conf"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one installation; `live` means that it is the running machine's own."""

    root: Path = Path("/")

    @property
    def live(self) -> bool:
        return self.root == Path("/")

    def at(self, path: str) -> Path:
        """Where a path of the installed machine is for us."""
        return self.root / path.lstrip("/")

    def settings(self, role: str) -> Path:
        return self.at(f"{SETTINGS}/{role}.env")

    def data(self, role: str) -> Path:
        return self.at(f"{DATA}/{role}")

    def unit(self, role: str) -> Path:
        return self.at(f"{UNITS}/{unit_name(role)}")

    def wanted(self, role: str) -> Path:
        """The link that makes the unit start with the machine."""
        return self.at(f"{UNITS}/multi-user.target.wants/{unit_name(role)}")

    def versions(self) -> list[Path]:
        return sorted(self.at(PROGRAMS).glob("colonies-edge-*.pyz"))


def unit_name(role: str) -> str:
    return f"colonies-edge-{role}.service"
