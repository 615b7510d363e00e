"""`enrol`: on the device, with a token; `enrol token`, `ls` and `revoke` for the colony's owner."""

from __future__ import annotations

import argparse
import ipaddress
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.console import PROGRAM, Console
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.numbers import count
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import at, when
from colonies_edge.apps.cli.table import Cell, Column, cells_of
from colonies_edge.apps.config import DEFAULTS, DEVENV, display, load
from colonies_edge.protocol.errors import BadRequest, Forbidden, UsageError
from colonies_edge.protocol.limits import CAPACITY_MAX, TOKEN_S_MAX, TOKEN_USES_MAX
from colonies_edge.protocol.model_base import ExecutorState

if TYPE_CHECKING:
    from colonies_edge.protocol.enrolment import Token

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LASTING = re.compile(r"([0-9]{1,6})([smhd])")
_CERTIFICATE_CHARS_MAX = 4_096  # one of an own authority; a system's bundle has two hundred of them


# --- the device -------------------------------------------------------------------------------------------------------


async def device(session: Session) -> int:
    from colonies_edge.apps.executor import enrolling

    args = session.args
    if args.data:
        session.devenv = Path(args.data) / DEVENV
        args.set_data_dir = args.data
    prepared = enrolling.prepare(
        args.token,
        session.config,
        name=args.name or "",
        location=args.location,
        mqtt=args.mqtt or "",
        data=Path(session.config.data_dir),
        devenv=session.devenv,
    )
    name, console = prepared.name, session.console
    console.info(f"This device is {prepared.signer.identity}; its key was made here and stays here")
    try:
        executor = await enrolling.register(prepared)
        console.info(f"Enrolled as {name} of type {executor.executortype} in colony {executor.colonyname}")
        if not args.no_wait:
            await enrolling.approved(prepared, _once(console.info))
        elif executor.state == ExecutorState.PENDING:
            console.info(f"It works as soon as the owner runs: {PROGRAM} executor approve --name {name}")
    except Forbidden as error:
        raise Failed(str(error)) from error
    values = {key: getattr(prepared.config, key) for key in ("mqtt", "serverid", "colonyname", "executortype")}
    told = {"executorid": prepared.signer.identity, "executorname": name, **values, "devenv": str(prepared.devenv)}
    if not session.shown_as_json(told):
        _say_next(session, prepared.devenv)
    console.flush()
    if not args.start:
        return 0
    return await _start(session)


def _say_next(session: Session, devenv: Path) -> None:
    if session.args.start:
        return
    source = f". {display(devenv)} && " if session.args.data else ""
    location = f" --location {session.args.location}" if session.args.location else ""
    session.console.info(f"Its settings are in {display(devenv)}. Next:")
    session.console.info(f"  {source}{PROGRAM} executor os start{location}")


async def _start(session: Session) -> int:
    from colonies_edge.apps.executor import os_executor

    config = load({}, devenv=session.devenv, environ={})
    executor = os_executor(config, capacity=session.args.capacity, location=session.args.location)
    says = f"Executor {executor.name} ({config.executortype}) runs; Ctrl-C stops it"
    await executor.serve(runs=lambda: session.console.info(says))
    return 0


def _once(say: Any) -> Any:
    said: set[str] = set()

    def once(text: str) -> None:
        if text not in said:
            said.add(text)
            say(text)

    return once


# --- the owner --------------------------------------------------------------------------------------------------------


async def token(session: Session) -> int:
    """Asks the coordinator first: a token for the wrong coordinator, or of the wrong owner, is found out here."""
    from colonies_edge.crypto.identity import Signer
    from colonies_edge.protocol.enrolment import seal_token

    await session.ask("getenrolmentsmsg", colonyname=session.colony)
    made = await _token(session)
    try:
        text = seal_token(made, Signer(session.config.need("colony_prvkey")), _authority(session))
    except BadRequest as error:
        raise UsageError(f"{error.message}: use an authority with a smaller certificate") from error
    line = f"python3 {PROGRAM}.pyz enrol {text} --start"
    expires = made.expires_ms * 1_000_000
    from colonies_edge.protocol.times import format_time

    told = {"token": text, "tokenid": made.tokenid, "expires": format_time(expires), "line": line}
    if session.shown_as_json(told):
        return 0
    console = session.console
    console.text(text)
    if session.args.qr:
        from colonies_edge.apps.cli import qr_code

        _draw(console, qr_code.drawn(text))
    many = f"{made.uses} devices" if made.uses > 1 else "one device"
    console.info(f"For {many} of type {made.executortype} named {made.names}, until {at(expires)}. There:")
    console.info(f"  {line}")
    console.info("It runs commands for the colony then; leave --start away where a program of yours does the work")
    if not made.approve:
        console.info(f"Then here: {PROGRAM} executor approve --name NAME")
    return 0


def _draw(console: Console, code: str) -> None:
    """Broken in its lines it is no code any more."""
    wide, room = cells_of(code.split("\n")[0]), console.style.width
    if room is not None and wide > room:
        console.warn(
            f"the QR code needs a terminal of {wide} columns, this one has {room}: make it wider, run it again"
        )
    else:
        console.text(code)


async def _token(session: Session) -> Token:
    from colonies_edge.protocol.enrolment import ANY, Token
    from colonies_edge.transports.system import new_msgid

    args, config = session.args, session.config
    if args.name.count(ANY) > 1:
        raise UsageError(f"--name {args.name}: one * at most; a name without one is for one device")
    if ANY not in args.name and args.uses > 1:
        raise UsageError(f"--name {args.name} is one name, and --uses {args.uses} wants several; put a * into it")
    wire = await session.wire()
    return Token(
        tokenid=new_msgid(),
        colonyname=session.colony,
        executortype=args.executortype,
        names=args.name,
        uses=args.uses,
        expires_ms=wire.client.clock.now_ms() + args.expires * 1_000,
        approve=args.approve,
        serverid=wire.serverid,
        mqtt=_address(session),
        topic_root="" if config.topic_root == DEFAULTS["topic_root"] else config.topic_root,
    )


def _address(session: Session) -> str:
    """Where devices find the broker. A login of this machine's is not for them."""
    from colonies_edge.transports.mqtt_socket import BrokerUrl

    url = BrokerUrl.parse(session.args.address or session.config.mqtt)
    if _is_local(url.host):
        session.console.warn(
            f"devices on other machines do not reach {url.host}: give the broker's address there, --address mqtt://HOST:PORT"
        )
    return str(url)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _authority(session: Session) -> bytes:
    """The certificate behind the broker's TLS, when it is one that no system knows."""
    path = session.config.mqtt_ca
    if not path or not _address_is_tls(session):
        return b""
    try:
        text = Path(path).read_text(encoding="ascii")
        if len(text) > _CERTIFICATE_CHARS_MAX:
            raise UsageError(f"{path} is too large for a token: it is to be the one certificate that devices need")
        return ssl.PEM_cert_to_DER_cert(text.strip())
    except (OSError, ValueError) as error:
        raise UsageError(f"{session.config.describe('mqtt_ca')} is not one certificate in PEM: {path}") from error


def _address_is_tls(session: Session) -> bool:
    from colonies_edge.transports.mqtt_socket import BrokerUrl

    return BrokerUrl.parse(session.args.address or session.config.mqtt).tls


async def ls(session: Session) -> int:
    rows = await session.ask("getenrolmentsmsg", colonyname=session.colony) or []
    if not session.listed(rows, "No token was used or revoked; those that nobody used are known to nobody"):
        return 0
    columns = [
        Column("Token", keep=True),
        Column("Type", drop=2),
        Column("Names", drop=3),
        Column("Used", keep=True),
        Column("By"),
        Column("Until", keep=True, drop=1),
    ]
    session.console.grid(
        columns,
        [
            (
                row["tokenid"],
                row["executortype"],
                row["names"],
                Cell("revoked", "red") if row["revoked"] else f"{len(row['executornames'])} of {row['uses']}",
                ", ".join(row["executornames"]),
                when(row["expires"]),
            )
            for row in rows
        ],
    )
    return 0


async def revoke(session: Session) -> int:
    from colonies_edge.protocol.enrolment import PREFIX, TOKENID, read_token

    text = session.args.tokenid
    if text.startswith(f"{PREFIX}."):
        try:
            text = read_token(text).tokenid
        except BadRequest as error:
            raise UsageError(error.message) from None
    elif not TOKENID.fullmatch(text):
        raise UsageError(f"{text!r} is neither a token nor the id of one; `{PROGRAM} enrol ls` shows ids")
    reply = await session.ask("revokeenrolmentmsg", colonyname=session.colony, tokenid=text)
    return session.done(reply, f"Token {text} counts no more; who came in with it is still in: executor revoke")


def _lasting(text: str) -> int:
    """Seconds: 30m, 12h, 7d."""
    match = _LASTING.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time like 30m, 12h or 7d")
    seconds = int(match[1]) * _UNITS_S[match[2]]
    if not 0 < seconds <= TOKEN_S_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1s and {TOKEN_S_MAX // 86_400}d")
    return seconds


GROUP = Group(
    name="enrol",
    help="let devices in by a token: on the device `enrol TOKEN`",
    itself=Command(
        name="enrol",
        help="enrol this device with a token; for the owner there are `enrol token`, `enrol ls` and `enrol revoke`",
        run=device,
        connects=False,
        words=(flag("token", metavar="TOKEN", help="what `enrol token` printed"),),
        flags=(
            flag("--name", metavar="NAME", help="what this device is called; without it, as the token and machine say"),
            flag("--location", default="", metavar="NAME", help="where it is, for work that must run there"),
            flag("--data", metavar="DIR", help="where its key and settings are kept (.colonies-edge)"),
            flag("--mqtt", metavar="URL", help="another address of the broker, with the account made for this device"),
            switch("--no-wait", help="do not wait for the owner's approval"),
            switch("--start", help="run commands as an executor from then on, until Ctrl-C"),
            flag("--capacity", type=count(CAPACITY_MAX), default=1, metavar="N", help="with --start: at once (1)"),
        ),
        settings=("mqtt_ca", "mqtt_cert", "mqtt_key"),
    ),
    commands=(
        Command(
            name="token",
            help="make a token for devices, signed by the colony's owner",
            run=token,
            key="colony_prvkey",
            colony=True,
            flags=(
                flag("--executortype", required=True, metavar="TYPE", help="what the devices are"),
                flag("--name", default="*", metavar="PATTERN", help="their names, with one * at most: 'camera-*' (*)"),
                flag("--expires", type=_lasting, default=3_600, metavar="TIME", help="for how long: 30m, 12h, 7d (1h)"),
                flag("--uses", type=count(TOKEN_USES_MAX), default=1, metavar="N", help="for so many devices (1)"),
                switch("--approve", help="approve them, too"),
                switch("--qr", help="show it as a QR code"),
                flag("--address", metavar="URL", help="the broker as devices reach it, if not as this machine does"),
            ),
        ),
        Command(name="ls", help="tokens that were used or revoked", run=ls, key="colony_prvkey", colony=True),
        Command(
            name="revoke",
            help="let a token count no more",
            run=revoke,
            key="colony_prvkey",
            colony=True,
            words=(flag("tokenid", metavar="TOKEN", help="the token, or its id as `enrol ls` shows it"),),
        ),
    ),
)
