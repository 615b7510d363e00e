"""Plans: which steps install a service on this machine, or take it away again; only those that change something."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from colonies_edge.apps.install.founding import FoundColony
from colonies_edge.apps.install.layout import (
    COMMAND,
    CURRENT,
    DATA,
    MANUAL,
    PROGRAMS,
    SETTINGS,
    USERS,
    Layout,
    unit_name,
)
from colonies_edge.apps.install.managers import ServiceManager
from colonies_edge.apps.install.program import Program
from colonies_edge.apps.install.roles import ROLES, Role
from colonies_edge.apps.install.services import Reload, Restart, Start, Stop, WaitHealthy
from colonies_edge.apps.install.settings_file import merged
from colonies_edge.apps.install.steps import AddUser, MakeFolder, Owner, PointLink, Remove, RemoveUser, Step, WriteFile
from colonies_edge.apps.install.units import unit_text, users_text
from colonies_edge.protocol.errors import UsageError

_SETTINGS_HEAD = "# Settings of the Colonies {role}. After a change: sudo systemctl restart colonies-edge-{role}\n"
HEALTHY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What shall be installed, and how. `settings` are variables of the role's settings file; `configs` are further
    files of the settings folder, by their names; `state` are files that the data folder begins with, by their paths."""

    role: Role
    layout: Layout
    manager: ServiceManager
    program: Program
    settings: Mapping[str, str]
    configs: Mapping[str, bytes]
    state: Mapping[str, bytes]
    folder: Path  # where the keys of a colony go
    colony: str = ""  # to be founded once the coordinator runs


def plan_install(wish: Wish) -> list[Step]:
    """Raises UsageError when another version is installed: that is for `upgrade`, which has a way back."""
    layout, role = wish.layout, wish.role
    _same_version(layout, wish.program)
    unit = _unit_steps(wish)
    service = [*_program_steps(wish), *_settings_steps(wish), *unit]
    before = [*_account_steps(wish), *_folder_steps(wish), *_state_steps(wish), *manual_steps(layout, wish.program)]
    steps = _needed([*before, *service])
    if not (layout.live and wish.manager.supervises):
        return steps
    name = unit_name(role.name)
    changed = any(step in service for step in steps)
    if any(step in unit for step in steps):
        steps.append(Reload(manager=wish.manager))
    if not wish.manager.state(name).active:
        steps.append(Start(manager=wish.manager, unit=name))
    elif changed:
        steps.append(Restart(manager=wish.manager, unit=name))
        steps.append(WaitHealthy(layout=layout, manager=wish.manager, roles=[role], within_s=HEALTHY_S))
    if wish.colony:
        steps += _needed([FoundColony(layout=layout, name=wish.colony, folder=wish.folder)])
    return steps


def _same_version(layout: Layout, program: Program) -> None:
    current = layout.at(CURRENT)
    if current.is_symlink() and current.readlink().name != program.name:
        raise UsageError(
            f"{current.readlink().name} is installed and {program.path} is another one: "
            "run `upgrade` with it first, which keeps the old one and goes back if the new one does not work"
        )


def _account_steps(wish: Wish) -> list[Step]:
    """A running machine gets its user now, an image at its first start."""
    role, layout = wish.role, wish.layout
    if layout.live:
        return [AddUser(user=role.user, home=f"{DATA}/{role.name}")]
    roles = [known for known in ROLES.values() if known == role or known in installed(layout)]
    return [WriteFile(path=layout.at(USERS), data=users_text(roles).encode(), what="the system users for the image")]


def _folder_steps(wish: Wish) -> list[Step]:
    layout, role = wish.layout, wish.role
    steps: list[Step] = [MakeFolder(path=layout.at(path)) for path in (PROGRAMS, SETTINGS, DATA)]
    if layout.live:  # in an image there is no such user yet, and systemd makes the folder
        steps.append(MakeFolder(path=layout.data(role.name), mode=0o700, owner=_owner_of_data(wish)))
    return steps


def _owner_of_data(wish: Wish) -> Owner:
    """In an image systemd hands the folder over, with all that is in it, at the first start."""
    return Owner(wish.role.user, wish.role.user) if wish.layout.live else Owner()


def _state_steps(wish: Wish) -> list[Step]:
    """Never over what is there: a service may have gone on from it."""
    steps: list[Step] = []
    data, owner = wish.layout.data(wish.role.name), _owner_of_data(wish)
    for name, content in wish.state.items():
        path = data / name
        if os.path.exists(path):
            continue
        folders = [folder for folder in path.parents if data in folder.parents]
        steps += [MakeFolder(path=folder, mode=0o700, owner=owner) for folder in reversed(folders)]
        steps.append(WriteFile(path=path, data=content, what="the key", mode=0o600, owner=owner))
    return steps


def _program_steps(wish: Wish) -> list[Step]:
    layout, program = wish.layout, wish.program
    return [
        WriteFile(path=layout.at(program.installed), data=program.data, what="the program", mode=0o755),
        PointLink(path=layout.at(CURRENT), target=program.name, what="the present version"),
        PointLink(path=layout.at(COMMAND), target=CURRENT, what="the command"),
    ]


def manual_steps(layout: Layout, program: Program) -> list[Step]:
    """No service is started again for it."""
    if not program.manual:
        return []
    return [WriteFile(path=layout.at(MANUAL), data=program.manual, what="the manual page")]


def _settings_steps(wish: Wish) -> list[Step]:
    layout, role = wish.layout, wish.role
    owner = Owner("root", role.user) if layout.live else Owner()
    path = layout.settings(role.name)
    text = path.read_text(encoding="utf-8") if path.exists() else _SETTINGS_HEAD.format(role=role.name)
    steps: list[Step] = []
    for name, data in wish.configs.items():
        file = layout.at(f"{SETTINGS}/{name}")
        steps.append(WriteFile(path=file, data=data, what="the configuration", mode=0o640, owner=owner))
    data = merged(text, wish.settings).encode()
    steps.append(WriteFile(path=path, data=data, what="the settings", mode=0o640, owner=owner))
    return steps


def _unit_steps(wish: Wish) -> list[Step]:
    layout, role = wish.layout, wish.role
    if layout.live and not wish.manager.supervises:
        return []
    text = unit_text(role, wish.program.python)
    return [
        WriteFile(path=layout.unit(role.name), data=text.encode(), what="the unit"),
        PointLink(path=layout.wanted(role.name), target=f"../{unit_name(role.name)}", what="start with the machine:"),
    ]


def installed(layout: Layout) -> list[Role]:
    """What is installed here."""
    return [role for role in ROLES.values() if layout.unit(role.name).exists() or layout.settings(role.name).exists()]


def plan_uninstall(layout: Layout, manager: ServiceManager, roles: Sequence[Role], *, purge: bool) -> list[Step]:
    """Take these services away. Settings, data and users stay unless `purge`."""
    steps: list[Step] = []
    supervised = layout.live and manager.supervises
    for role in roles:
        files = [Remove(path=layout.wanted(role.name)), Remove(path=layout.unit(role.name), what="the unit")]
        if supervised and manager.state(unit_name(role.name)).state not in ("inactive", "unknown"):
            steps.append(Stop(manager=manager, unit=unit_name(role.name)))
        steps += _needed(files)
    if supervised and steps:
        steps.append(Reload(manager=manager))
    left = [role for role in installed(layout) if role not in roles]
    if not left:
        ours = ((COMMAND, "the command"), (MANUAL, "the manual page"), (PROGRAMS, ""))
        steps += _needed([Remove(path=layout.at(path), what=what) for path, what in ours])
    return steps + (_purge(layout, roles, left) if purge else [])


def _purge(layout: Layout, roles: Sequence[Role], left: Sequence[Role]) -> list[Step]:
    steps: list[Step] = []
    for role in roles:
        steps += [
            *(Remove(path=path, what="the settings") for path in _settings_files(layout, role)),
            Remove(path=layout.data(role.name), what="ALL DATA in"),
        ]
        steps += [RemoveUser(user=role.user)] if layout.live else []
    if not left:
        steps += [Remove(path=layout.at(path)) for path in (SETTINGS, DATA, USERS)]
    return _needed(steps)


def _settings_files(layout: Layout, role: Role) -> list[Path]:
    """The variables, and what was copied beside them under the role's name: files and a folder."""
    settings = layout.at(SETTINGS)
    return sorted([*settings.glob(f"{role.name}.*"), *settings.glob(role.name)])


def _needed(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.needed()]
