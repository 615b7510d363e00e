"""Checks of the coordinator: that it answers, what it thinks the time is, and whether it knows us."""

from __future__ import annotations

from collections.abc import AsyncIterator

from colonies_edge.apps.cli.config import without_password
from colonies_edge.apps.cli.doctor_finding import COORDINATOR, OK, PROBLEM, WARNING, Finding
from colonies_edge.apps.cli.session import Session
from colonies_edge.crypto.identity import InvalidKey
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.protocol.limits import FRESHNESS_S

_CLOCK_WARNING_S = 5  # above this a person comparing logs of two machines is misled


async def connection(session: Session) -> AsyncIterator[Finding]:
    try:
        config = session.config
    except UsageError:
        return  # said already
    try:
        wire = await session.wire()
    except UsageError as error:  # a certificate, an address: what nobody can connect with
        yield Finding(about="broker", verdict=PROBLEM, sentence=f"cannot be asked: {error}")
        return
    except (NoConnection, InvalidKey) as error:
        yield Finding(about="broker", verdict=PROBLEM, sentence=str(error), no_connection=True)
        return
    who = f"{session.acting_as} ({wire.signer.identity})"
    sentence = f"{without_password(config.mqtt)} accepts the connection of {who}"
    yield Finding(about="broker", verdict=OK, sentence=sentence)
    try:
        answer = await session.ask("versionmsg", topic_colony="_")
    except (NoConnection, ColoniesError) as error:
        yield Finding(
            about=COORDINATOR,
            verdict=PROBLEM,
            sentence=str(error),
            remedy="start it: `colonies-edge dev`, or `colonies-edge coordinator start`",
            no_connection=isinstance(error, NoConnection),
        )
        return
    version = str(answer.get("buildversion", "")) if isinstance(answer, dict) else ""
    yield Finding(about=COORDINATOR, verdict=OK, sentence=f"{wire.serverid} answers, signed; version {version}")


async def clock(session: Session) -> AsyncIterator[Finding]:
    wire = await session.wire()
    try:
        offset_ms = await wire.clock_offset_ms(session.config.colonyname)
    except NoConnection:
        return
    if offset_ms is None:
        return
    off_s = abs(offset_ms) / 1000
    ahead = "behind" if offset_ms > 0 else "ahead of"
    misleading = off_s > _CLOCK_WARNING_S
    yield Finding(
        about="clock",
        verdict=WARNING if misleading else OK,
        sentence=f"this machine is {off_s:.1f} s {ahead} the coordinator"
        if off_s >= 1
        else "agrees with the coordinator's",
        remedy=f"set it (timedatectl); it works up to {FRESHNESS_S} s, and beyond with one more round trip"
        if misleading
        else "",
    )


async def membership(session: Session) -> AsyncIterator[Finding]:
    name = session.config.colonyname
    try:
        await session.ask("getcolonymsg", colonyname=name, topic_colony=name)
    except (ColoniesError, NoConnection) as error:
        config = session.config
        approve = f"executor approve --name {config.executorname}" if config.of_device else "user add"
        yield Finding(
            about="membership",
            verdict=PROBLEM,
            sentence=f"{session.acting_as}: {error}",
            remedy=f"let the colony's owner run: `colonies-edge {approve}`",
        )
        return
    yield Finding(about="membership", verdict=OK, sentence=f"{session.acting_as} is a member of colony {name}")
