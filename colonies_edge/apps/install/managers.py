"""Who keeps services running: systemd, or nobody we know of (containers, other init systems, images)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from colonies_edge.apps.install.steps import StepFailed, run

BOOTED = Path("/run/systemd/system")  # sd_booted(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """What a manager says of a service. `starts` counts how often it was started again by itself."""

    state: str  # systemd's words: active, activating, failed, inactive …
    detail: str = ""
    starts: int = 0
    pid: int = 0

    @property
    def active(self) -> bool:
        return self.state == "active"

    @property
    def failed(self) -> bool:
        return self.state in ("failed", "inactive")


class ServiceManager(Protocol):
    """A handful of things that are done to services, by the names of their units."""

    name: str
    supervises: bool  # False: what it is told to do, a person has to do

    def reload(self) -> None: ...

    def start(self, unit: str) -> None: ...

    def begin_restart(self, unit: str) -> None:
        """Without waiting for its end, which may be long."""

    def kill(self, unit: str) -> None:
        """At once, for a service that may not listen any more; a program of ours loses nothing by it."""

    def stop(self, unit: str) -> None: ...

    def state(self, unit: str) -> ServiceState: ...

    def last_words(self, unit: str) -> str:
        """The end of what the service logged."""


class Systemd:
    """systemd, by its own commands."""

    name = "systemd"
    supervises = True

    def reload(self) -> None:
        run(["systemctl", "daemon-reload"])

    def start(self, unit: str) -> None:
        try:
            run(["systemctl", "start", unit])
        except StepFailed as error:
            raise StepFailed(f"{unit} does not start: {self.last_words(unit) or error}") from error

    def begin_restart(self, unit: str) -> None:
        run(["systemctl", "reset-failed", unit])
        run(["systemctl", "restart", "--no-block", unit])

    def kill(self, unit: str) -> None:
        if self.state(unit).pid:
            run(["systemctl", "kill", "--signal=SIGKILL", unit])

    def stop(self, unit: str) -> None:
        run(["systemctl", "stop", unit])

    def state(self, unit: str) -> ServiceState:
        names = "ActiveState,StatusText,NRestarts,MainPID"
        lines = run(["systemctl", "show", f"--property={names}", unit]).splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        return ServiceState(
            state=values.get("ActiveState", ""),
            detail=values.get("StatusText", ""),
            starts=int(values.get("NRestarts") or 0),
            pid=int(values.get("MainPID") or 0),
        )

    def last_words(self, unit: str) -> str:
        if not shutil.which("journalctl"):
            return ""
        try:
            lines = run(["journalctl", "--no-pager", "--quiet", "-n", "20", "-o", "cat", f"_SYSTEMD_UNIT={unit}"])
        except StepFailed:
            return ""
        said = [line for line in lines.splitlines() if line.strip()]
        return " ".join(said[-1].split()) if said else ""


class AbsentSystemd(Systemd):
    """As systemd is asked on a machine where it runs and nothing is installed: for a dry run where it does not."""

    def state(self, unit: str) -> ServiceState:
        return ServiceState(state="inactive")


class Unmanaged:
    """No service manager: files are put in place, starting and stopping is somebody else's."""

    name = "none"
    supervises = False

    def reload(self) -> None:
        return None

    def start(self, unit: str) -> None:
        return None

    def begin_restart(self, unit: str) -> None:
        return None

    def kill(self, unit: str) -> None:
        return None

    def stop(self, unit: str) -> None:
        return None

    def state(self, unit: str) -> ServiceState:
        return ServiceState(state="unknown")

    def last_words(self, unit: str) -> str:
        return ""


def systemd_runs() -> bool:
    return BOOTED.is_dir() and shutil.which("systemctl") is not None
