"""Upgrade: the new program beside the old one, a switch, a wait until all is healthy, and the way back by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from colonies_edge.apps.install.installing import installed, manual_steps
from colonies_edge.apps.install.layout import CURRENT, Layout, unit_name
from colonies_edge.apps.install.managers import ServiceManager
from colonies_edge.apps.install.program import Program, cannot_read, lacks
from colonies_edge.apps.install.roles import Role
from colonies_edge.apps.install.services import Kill, Restart, WaitHealthy
from colonies_edge.apps.install.steps import PointLink, Remove, Step, StepFailed, WriteFile
from colonies_edge.protocol.errors import UsageError

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """`forward` brings the new program, `back` the old one again, `after` tidies up once the new one works."""

    old: str
    new: str
    forward: Sequence[Step]
    back: Sequence[Step]
    after: Sequence[Step]


def plan_upgrade(
    layout: Layout, manager: ServiceManager, program: Program, *, within_s: float, one_way: bool, tell: Tell
) -> Upgrade:
    """Everything that can be found out is found out before anything changes. Raises UsageError, StepFailed."""
    roles = installed(layout)
    current = layout.at(CURRENT)
    if not roles or not current.is_symlink():
        raise UsageError(
            "nothing is installed here: `install coordinator`, `install executor` or `install bridge` first"
        )
    old = current.readlink().name
    if old == program.name:
        return Upgrade(old=old, new=old, forward=(), back=(), after=())
    tell(f"Trying {program.name} on what is here")
    _must_fit(layout, program, roles, one_way=one_way)
    running = [role for role in roles if layout.live and manager.supervises and _runs(manager, role)]
    restarts = [Restart(manager=manager, unit=unit_name(role.name)) for role in running]

    kills = [Kill(manager=manager, unit=restart.unit) for restart in restarts]

    def healthy(version: str) -> WaitHealthy:
        return WaitHealthy(layout=layout, manager=manager, roles=running, within_s=within_s, version=version, tell=tell)

    put = WriteFile(path=layout.at(program.installed), data=program.data, what="the program", mode=0o755)
    return Upgrade(
        old=old,
        new=program.name,
        forward=_needed([put, PointLink(path=current, target=program.name), *restarts, healthy(program.version)]),
        back=_needed_back([PointLink(path=current, target=old), *kills, *restarts], healthy("")),
        after=[
            *_needed(manual_steps(layout, program)),  # only now: going back needs no step for it
            *(
                Remove(path=path, what="the version before the last,")
                for path in layout.versions()
                if path.name not in (old, program.name)
            ),
        ],
    )


def _needed(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.needed()]


def _needed_back(steps: Sequence[Step], wait: WaitHealthy) -> list[Step]:
    """Whether the link must be pointed back is not to be seen before it was pointed forward."""
    return [*steps, *([wait] if wait.needed() else [])]


def _runs(manager: ServiceManager, role: Role) -> bool:
    return manager.state(unit_name(role.name)).state in ("active", "activating", "reloading", "failed")


def _must_fit(layout: Layout, program: Program, roles: Sequence[Role], *, one_way: bool) -> None:
    missing = lacks(program, roles)
    if missing:
        raise UsageError(missing)
    if not any(role.name == "coordinator" for role in roles):
        return
    data = layout.data("coordinator")
    trouble, no_way_back = cannot_read(program, data)
    if trouble:
        raise StepFailed(f"{program.name} should not be let at {data}: {trouble}; nothing was changed")
    if no_way_back and not one_way:
        raise StepFailed(
            f"{program.name} writes a newer format than is in {data}, which the present program cannot read: "
            "there would be no way back. Copy the folder while the coordinator is stopped, then add --one-way"
        )


def upgrade(plan: Upgrade, work: Callable[[Sequence[Step]], None], tell: Tell) -> None:
    """Do it. Raises StepFailed, after the old program is back, with what is running now."""
    try:
        work(plan.forward)
    except (StepFailed, OSError) as error:
        tell(f"{error}; going back to {plan.old}")
        try:
            work(plan.back)
        except (StepFailed, OSError) as worse:
            raise StepFailed(
                f"{plan.new} did not work ({error}), and {plan.old}, which is in place again, does not either: {worse}"
            ) from error
        raise StepFailed(f"{plan.new} did not work: {error}. {plan.old} is back and healthy") from error
    work(plan.after)
