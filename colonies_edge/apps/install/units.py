"""The text of systemd units and of the system users, made from the table of roles."""

from __future__ import annotations

from collections.abc import Iterable

from colonies_edge.apps.install.layout import CURRENT, DATA, SETTINGS
from colonies_edge.apps.install.roles import OPTIONS, Role

WATCHDOG_S = 60  # a sync on a worn card takes seconds; a minute without any progress is a hang
RESTART_S = 10
_MISTAKE = 2  # exit code of what trying again does not mend: settings

_HEADER = "# Written by `colonies-edge install`, which writes it again; changes go into `systemctl edit {unit}`.\n"

_NOTIFYING = f"Type=notify\nNotifyAccess=main\nWatchdogSec={WATCHDOG_S}"

_UNIT = """\
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target mosquitto.service
# Nobody may be near to start it again: it is tried every {restart_s} s for ever, unless the settings are at fault.
StartLimitIntervalSec=0

[Service]
{kind}
User={user}
Group={user}
EnvironmentFile={settings}/{role}.env
Environment=COLONIES_DATA_DIR={data}/{role} HOME={data}/{role}
WorkingDirectory={data}/{role}
StateDirectory=colonies-edge/{role}
StateDirectoryMode=0700
UMask=0077
ExecStart={python} {current} {command} ${options}
TimeoutStartSec={start_s}
TimeoutStopSec={stop_s}
KillMode=mixed
Restart=on-failure
RestartSec={restart_s}
RestartPreventExitStatus={mistake}
LimitNOFILE={files_max}
{sandbox}

[Install]
WantedBy=multi-user.target
"""


def unit_text(role: Role, python: str) -> str:
    return _HEADER.format(unit=f"colonies-edge-{role.name}") + _UNIT.format(
        role=role.name,
        description=role.description,
        user=role.user,
        settings=SETTINGS,
        data=DATA,
        python=python,
        current=CURRENT,
        command=role.command,
        options=OPTIONS,
        kind=_NOTIFYING if role.notifies else "Type=exec",
        restart_s=RESTART_S,
        start_s=role.start_s,
        stop_s=role.stop_s,
        mistake=_MISTAKE,
        files_max=role.files_max,
        sandbox="\n".join(role.sandbox),
    )


def users_text(roles: Iterable[Role]) -> str:
    """For systemd-sysusers: an image gets its users at its first start."""
    lines = [f'u {role.user} - "{role.description}" {DATA}/{role.name} /usr/sbin/nologin' for role in roles]
    return "\n".join([_HEADER.format(unit="…").partition(",")[0] + ".", *lines, ""])
