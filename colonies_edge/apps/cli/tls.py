"""`tls`: the coordinator's own authority, its certificate and those of clients; nothing here needs a connection."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.command import Command, Flag, Group, flag
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.numbers import identity
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.table import Cell, Column
from colonies_edge.apps.config import COORDINATOR_FOLDER
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.topics import COORDINATOR

if TYPE_CHECKING:
    from colonies_edge.apps.certificates import Facts
    from colonies_edge.apps.tls_folder import TlsFolder

_SOON_DAYS = 30


def _said(run: Callable[[Session], int]) -> Callable[[Session], int]:
    """A missing package and a clock that is not set are said in their own words."""

    @wraps(run)
    def command(session: Session) -> int:
        from colonies_edge.apps.certificates import ClockNotSet, CryptographyMissing

        try:
            return run(session)
        except (CryptographyMissing, ClockNotSet) as error:
            raise Failed(str(error)) from error

    return command


@_said
def init(session: Session) -> int:
    from colonies_edge.transports.own_addresses import LOCAL_HOSTS, own_hosts

    folder = _folder(session)
    hosts = (*session.args.host, *LOCAL_HOSTS) if session.args.host else own_hosts()
    facts = folder.init(hosts, _now_ns())
    if not session.shown_as_json(_told(folder.server_crt, facts)):
        console = session.console
        console.info(f"The certificate is for {', '.join(facts.hosts)}")
        console.info(f"Start it:      colonies-edge coordinator start --listen 0.0.0.0:8883 --tls{_data_flag(session)}")
        console.info(f"Devices need:  {folder.ca_crt} as COLONIES_MQTT_CA, and an address that begins with mqtts://")
        console.info(
            f"Keep secret:   {folder.ca_key}, which can sign another coordinator that your devices would trust"
        )
    return 0


@_said
def server(session: Session) -> int:
    folder = _folder(session)
    facts = folder.new_server(tuple(session.args.hosts), _now_ns())
    return session.done(
        _told(folder.server_crt, facts), f"{folder.server_crt} is now for {', '.join(facts.hosts)} and nothing else"
    )


@_said
def client(session: Session) -> int:
    from colonies_edge.crypto.identity import identity_of

    config, args = session.config, session.args
    prvkey = config.executor_prvkey or config.prvkey
    if not args.identity and not prvkey:
        raise UsageError("whose certificate? Give --identity ID, which `colonies-edge executor get` shows")
    folder = _folder(session)
    certificate, key = folder.new_client(args.name, args.identity or identity_of(prvkey), _now_ns())
    facts = folder.facts(certificate)
    if not session.shown_as_json({**_told(certificate, facts), "key": str(key)}):
        console = session.console
        console.info(f"The certificate of {facts.subject}. Give its device, over a way that nobody else reads:")
        console.info(f"  {certificate} as COLONIES_MQTT_CERT")
        console.info(f"  {key} as COLONIES_MQTT_KEY")
        console.info(f"  {folder.ca_crt} as COLONIES_MQTT_CA")
    return 0


@_said
def renew(session: Session) -> int:
    folder = _folder(session)
    facts = folder.new_server(folder.facts(folder.server_crt).hosts, _now_ns())
    days = facts.days_left(_now_ns())
    return session.done(
        _told(folder.server_crt, facts),
        f"{folder.server_crt} has {days} days; a running coordinator shows it from the next connection on",
    )


@_said
def show(session: Session) -> int:
    folder = _folder(session)
    paths = [Path(path) for path in session.args.files] or folder.all_certificates()
    if not paths:
        raise UsageError(f"there are no certificates in {folder.path}; `colonies-edge tls init` makes them")
    found = [(path, folder.facts(path)) for path in paths]
    if session.shown_as_json([_told(path, facts) for path, facts in found]):
        return 0
    columns = [
        Column("File", keep=True),
        Column("Subject", drop=2),
        Column("For"),
        Column("Signed by", drop=3),
        Column("Days left", keep=True, drop=1),
    ]
    rows = [
        (str(path), facts.subject, ", ".join(facts.hosts) or "-", facts.issuer, _days(facts)) for path, facts in found
    ]
    session.console.grid(columns, rows)
    return 0


def _days(facts: Facts) -> Cell:
    left = facts.days_left(_now_ns())
    return Cell(str(left), "red" if left < 0 else "yellow" if left < _SOON_DAYS else "green")


def _told(path: Path, facts: Facts) -> dict[str, Any]:
    from colonies_edge.protocol.times import format_time

    return {
        "file": str(path),
        "subject": facts.subject,
        "issuer": facts.issuer,
        "hosts": list(facts.hosts),
        "notafter": format_time(facts.ends_ns),
        "daysleft": facts.days_left(_now_ns()),
        "sha256": facts.fingerprint,
    }


def _folder(session: Session) -> TlsFolder:
    from colonies_edge.apps.tls_folder import FOLDER, TlsFolder

    data = session.args.data or Path(session.config.data_dir) / COORDINATOR_FOLDER
    return TlsFolder(Path(data) / FOLDER)


def _data_flag(session: Session) -> str:
    return f" --data {session.args.data}" if session.args.data else ""


def _now_ns() -> int:
    from colonies_edge.transports.system import SystemClock

    return SystemClock().wall_ns()


def _whose(text: str) -> str:
    """An identity, or the user name that the coordinator has at a broker of one's own."""
    return text if text == COORDINATOR else identity(text)


_DATA = flag("--data", metavar="DIR", help="the coordinator's data folder (.colonies-edge/coordinator)")


def _offline(name: str, help: str, run: Any, *flags: Flag, words: tuple[Flag, ...] = (), **more: Any) -> Command:
    return Command(name=name, help=help, run=run, connects=False, flags=(_DATA, *flags), words=words, **more)


GROUP = Group(
    name="tls",
    help="certificates: an authority of one's own, the coordinator's, those of clients",
    commands=(
        _offline(
            "init",
            "make an authority and the coordinator's certificate; again, to add a host",
            init,
            flag(
                "--host",
                action="append",
                default=[],
                metavar="NAME",
                help="a name or address that clients use (repeat for more); without it, all that this machine knows of",
            ),
        ),
        _offline(
            "server",
            "replace the coordinator's certificate by one for these hosts only",
            server,
            words=(flag("hosts", nargs="+", metavar="NAME", help="a name or address that clients use"),),
        ),
        _offline(
            "client",
            "make a certificate with which a client connects as its identity",
            client,
            flag(
                "--identity",
                type=_whose,
                metavar="ID",
                help="whose; without it, that of the settings' private key. `coordinator` at a broker of one's own",
            ),
            words=(flag("name", metavar="NAME", help="what the files are called: the executor's or user's name"),),
            settings=("executor_prvkey",),
        ),
        _offline("renew", "renew the coordinator's certificate now; it does so by itself in time", renew),
        _offline(
            "show",
            "show what the certificates say, and how long they are valid",
            show,
            words=(flag("files", nargs="*", metavar="FILE", help="certificates in PEM; without any, all of ours"),),
        ),
    ),
)
