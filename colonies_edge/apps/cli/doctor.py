"""`doctor`: looks at everything a command needs, and says of each what is wrong and what to do."""

from __future__ import annotations

import platform
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from colonies_edge import __version__
from colonies_edge.apps.cli.command import Command, Group
from colonies_edge.apps.cli.config import shown, without_password
from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.exits import FAILED, NO_CONNECTION, SUCCESS
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.table import Cell, Column
from colonies_edge.apps.config import SECRETS, VARIABLES, devenv_path, display, tls_of
from colonies_edge.crypto.identity import InvalidKey, backend_name, identity_of
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.protocol.limits import FRESHNESS_S

OK, WARNING, PROBLEM = "ok", "warning", "problem"
_TONES = {OK: "green", WARNING: "yellow", PROBLEM: "red"}
_CLOCK_WARNING_S = 5  # above this a person comparing logs of two machines is misled

_CERTIFICATE_WARNING_DAYS = (
    30  # our own is renewed a third of a year before its end; what is left here has been forgotten
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence about one thing, and what to do if it is not well."""

    about: str
    verdict: str
    sentence: str
    remedy: str = ""
    no_connection: bool = False


async def examine(session: Session) -> int:
    findings = [*here(session), *[finding async for finding in there(session)]]
    if session.console.as_json:
        session.console.value({"settings": _settings(session), "findings": [as_json(finding) for finding in findings]})
    else:
        _show(session, findings)
    if any(finding.no_connection for finding in findings):
        return NO_CONNECTION
    return FAILED if any(finding.verdict == PROBLEM for finding in findings) else SUCCESS


def here(session: Session) -> Iterator[Finding]:
    """What can be seen without a connection."""
    yield Finding(
        about="program", verdict=OK, sentence=f"colonies-edge {__version__}, Python {platform.python_version()}"
    )
    yield from _packages()
    backend = backend_name()
    slow = backend == "python"
    yield Finding(
        about="signatures",
        verdict=WARNING if slow else OK,
        sentence="are made by pure Python, ten times slower than native code" if slow else f"are made by {backend}",
        remedy="install a native library: apt install libsecp256k1-1" if slow else "",
    )
    try:
        config = session.config
    except UsageError as error:
        yield Finding(about="settings", verdict=PROBLEM, sentence=str(error))
        return
    yield from _key_files(session)
    yield from _keys(session)
    if not config.colonyname:
        yield Finding(
            about="colony",
            verdict=PROBLEM,
            sentence=f"{VARIABLES['colonyname']} is not set",
            remedy="run `colonies-edge dev` in this folder, or set it",
        )


def _packages() -> Iterator[Finding]:
    import importlib

    for name, needed in (("paho.mqtt", True), ("amqtt", False), ("tinydb", False), ("cryptography", False)):
        try:
            module = importlib.import_module(name)
        except ImportError:
            verdict = PROBLEM if needed else OK
            missing = "is not installed" + ("" if needed else " (only some commands need it)")
            yield Finding(about=name, verdict=verdict, sentence=missing, remedy=f"pip install {name}" if needed else "")
        else:
            yield Finding(
                about=name, verdict=OK, sentence=f"is there, version {getattr(module, '__version__', 'unknown')}"
            )


def _key_files(session: Session) -> Iterator[Finding]:
    path = devenv_path(session.folder)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    others = mode & (stat.S_IRWXG | stat.S_IRWXO)
    yield Finding(
        about=display(path),
        verdict=PROBLEM if others else OK,
        sentence=f"has mode {mode:04o}" + (": others can read your private keys" if others else ""),
        remedy=f"chmod 600 {display(path)}" if others else "",
    )


def _keys(session: Session) -> Iterator[Finding]:
    for name in sorted(SECRETS):
        private_key: str = getattr(session.config, name)
        if not private_key:
            continue
        where = session.config.describe(name)
        try:
            yield Finding(about=where, verdict=OK, sentence=f"is the key of {identity_of(private_key)}")
        except InvalidKey as error:
            yield Finding(
                about=where,
                verdict=PROBLEM,
                sentence=f"is no private key: {error}",
                remedy="set it to 64 hex digits; `colonies-edge security generate` makes a key",
            )


async def there(session: Session) -> AsyncIterator[Finding]:
    """What only the broker and the coordinator can say."""
    try:
        config = session.config
        wire = await session.wire()
    except UsageError:
        return  # said already
    except (NoConnection, InvalidKey) as error:
        yield Finding(
            about="broker",
            verdict=PROBLEM,
            sentence=str(error),
            no_connection=True,
        )
        return
    yield Finding(about="broker", verdict=OK, sentence=f"{without_password(config.mqtt)} accepts the connection")
    tls = await _certificate(session)
    if tls is not None:
        yield tls
    try:
        await session.ask("versionmsg", topic_colony="_")
    except (NoConnection, ColoniesError) as error:
        yield Finding(
            about="coordinator",
            verdict=PROBLEM,
            sentence=str(error),
            remedy="start it: `colonies-edge dev`, or `colonies-edge coordinator start`",
            no_connection=isinstance(error, NoConnection),
        )
        return
    yield Finding(about="coordinator", verdict=OK, sentence=f"{wire.serverid} answers, signed")
    offset_ms = await wire.clock_offset_ms(config.colonyname)
    if offset_ms is not None:
        yield _clock(offset_ms)
    yield await _membership(session)


async def _certificate(session: Session) -> Finding | None:
    """How long the broker's certificate is still good for, before it is over on all devices at once."""
    from colonies_edge.transports.mqtt_socket import BrokerUrl, Tls, certificate_ends_s
    from colonies_edge.transports.system import SystemClock

    url = BrokerUrl.parse(session.config.mqtt)
    if not url.tls:
        return None
    if session.args.skip_tls_verify:
        return Finding(about="TLS", verdict=WARNING, sentence="is not checked, as --skip-tls-verify says")
    try:
        ends_s = await certificate_ends_s(url, tls_of(session.config) or Tls())
    except (OSError, NoConnection) as error:
        return Finding(about="TLS", verdict=WARNING, sentence=f"could not be looked at a second time: {error}")
    days = int(((ends_s or 0) - SystemClock().wall_ns() / 1e9) // 86_400)
    soon = days < _CERTIFICATE_WARNING_DAYS
    return Finding(
        about="TLS",
        verdict=WARNING if soon else OK,
        sentence=f"the broker's certificate is believed, and valid for {days} days",
        remedy="renew it: `colonies-edge tls renew` at the coordinator, or whoever made it" if soon else "",
    )


def _clock(offset_ms: int) -> Finding:
    off = abs(offset_ms) / 1000
    ahead = "behind" if offset_ms > 0 else "ahead of"
    return Finding(
        about="clock",
        verdict=WARNING if off > _CLOCK_WARNING_S else OK,
        sentence=f"this machine is {off:.1f} s {ahead} the coordinator"
        if off >= 1
        else "agrees with the coordinator's",
        remedy=f"set it (timedatectl); it works up to {FRESHNESS_S} s, and beyond with one more round trip"
        if off > _CLOCK_WARNING_S
        else "",
    )


async def _membership(session: Session) -> Finding:
    name = session.config.colonyname
    try:
        await session.ask("getcolonymsg", colonyname=name, topic_colony=name)
    except (ColoniesError, NoConnection) as error:
        return Finding(
            about="membership",
            verdict=PROBLEM,
            sentence=str(error),
            remedy="let the colony's owner add the identity: `colonies-edge user add`",
        )
    return Finding(about="membership", verdict=OK, sentence=f"{VARIABLES['prvkey']} is a member of colony {name}")


def _settings(session: Session) -> dict[str, dict[str, str]]:
    try:
        config = session.config
    except UsageError:
        return {}
    return {
        variable: {"value": shown(config, name), "source": config.source(name)} for name, variable in VARIABLES.items()
    }


def as_json(finding: Finding) -> dict[str, str]:
    return {
        "about": finding.about,
        "verdict": finding.verdict,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
    }


def _show(session: Session, findings: list[Finding]) -> None:
    console = session.console
    rows = [(variable, entry["value"], entry["source"]) for variable, entry in _settings(session).items()]
    if rows:
        console.grid([Column("Setting", keep=True), Column("Value"), Column("From", keep=True)], rows, "Settings")
    show_findings(console, findings)


def show_findings(console: Console, findings: list[Finding]) -> None:
    """Each with what to do, in the colour of its verdict."""
    console.pairs(
        [
            (
                finding.about,
                Cell(finding.sentence + (f"; {finding.remedy}" if finding.remedy else ""), _TONES[finding.verdict]),
            )
            for finding in findings
        ],
        "Findings",
    )


GROUP = Group(
    name="doctor",
    help="find out why something does not work",
    itself=Command(
        name="doctor",
        help="find out why something does not work",
        run=examine,
        key="any",
        colony=True,
    ),
)
