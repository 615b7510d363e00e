"""`colonies-edge broker-config`: writes the files with which a broker of one's own serves a colony, and only it."""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from colonies_edge.apps import broker_config_texts as texts
from colonies_edge.apps.certificates import (
    Certificate,
    ClockNotSet,
    CryptographyMissing,
    new_authority,
    new_server_certificate,
)
from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.own_addresses import LOCAL_HOSTS
from colonies_edge.transports.system import SystemClock, entropy

# mosquitto's `$7$`: PBKDF2-SHA512 with a salt of exactly 12 bytes. It is computed by the broker's only thread at every
# connect, so 100,000 rounds would let strangers stall it; the passwords made here have 192 bits and need none.
PASSWORD_ROUNDS = 1_000
SALT_BYTES = 12
PASSWORD_BYTES = 24

IDENTITY = re.compile(r"[0-9a-f]{64}")
USER = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of the broker; without a password it is one that the password file already has."""

    user: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the files are to say."""

    hosts: tuple[str, ...]
    identities: tuple[Account, ...] = ()
    coordinator: Account = Account(user="coordinator")
    port: int = 8883
    root: str = "colonies"
    data: str = "/var/lib/mosquitto/"
    authority: Path | None = None  # a folder with ca.crt and ca.key, where they shall not be made in the same place


def write_mosquitto(out: Path, plan: Plan, *, luck: Callable[[int], bytes], now_ns: int) -> tuple[Account, ...]:
    """Write all files of a production mosquitto to `out`; returns the accounts that are new or have a new password.

    May be repeated, to add an identity or a host name: the authority, and passwords that are not named anew, stay.
    """
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    site = texts.Site(
        folder=str(out.resolve()),
        port=plan.port,
        coordinator=plan.coordinator.user,
        root=plan.root,
        data=plan.data,
    )
    authority = _authority(out, now_ns) if plan.authority is None else _given_authority(plan.authority)
    server = new_server_certificate(authority, (*plan.hosts, *LOCAL_HOSTS), now_ns)
    hashed = _read_passwords(out / "passwords")
    fresh = tuple(
        _with_password(account, luck) for account in _wanted(plan) if account.password or account.user not in hashed
    )
    hashed |= {account.user: hash_password(account.password, luck(SALT_BYTES)) for account in fresh}

    if plan.authority is None:
        _write(out / "ca.key", authority.key, 0o600)
    _write(out / "ca.crt", authority.certificate, 0o644)
    _write(out / "server.key", server.key, 0o640)
    _write(out / "server.crt", server.certificate, 0o644)
    _write(out / "passwords", "".join(f"{user}:{hashed[user]}\n" for user in sorted(hashed)).encode(), 0o640)
    _write(out / "acl", texts.mosquitto_acl(site).encode(), 0o640)
    _write(out / "mosquitto.conf", texts.mosquitto_production(site).encode(), 0o644)
    _keep_credentials(out / "credentials", plan, fresh)
    _let_mosquitto_read(out)
    return fresh


def write_examples(out: Path) -> None:
    """The files of the repository's broker_config/ folder, for who has only the .pyz."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.examples().items():
        (out / name).write_text(text, encoding="utf-8")


def remove_account(out: Path, user: str) -> bool:
    """Take an account out of the files that `write_mosquitto` wrote; whether it was there. The broker has to reload."""
    hashed = _read_passwords(out / "passwords")
    if hashed.pop(user, None) is None:
        return False
    _write(out / "passwords", "".join(f"{name}:{hashed[name]}\n" for name in sorted(hashed)).encode(), 0o640)
    credentials = out / "credentials"
    if credentials.exists():
        lines = credentials.read_text(encoding="utf-8").splitlines(keepends=True)
        _write(credentials, "".join(line for line in lines if line.split(" ", 1)[0] != user).encode(), 0o600)
    _let_mosquitto_read(out)
    return True


def hash_password(password: str, salt: bytes) -> str:
    """The line that mosquitto_passwd would write, so that mosquitto's tools need not be on this machine."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PASSWORD_ROUNDS)
    return f"$7${PASSWORD_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def url_of(plan: Plan, account: Account) -> str:
    """What this account sets COLONIES_MQTT to."""
    host = f"[{plan.hosts[0]}]" if ":" in plan.hosts[0] else plan.hosts[0]
    return f"mqtts://{account.user}:{quote(account.password, safe='')}@{host}:{plan.port}"


def _wanted(plan: Plan) -> Iterable[Account]:
    return {account.user: account for account in (plan.coordinator, *plan.identities)}.values()


def _with_password(account: Account, luck: Callable[[int], bytes]) -> Account:
    if account.password:
        return account
    return replace(account, password=base64.urlsafe_b64encode(luck(PASSWORD_BYTES)).decode())


def _authority(out: Path, now_ns: int) -> Certificate:
    """The authority of an earlier run, which devices trust by now, or a new one."""
    certificate, key = out / "ca.crt", out / "ca.key"
    if certificate.exists() and key.exists():
        return Certificate(certificate=certificate.read_bytes(), key=key.read_bytes())
    return new_authority("colonies-edge broker authority", now_ns)


def _given_authority(folder: Path) -> Certificate:
    """The one of `colonies-edge tls init`: devices that trust the embedded broker trust this one, too."""
    try:
        return Certificate(certificate=(folder / "ca.crt").read_bytes(), key=(folder / "ca.key").read_bytes())
    except FileNotFoundError as missing:
        raise UsageError(
            f"{missing.filename} is not there; --authority names the folder `tls` that tls init made"
        ) from None


def _read_passwords(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
    return {user: hashed for user, _, hashed in lines}


def _keep_credentials(path: Path, plan: Plan, fresh: Iterable[Account]) -> None:
    """The passwords in clear exist only here, one line per user, to be handed to the devices and then removed."""
    known = dict(line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines()) if path.exists() else {}
    known |= {account.user: url_of(plan, account) for account in fresh}
    _write(path, "".join(f"{user} {url}\n" for user, url in known.items()).encode(), 0o600)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Never readable by others, not even for the moment between writing and chmod; replaced in one step."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    beside.chmod(mode)  # the umask may have taken bits away
    os.replace(beside, path)


def _let_mosquitto_read(out: Path) -> None:
    """mosquitto started by root reads these files as user `mosquitto`; started by anybody else, as that user."""
    if os.geteuid() != 0:
        return
    try:
        for name in ("passwords", "acl", "server.key"):
            shutil.chown(out / name, group="mosquitto")
        shutil.chown(out, group="mosquitto")
    except LookupError:  # no such group: mosquitto is not installed here, the files go to another machine
        return
    out.chmod(0o750)


# --- the command ------------------------------------------------------------------------------------------------------


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "broker-config", help="write the files for a broker of one's own", description=__doc__
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="mosquitto|examples")
    mosquitto = kinds.add_parser("mosquitto", help="a production mosquitto: TLS, accounts, confinement")
    mosquitto.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    mosquitto.add_argument(
        "--identity",
        action="append",
        default=[],
        metavar="ID[:PASSWORD]",
        help="a client or executor that may connect (repeat for more); without a password, a random one is made",
    )
    mosquitto.add_argument(
        "--coordinator",
        default="coordinator",
        metavar="USER[:PASSWORD]",
        help="the coordinator's user name (coordinator)",
    )
    mosquitto.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="name or address that clients use (repeat for more)"
    )
    mosquitto.add_argument(
        "--authority",
        type=Path,
        metavar="DIR",
        help="sign with the authority in this folder (`tls` below the coordinator's data), not with one made in --out",
    )
    mosquitto.add_argument("--port", type=int, default=8883, help="port to listen on (8883)")
    mosquitto.add_argument(
        "--topic-root", default="colonies", metavar="ROOT", help="first level of all topics (colonies)"
    )
    mosquitto.add_argument(
        "--data", default="/var/lib/mosquitto/", metavar="DIR", help="where mosquitto keeps its state"
    )
    examples = kinds.add_parser("examples", help="the commented example files for mosquitto and NanoMQ")
    examples.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    for kind in (mosquitto, examples):
        kind.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or 1 with one line that says what to do; wrong arguments raise UsageError."""
    try:
        if args.kind == "examples":
            write_examples(args.out)
            print(f"written to {args.out}; README and meaning: broker_config/README.md")
        else:
            plan = plan_of(args)
            fresh = write_mosquitto(args.out, plan, luck=entropy, now_ns=SystemClock().wall_ns())
            _report(args.out, plan, fresh)
    except (CryptographyMissing, ClockNotSet, OSError, ValueError) as error:
        print(f"broker-config: {error}", file=sys.stderr)
        return 1
    return 0


def plan_of(args: argparse.Namespace) -> Plan:
    if not 0 < args.port < 65536:
        raise UsageError(f"--port {args.port}: a port is a number from 1 to 65535")
    if not re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}", args.topic_root):
        raise UsageError(f"--topic-root {args.topic_root}: one to three levels of letters, digits, '.', '_', '-'")
    return Plan(
        hosts=tuple(args.host) or (platform.node() or "localhost",),
        identities=tuple(
            account_of("--identity", text, IDENTITY, "64 lower-case hex digits") for text in args.identity
        ),
        coordinator=account_of("--coordinator", args.coordinator, USER, "letters, digits, '.', '_', '-'"),
        port=args.port,
        root=args.topic_root,
        data=args.data,
        authority=args.authority,
    )


def account_of(flag: str, text: str, form: re.Pattern[str], said: str) -> Account:
    user, colon, password = text.partition(":")
    if not form.fullmatch(user):
        raise UsageError(f"{flag} {user}: the user name has to be {said}")
    if colon and not (password and password.isprintable()):
        raise UsageError(f"{flag} {user}: the password after ':' is empty or not printable")
    return Account(user=user, password=password)


def _report(out: Path, plan: Plan, fresh: tuple[Account, ...]) -> None:
    for account in fresh:
        print(f"{account.user}  COLONIES_MQTT={url_of(plan, account)}")
    print(f"start it:     mosquitto -c {out / 'mosquitto.conf'}")
    print(f"devices get:  {out / 'ca.crt'} and their own line of {out / 'credentials'}")
    print(
        f"keep away:    {(plan.authority or out) / 'ca.key'} (it can sign another broker that your devices would trust)"
    )
