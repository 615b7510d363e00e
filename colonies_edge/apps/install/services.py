"""Steps that concern running services: reload, start, restart, and the wait until a service is healthy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from colonies_edge.apps.install.health import answer
from colonies_edge.apps.install.layout import Layout, unit_name
from colonies_edge.apps.install.managers import ServiceManager
from colonies_edge.apps.install.roles import Role
from colonies_edge.apps.install.steps import StepFailed
from colonies_edge.transports.system import SystemClock

LOOK_EVERY_S = 0.5
SETTLED_S = 5.0  # healthy for so long: a program that falls over its first task does not get so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    manager: ServiceManager

    def describe(self) -> str:
        return f"let {self.manager.name} read its units again"

    def needed(self) -> bool:
        return True

    def do(self) -> None:
        self.manager.reload()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    manager: ServiceManager
    unit: str

    def describe(self) -> str:
        return f"start {self.unit}"

    def needed(self) -> bool:
        return True

    def do(self) -> None:
        self.manager.start(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    manager: ServiceManager
    unit: str

    def describe(self) -> str:
        return f"restart {self.unit}"

    def needed(self) -> bool:
        return True

    def do(self) -> None:
        self.manager.begin_restart(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    manager: ServiceManager
    unit: str

    def describe(self) -> str:
        return f"end {self.unit} at once"

    def needed(self) -> bool:
        return True

    def do(self) -> None:
        self.manager.kill(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    manager: ServiceManager
    unit: str

    def describe(self) -> str:
        return f"stop {self.unit}"

    def needed(self) -> bool:
        return True

    def do(self) -> None:
        self.manager.stop(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitHealthy:
    """Until every service is active, answers, and has been so for a while. `version` "" accepts any answer."""

    layout: Layout
    manager: ServiceManager
    roles: Sequence[Role]
    within_s: float
    version: str = ""
    tell: Callable[[str], None] = lambda _: None

    def describe(self) -> str:
        names = " and ".join(role.name for role in self.roles)
        return f"wait up to {self.within_s:g} s until {names} {'is' if len(self.roles) == 1 else 'are'} healthy"

    def needed(self) -> bool:
        return bool(self.roles)

    def do(self) -> None:
        clock = SystemClock()
        end_ns = clock.monotonic_ns() + int(self.within_s * 1e9)
        for role in self.roles:
            trouble, healthy_ns, pid, said = "it was not looked at", 0, 0, ""
            while True:
                now_ns = clock.monotonic_ns()
                trouble, seen = self._trouble(role)
                if trouble or seen != pid:
                    pid, healthy_ns = seen, now_ns
                elif now_ns - healthy_ns >= SETTLED_S * 1e9:
                    break
                if now_ns >= end_ns:
                    raise StepFailed(f"{role.name} is not healthy: {trouble or 'it was not long enough'}")
                if trouble != said:
                    said = trouble
                    self.tell(f"{role.name}: {trouble or 'healthy, looking whether it stays so'}")
                Event().wait(LOOK_EVERY_S)

    def _trouble(self, role: Role) -> tuple[str, int]:
        """(why it is not healthy, its process)."""
        unit = unit_name(role.name)
        state = self.manager.state(unit)
        if not state.active:
            words = self.manager.last_words(unit)
            return f"{unit} is {state.state}{f', its last words: {words}' if words else ''}", state.pid
        if role.name == "coordinator":
            return answer(self.layout, self.version), state.pid
        return "", state.pid
