"""`install`: this program as a service of the machine; every step is shown first with --dry-run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from colonies_edge.apps.cli import install_options
from colonies_edge.apps.cli.command import Command, Flag, Group, Run, flag, switch
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.numbers import count
from colonies_edge.apps.cli.progress import Waiting
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import DEFAULT, FLAG, NOT_SET, VARIABLES
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import CAPACITY_MAX

if TYPE_CHECKING:
    from colonies_edge.apps.install.layout import Layout
    from colonies_edge.apps.install.managers import ServiceManager
    from colonies_edge.apps.install.steps import Step

EMBEDDED = "embedded"
OPTIONS = "COLONIES_EDGE_OPTIONS"  # of a settings file: what is added to the command line
# Settings that name files, and what their copies are called.
_CERTIFICATES = {"mqtt_ca": "ca.crt", "mqtt_cert": "client.crt", "mqtt_key": "client.key"}
_MANAGERS = ("systemd", "none")


def coordinator(session: Session) -> int:
    from colonies_edge.apps.cli.parser import parse
    from colonies_edge.transports.mqtt_socket import BrokerUrl

    args = session.args
    wanted = install_options.given(args)
    there = _settings_there(session, "coordinator")
    url = there.get(VARIABLES["mqtt"], "") if not args.broker else "" if args.broker == EMBEDDED else args.broker
    if url and "--listen" in wanted:
        raise UsageError("--listen is for the embedded broker and --broker names one of your own; give one of them")
    if url:
        BrokerUrl.parse(url)
    options = install_options.chosen(there.get(OPTIONS), wanted, own_broker=bool(url))
    line = install_options.write(options)
    parse(["coordinator", "start", *line.split()])  # raises UsageError for what would not start
    settings = _given(session, "topic_root")
    files = _certificates(session, "coordinator", settings)
    if url or there.get(VARIABLES["mqtt"]):
        settings[VARIABLES["mqtt"]] = url
    colony = session.config.colonyname if session.config.source("colonyname") == FLAG else ""
    code = _install(session, "coordinator", settings, options=line, configs=files, colony=colony)
    if options.get("--listen", "").startswith("0.0.0.0:") and not any(name.startswith("--tls") for name in options):
        session.console.info(
            "The embedded broker listens on every address of this machine. Whoever is on the path can read along, and"
            " forge nothing; --tls encrypts, --listen 127.0.0.1:1883 keeps it to this machine."
        )
    return code


def executor(session: Session) -> int:
    args = session.args
    settings = _given(session, "mqtt", "topic_root", "serverid", "colonyname", "executorname", "executortype")
    files = _certificates(session, "executor", settings)
    there = _settings_there(session, "executor")
    for name, option in (("colonyname", "--colonyname"), ("executortype", "--executortype")):
        if not settings.get(VARIABLES[name]) and not there.get(VARIABLES[name]):
            raise UsageError(f"{option} is missing: the executor has to know it at its first start")
    words = [("--capacity", args.capacity), ("--allow", args.allow), ("--location", args.location)]
    options = " ".join(f"{name} {shlex.quote(str(value))}" for name, value in words if value)
    options = options or there.get(OPTIONS, "")
    return _install(session, "executor", settings, options=options, configs=files, state=_key_of_executor(session))


def bridge(session: Session) -> int:
    from colonies_edge.apps.cli.bridge import settings_of
    from colonies_edge.apps.install.bridge_files import CONFIG, bridge_files
    from colonies_edge.apps.install.layout import SETTINGS

    told = settings_of(session)
    settings = _given(session, "mqtt", "topic_root", "serverid", "colonyname")
    folder = told.folder if told.folder_said else None
    files = {
        **_certificates(session, "bridge", settings),
        **bridge_files(Path(session.args.config), told.beside, folder),
    }
    return _install(session, "bridge", settings, options=f"--config {SETTINGS}/{CONFIG}", configs=files)


def _given(session: Session, *names: str) -> dict[str, str]:
    """What was said by flag, environment or devenv; defaults are the program's own and change with it."""
    config = session.config
    return {
        VARIABLES[name]: getattr(config, name)
        for name in names
        if getattr(config, name) and config.source(name) not in (DEFAULT, NOT_SET)
    }


def _certificates(session: Session, role: str, settings: dict[str, str]) -> dict[str, bytes]:
    """The files that the settings name, to be copied: a service sees nobody's home. The settings name the copies."""
    from colonies_edge.apps.install.layout import SETTINGS

    files: dict[str, bytes] = {}
    for name, ending in _CERTIFICATES.items():
        for variable, path in _given(session, name).items():
            files[f"{role}.{ending}"] = Path(path).read_bytes()
            settings[variable] = f"{SETTINGS}/{role}.{ending}"
    return files


def _key_of_executor(session: Session) -> dict[str, bytes]:
    """The key that `enrol` made in this folder goes with the settings that it wrote here."""
    from colonies_edge.apps.executor.settings import KEY_FILE, executor_folder

    config = session.config
    if not config.executorname:
        return {}
    path = executor_folder(Path(config.data_dir), config.colonyname, config.executorname) / KEY_FILE
    below = executor_folder(Path(), config.colonyname, config.executorname) / KEY_FILE
    return {str(below): path.read_bytes()} if path.is_file() else {}


def _settings_there(session: Session, role: str) -> dict[str, str]:
    from colonies_edge.apps.install.settings_file import read_settings

    path = layout_of(session).settings(role)
    try:
        return read_settings(path)
    except PermissionError as error:
        raise UsageError(f"{path} is for root and the service to read: run this with sudo, --dry-run too") from error


def _install(
    session: Session,
    role: str,
    settings: Mapping[str, str],
    *,
    options: str,
    configs: Mapping[str, bytes] | None = None,
    state: Mapping[str, bytes] | None = None,
    colony: str = "",
) -> int:
    from colonies_edge.apps.install.installing import Wish, plan_install
    from colonies_edge.apps.install.program import lacks, own_file, python_for_services, tried
    from colonies_edge.apps.install.roles import ROLES

    args, layout = session.args, layout_of(session)
    with Waiting(session.console):
        program = tried(Path(args.program) if args.program else own_file(), python_for_services(args.python))
        missing = lacks(program, [ROLES[role]])
    if missing:
        raise UsageError(missing)
    wish = Wish(
        role=ROLES[role],
        layout=layout,
        manager=manager_of(session, layout),
        program=program,
        settings={**settings, OPTIONS: options},
        configs=configs or {},
        state=state or {},
        colony=colony,
        folder=session.folder.resolve() if colony else session.folder,
    )
    nobody_to_ask = bool(colony) and not (layout.live and wish.manager.supervises)
    too_early = UsageError("--colonyname needs a coordinator that runs: leave it away here, and add the colony there")
    if nobody_to_ask and not args.dry_run:
        raise too_early
    steps = plan_install(wish)
    done = work_off(session, steps)
    as_json = session.shown_as_json({"role": role, "program": program.name, "dryrun": args.dry_run, "steps": done})
    if nobody_to_ask:
        raise too_early
    if not (as_json or args.dry_run):
        session.console.info(_what_next(session, wish.manager, layout, role, changed=bool(steps)))
    return 0


def _what_next(session: Session, manager: ServiceManager, layout: Layout, role: str, *, changed: bool) -> str:
    from colonies_edge.apps.install.layout import CURRENT, DATA, unit_name
    from colonies_edge.apps.install.roles import ROLES

    if not layout.live:
        return f"The {role} is in {layout.root}; it starts when that machine does"
    if not manager.supervises:
        command = f"{CURRENT} {ROLES[role].command} ${OPTIONS}"
        return (
            f"The {role} is in place. Nothing starts it here: let your service manager run, as {ROLES[role].user}, in"
            f" {DATA}/{role}, with the variables of {layout.settings(role)}: {command}"
        )
    state = manager.state(unit_name(role))
    what = "runs" if changed else "was installed like this already, and nothing was changed; it is"
    return f"The {role} {what} ({state.state}{f': {state.detail}' if state.detail else ''})"


# What `uninstall` and `upgrade` share


def layout_of(session: Session) -> Layout:
    from colonies_edge.apps.install.layout import Layout

    root = session.args.root
    if root and not Path(root).is_dir():
        raise UsageError(f"--root {root} is no folder; it is the root of an image that is being made")
    return Layout(Path(root).resolve() if root else Path("/"))


def manager_of(session: Session, layout: Layout) -> ServiceManager:
    """Raises UsageError where systemd does not run and nobody said that this is known; a dry run is shown anyway."""
    from colonies_edge.apps.install.managers import AbsentSystemd, Systemd, Unmanaged, systemd_runs

    args = session.args
    if args.service_manager == "none" or not layout.live:
        return Unmanaged()
    if systemd_runs():
        return Systemd()
    where = "systemd does not run here (a container, or another init system)"
    instead = (
        "--service-manager none puts everything in place and tells what to start, --root DIR installs into an image"
    )
    if not args.dry_run:
        raise UsageError(f"{where}; {instead}")
    session.console.warn(f"{where}: shown is what would be done where it does; here, {instead}")
    return AbsentSystemd()


def work_off(session: Session, steps: Sequence[Step]) -> list[dict[str, object]]:
    """Say and do each step, or only say it. Raises Failed with the first that could not be done."""
    from colonies_edge.apps.install.services import WaitHealthy
    from colonies_edge.apps.install.steps import StepFailed

    dry = session.args.dry_run
    if steps and not dry and layout_of(session).live and os.geteuid() != 0:
        raise UsageError("this changes the machine and needs root: run it with sudo, or see --dry-run")
    done: list[dict[str, object]] = []
    for step in steps:
        if not session.console.as_json:
            session.console.text(f"{'would ' if dry else ''}{step.describe()}")
            session.console.flush()
        if not dry:
            within_s = step.within_s if isinstance(step, WaitHealthy) else 0
            try:
                with Waiting(session.console, within_s):
                    step.do()
            except StepFailed as error:
                raise Failed(f"could not {step.describe()}: {error}") from error
            except OSError as error:
                raise Failed(f"could not {step.describe()}: {error.strerror or error}") from error
        done.append({"step": step.describe(), "done": not dry})
    return done


SHARED: tuple[Flag, ...] = (
    switch("--dry-run", help="show every step and do nothing"),
    flag("--root", default="", metavar="DIR", help="work in this root of an image, not on this machine"),
    flag("--service-manager", choices=_MANAGERS, default="", help="who starts it (systemd); none: somebody else"),
)
_PROGRAM: tuple[Flag, ...] = (
    flag("--program", metavar="FILE", help="the .pyz to install (the one that runs)"),
    flag("--python", metavar="FILE", help="the Python that shall run it"),
)


def _role(name: str, help: str, run: Run, *flags: Flag, settings: tuple[str, ...] = ()) -> Command:
    return Command(name=name, help=help, run=run, connects=False, settings=settings, flags=(*flags, *SHARED, *_PROGRAM))


GROUP = Group(
    name="install",
    help="make a service of this machine: coordinator, executor or bridge",
    commands=(
        _role(
            "coordinator",
            "the coordinator, with its embedded broker or with one of your own",
            coordinator,
            flag("--broker", default="", metavar="URL", help="embedded (the default), or mqtt://[user:password@]host"),
            *install_options.FLAGS,
            settings=("topic_root", "mqtt_ca", "mqtt_cert", "mqtt_key", "colonyname"),
        ),
        _role(
            "executor",
            "an executor that runs commands of this machine, as a user of its own",
            executor,
            flag("--capacity", type=count(CAPACITY_MAX), metavar="N", help="so many commands at once (1)"),
            flag("--allow", metavar="A,B", help="run only these programs, and no shell"),
            flag("--location", metavar="NAME", help="where this machine is"),
            settings=(
                *("mqtt", "mqtt_ca", "mqtt_cert", "mqtt_key", "topic_root", "serverid"),
                *("colonyname", "executorname", "executortype"),
            ),
        ),
        _role(
            "bridge",
            "the bridge to another Colonies server",
            bridge,
            flag(
                "--config", required=True, metavar="FILE", help="its configuration, copied with the files that it names"
            ),
            settings=("mqtt", "mqtt_ca", "topic_root", "serverid", "colonyname"),
        ),
    ),
)
